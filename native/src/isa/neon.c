/* Every kernel, built for one instruction set: neon, 16-byte vectors. */
#define VA_SUFFIX neon
#define VA_WIDTH 16
#include "isa/all_kernels.h"
