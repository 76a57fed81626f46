/* CRC-32C (Castagnoli), reflected polynomial 0x82F63B78, RFC 3720 appendix B.4. */
#include "vanallen.h"

uint32_t va_crc32c(const uint8_t *data, size_t length, uint32_t seed)
{
    uint32_t crc = ~seed;
    for (size_t i = 0; i < length; i++) {
        crc ^= data[i];
        for (int bit = 0; bit < 8; bit++)
            crc = (crc >> 1) ^ (0x82F63B78u & (0u - (crc & 1u)));
    }
    return ~crc;
}
