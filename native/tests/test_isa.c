/* The choice of an instruction set: by the machine, by VANALLEN_ISA, and for machines we do not have. */
#define _DEFAULT_SOURCE
#include "check.h"

#include "isa/kernels.h"

#include <sys/wait.h>
#include <unistd.h>

/* The level that a fresh process chooses under this environment. */
static int chosen_with(const char *program, const char *setting)
{
    int status = 0;
    pid_t child = fork();
    if (child == 0) {
        if (setting == NULL)
            unsetenv("VANALLEN_ISA");
        else
            setenv("VANALLEN_ISA", setting, 1);
        execl(program, program, "choose", (char *)NULL);
        _exit(99);
    }
    REQUIRE(child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status));
    return WEXITSTATUS(status);
}

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

int main(int argc, char **argv)
{
    static const char *const names[VA_ISA_COUNT] = {"portable", "sse2", "avx2", "avx512", "neon"};
    if (argc > 1)
        return (int)va_isa();
    uint32_t supported = va_isa_supported();
    int best = 0;
    for (int level = 0; level < VA_ISA_COUNT; level++)
        best = supported >> level & 1u ? level : best;
    REQUIRE(chosen_with(argv[0], NULL) == best);
    REQUIRE(chosen_with(argv[0], "nonsense") == best);
    for (int level = 0; level < VA_ISA_COUNT; level++)
        REQUIRE(chosen_with(argv[0], names[level]) == (supported >> level & 1u ? level : best));
    other_machines();
    return 0;
}
