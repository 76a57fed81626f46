/* The checks every entry point makes before it touches a byte. */
#ifndef VA_GUARD_H
#define VA_GUARD_H

#include "vanallen.h"

static inline int va_wraps(const void *buffer, size_t length)
{
    return (uintptr_t)buffer > UINTPTR_MAX - length;
}

static inline int va_overlap(const void *a, size_t a_length, const void *b, size_t b_length)
{
    uintptr_t x = (uintptr_t)a, y = (uintptr_t)b;
    return x < y + b_length && y < x + a_length;
}

static inline int va_misaligned(const void *buffer, size_t boundary)
{
    return ((uintptr_t)buffer & (boundary - 1)) != 0;
}

/* Own bit count: the portable build must not depend on a compiler's helper library. */
static inline uint32_t va_popcount(uint64_t x)
{
    x -= (x >> 1) & 0x5555555555555555u;
    x = (x & 0x3333333333333333u) + ((x >> 2) & 0x3333333333333333u);
    x = (x + (x >> 4)) & 0x0F0F0F0F0F0F0F0Fu;
    return (uint32_t)((x * 0x0101010101010101u) >> 56);
}

#endif
