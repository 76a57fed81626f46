/* P and Q over a group of pages: P is their XOR, Q the sum of 2^i * page i in GF(256)/0x11D. */

/* `p` and `q` hold 4,096 bytes each and are overwritten. Horner from the last page down, so that each
 * page costs one doubling whatever its place. */
void VA_FN(parity_pages)(const uint8_t *data, size_t pages, uint8_t *p, uint8_t *q)
{
    enum { LANES = 4 }; /* independent chains, and whole cache lines from each page */
    for (size_t at = 0; at < VA_PAGE_BYTES; at += LANES * VA_WIDTH) {
        va_vec sum[LANES], weighted[LANES];
        for (int i = 0; i < LANES; i++)
            sum[i] = weighted[i] = va_splat(0);
        for (size_t page = pages; page-- > 0;)
            for (int i = 0; i < LANES; i++) {
                va_vec line = va_load(data + page * VA_PAGE_BYTES + at + (size_t)i * VA_WIDTH);
                sum[i] ^= line;
                weighted[i] = va_double(weighted[i], 0x1D) ^ line;
            }
        for (int i = 0; i < LANES; i++) {
            va_store(p + at + (size_t)i * VA_WIDTH, sum[i]);
            va_store(q + at + (size_t)i * VA_WIDTH, weighted[i]);
        }
    }
}
