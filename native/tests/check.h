/* The whole test framework: REQUIRE prints the place and ends the program. */
#ifndef VA_CHECK_H
#define VA_CHECK_H

#include "vanallen.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REQUIRE(condition)                                                            \
    do {                                                                              \
        if (!(condition)) {                                                           \
            fprintf(stderr, "%s:%d: %s (isa %d)\n", __FILE__, __LINE__, #condition, (int)va_isa()); \
            exit(1);                                                                  \
        }                                                                             \
    } while (0)

#define FOR_EVERY_ISA                                                \
    for (uint32_t level = 0; level < VA_ISA_COUNT; level++)          \
        if (va_isa_select(level) == VA_OK)

/* SplitMix64: the same bytes on every machine. */
static inline uint64_t next_random(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
    return z ^ z >> 31;
}

static inline void fill_random(uint8_t *bytes, size_t length, uint64_t seed)
{
    for (size_t i = 0; i < length; i++)
        bytes[i] = (uint8_t)next_random(&seed);
}

#endif
