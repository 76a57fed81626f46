/* Every kernel, built for one instruction set: avx2, 32-byte vectors. */
#define VA_SUFFIX avx2
#define VA_WIDTH 32
#include "isa/all_kernels.h"
