/* RS(255,223) kernels on one codeword, CCSDS 131.0-B: parity, syndromes of a remainder, and the values
 * of a polynomial at all 255 places. No byte-shuffle multiplication in any of them. */

#define VA_RS_DATA 223
#define VA_RS_PARITY 32

#if VA_WIDTH == 64 && defined(__GFNI__)

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

/* Bit `bit` of eight bytes as one byte. */
VA_INLINE uint32_t VA_FN(rs_plane)(const uint8_t *bytes, int bit)
{
    uint64_t word;
    memcpy(&word, bytes, 8);
    return (uint32_t)(((word >> bit & 0x0101010101010101u) * 0x0102040810204080u) >> 56);
}

/* Sum of byte i times row i, Horner over the bits: the rows are stored as sums of every subset of four,
 * so that one load serves four bytes of one bit plane ("four Russians"), and only doublings depend on
 * one another. `bytes` is padded to a multiple of 8. */
VA_INLINE void VA_FN(rs_rows)(const uint8_t (*sums)[512], size_t bytes_padded, const uint8_t *bytes,
                              uint8_t *result)
{
    va_vec sum[VA_ROW_VECTORS];
    for (int v = 0; v < VA_ROW_VECTORS; v++)
        sum[v] = va_splat(0);
    for (int bit = 7; bit >= 0; bit--) {
        for (int v = 0; v < VA_ROW_VECTORS; v++)
            sum[v] = va_double(sum[v], 0x87);
        for (size_t at = 0; at < bytes_padded; at += 8) {
            uint32_t plane = VA_FN(rs_plane)(bytes + at, bit);
            const uint8_t *low = sums[at / 4] + 32 * (plane & 15);
            const uint8_t *high = sums[at / 4 + 1] + 32 * (plane >> 4);
            for (int v = 0; v < VA_ROW_VECTORS; v++)
                sum[v] = va_xor3(sum[v], va_load(low + v * VA_WIDTH), va_load(high + v * VA_WIDTH));
        }
    }
    for (int v = 0; v < VA_ROW_VECTORS; v++)
        va_store(result + v * VA_WIDTH, sum[v]);
}

void VA_FN(rs_parity)(const uint8_t *data, uint8_t *parity, uint32_t dual)
{
    uint8_t padded[224];
    for (int i = 0; i < VA_RS_DATA; i++)
        padded[i] = dual ? va_table_rs_from_dual[0][data[i]] : data[i];
    padded[VA_RS_DATA] = 0;
    VA_FN(rs_rows)(va_table_rs_parity, sizeof padded, padded, parity);
    for (int i = 0; dual && i < VA_RS_PARITY; i++)
        parity[i] = va_table_rs_to_dual[0][parity[i]];
}

void VA_FN(rs_syndromes)(const uint8_t *remainder, uint8_t *syndromes)
{
    VA_FN(rs_rows)(va_table_rs_syndrome, VA_RS_PARITY, remainder, syndromes);
}

/* Horner over the bits of the coefficients: masks and doublings, no multiplication. */
void VA_FN(rs_evaluate)(const uint8_t *coefficient, size_t count, uint8_t *values)
{
    enum { STRIP = 4 };
    for (size_t at = 0; at < 256; at += STRIP * VA_WIDTH) {
        va_vec sum[STRIP];
        for (int v = 0; v < STRIP; v++)
            sum[v] = va_splat(0);
        for (int bit = 7; bit >= 0; bit--) {
            for (int v = 0; v < STRIP; v++)
                sum[v] = va_double(sum[v], 0x87);
            for (size_t k = 0; k < count; k++) {
                va_vec mask = va_splat(0 - (uint64_t)(coefficient[k] >> bit & 1));
                for (int v = 0; v < STRIP; v++)
                    sum[v] ^= mask & va_load(va_table_rs_power[k] + at + (size_t)v * VA_WIDTH);
            }
        }
        for (int v = 0; v < STRIP; v++)
            va_store(values + at + (size_t)v * VA_WIDTH, sum[v]);
    }
}

#endif
