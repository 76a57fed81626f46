/* RS(255,223) kernels on one codeword, CCSDS 131.0-B: parity, syndromes of a remainder, and the values
 * of a polynomial at all 255 places. No byte-shuffle multiplication in any of them. */

#define VA_RS_DATA 223
#define VA_RS_PARITY 32

#if VA_WIDTH == 64

/* Adds pairs of vectors so that each keeps half the width: sums of a on even places, of b on odd. */
#define VA_PAIR(width, a, b) \
    _mm512_xor_si512(_mm512_unpacklo_epi##width(a, b), _mm512_unpackhi_epi##width(a, b))

/* Sixteen vectors to one: every 128-bit lane then holds one byte from each, in order. */
VA_INLINE __m512i VA_FN(rs_gather16)(__m512i v[16])
{
    for (int i = 0; i < 8; i++)
        v[i] = VA_PAIR(8, v[2 * i], v[2 * i + 1]);
    for (int i = 0; i < 4; i++)
        v[i] = VA_PAIR(16, v[2 * i], v[2 * i + 1]);
    for (int i = 0; i < 2; i++)
        v[i] = VA_PAIR(32, v[2 * i], v[2 * i + 1]);
    return VA_PAIR(64, v[0], v[1]);
}

#undef VA_PAIR

/* Sums of the four 128-bit lanes of a, then of b. */
VA_INLINE __m256i VA_FN(rs_fold_lanes)(__m512i a, __m512i b)
{
    __m512i even = _mm512_shuffle_i64x2(a, b, 0x88), odd = _mm512_shuffle_i64x2(a, b, 0xDD);
    __m512i two = _mm512_xor_si512(even, odd); /* a a b b */
    __m512i one = _mm512_xor_si512(two, _mm512_shuffle_i64x2(two, two, 0xB1));
    return _mm512_castsi512_si256(_mm512_shuffle_i64x2(one, one, 0x08));
}

VA_INLINE __m512i VA_FN(rs_matrix)(int index)
{
    return _mm512_set1_epi64((int64_t)va_table_rs_affine[0][index]);
}

/* The generator matrix as plain products in the field of GF2P8MULB; the change of field and of basis
 * is one bit matrix in and one out. */
void VA_FN(rs_parity)(const uint8_t *data, uint8_t *parity, uint32_t dual)
{
    __m512i into = VA_FN(rs_matrix)(dual ? 2 : 0), out_of = VA_FN(rs_matrix)(dual ? 3 : 1);
    __m512i symbol[4], half[2];
    for (int i = 0; i < 3; i++)
        symbol[i] = _mm512_loadu_si512(data + 64 * i);
    symbol[3] = _mm512_maskz_loadu_epi8((UINT64_C(1) << (VA_RS_DATA - 192)) - 1, data + 192);
    for (int i = 0; i < 4; i++)
        symbol[i] = _mm512_gf2p8affine_epi64_epi8(symbol[i], into, 0);
    for (int h = 0; h < 2; h++) {
        __m512i sum[16];
        for (int j = 0; j < 16; j++) {
            const uint8_t *row = va_table_rs_parity_gfni[16 * h + j];
            __m512i a = _mm512_gf2p8mul_epi8(symbol[0], _mm512_load_si512(row));
            __m512i b = _mm512_gf2p8mul_epi8(symbol[1], _mm512_load_si512(row + 64));
            __m512i c = _mm512_gf2p8mul_epi8(symbol[2], _mm512_load_si512(row + 128));
            __m512i d = _mm512_gf2p8mul_epi8(symbol[3], _mm512_load_si512(row + 192));
            sum[j] = _mm512_xor_si512(_mm512_ternarylogic_epi64(a, b, c, 0x96), d);
        }
        half[h] = VA_FN(rs_gather16)(sum);
    }
    __m256i result = VA_FN(rs_fold_lanes)(half[0], half[1]);
    result = _mm256_gf2p8affine_epi64_epi8(result, _mm512_castsi512_si256(out_of), 0);
    _mm256_storeu_si256((__m256i *)(void *)parity, result);
}

void VA_FN(rs_syndromes)(const uint8_t *remainder, uint8_t *syndromes)
{
    __m256i into = _mm512_castsi512_si256(VA_FN(rs_matrix)(0)), sum = _mm256_setzero_si256();
    uint8_t mapped[VA_RS_PARITY];
    _mm256_storeu_si256(
        (__m256i *)(void *)mapped,
        _mm256_gf2p8affine_epi64_epi8(_mm256_loadu_si256((const __m256i *)(const void *)remainder),
                                      into, 0));
    for (int j = 0; j < VA_RS_PARITY; j++) {
        __m256i row = _mm256_load_si256((const __m256i *)(const void *)va_table_rs_syndrome_gfni[j]);
        sum = _mm256_xor_si256(sum, _mm256_gf2p8mul_epi8(_mm256_set1_epi8((char)mapped[j]), row));
    }
    sum = _mm256_gf2p8affine_epi64_epi8(sum, _mm512_castsi512_si256(VA_FN(rs_matrix)(1)), 0);
    _mm256_storeu_si256((__m256i *)(void *)syndromes, sum);
}

/* XOR of all 64 bytes, in every byte. */
VA_INLINE __m512i VA_FN(rs_total)(__m512i x)
{
    x = _mm512_xor_si512(x, _mm512_shuffle_i64x2(x, x, 0x4E));
    x = _mm512_xor_si512(x, _mm512_shuffle_i64x2(x, x, 0xB1));
    x = _mm512_xor_si512(x, _mm512_shuffle_epi32(x, (_MM_PERM_ENUM)0x4E));
    x = _mm512_xor_si512(x, _mm512_shuffle_epi32(x, (_MM_PERM_ENUM)0xB1));
    x = _mm512_xor_si512(x, _mm512_rol_epi32(x, 16));
    return _mm512_xor_si512(x, _mm512_rol_epi32(x, 8));
}

/* Berlekamp-Massey with the polynomials in registers; see the plain one below for the algorithm. */
uint32_t VA_FN(rs_massey)(const uint8_t *syndromes, uint32_t erasures, uint8_t *locator)
{
    const __m512i up = _mm512_set_epi8( /* every byte one place up: times x */
        62, 61, 60, 59, 58, 57, 56, 55, 54, 53, 52, 51, 50, 49, 48, 47, 46, 45, 44, 43, 42, 41, 40, 39,
        38, 37, 36, 35, 34, 33, 32, 31, 30, 29, 28, 27, 26, 25, 24, 23, 22, 21, 20, 19, 18, 17, 16, 15,
        14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0, 63);
    const __mmask64 above_first = ~UINT64_C(1);
    const __m512i identity = _mm512_set1_epi64(0x0102040810204080);
    __m512i into = VA_FN(rs_matrix)(0), out_of = VA_FN(rs_matrix)(1);
    __m512i current = _mm512_gf2p8affine_epi64_epi8(_mm512_loadu_si512(locator), into, 0);
    __m512i previous = current, window = _mm512_setzero_si512();
    __m512i kept_inverse = _mm512_set1_epi8(1); /* 1 is 1 in both fields */
    uint32_t length = erasures;
    for (uint32_t step = 0; step < VA_RS_PARITY; step++) {
        __m512i symbol = _mm512_gf2p8affine_epi64_epi8(_mm512_set1_epi8((char)syndromes[step]), into, 0);
        window = _mm512_mask_permutexvar_epi8(symbol, above_first, up, window); /* newest in front */
        if (step < erasures)
            continue;
        __m512i discrepancy = VA_FN(rs_total)(_mm512_gf2p8mul_epi8(current, window));
        previous = _mm512_maskz_permutexvar_epi8(above_first, up, previous);
        if (_mm512_test_epi8_mask(discrepancy, discrepancy) == 0)
            continue;
        __m512i share = _mm512_gf2p8mul_epi8(_mm512_gf2p8mul_epi8(discrepancy, kept_inverse), previous);
        __m512i next = _mm512_xor_si512(current, share);
        if (2 * length <= step + erasures) {
            previous = current;
            kept_inverse = _mm512_gf2p8affineinv_epi64_epi8(discrepancy, identity, 0);
            length = step + 1 + erasures - length;
        }
        current = next;
    }
    _mm512_storeu_si512(locator, _mm512_gf2p8affine_epi64_epi8(current, out_of, 0));
    return length;
}

void VA_FN(rs_evaluate)(const uint8_t *coefficient, size_t count, uint8_t *values)
{
    __m512i sum[4];
    for (int i = 0; i < 4; i++)
        sum[i] = _mm512_setzero_si512();
    for (size_t k = 0; k < count; k++) {
        if (coefficient[k] == 0)
            continue;
        __m512i factor = _mm512_gf2p8affine_epi64_epi8(_mm512_set1_epi8((char)coefficient[k]),
                                                       VA_FN(rs_matrix)(0), 0);
        for (int i = 0; i < 4; i++)
            sum[i] = _mm512_xor_si512(
                sum[i], _mm512_gf2p8mul_epi8(factor, _mm512_load_si512(va_table_rs_power_gfni[k] + 64 * i)));
    }
    for (int i = 0; i < 4; i++)
        _mm512_storeu_si512(values + 64 * i,
                            _mm512_gf2p8affine_epi64_epi8(sum[i], VA_FN(rs_matrix)(1), 0));
}

#else

#define VA_ROW_VECTORS (32 / VA_WIDTH)

#if VA_WIDTH > 32
#error "rows of 32 bytes need vectors of at most 32 bytes"
#endif

/* The next bit plane of 32 bytes, top bit first, one bit for each byte; doubles the bytes. */
#if VA_WIDTH == 32
VA_INLINE uint32_t VA_FN(rs_plane)(uint8_t *bytes)
{
    __m256i v = _mm256_load_si256((const __m256i *)(void *)bytes);
    _mm256_store_si256((__m256i *)(void *)bytes, _mm256_add_epi8(v, v));
    return (uint32_t)_mm256_movemask_epi8(v);
}
#elif defined(__SSE2__) && !defined(VA_PLAIN)
VA_INLINE uint32_t VA_FN(rs_plane)(uint8_t *bytes)
{
    __m128i *v = (__m128i *)(void *)bytes, low = _mm_load_si128(v), high = _mm_load_si128(v + 1);
    _mm_store_si128(v, _mm_add_epi8(low, low));
    _mm_store_si128(v + 1, _mm_add_epi8(high, high));
    return (uint32_t)_mm_movemask_epi8(low) | (uint32_t)_mm_movemask_epi8(high) << 16;
}
#else
VA_INLINE uint32_t VA_FN(rs_plane)(uint8_t *bytes)
{
    uint32_t plane = 0;
    for (uint32_t part = 0; part < 4; part++) {
        uint64_t word;
        memcpy(&word, bytes + 8 * part, 8);
        uint64_t top = word >> 7 & 0x0101010101010101u;
        plane |= (uint32_t)((top * 0x0102040810204080u) >> 56) << 8 * part;
        word = (word & 0x7F7F7F7F7F7F7F7Fu) << 1;
        memcpy(bytes + 8 * part, &word, 8);
    }
    return plane;
}
#endif

/* Sum of byte i times row i, Horner over the bits: the rows are stored as sums of every subset of four,
 * so that one load serves four bytes of one bit plane ("four Russians"), and only doublings depend on
 * one another. `bytes` is a multiple of 32 long, 32-byte aligned, and used up. */
VA_INLINE void VA_FN(rs_rows)(const uint8_t (*sums)[512], size_t length, uint8_t *bytes, uint8_t *result)
{
    va_vec sum[VA_ROW_VECTORS];
    for (int v = 0; v < VA_ROW_VECTORS; v++)
        sum[v] = va_splat(0);
    for (int bit = 7; bit >= 0; bit--) {
        for (int v = 0; v < VA_ROW_VECTORS; v++)
            sum[v] = va_double(sum[v], 0x87);
        for (size_t at = 0; at < length; at += 32) {
            uint64_t plane = (uint64_t)VA_FN(rs_plane)(bytes + at) << 5; /* rows are 32 bytes */
            const uint8_t *group = sums[at / 4];
            for (int n = 0; n < 8; n += 2) {
                const uint8_t *low = group + 512 * n + (plane >> 4 * n & 0x1E0);
                const uint8_t *high = group + 512 * (n + 1) + (plane >> 4 * (n + 1) & 0x1E0);
                for (int v = 0; v < VA_ROW_VECTORS; v++)
                    sum[v] ^= va_load_table(low + v * VA_WIDTH) ^ va_load_table(high + v * VA_WIDTH);
            }
        }
    }
    for (int v = 0; v < VA_ROW_VECTORS; v++)
        va_store(result + v * VA_WIDTH, sum[v]);
}

void VA_FN(rs_parity)(const uint8_t *data, uint8_t *parity, uint32_t dual)
{
    _Alignas(32) uint8_t padded[224];
    memcpy(padded, data, VA_RS_DATA);
    for (int i = 0; dual && i < VA_RS_DATA; i++)
        padded[i] = va_table_rs_from_dual[0][data[i]];
    padded[VA_RS_DATA] = 0;
    VA_FN(rs_rows)(va_table_rs_parity, sizeof padded, padded, parity);
    for (int i = 0; dual && i < VA_RS_PARITY; i++)
        parity[i] = va_table_rs_to_dual[0][parity[i]];
}

void VA_FN(rs_syndromes)(const uint8_t *remainder, uint8_t *syndromes)
{
    _Alignas(32) uint8_t bytes[VA_RS_PARITY];
    memcpy(bytes, remainder, sizeof bytes);
    VA_FN(rs_rows)(va_table_rs_syndrome, sizeof bytes, bytes, syndromes);
}

/* Horner over the bits of the coefficients, no multiplication: the terms that take part in each bit are
 * listed once, then their rows of powers are XORed, with a doubling between the bits. */
void VA_FN(rs_evaluate)(const uint8_t *coefficient, size_t count, uint8_t *values)
{
    enum { STRIP = 8 };
    uint8_t term[8 * VA_RS_LOCATOR];
    size_t ends[8], filled = 0;
    for (int bit = 0; bit < 8; bit++) {
        for (size_t k = 0; k < count; k++) {
            term[filled] = (uint8_t)k;
            filled += coefficient[k] >> (7 - bit) & 1;
        }
        ends[bit] = filled;
    }
    for (size_t at = 0; at < 256; at += STRIP * VA_WIDTH) {
        va_vec sum[STRIP];
        size_t next = 0;
        for (int v = 0; v < STRIP; v++)
            sum[v] = va_splat(0);
        for (int bit = 0; bit < 8; bit++) {
            for (int v = 0; v < STRIP; v++)
                sum[v] = va_double(sum[v], 0x87);
            for (; next < ends[bit]; next++)
                for (int v = 0; v < STRIP; v++)
                    sum[v] ^= va_load_table(va_table_rs_power[term[next]] + at + (size_t)v * VA_WIDTH);
        }
        for (int v = 0; v < STRIP; v++)
            va_store(values + at + (size_t)v * VA_WIDTH, sum[v]);
    }
}

/* Shortest register that starts with the erasure locator and yields the syndromes (Berlekamp-Massey).
 * `locator` (VA_RS_LOCATOR bytes) holds the erasure locator and then the result; returns the length. */
uint32_t VA_FN(rs_massey)(const uint8_t *syndromes, uint32_t erasures, uint8_t *locator)
{
    const uint8_t *exp = va_table_rs_exp[0], *log = va_table_rs_log[0];
    uint8_t previous[VA_RS_LOCATOR];
    uint32_t length = erasures, shift = 0; /* `previous` stands for x^shift times itself */
    uint32_t kept_log = 0;                 /* log of the discrepancy that `previous` was kept with */
    memcpy(previous, locator, sizeof previous);
    for (uint32_t step = erasures; step < VA_RS_PARITY; step++) {
        uint8_t discrepancy = 0;
        for (uint32_t k = 0; k <= length; k++) /* length never exceeds step */
            if (locator[k] != 0 && syndromes[step - k] != 0)
                discrepancy ^= exp[log[locator[k]] + log[syndromes[step - k]]];
        shift++;
        if (discrepancy == 0)
            continue;
        uint32_t scale = (log[discrepancy] + 255u - kept_log) % 255;
        uint32_t grown = step + 1 + erasures - length;
        int grows = grown > length;
        uint32_t top = grows ? grown : length;
        if (!grows) {
            for (uint32_t k = shift; k <= top; k++)
                if (previous[k - shift] != 0)
                    locator[k] ^= exp[log[previous[k - shift]] + scale];
            continue;
        }
        uint8_t before[VA_RS_LOCATOR];
        memcpy(before, locator, sizeof before);
        for (uint32_t k = shift; k <= top; k++)
            if (previous[k - shift] != 0)
                locator[k] ^= exp[log[previous[k - shift]] + scale];
        memcpy(previous, before, sizeof previous);
        kept_log = log[discrepancy];
        length = grown;
        shift = 0;
    }
    return length;
}

#endif
