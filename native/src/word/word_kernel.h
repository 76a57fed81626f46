/* SECDED(72,64) word by word: check byte j is the sum over byte places o of matrix o times byte o.
 *
 * The matrices are the same quasi-cyclic Hsiao seeds as those of the pages, so one code serves both. */

VA_INLINE uint8_t VA_FN(word_check)(uint64_t word)
{
    uint32_t check = 0;
    for (int place = 0; place < 8; place++)
        check ^= va_table_word[place][word >> (8 * place) & 0xFF];
    return (uint8_t)check;
}

#if VA_WIDTH == 64

enum { VA_FN(WORDS) = 64 };

/* XOR of the eight qwords of each input, merged: two inputs in, one out with half the width each. */
#define VA_MERGE(lo, hi, a, b) _mm512_xor_si512(lo(a, b), hi(a, b))

/* Check bytes of 64 words, in order. */
VA_INLINE __m512i VA_FN(word_block)(const uint64_t *words)
{
    const __m512i planes = _mm512_set_epi8( /* byte o of every word side by side in qword o */
        63, 55, 47, 39, 31, 23, 15, 7, 62, 54, 46, 38, 30, 22, 14, 6, 61, 53, 45, 37, 29, 21, 13, 5,
        60, 52, 44, 36, 28, 20, 12, 4, 59, 51, 43, 35, 27, 19, 11, 3, 58, 50, 42, 34, 26, 18, 10, 2,
        57, 49, 41, 33, 25, 17, 9, 1, 56, 48, 40, 32, 24, 16, 8, 0);
    const __m512i matrices = _mm512_loadu_si512(va_table_word_affine);
    __m512i part[8];
    for (int i = 0; i < 8; i++) {
        __m512i line = _mm512_permutexvar_epi8(planes, _mm512_loadu_si512(words + 8 * i));
        part[i] = _mm512_gf2p8affine_epi64_epi8(line, matrices, 0);
    }
    __m512i four[4], two[2];
    for (int i = 0; i < 4; i++) /* qwords: [a b] pairs in each 128 bits */
        four[i] = VA_MERGE(_mm512_unpacklo_epi64, _mm512_unpackhi_epi64, part[2 * i], part[2 * i + 1]);
#define VA_LANES_LO(a, b) _mm512_shuffle_i64x2(a, b, 0x88)
#define VA_LANES_HI(a, b) _mm512_shuffle_i64x2(a, b, 0xDD)
    for (int i = 0; i < 2; i++) /* 128-bit lanes: a a b b */
        two[i] = VA_MERGE(VA_LANES_LO, VA_LANES_HI, four[2 * i], four[2 * i + 1]);
    return VA_MERGE(VA_LANES_LO, VA_LANES_HI, two[0], two[1]);
#undef VA_LANES_LO
#undef VA_LANES_HI
}

VA_INLINE int VA_FN(word_block_agrees)(const uint64_t *words, const uint8_t *check)
{
    return _mm512_cmpneq_epi8_mask(VA_FN(word_block)(words), _mm512_loadu_si512(check)) == 0;
}

VA_INLINE void VA_FN(word_block_encode)(const uint64_t *words, uint8_t *check)
{
    _mm512_storeu_si512(check, VA_FN(word_block)(words));
}

#undef VA_MERGE

#elif VA_WIDTH == 32

enum { VA_FN(WORDS) = 32 };

/* Check bytes of 32 words, in order: byte transpose by unpacking, then two nibble look-ups a place. */
VA_INLINE __m256i VA_FN(word_block)(const uint64_t *words)
{
    const __m256i pairs = _mm256_setr_epi8(0, 8, 1, 9, 2, 10, 3, 11, 4, 12, 5, 13, 6, 14, 7, 15,
                                           0, 8, 1, 9, 2, 10, 3, 11, 4, 12, 5, 13, 6, 14, 7, 15);
    const __m256i low_nibble = _mm256_set1_epi8(0x0F);
    __m256i v[8], w[8];
    for (int i = 0; i < 8; i++) { /* lane 0: words 2i, 2i+1; lane 1: words 16+2i, 17+2i */
        __m128i low = _mm_loadu_si128((const __m128i *)(const void *)(words + 2 * i));
        __m128i high = _mm_loadu_si128((const __m128i *)(const void *)(words + 16 + 2 * i));
        v[i] = _mm256_shuffle_epi8(_mm256_set_m128i(high, low), pairs);
    }
    for (int i = 0; i < 4; i++) {
        w[i] = _mm256_unpacklo_epi16(v[2 * i], v[2 * i + 1]);     /* places 0-3 */
        w[i + 4] = _mm256_unpackhi_epi16(v[2 * i], v[2 * i + 1]); /* places 4-7 */
    }
    for (int half = 0; half < 2; half++)
        for (int i = 0; i < 2; i++) {
            v[4 * half + i] = _mm256_unpacklo_epi32(w[4 * half + 2 * i], w[4 * half + 2 * i + 1]);
            v[4 * half + 2 + i] = _mm256_unpackhi_epi32(w[4 * half + 2 * i], w[4 * half + 2 * i + 1]);
        }
    __m256i check = _mm256_setzero_si256();
    for (int place = 0; place < 8; place++) {
        __m256i a = v[(place / 2) * 2], b = v[(place / 2) * 2 + 1];
        __m256i bytes = place & 1 ? _mm256_unpackhi_epi64(a, b) : _mm256_unpacklo_epi64(a, b);
        const uint8_t *sums = va_table_word_nibble[place];
        __m256i low = _mm256_broadcastsi128_si256(_mm_load_si128((const __m128i *)(const void *)sums));
        __m256i high =
            _mm256_broadcastsi128_si256(_mm_load_si128((const __m128i *)(const void *)(sums + 16)));
        low = _mm256_shuffle_epi8(low, _mm256_and_si256(bytes, low_nibble));
        high = _mm256_shuffle_epi8(high, _mm256_and_si256(_mm256_srli_epi16(bytes, 4), low_nibble));
        check = _mm256_xor_si256(check, _mm256_xor_si256(low, high));
    }
    return check;
}

VA_INLINE int VA_FN(word_block_agrees)(const uint64_t *words, const uint8_t *check)
{
    __m256i stored = _mm256_loadu_si256((const __m256i *)(const void *)check);
    return !va_any((va_vec)_mm256_xor_si256(VA_FN(word_block)(words), stored));
}

VA_INLINE void VA_FN(word_block_encode)(const uint64_t *words, uint8_t *check)
{
    _mm256_storeu_si256((__m256i *)(void *)check, VA_FN(word_block)(words));
}

#else

enum { VA_FN(WORDS) = 8 };

VA_INLINE int VA_FN(word_block_agrees)(const uint64_t *words, const uint8_t *check)
{
    uint32_t differ = 0;
    for (int i = 0; i < 8; i++)
        differ |= (uint32_t)(VA_FN(word_check)(words[i]) ^ check[i]);
    return differ == 0;
}

VA_INLINE void VA_FN(word_block_encode)(const uint64_t *words, uint8_t *check)
{
    for (int i = 0; i < 8; i++)
        check[i] = VA_FN(word_check)(words[i]);
}

#endif

/* Words from the start that agree with their check bytes. */
size_t VA_FN(word_agree)(const uint64_t *words, const uint8_t *check, size_t count)
{
    size_t at = 0;
    while (count - at >= (size_t)VA_FN(WORDS)) {
        VA_PREFETCH(words + at + 256);
        if (!VA_FN(word_block_agrees)(words + at, check + at))
            break;
        at += (size_t)VA_FN(WORDS);
    }
    while (at < count && VA_FN(word_check)(words[at]) == check[at])
        at++;
    return at;
}

void VA_FN(word_encode)(const uint64_t *words, uint8_t *check, size_t count)
{
    size_t at = 0;
    for (; count - at >= (size_t)VA_FN(WORDS); at += (size_t)VA_FN(WORDS))
        VA_FN(word_block_encode)(words + at, check + at);
    for (; at < count; at++)
        check[at] = VA_FN(word_check)(words[at]);
}
