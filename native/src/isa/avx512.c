/* Every kernel, built for one instruction set: avx512, 64-byte vectors. */
#define VA_SUFFIX avx512
#define VA_WIDTH 64
#include "isa/all_kernels.h"
