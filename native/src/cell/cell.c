/* Voted cells: one 64-bit value in three places, for modes, counters and limits.
 *
 * The places are the caller's, apart from one another. One copy is stored inverted and one rotated, so
 * that a common-mode hit does not change two alike. Reads are volatile: no compiler may remember that
 * the copies were once equal. */
#include "isa/guard.h"

#define TURN 21u

static uint64_t rotate(uint64_t x, uint32_t turn) { return x << turn | x >> (64 - turn); }

static va_status check(const volatile uint64_t *a, const volatile uint64_t *b,
                       const volatile uint64_t *c)
{
    if (a == NULL || b == NULL || c == NULL)
        return VA_NULL;
    if (va_misaligned((const void *)(uintptr_t)a, 8) || va_misaligned((const void *)(uintptr_t)b, 8) ||
        va_misaligned((const void *)(uintptr_t)c, 8))
        return VA_ALIGNMENT;
    return a == b || a == c || b == c ? VA_OVERLAP : VA_OK;
}

va_status va_cell_write(volatile uint64_t *a, volatile uint64_t *b, volatile uint64_t *c, uint64_t value)
{
    va_status status = check(a, b, c);
    if (status != VA_OK)
        return status;
    *a = value;
    *b = ~value;
    *c = rotate(value, TURN);
    return VA_OK;
}

va_status va_cell_read(volatile uint64_t *a, volatile uint64_t *b, volatile uint64_t *c, uint64_t *value,
                       uint32_t *outvoted)
{
    va_status status = value == NULL || outvoted == NULL ? VA_NULL : check(a, b, c);
    if (status != VA_OK)
        return status;
    uint64_t x = *a, y = ~*b, z = rotate(*c, 64 - TURN);
    uint64_t voted = (x & y) | (x & z) | (y & z);
    *outvoted = va_popcount(x ^ voted) + va_popcount(y ^ voted) + va_popcount(z ^ voted);
    *value = voted;
    if (*outvoted != 0)
        va_cell_write(a, b, c, voted);
    return VA_OK;
}
