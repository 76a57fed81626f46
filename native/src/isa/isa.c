/* Finds the best instruction set once, keeps the choice in three voted copies. */
#include "isa/kernels.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#if defined(VA_HAVE_X86)
#include <cpuid.h>
#endif

#if defined(VA_HAVE_NEON) && defined(__linux__)
#include <sys/auxv.h>
#define HWCAP_ARM_PMULL (1ul << 4)
#define HWCAP_ARM_CRC (1ul << 7)
#endif

#define UNSET 0xFFu

/* Level in the low byte, features above it. Three copies, voted at each read: a hit on one of them must
 * not change the code that runs. */
static _Atomic uint32_t chosen[3] = {UNSET, UNSET, UNSET};

static const char *const names[VA_ISA_COUNT] = {"portable", "sse2", "avx2", "avx512", "neon"};

static uint32_t choose(void);
static uint32_t keep(uint32_t level);
static uint32_t machine_features(void);

static uint32_t voted_choice(void)
{
    uint32_t a = atomic_load_explicit(&chosen[0], memory_order_relaxed);
    uint32_t b = atomic_load_explicit(&chosen[1], memory_order_relaxed);
    uint32_t c = atomic_load_explicit(&chosen[2], memory_order_relaxed);
    uint32_t voted = (a & b) | (a & c) | (b & c);
    return (voted & 0xFFu) < VA_ISA_COUNT ? voted : choose();
}

va_isa_level va_isa(void) { return (va_isa_level)(voted_choice() & 0xFFu); }

uint32_t va_isa_features(void) { return voted_choice() >> 8; }

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

uint32_t va_isa_levels(const va_isa_facts *facts)
{
    uint32_t levels = 1u << VA_ISA_PORTABLE | 1u << VA_ISA_SSE2;
    /* SSE4.1, SSE4.2, POPCNT, PCLMULQDQ, OSXSAVE, AVX; AVX2, BMI2; XMM and YMM saved */
    if (has(facts->leaf1_c, 1u << 19 | 1u << 20 | 1u << 23 | 1u << 1 | 1u << 27 | 1u << 28) &&
        has(facts->leaf7_b, 1u << 5 | 1u << 8) && has(facts->saved, 0x6))
        levels |= 1u << VA_ISA_AVX2;
    else
        return levels;
    /* AVX-512 F, DQ, BW, VL; VBMI, GFNI, VPCLMULQDQ; ZMM saved */
    if (has(facts->leaf7_b, 1u << 16 | 1u << 17 | 1u << 30 | 1u << 31) &&
        has(facts->leaf7_c, 1u << 1 | 1u << 8 | 1u << 10) && has(facts->saved, 0xE6))
        levels |= 1u << VA_ISA_AVX512;
    return levels;
}

uint32_t va_isa_supported(void)
{
    uint32_t a, b, c, d, high;
    va_isa_facts facts = {0, 0, 0, 0};
    __cpuid(1, a, b, facts.leaf1_c, d);
    if (has(facts.leaf1_c, 1u << 27)) /* XGETBV faults without OSXSAVE */
        __asm__ volatile("xgetbv" : "=a"(facts.saved), "=d"(high) : "c"(0));
    if (__get_cpuid_count(7, 0, &a, &b, &c, &d)) {
        facts.leaf7_b = b;
        facts.leaf7_c = c;
    }
    return va_isa_levels(&facts);
}

static uint32_t machine_features(void)
{
    uint32_t a, b, c, d;
    if (!__get_cpuid_count(7, 0, &a, &b, &c, &d))
        return 0;
    return has(b, 1u << 23) ? VA_FEATURE_CLFLUSHOPT : 0;
}
#elif defined(VA_HAVE_NEON)
static uint32_t machine_features(void)
{
#if defined(__linux__)
    unsigned long has = getauxval(AT_HWCAP);
    return (has & HWCAP_ARM_CRC ? VA_FEATURE_ARM_CRC : 0) | (has & HWCAP_ARM_PMULL ? VA_FEATURE_ARM_PMULL : 0);
#else
    return 0;
#endif
}

uint32_t va_isa_supported(void) { return 1u << VA_ISA_PORTABLE | 1u << VA_ISA_NEON; }
#else
static uint32_t machine_features(void) { return 0; }

uint32_t va_isa_supported(void) { return 1u << VA_ISA_PORTABLE; }
#endif

/* VANALLEN_ISA names a level; a name unknown or not supported here leaves the best one in force. */
static uint32_t choose(void)
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
    return keep(best);
}

static uint32_t keep(uint32_t level)
{
    uint32_t choice = level | machine_features() << 8;
    for (int copy = 0; copy < 3; copy++)
        atomic_store_explicit(&chosen[copy], choice, memory_order_relaxed);
    return choice;
}
