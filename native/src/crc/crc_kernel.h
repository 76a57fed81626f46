/* CRC kernels on the raw register (no inversion): the core adds what each standard wants around it. */

#include "tables.h"

/* Slicing by 8: eight table look-ups for eight bytes, one dependent step. */
VA_INLINE uint32_t VA_FN(crc_sliced)(const uint32_t table[8][256], const uint8_t *data, size_t length,
                                     uint32_t crc)
{
    for (; length >= 8; length -= 8, data += 8) {
        uint32_t low = crc ^ ((uint32_t)data[0] | (uint32_t)data[1] << 8 | (uint32_t)data[2] << 16 |
                              (uint32_t)data[3] << 24);
        crc = table[7][low & 0xFF] ^ table[6][low >> 8 & 0xFF] ^ table[5][low >> 16 & 0xFF] ^
              table[4][low >> 24] ^ table[3][data[4]] ^ table[2][data[5]] ^ table[1][data[6]] ^
              table[0][data[7]];
    }
    for (; length > 0; length--, data++)
        crc = crc >> 8 ^ table[0][(crc ^ *data) & 0xFF];
    return crc;
}

uint32_t VA_FN(crc32c)(const uint8_t *data, size_t length, uint32_t crc)
{
    return VA_FN(crc_sliced)(va_table_crc32c, data, length, crc);
}
