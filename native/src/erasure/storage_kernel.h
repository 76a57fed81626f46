/* out[o] = sum over s of coefficient[o][s] * source[s], bytes `from` to `from + length`. */

#if VA_WIDTH == 64

/* Multiplication by a constant is an 8 x 8 bit matrix: one GF2P8AFFINEQB for 64 bytes, any field. */
VA_INLINE void VA_FN(storage_strip)(const uint8_t *const *source, size_t sources, uint8_t *const *out,
                                    size_t outs, const uint8_t *coefficient, size_t at, size_t width,
                                    int stream)
{
    enum { VECTORS = 4, OUTS = 4 };
    __m512i sum[OUTS][VECTORS];
    __mmask64 mask[VECTORS];
    for (size_t v = 0; v < VECTORS; v++) {
        size_t left = width > 64 * v ? width - 64 * v : 0;
        mask[v] = left >= 64 ? ~UINT64_C(0) : (UINT64_C(1) << left) - 1;
        for (size_t o = 0; o < OUTS; o++)
            sum[o][v] = _mm512_setzero_si512();
    }
    for (size_t s = 0; s < sources; s++) {
        __m512i line[VECTORS];
        for (size_t v = 0; v < VECTORS; v++)
            line[v] = _mm512_maskz_loadu_epi8(mask[v], source[s] + at + 64 * v);
        for (size_t o = 0; o < OUTS; o++) {
            uint8_t factor = o < outs ? coefficient[o * sources + s] : 0;
            __m512i matrix = _mm512_set1_epi64((int64_t)va_table_storage_affine[0][factor]);
            for (size_t v = 0; v < VECTORS; v++)
                sum[o][v] = _mm512_xor_si512(sum[o][v],
                                             _mm512_gf2p8affine_epi64_epi8(line[v], matrix, 0));
        }
    }
    for (size_t o = 0; o < OUTS; o++)
        for (size_t v = 0; v < VECTORS; v++)
            if (o < outs && stream)
                _mm512_stream_si512((void *)(out[o] + at + 64 * v), sum[o][v]);
            else if (o < outs)
                _mm512_mask_storeu_epi8(out[o] + at + 64 * v, mask[v], sum[o][v]);
}

/* Results that will not fit the cache beside their sources go past it: no line is read to be overwritten. */
#define VA_STREAM_BYTES ((size_t)2 << 20)

void VA_FN(storage_dot)(const uint8_t *const *source, size_t sources, uint8_t *const *out, size_t outs,
                        const uint8_t *coefficient, size_t from, size_t length)
{
    int aligned = (sources + outs) * length >= VA_STREAM_BYTES;
    for (size_t o = 0; o < outs; o++)
        aligned &= ((uintptr_t)(out[o] + from) & 63) == 0;
    for (size_t at = from; at < from + length; at += 256) {
        size_t width = from + length - at < 256 ? from + length - at : 256;
        for (size_t o = 0; o < outs; o += 4)
            VA_FN(storage_strip)(source, sources, out + o, outs - o, coefficient + o * sources, at, width,
                                 aligned && width == 256);
    }
    _mm_sfence();
}

#undef VA_STREAM_BYTES

#else

/* No multiplication at all: Horner over the bits of the coefficients, doubling between them. The
 * sources that take part in each bit are listed once for each output and then XORed strip by strip. */
#define VA_STRIP_VECTORS 8u
#define VA_CHUNK 2048u /* bytes of each source worked on for all outputs while they are in cache */

VA_INLINE void VA_FN(storage_row)(const uint8_t *const *source, uint8_t *out, const uint8_t *list,
                                  const uint16_t ends[8], size_t at)
{
    va_vec sum[VA_STRIP_VECTORS];
    for (size_t v = 0; v < VA_STRIP_VECTORS; v++)
        sum[v] = va_splat(0);
    size_t next = 0;
    for (int bit = 0; bit < 8; bit++) {
        for (size_t v = 0; v < VA_STRIP_VECTORS; v++)
            sum[v] = va_double(sum[v], 0x1D);
        for (; next < ends[bit]; next++)
            for (size_t v = 0; v < VA_STRIP_VECTORS; v++)
                sum[v] ^= va_load(source[list[next]] + at + v * VA_WIDTH);
    }
    for (size_t v = 0; v < VA_STRIP_VECTORS; v++)
        va_store(out + at + v * VA_WIDTH, sum[v]);
}

/* The same, byte by byte, for what is left of a strip. */
static void VA_FN(storage_bytes)(const uint8_t *const *source, uint8_t *out, const uint8_t *list,
                                 const uint16_t ends[8], size_t at, size_t end)
{
    for (; at < end; at++) {
        uint32_t sum = 0;
        size_t next = 0;
        for (int bit = 0; bit < 8; bit++) {
            sum = sum << 1 ^ (sum & 0x80u ? 0x11Du : 0u);
            for (; next < ends[bit]; next++)
                sum ^= source[list[next]][at];
        }
        out[at] = (uint8_t)sum;
    }
}

void VA_FN(storage_dot)(const uint8_t *const *source, size_t sources, uint8_t *const *out, size_t outs,
                        const uint8_t *coefficient, size_t from, size_t length)
{
    size_t strip = VA_STRIP_VECTORS * VA_WIDTH, end = from + length;
    for (size_t chunk = from; chunk < end; chunk += VA_CHUNK) {
        size_t stop = end - chunk < VA_CHUNK ? end : chunk + VA_CHUNK;
        for (size_t o = 0; o < outs; o++) {
            uint8_t list[8 * 256];
            uint16_t ends[8], filled = 0;
            for (int bit = 0; bit < 8; bit++) {
                for (size_t s = 0; s < sources; s++)
                    if (coefficient[o * sources + s] >> (7 - bit) & 1)
                        list[filled++] = (uint8_t)s;
                ends[bit] = filled;
            }
            size_t at = chunk;
            for (; stop - at >= strip; at += strip)
                VA_FN(storage_row)(source, out[o], list, ends, at);
            VA_FN(storage_bytes)(source, out[o], list, ends, at, stop);
        }
    }
}

#undef VA_STRIP_VECTORS
#undef VA_CHUNK

#endif
