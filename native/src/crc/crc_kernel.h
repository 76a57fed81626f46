/* CRC kernels on the raw register (no inversion): the core adds what each standard wants around it.
 *
 * Carry-less multiplication folds a message onto its tail: a chunk A*x^64 + B that lies D bits before
 * another is worth A*(x^(64+D) mod P) + B*(x^D mod P) there. The last 16 bytes go through the tables. */

#define VA_CRC_SMALL 256u /* below this the tables alone are as fast */

/* Slicing by 8: eight table look-ups for eight bytes, one dependent step. */
static uint32_t VA_FN(crc_sliced)(const uint32_t table[8][256], const uint8_t *data, size_t length,
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

/* The same, most significant bit first, 16 bits. */
static uint32_t VA_FN(crc16_sliced)(const uint8_t *data, size_t length, uint32_t crc)
{
    const uint16_t(*table)[256] = va_table_crc16;
    for (; length >= 8; length -= 8, data += 8)
        crc = (uint32_t)(table[7][data[0] ^ crc >> 8] ^ table[6][data[1] ^ (crc & 0xFF)] ^
                         table[5][data[2]] ^ table[4][data[3]] ^ table[3][data[4]] ^
                         table[2][data[5]] ^ table[1][data[6]] ^ table[0][data[7]]);
    for (; length > 0; length--, data++)
        crc = (crc << 8 & 0xFF00u) ^ table[0][(crc >> 8 ^ *data) & 0xFF];
    return crc;
}

#if VA_WIDTH >= 32 /* by level, not by __PCLMUL__: a compiler set to -march=native defines that everywhere */

VA_INLINE __m128i VA_FN(key)(const uint64_t pair[2], int swapped)
{
    /* a swapped chunk has its leading half in the high lane */
    return swapped ? _mm_set_epi64x((int64_t)pair[0], (int64_t)pair[1])
                   : _mm_set_epi64x((int64_t)pair[1], (int64_t)pair[0]);
}

VA_INLINE __m128i VA_FN(fold)(__m128i chunk, __m128i key, __m128i next)
{
    __m128i low = _mm_clmulepi64_si128(chunk, key, 0x00), high = _mm_clmulepi64_si128(chunk, key, 0x11);
    return _mm_xor_si128(_mm_xor_si128(low, high), next);
}

VA_INLINE __m128i VA_FN(chunk)(const uint8_t *data, int swapped)
{
    __m128i raw = _mm_loadu_si128((const __m128i *)(const void *)data);
    __m128i mirror = _mm_set_epi8(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    return swapped ? _mm_shuffle_epi8(raw, mirror) : raw;
}

#if VA_WIDTH == 64

VA_INLINE __m512i VA_FN(fold4)(__m512i chunks, __m512i key, __m512i next)
{
    __m512i low = _mm512_clmulepi64_epi128(chunks, key, 0x00);
    __m512i high = _mm512_clmulepi64_epi128(chunks, key, 0x11);
    return _mm512_ternarylogic_epi64(low, high, next, 0x96);
}

VA_INLINE __m512i VA_FN(chunk4)(const uint8_t *data, int swapped)
{
    __m512i raw = _mm512_loadu_si512(data);
    __m512i mirror = _mm512_broadcast_i32x4(
        _mm_set_epi8(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15));
    return swapped ? _mm512_shuffle_epi8(raw, mirror) : raw;
}

/* Folds all whole 256-byte blocks (at least one) into one chunk; moves *data and *length on. */
VA_INLINE __m128i VA_FN(fold_blocks)(const uint64_t keys[7][2], int swapped, const uint8_t **data,
                                     size_t *length, __m128i crc)
{
    const uint8_t *p = *data;
    __m512i key = _mm512_broadcast_i32x4(VA_FN(key)(keys[6], swapped));
    __m512i a = _mm512_xor_si512(VA_FN(chunk4)(p, swapped), _mm512_zextsi128_si512(crc));
    __m512i b = VA_FN(chunk4)(p + 64, swapped), c = VA_FN(chunk4)(p + 128, swapped);
    __m512i d = VA_FN(chunk4)(p + 192, swapped);
    for (p += 256, *length -= 256; *length >= 256; p += 256, *length -= 256) {
        a = VA_FN(fold4)(a, key, VA_FN(chunk4)(p, swapped));
        b = VA_FN(fold4)(b, key, VA_FN(chunk4)(p + 64, swapped));
        c = VA_FN(fold4)(c, key, VA_FN(chunk4)(p + 128, swapped));
        d = VA_FN(fold4)(d, key, VA_FN(chunk4)(p + 192, swapped));
    }
    *data = p;
    d = VA_FN(fold4)(a, _mm512_broadcast_i32x4(VA_FN(key)(keys[5], swapped)), d);
    d = VA_FN(fold4)(b, _mm512_broadcast_i32x4(VA_FN(key)(keys[4], swapped)), d);
    d = VA_FN(fold4)(c, _mm512_broadcast_i32x4(VA_FN(key)(keys[3], swapped)), d);
    __m128i last = _mm512_extracti32x4_epi32(d, 3);
    last = VA_FN(fold)(_mm512_extracti32x4_epi32(d, 0), VA_FN(key)(keys[2], swapped), last);
    last = VA_FN(fold)(_mm512_extracti32x4_epi32(d, 1), VA_FN(key)(keys[1], swapped), last);
    return VA_FN(fold)(_mm512_extracti32x4_epi32(d, 2), VA_FN(key)(keys[0], swapped), last);
}

#else

VA_INLINE __m128i VA_FN(fold_blocks)(const uint64_t keys[7][2], int swapped, const uint8_t **data,
                                     size_t *length, __m128i crc)
{
    const uint8_t *p = *data;
    __m128i key = VA_FN(key)(keys[4], swapped), lane[8];
    for (int i = 0; i < 8; i++)
        lane[i] = VA_FN(chunk)(p + 16 * i, swapped);
    lane[0] = _mm_xor_si128(lane[0], crc);
    for (p += 128, *length -= 128; *length >= 128; p += 128, *length -= 128)
        for (int i = 0; i < 8; i++)
            lane[i] = VA_FN(fold)(lane[i], key, VA_FN(chunk)(p + 16 * i, swapped));
    *data = p;
    __m128i step = VA_FN(key)(keys[0], swapped), total = lane[0];
    for (int i = 1; i < 8; i++)
        total = VA_FN(fold)(total, step, lane[i]);
    return total;
}

#endif

/* Folds the message to 16 bytes that have the same CRC (register zero) and what is left after them. */
VA_INLINE void VA_FN(crc_fold)(const uint64_t keys[7][2], int swapped, const uint8_t **data,
                               size_t *length, __m128i crc, uint8_t tail[16])
{
    __m128i chunk = VA_FN(fold_blocks)(keys, swapped, data, length, crc);
    __m128i step = VA_FN(key)(keys[0], swapped);
    for (; *length >= 16; *data += 16, *length -= 16)
        chunk = VA_FN(fold)(chunk, step, VA_FN(chunk)(*data, swapped));
    _mm_storeu_si128((__m128i *)(void *)tail, chunk);
    if (swapped)
        _mm_storeu_si128((__m128i *)(void *)tail, VA_FN(chunk)(tail, swapped));
}

VA_INLINE uint32_t VA_FN(crc_bytes)(const uint32_t table[8][256], const uint8_t *data, size_t length,
                                    uint32_t crc)
{
    if (table != va_table_crc32c)
        return VA_FN(crc_sliced)(table, data, length, crc);
    uint64_t wide = crc;
    for (; length >= 8; length -= 8, data += 8) {
        uint64_t word;
        memcpy(&word, data, 8);
        wide = _mm_crc32_u64(wide, word);
    }
    for (; length > 0; length--, data++)
        wide = _mm_crc32_u8((uint32_t)wide, *data);
    return (uint32_t)wide;
}

VA_INLINE uint32_t VA_FN(crc_long)(const uint32_t table[8][256], const uint64_t keys[7][2],
                                   const uint8_t *data, size_t length, uint32_t crc)
{
    uint8_t tail[16];
    if (length < VA_CRC_SMALL)
        return VA_FN(crc_bytes)(table, data, length, crc);
    VA_FN(crc_fold)(keys, 0, &data, &length, _mm_cvtsi32_si128((int32_t)crc), tail);
    crc = VA_FN(crc_bytes)(table, tail, 16, 0);
    return VA_FN(crc_bytes)(table, data, length, crc);
}

uint32_t VA_FN(crc16)(const uint8_t *data, size_t length, uint32_t crc)
{
    uint8_t tail[16];
    if (length < VA_CRC_SMALL)
        return VA_FN(crc16_sliced)(data, length, crc);
    /* the register enters at the leading end, which is the top of a swapped chunk */
    __m128i start = _mm_slli_si128(_mm_cvtsi32_si128((int32_t)crc), 14);
    VA_FN(crc_fold)(va_table_fold_crc16, 1, &data, &length, start, tail);
    return VA_FN(crc16_sliced)(data, length, VA_FN(crc16_sliced)(tail, 16, 0));
}

#elif defined(VA_HAVE_NEON) && !defined(VA_PLAIN)

#include "crc/crc_arm.h"

#else

VA_INLINE uint32_t VA_FN(crc_long)(const uint32_t table[8][256], const uint64_t keys[7][2],
                                   const uint8_t *data, size_t length, uint32_t crc)
{
    (void)keys;
    return VA_FN(crc_sliced)(table, data, length, crc);
}

uint32_t VA_FN(crc16)(const uint8_t *data, size_t length, uint32_t crc)
{
    return VA_FN(crc16_sliced)(data, length, crc);
}

#endif

uint32_t VA_FN(crc32c)(const uint8_t *data, size_t length, uint32_t crc)
{
    return VA_FN(crc_long)(va_table_crc32c, va_table_fold_crc32c, data, length, crc);
}

uint32_t VA_FN(crc32)(const uint8_t *data, size_t length, uint32_t crc)
{
    return VA_FN(crc_long)(va_table_crc32, va_table_fold_crc32, data, length, crc);
}
