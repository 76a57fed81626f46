/* Every kernel without one intrinsic: 16-byte vectors of the compiler's own, which it lowers to whatever
 * the machine has, plain 64-bit words included. */
#define VA_SUFFIX portable
#define VA_WIDTH 16
#define VA_PLAIN
#include "isa/all_kernels.h"
