/* Finds the best instruction set once, keeps the choice in three voted copies. */
#include "isa/kernels.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#if defined(VA_HAVE_X86)
#include <cpuid.h>
#endif

#define UNSET 0xFFu

/* Three copies, voted at each read: a hit on one of them must not change the code that runs. */
static _Atomic uint32_t chosen[3] = {UNSET, UNSET, UNSET};

static const char *const names[VA_ISA_COUNT] = {"portable", "sse2", "avx2", "avx512", "neon"};

static va_isa_level choose(void);
static void keep(uint32_t level);

va_isa_level va_isa(void)
{
    uint32_t a = atomic_load_explicit(&chosen[0], memory_order_relaxed);
    uint32_t b = atomic_load_explicit(&chosen[1], memory_order_relaxed);
    uint32_t c = atomic_load_explicit(&chosen[2], memory_order_relaxed);
    uint32_t voted = (a & b) | (a & c) | (b & c);
    if (voted >= VA_ISA_COUNT)
        return choose();
    return (va_isa_level)voted;
}

va_status va_isa_select(uint32_t level)
{
    if (level >= VA_ISA_COUNT)
        return VA_ARGUMENT;
    if (!(va_isa_supported() >> level & 1u))
        return VA_UNSUPPORTED;
    keep(level);
    return VA_OK;
}

#if defined(VA_HAVE_X86)
static uint32_t has(uint32_t word, uint32_t bits) { return (word & bits) == bits; }

uint32_t va_isa_supported(void)
{
    uint32_t a, b, c, d, levels = 1u << VA_ISA_PORTABLE | 1u << VA_ISA_SSE2;
    uint32_t xcr0 = 0, high = 0;
    if (!__get_cpuid(1, &a, &b, &c, &d))
        return levels;
    /* SSE4.1, SSE4.2, POPCNT, PCLMULQDQ, OSXSAVE, AVX */
    if (!has(c, 1u << 19 | 1u << 20 | 1u << 23 | 1u << 1 | 1u << 27 | 1u << 28))
        return levels;
    __asm__ volatile("xgetbv" : "=a"(xcr0), "=d"(high) : "c"(0));
    if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || !has(xcr0, 0x6) || !has(b, 1u << 5 | 1u << 8))
        return levels; /* AVX2, BMI2 and an operating system that saves YMM */
    levels |= 1u << VA_ISA_AVX2;
    /* AVX-512 F, DQ, BW, VL; VBMI, GFNI, VPCLMULQDQ; an operating system that saves ZMM */
    if (has(xcr0, 0xE6) && has(b, 1u << 16 | 1u << 17 | 1u << 30 | 1u << 31) &&
        has(c, 1u << 1 | 1u << 8 | 1u << 10))
        levels |= 1u << VA_ISA_AVX512;
    return levels;
}
#elif defined(VA_HAVE_NEON)
uint32_t va_isa_supported(void) { return 1u << VA_ISA_PORTABLE | 1u << VA_ISA_NEON; }
#else
uint32_t va_isa_supported(void) { return 1u << VA_ISA_PORTABLE; }
#endif

/* VANALLEN_ISA names a level; a name unknown or not supported here leaves the best one in force. */
static va_isa_level choose(void)
{
    uint32_t supported = va_isa_supported(), best = VA_ISA_PORTABLE;
    const char *wanted = getenv("VANALLEN_ISA");
    for (uint32_t level = 0; level < VA_ISA_COUNT; level++) {
        if (!(supported >> level & 1u))
            continue;
        best = level;
        if (wanted != NULL && strcmp(wanted, names[level]) == 0)
            break;
    }
    keep(best);
    return (va_isa_level)best;
}

static void keep(uint32_t level)
{
    for (int copy = 0; copy < 3; copy++)
        atomic_store_explicit(&chosen[copy], level, memory_order_relaxed);
}
