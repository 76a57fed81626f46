/* One vector type whose width the including translation unit chooses with VA_WIDTH (16, 32, 64).
 *
 * Plain XOR, AND and OR come from the compiler's vector extension; only "is any bit set" and the
 * three-way XOR differ between instruction sets. */
#ifndef VA_VECTOR_H
#define VA_VECTOR_H

#include <stdint.h>
#include <string.h>
#if defined(__SSE2__) && !defined(VA_PLAIN)
#include <immintrin.h>
#endif

typedef uint64_t va_vec __attribute__((vector_size(VA_WIDTH)));
typedef uint64_t va_vec_any __attribute__((vector_size(VA_WIDTH), aligned(1), may_alias));
typedef uint64_t va_vec_table __attribute__((vector_size(VA_WIDTH), may_alias));

#define VA_INLINE static inline __attribute__((always_inline))

VA_INLINE va_vec va_load(const uint8_t *p) { return *(const va_vec_any *)p; }
/* For tables, which are aligned: lets SSE2 take the operand straight from memory. */
VA_INLINE va_vec va_load_table(const uint8_t *p) { return *(const va_vec_table *)(const void *)p; }
VA_INLINE void va_store(uint8_t *p, va_vec v) { *(va_vec_any *)p = v; }

VA_INLINE va_vec va_splat(uint64_t x)
{
    va_vec zero = {0};
    return zero + x;
}

VA_INLINE int va_any(va_vec v)
{
#if VA_WIDTH == 64
    return _mm512_test_epi64_mask((__m512i)v, (__m512i)v) != 0;
#elif VA_WIDTH == 32
    return !_mm256_testz_si256((__m256i)v, (__m256i)v);
#elif defined(__SSE2__) && !defined(VA_PLAIN)
    __m128i zero = _mm_cmpeq_epi8((__m128i)v, _mm_setzero_si128());
    return _mm_movemask_epi8(zero) != 0xFFFF;
#else
    return (v[0] | v[1]) != 0;
#endif
}

VA_INLINE va_vec va_xor3(va_vec a, va_vec b, va_vec c)
{
#if VA_WIDTH == 64
    return (va_vec)_mm512_ternarylogic_epi64((__m512i)a, (__m512i)b, (__m512i)c, 0x96);
#else
    return a ^ b ^ c;
#endif
}

#define VA_PREFETCH(p) __builtin_prefetch((p), 0, 3)

#define VA_PASTE2(prefix, name) va_##prefix##_##name
#define VA_PASTE(prefix, name) VA_PASTE2(prefix, name)
#define VA_FN(name) VA_PASTE(VA_SUFFIX, name)

#endif
