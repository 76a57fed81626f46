/* Vectors as bytes of GF(256): doubling is all the portable kernels need. */
#ifndef VA_GF_VECTOR_H
#define VA_GF_VECTOR_H

#if VA_WIDTH == 64
VA_INLINE va_vec va_double(va_vec v, uint8_t feedback)
{
    __m512i doubled = _mm512_add_epi8((__m512i)v, (__m512i)v);
    __m512i carried = _mm512_maskz_set1_epi8(_mm512_movepi8_mask((__m512i)v), (char)feedback);
    return (va_vec)_mm512_xor_si512(doubled, carried);
}
#else
typedef int8_t va_bytes __attribute__((vector_size(VA_WIDTH)));
typedef uint8_t va_octets __attribute__((vector_size(VA_WIDTH)));
VA_INLINE va_vec va_double(va_vec v, uint8_t feedback)
{
    va_bytes bytes = (va_bytes)v, zero = {0};
    va_vec carried = (va_vec)(bytes < zero) & va_splat(feedback * UINT64_C(0x0101010101010101));
    return (va_vec)((va_octets)v + (va_octets)v) ^ carried;
}
#endif

#endif
