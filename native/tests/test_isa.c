/* The choice of an instruction set: by the machine, by VANALLEN_ISA, and for machines we do not have. */
#include "check.h"

#include "isa/kernels.h"

#if defined(VA_HAVE_X86)
static void other_machines(void)
{
    const va_isa_facts server = {0x18980002u, 0xC0030120u, 0x502u, 0xE6u};
    const uint32_t plain = 1u << VA_ISA_PORTABLE | 1u << VA_ISA_SSE2;
    REQUIRE(va_isa_levels(&server) == (plain | 1u << VA_ISA_AVX2 | 1u << VA_ISA_AVX512));
    for (uint32_t field = 0; field < 4; field++)
        for (uint32_t bit = 0; bit < 32; bit++) { /* one feature less */
            va_isa_facts facts = server;
            uint32_t *word = field == 0 ? &facts.leaf1_c : field == 1 ? &facts.leaf7_b
                             : field == 2 ? &facts.leaf7_c : &facts.saved;
            if (!(*word >> bit & 1u))
                continue;
            *word &= ~(1u << bit);
            uint32_t levels = va_isa_levels(&facts);
            int wide_only = field == 2 || (field == 1 && bit >= 16) || (field == 3 && bit >= 5);
            REQUIRE(levels == (wide_only ? plain | 1u << VA_ISA_AVX2 : plain));
        }
}
#else
static void other_machines(void) {}
#endif

/* The argument is the VANALLEN_ISA that ctest has set for this fresh process, or nothing for none. */
int main(int argc, char **argv)
{
    static const char *const names[VA_ISA_COUNT] = {"portable", "sse2", "avx2", "avx512", "neon"};
    uint32_t supported = va_isa_supported(), expected = 0;
    for (uint32_t level = 0; level < VA_ISA_COUNT; level++)
        expected = supported >> level & 1u ? level : expected;
    for (uint32_t level = 0; argc > 1 && level < VA_ISA_COUNT; level++)
        if (strcmp(argv[1], names[level]) == 0 && supported >> level & 1u)
            expected = level;
    REQUIRE((uint32_t)va_isa() == expected);
    other_machines();
    return 0;
}
