/* Bitwise majority over three replicas; the loops that matter are in tmr_kernel.h. */
#include "isa/guard.h"
#include "isa/kernels.h"

#include <string.h>

static va_status check(const uint8_t *const *buffers, int count, size_t length, uint32_t flags);

va_status va_tmr_scrub(uint8_t *a, uint8_t *b, uint8_t *c, size_t length, uint32_t flags,
                       uint64_t miscompares[3])
{
    const uint8_t *const buffers[3] = {a, b, c};
    va_status status = miscompares == NULL ? VA_NULL : check(buffers, 3, length, flags);
    if (status != VA_OK)
        return status;
    uint64_t invert = flags & VA_TMR_C_INVERTED ? UINT64_MAX : 0;
    memset(miscompares, 0, 3 * sizeof *miscompares);
    for (size_t at = 0; at < length;) {
        at += VA_DISPATCH(tmr_agree, a + at, b + at, c + at, length - at, invert);
        size_t part = length - at < VA_TMR_BLOCK ? length - at : VA_TMR_BLOCK;
        if (part > 0)
            VA_DISPATCH(tmr_mend, a + at, b + at, c + at, part, invert, miscompares);
        at += part;
    }
    return VA_OK;
}

va_status va_tmr_vote(const uint8_t *a, const uint8_t *b, const uint8_t *c, uint8_t *voted,
                      size_t length, uint32_t flags, uint64_t miscompares[3])
{
    const uint8_t *const buffers[4] = {a, b, c, voted};
    va_status status = miscompares == NULL ? VA_NULL : check(buffers, 4, length, flags);
    if (status != VA_OK)
        return status;
    uint64_t invert = flags & VA_TMR_C_INVERTED ? UINT64_MAX : 0;
    memset(miscompares, 0, 3 * sizeof *miscompares);
    for (size_t at = 0; at < length;) {
        at += VA_DISPATCH(tmr_vote, a + at, b + at, c + at, voted + at, length - at, invert);
        size_t part = length - at < VA_TMR_BLOCK ? length - at : VA_TMR_BLOCK;
        uint8_t spare_b[VA_TMR_BLOCK], spare_c[VA_TMR_BLOCK];
        if (part > 0) { /* mend copies: the replicas themselves stay untouched here */
            memcpy(voted + at, a + at, part);
            memcpy(spare_b, b + at, part);
            memcpy(spare_c, c + at, part);
            VA_DISPATCH(tmr_mend, voted + at, spare_b, spare_c, part, invert, miscompares);
        }
        at += part;
    }
    return VA_OK;
}

static va_status check(const uint8_t *const *buffers, int count, size_t length, uint32_t flags)
{
    for (int i = 0; i < count; i++)
        if (buffers[i] == NULL)
            return VA_NULL;
    for (int i = 0; i < count; i++)
        if (length == 0 || va_wraps(buffers[i], length))
            return VA_LENGTH;
    for (int i = 0; i < count; i++)
        for (int j = 0; j < i; j++)
            if (va_overlap(buffers[i], length, buffers[j], length))
                return VA_OVERLAP;
    return flags & ~VA_TMR_C_INVERTED ? VA_ARGUMENT : VA_OK;
}
