/* Every kernel, built for one instruction set: portable, 8-byte vectors. */
#define VA_SUFFIX portable
#define VA_WIDTH 8
#include "isa/all_kernels.h"
