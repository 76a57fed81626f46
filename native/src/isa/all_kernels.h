/* The kernel templates in one list; each instruction set's file includes it once. */
#include "isa/kernels.h"
#include "isa/guard.h"
#include "isa/vector.h"
#include "isa/gf_vector.h"

#include "tables.h"

#include "crc/crc_kernel.h"
#include "erasure/storage_kernel.h"
#include "page/page_kernel.h"
#include "parity/parity_kernel.h"
#include "rs/rs_kernel.h"
#include "tmr/tmr_kernel.h"
#include "word/word_kernel.h"
