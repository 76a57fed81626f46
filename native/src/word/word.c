/* Per-word SECDED(72,64): for small objects and random access, where a page code does not fit.
 *
 * Alone it is the weaker guard: it miscorrects 56 % of triple flips (notes, native-core 2b). Seal what
 * matters with a CRC as well. */
#include "isa/guard.h"
#include "isa/kernels.h"

static uint32_t place_of(uint32_t syndrome);

static va_status check(const uint64_t *words, const uint8_t *bytes, size_t count)
{
    if (words == NULL || bytes == NULL)
        return VA_NULL;
    if (count == 0 || count > SIZE_MAX / 8)
        return VA_LENGTH;
    if (va_wraps(words, 8 * count) || va_wraps(bytes, count))
        return VA_LENGTH;
    if (va_misaligned(words, 8))
        return VA_ALIGNMENT;
    return va_overlap(words, 8 * count, bytes, count) ? VA_OVERLAP : VA_OK;
}

va_status va_word_encode(const uint64_t *words, uint8_t *bytes, size_t count)
{
    va_status status = check(words, bytes, count);
    if (status == VA_OK)
        VA_DISPATCH(word_encode, words, bytes, count);
    return status;
}

va_status va_word_scrub(uint64_t *words, uint8_t *bytes, size_t count, va_word_report *report)
{
    va_status status = report == NULL ? VA_NULL : check(words, bytes, count);
    if (status != VA_OK)
        return status;
    *report = (va_word_report){0, 0, 0, count};
    for (size_t at = 0;; at++) {
        at += VA_DISPATCH(word_agree, words + at, bytes + at, count - at);
        if (at == count)
            return VA_OK;
        uint8_t fresh;
        VA_DISPATCH(word_encode, words + at, &fresh, 1);
        uint32_t syndrome = (uint32_t)(fresh ^ bytes[at]), place = place_of(syndrome);
        if (place < 64) {
            words[at] ^= UINT64_C(1) << place;
            report->corrected++;
        } else if ((syndrome & (syndrome - 1)) == 0) {
            bytes[at] ^= (uint8_t)syndrome;
            report->check_repaired++;
        } else {
            if (report->uncorrectable++ == 0)
                report->first_uncorrectable = at;
        }
    }
}

/* Data bit whose column is the syndrome; 64 when there is none. */
static uint32_t place_of(uint32_t syndrome)
{
    uint32_t place = 0;
    for (; place < 64; place++) {
        uint32_t seed = (uint32_t)(UINT64_C(0x1F25154323130B07) >> (place & ~7u)) & 0xFFu;
        uint32_t turn = place & 7;
        if (((seed << turn | seed >> (8 - turn)) & 0xFFu) == syndrome)
            break;
    }
    return place;
}
