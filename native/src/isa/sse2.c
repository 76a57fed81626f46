/* Every kernel, built for one instruction set: sse2, 16-byte vectors. */
#define VA_SUFFIX sse2
#define VA_WIDTH 16
#include "isa/all_kernels.h"
