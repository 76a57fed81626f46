/* What each instruction set's translation unit provides, and the switch that picks one.
 *
 * A switch on an enum instead of function pointers: a flipped bit in a pointer jumps anywhere, a
 * flipped bit in the (voted) enum is outvoted, and a value outside the enum runs the portable code. */
#ifndef VA_KERNELS_H
#define VA_KERNELS_H

#include "vanallen.h"

#define VA_TMR_BLOCK 512u
#define VA_RS_LOCATOR 64u /* room for a locator: 33 coefficients, padded to the widest vector */

/* What differs between machines of one level. */
#define VA_FEATURE_CLFLUSHOPT 1u
#define VA_FEATURE_ARM_CRC 2u
#define VA_FEATURE_ARM_PMULL 4u
uint32_t va_isa_features(void);

#if defined(VA_HAVE_X86)
/* What CPUID leaves 1 and 7 and XCR0 say; apart from the asking, so that every machine can be tested. */
typedef struct {
    uint32_t leaf1_c, leaf7_b, leaf7_c, saved;
} va_isa_facts;
uint32_t va_isa_levels(const va_isa_facts *facts);
#endif

#define VA_DECLARE(isa)                                                                              \
    size_t va_##isa##_tmr_agree(const uint8_t *a, const uint8_t *b, const uint8_t *c, size_t length, \
                                uint64_t invert);                                                    \
    void va_##isa##_tmr_mend(uint8_t *a, uint8_t *b, uint8_t *c, size_t length, uint64_t invert,     \
                             uint64_t counts[3]);                                                    \
    size_t va_##isa##_tmr_vote(const uint8_t *a, const uint8_t *b, const uint8_t *c, uint8_t *out,   \
                               size_t length, uint64_t invert);                                      \
    size_t va_##isa##_page_agree(const uint8_t *data, const uint8_t *check, size_t pages);           \
    void va_##isa##_page_lines(const uint8_t *data, uint8_t *lines);                                 \
    uint32_t va_##isa##_crc16(const uint8_t *data, size_t length, uint32_t crc);                     \
    uint32_t va_##isa##_crc32(const uint8_t *data, size_t length, uint32_t crc);                     \
    uint32_t va_##isa##_crc32c(const uint8_t *data, size_t length, uint32_t crc);                    \
    size_t va_##isa##_word_agree(const uint64_t *words, const uint8_t *check, size_t count);         \
    void va_##isa##_word_encode(const uint64_t *words, uint8_t *check, size_t count);                \
    void va_##isa##_parity_pages(const uint8_t *data, size_t pages, uint8_t *p, uint8_t *q);         \
    void va_##isa##_storage_dot(const uint8_t *const *source, size_t sources, uint8_t *const *out,   \
                                size_t outs, const uint8_t *coefficient, size_t from, size_t length); \
    void va_##isa##_rs_parity(const uint8_t *data, uint8_t *parity, uint32_t dual);                  \
    uint32_t va_##isa##_rs_massey(const uint8_t *syndromes, uint32_t erasures, uint8_t *locator);    \
    void va_##isa##_rs_syndromes(const uint8_t *remainder, uint8_t *syndromes);                      \
    void va_##isa##_rs_evaluate(const uint8_t *coefficient, size_t count, uint8_t *values);

VA_DECLARE(portable)

#if defined(VA_HAVE_X86)
VA_DECLARE(sse2)
VA_DECLARE(avx2)
VA_DECLARE(avx512)
#define VA_DISPATCH(fn, ...)                                        \
    (va_isa() == VA_ISA_AVX512   ? va_avx512_##fn(__VA_ARGS__)      \
     : va_isa() == VA_ISA_AVX2   ? va_avx2_##fn(__VA_ARGS__)        \
     : va_isa() == VA_ISA_SSE2   ? va_sse2_##fn(__VA_ARGS__)        \
                                 : va_portable_##fn(__VA_ARGS__))
#elif defined(VA_HAVE_NEON)
VA_DECLARE(neon)
#define VA_DISPATCH(fn, ...) \
    (va_isa() == VA_ISA_NEON ? va_neon_##fn(__VA_ARGS__) : va_portable_##fn(__VA_ARGS__))
#else
#define VA_DISPATCH(fn, ...) va_portable_##fn(__VA_ARGS__)
#endif

#endif
