/* CRC-32C for pages and records. Tables and kernels: crc_kernel.h, tables/generate.py. */
#include "isa/kernels.h"

uint32_t va_crc32c(const uint8_t *data, size_t length, uint32_t seed)
{
    if (data == NULL || length == 0)
        return seed;
    return ~VA_DISPATCH(crc32c, data, length, ~seed);
}
