/* Protected pages: encode, verify, scrub.
 *
 * Rule of repair: whatever the check lines propose for data is only a proposal. The page's CRC-32C,
 * seeded with the page index, decides; if it disagrees the bytes go back to what they were and the
 * page is reported uncorrectable, for the next tier (parity pages, then the golden copy). */
#include "isa/guard.h"
#include "isa/kernels.h"
#include "page/repair.h"

static va_status check_range(const va_pages *set, size_t first, size_t count);
static size_t clean_run(const va_pages *set, size_t first, size_t count, uint32_t depth);

/* Pages looked at in one go by the check lines and then by the CRC, while they are still in cache. */
#define RUN_PAGES 8u

va_status va_page_encode(const va_pages *set, size_t first, size_t count)
{
    va_status status = check_range(set, first, count);
    if (status != VA_OK)
        return status;
    for (size_t page = first; page < first + count; page++) {
        set->crc[page] = va_page_crc(set, page);
        if (set->check != NULL)
            va_page_recheck(set, page);
    }
    return VA_OK;
}

va_status va_page_verify(const va_pages *set, size_t first, size_t count, uint32_t *bad,
                         size_t capacity, size_t *found, size_t *done)
{
    if (bad == NULL || found == NULL || done == NULL)
        return VA_NULL;
    va_status status = check_range(set, first, count);
    if (status != VA_OK)
        return status;
    *found = 0;
    *done = 0;
    while (*done < count && *found < capacity) {
        *done += clean_run(set, first + *done, count - *done, VA_DEPTH_CRC);
        if (*done < count)
            bad[(*found)++] = (uint32_t)(first + (*done)++);
    }
    return VA_OK;
}

va_status va_page_scrub(const va_pages *set, size_t first, size_t count, uint32_t depth,
                        va_page_event *events, size_t capacity, size_t *found, size_t *done)
{
    if (events == NULL || found == NULL || done == NULL)
        return VA_NULL;
    va_status status = check_range(set, first, count);
    if (status != VA_OK)
        return status;
    if (depth < VA_DEPTH_LINES || depth > VA_DEPTH_BOTH)
        return VA_ARGUMENT;
    if (set->check == NULL && depth != VA_DEPTH_CRC)
        return VA_ARGUMENT;
    *found = 0;
    *done = 0;
    while (*done < count && *found < capacity) {
        *done += clean_run(set, first + *done, count - *done, depth);
        if (*done < count)
            events[(*found)++] = va_page_repair(set, first + (*done)++);
    }
    return VA_OK;
}

/* Pages from `first` on that look clean at this depth. */
static size_t clean_run(const va_pages *set, size_t first, size_t count, uint32_t depth)
{
    size_t clean = 0;
    while (clean < count) {
        size_t at = first + clean;
        size_t run = count - clean;
        if (depth == VA_DEPTH_BOTH && run > RUN_PAGES)
            run = RUN_PAGES;
        size_t agreed = run;
        if (depth & VA_DEPTH_LINES)
            agreed = VA_DISPATCH(page_agree, set->data + at * VA_PAGE_BYTES,
                                 set->check + at * VA_CHECK_BYTES, run);
        if (depth & VA_DEPTH_CRC)
            for (size_t i = 0; i < agreed; i++)
                if (va_page_crc(set, at + i) != set->crc[at + i])
                    return clean + i;
        if (agreed < run)
            return clean + agreed;
        clean += run;
    }
    return clean;
}

static va_status check_range(const va_pages *set, size_t first, size_t count)
{
    va_status status = va_page_check_set(set);
    if (status != VA_OK)
        return status;
    return count == 0 || first >= set->pages || count > set->pages - first ? VA_LENGTH : VA_OK;
}

va_status va_page_check_set(const va_pages *set)
{
    if (set == NULL || set->data == NULL || set->crc == NULL)
        return VA_NULL;
    /* the index seeds the CRC and is reported in 32 bits */
    if (set->pages == 0 || set->pages > UINT32_MAX / 2)
        return VA_LENGTH;
    size_t data = set->pages * VA_PAGE_BYTES, crc = set->pages * sizeof *set->crc;
    if (va_wraps(set->data, data) || va_wraps(set->crc, crc))
        return VA_LENGTH;
    if (va_misaligned(set->data, VA_LINE_BYTES) || va_misaligned(set->crc, sizeof *set->crc))
        return VA_ALIGNMENT;
    if (va_overlap(set->data, data, set->crc, crc))
        return VA_OVERLAP;
    if (set->check == NULL)
        return VA_OK;
    size_t check = set->pages * VA_CHECK_BYTES;
    if (va_wraps(set->check, check))
        return VA_LENGTH;
    if (va_misaligned(set->check, VA_LINE_BYTES))
        return VA_ALIGNMENT;
    if (va_overlap(set->data, data, set->check, check) || va_overlap(set->check, check, set->crc, crc))
        return VA_OVERLAP;
    return VA_OK;
}
