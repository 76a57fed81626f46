/* CRC on 64-bit Arm. Boards differ inside one instruction set: a Pi 2 to 4 has the CRC32 instructions but no
 * PMULL, a Pi 5 or a Jetson has both. Asked at start, voted with the level. */

#include <arm_neon.h>

#define VA_ARM_CRC __attribute__((target("arch=armv8-a+crc")))
#define VA_ARM_FOLD __attribute__((target("arch=armv8-a+crypto")))
#define VA_FOLD_LANES 8
#define VA_FOLD_BYTES (16u * VA_FOLD_LANES)

VA_ARM_CRC static uint32_t VA_FN(crc32c_instruction)(const uint8_t *data, size_t length, uint32_t crc)
{
    for (; length >= 8; length -= 8, data += 8) {
        uint64_t word;
        memcpy(&word, data, 8);
        crc = __builtin_aarch64_crc32cx(crc, word);
    }
    for (; length > 0; length--, data++)
        crc = __builtin_aarch64_crc32cb(crc, *data);
    return crc;
}

VA_ARM_CRC static uint32_t VA_FN(crc32_instruction)(const uint8_t *data, size_t length, uint32_t crc)
{
    for (; length >= 8; length -= 8, data += 8) {
        uint64_t word;
        memcpy(&word, data, 8);
        crc = __builtin_aarch64_crc32x(crc, word);
    }
    for (; length > 0; length--, data++)
        crc = __builtin_aarch64_crc32b(crc, *data);
    return crc;
}

VA_ARM_FOLD static inline uint64x2_t VA_FN(chunk)(const uint8_t *data, int swapped)
{
    uint8x16_t raw = vld1q_u8(data);
    if (swapped) {
        raw = vrev64q_u8(raw);
        raw = vextq_u8(raw, raw, 8);
    }
    return vreinterpretq_u64_u8(raw);
}

/* Multipliers in the order of the halves they belong to; see crc_kernel.h. */
VA_ARM_FOLD static inline uint64x2_t VA_FN(key)(const uint64_t pair[2], int swapped)
{
    uint64x2_t key = vld1q_u64(pair);
    return swapped ? vextq_u64(key, key, 1) : key;
}

VA_ARM_FOLD static inline uint64x2_t VA_FN(fold)(uint64x2_t chunk, uint64x2_t key, uint64x2_t next)
{
    poly64_t a = (poly64_t)vgetq_lane_u64(chunk, 0), k = (poly64_t)vgetq_lane_u64(key, 0);
    uint64x2_t low = vreinterpretq_u64_p128(vmull_p64(a, k));
    uint64x2_t high = vreinterpretq_u64_p128(
        vmull_high_p64(vreinterpretq_p64_u64(chunk), vreinterpretq_p64_u64(key)));
    return veorq_u64(veorq_u64(low, high), next);
}

/* Folds the message to 16 bytes that have the same CRC (register zero) and what is left after them. */
VA_ARM_FOLD static void VA_FN(crc_fold)(const uint64_t keys[7][2], int swapped, const uint8_t **data,
                                        size_t *length, uint64x2_t crc, uint8_t tail[16])
{
    const uint8_t *p = *data;
    uint64x2_t lane[VA_FOLD_LANES], wide = VA_FN(key)(keys[4], swapped), step = VA_FN(key)(keys[0], swapped);
    for (int i = 0; i < VA_FOLD_LANES; i++)
        lane[i] = VA_FN(chunk)(p + 16 * i, swapped);
    lane[0] = veorq_u64(lane[0], crc);
    for (p += VA_FOLD_BYTES, *length -= VA_FOLD_BYTES; *length >= VA_FOLD_BYTES;
         p += VA_FOLD_BYTES, *length -= VA_FOLD_BYTES)
        for (int i = 0; i < VA_FOLD_LANES; i++)
            lane[i] = VA_FN(fold)(lane[i], wide, VA_FN(chunk)(p + 16 * i, swapped));
    uint64x2_t total = lane[0];
    for (int i = 1; i < VA_FOLD_LANES; i++)
        total = VA_FN(fold)(total, step, lane[i]);
    for (; *length >= 16; p += 16, *length -= 16)
        total = VA_FN(fold)(total, step, VA_FN(chunk)(p, swapped));
    *data = p;
    vst1q_u8(tail, vreinterpretq_u8_u64(total));
    vst1q_u8(tail, vreinterpretq_u8_u64(VA_FN(chunk)(tail, swapped)));
}

VA_INLINE uint32_t VA_FN(crc_bytes)(const uint32_t table[8][256], const uint8_t *data, size_t length,
                                    uint32_t crc)
{
    if (!(va_isa_features() & VA_FEATURE_ARM_CRC))
        return VA_FN(crc_sliced)(table, data, length, crc);
    return table == va_table_crc32c ? VA_FN(crc32c_instruction)(data, length, crc)
                                    : VA_FN(crc32_instruction)(data, length, crc);
}

VA_INLINE uint32_t VA_FN(crc_long)(const uint32_t table[8][256], const uint64_t keys[7][2],
                                   const uint8_t *data, size_t length, uint32_t crc)
{
    uint8_t tail[16];
    if (length < VA_CRC_SMALL || !(va_isa_features() & VA_FEATURE_ARM_PMULL))
        return VA_FN(crc_bytes)(table, data, length, crc);
    uint64x2_t start = vcombine_u64(vcreate_u64(crc), vcreate_u64(0));
    VA_FN(crc_fold)(keys, 0, &data, &length, start, tail);
    crc = VA_FN(crc_bytes)(table, tail, 16, 0);
    return VA_FN(crc_bytes)(table, data, length, crc);
}

uint32_t VA_FN(crc16)(const uint8_t *data, size_t length, uint32_t crc)
{
    uint8_t tail[16];
    if (length < VA_CRC_SMALL || !(va_isa_features() & VA_FEATURE_ARM_PMULL))
        return VA_FN(crc16_sliced)(data, length, crc);
    uint64x2_t start = vcombine_u64(vcreate_u64(0), vcreate_u64((uint64_t)crc << 48));
    VA_FN(crc_fold)(va_table_fold_crc16, 1, &data, &length, start, tail);
    return VA_FN(crc16_sliced)(data, length, VA_FN(crc16_sliced)(tail, 16, 0));
}

#undef VA_ARM_CRC
#undef VA_ARM_FOLD
#undef VA_FOLD_LANES
#undef VA_FOLD_BYTES
