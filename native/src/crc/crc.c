/* The three CRCs as their standards want them around the raw register. Kernels: crc_kernel.h. */
#include "isa/kernels.h"

uint32_t va_crc32c(const uint8_t *data, size_t length, uint32_t seed)
{
    if (data == NULL || length == 0)
        return seed;
    return ~VA_DISPATCH(crc32c, data, length, ~seed);
}

uint32_t va_crc32(const uint8_t *data, size_t length, uint32_t seed)
{
    if (data == NULL || length == 0)
        return seed;
    return ~VA_DISPATCH(crc32, data, length, ~seed);
}

uint32_t va_crc16(const uint8_t *data, size_t length, uint32_t seed)
{
    if (data == NULL || length == 0)
        return seed & 0xFFFFu;
    return VA_DISPATCH(crc16, data, length, seed & 0xFFFFu);
}
