/* Pushes cached bytes out to memory, so that the next read examines memory and not the cache. */
#include "isa/guard.h"
#include "isa/kernels.h"

#if defined(VA_HAVE_X86)
#include <cpuid.h>
#include <immintrin.h>

#define FLUSH_LINE 64u

__attribute__((target("clflushopt"))) static void flush_unordered(const uint8_t *at, const uint8_t *end)
{
    for (; at < end; at += FLUSH_LINE)
        _mm_clflushopt((void *)(uintptr_t)at);
    _mm_mfence();
}

static void flush_lines(const uint8_t *at, const uint8_t *end)
{
    if (va_isa_features() & VA_FEATURE_CLFLUSHOPT) {
        flush_unordered(at, end);
        return;
    }
    for (; at < end; at += FLUSH_LINE)
        _mm_clflush(at);
    _mm_mfence();
}

/* The widest cache that CPUID lists; leaf 4 for Intel, 0x8000001D for AMD, of one layout. */
size_t va_cache_bytes(void)
{
    size_t widest = 0;
    for (uint32_t index = 0; index < 16; index++) {
        uint32_t leaf = index < 8 ? 4u : 0x8000001Du, a = 0, b = 0, c = 0, d = 0;
        (void)__get_cpuid_count(leaf, index & 7u, &a, &b, &c, &d); /* a leaf it lacks stays zero */
        if ((a & 0x1Fu) == 0)
            continue;
        size_t bytes = (size_t)((b >> 22) + 1) * ((b >> 12 & 0x3FFu) + 1) * ((b & 0xFFFu) + 1) *
                       ((size_t)c + 1);
        if (bytes > widest)
            widest = bytes;
    }
    return widest;
}

#elif defined(VA_HAVE_NEON)

#define FLUSH_LINE 64u /* every core in question has 64-byte lines or multiples of them */

static void flush_lines(const uint8_t *at, const uint8_t *end)
{
    for (; at < end; at += FLUSH_LINE)
        __asm__ volatile("dc civac, %0" : : "r"(at) : "memory");
    __asm__ volatile("dsb sy" : : : "memory");
}

/* User space cannot ask an Arm core for the size of its last cache. */
size_t va_cache_bytes(void) { return 0; }

#else

#define FLUSH_LINE 64u

static void flush_lines(const uint8_t *at, const uint8_t *end)
{
    (void)at;
    (void)end;
}

size_t va_cache_bytes(void) { return 0; }

#endif

va_status va_cache_flush(const uint8_t *data, size_t length)
{
    if (data == NULL)
        return VA_NULL;
    if (length == 0 || va_wraps(data, length))
        return VA_LENGTH;
    const uint8_t *line = data - ((uintptr_t)data & (FLUSH_LINE - 1));
    flush_lines(line, data + length);
    return VA_OK;
}
