/* Tier 2: P and Q pages across groups of 64 pages. The CRCs say which pages are damaged, so P and Q
 * rebuild any two of the 66 whatever the number of flips, which no SECDED can. */
#include "isa/guard.h"
#include "isa/kernels.h"
#include "page/repair.h"
#include "tables.h"

#include <string.h>

#define GROUP VA_GROUP_PAGES
#define NONE UINT32_MAX

typedef struct {
    size_t first, pages; /* data pages of this group; missing ones of the last group count as zero */
    uint8_t *p, *q;
    uint32_t *p_crc, *q_crc;
    uint32_t p_seed, q_seed;
} group_view;

typedef struct {
    uint32_t page[3]; /* damaged data pages, relative to the group; the third is one too many */
    uint32_t count;
    int p_bad, q_bad;
} damage;

static va_status check_parity(const va_pages *set, const va_parity *parity, size_t group);
static group_view view(const va_pages *set, const va_parity *parity, size_t group);
static damage locate(const va_pages *set, const group_view *g);
static void solve_one(const va_pages *set, const group_view *g, const damage *d, uint8_t *x, uint8_t *q);
static void solve_two(const va_pages *set, const group_view *g, const damage *d, uint8_t *x, uint8_t *y);
static uint32_t confirm(const va_pages *set, size_t page, const uint8_t *rebuilt, uint32_t *bits);
static uint8_t times(uint8_t a, uint32_t log_b);

va_status va_parity_encode(const va_pages *set, const va_parity *parity, size_t group)
{
    va_status status = check_parity(set, parity, group);
    if (status != VA_OK)
        return status;
    group_view g = view(set, parity, group);
    VA_DISPATCH(parity_pages, set->data + g.first * VA_PAGE_BYTES, g.pages, g.p, g.q);
    *g.p_crc = va_crc32c(g.p, VA_PAGE_BYTES, g.p_seed);
    *g.q_crc = va_crc32c(g.q, VA_PAGE_BYTES, g.q_seed);
    return VA_OK;
}

/* P and Q themselves are memory too: a hit on them must not wait until they are needed. */
va_status va_parity_scrub(const va_pages *set, const va_parity *parity, size_t group, uint8_t *scratch,
                          uint32_t *bits)
{
    if (scratch == NULL || bits == NULL)
        return VA_NULL;
    va_status status = check_parity(set, parity, group);
    if (status != VA_OK)
        return status;
    group_view g = view(set, parity, group);
    *bits = 0;
    if (va_crc32c(g.p, VA_PAGE_BYTES, g.p_seed) == *g.p_crc &&
        va_crc32c(g.q, VA_PAGE_BYTES, g.q_seed) == *g.q_crc)
        return VA_OK;
    damage d = locate(set, &g);
    if (d.count > 0)
        return VA_OK; /* the data must be mended first, or its damage would be taken for truth */
    uint32_t p_crc = *g.p_crc, q_crc = *g.q_crc;
    memcpy(scratch, g.p, 2 * VA_PAGE_BYTES); /* Q follows P */
    va_parity_encode(set, parity, group);
    *bits = va_popcount(p_crc ^ *g.p_crc) + va_popcount(q_crc ^ *g.q_crc);
    for (size_t at = 0; at < 2 * VA_PAGE_BYTES; at++)
        *bits += va_popcount((uint64_t)(scratch[at] ^ g.p[at]));
    return VA_OK;
}

/* Both scratch pages are the caller's: rebuilt bytes are confirmed there before they go live. */
va_status va_parity_rebuild(const va_pages *set, const va_parity *parity, size_t group, uint8_t *scratch,
                            va_page_event events[2], size_t *found)
{
    if (scratch == NULL || events == NULL || found == NULL)
        return VA_NULL;
    va_status status = check_parity(set, parity, group);
    if (status != VA_OK)
        return status;
    group_view g = view(set, parity, group);
    damage d = locate(set, &g);
    *found = 0;
    if (d.count == 0) {
        if (d.p_bad || d.q_bad)
            return va_parity_encode(set, parity, group);
        return VA_OK;
    }
    if (d.count > 2 || (d.count == 2 && (d.p_bad || d.q_bad)) || (d.p_bad && d.q_bad))
        return VA_OK; /* more damage than P and Q can carry: nothing found to mend */
    if (d.count == 1)
        solve_one(set, &g, &d, scratch, scratch + VA_PAGE_BYTES);
    else
        solve_two(set, &g, &d, scratch, scratch + VA_PAGE_BYTES);
    for (uint32_t i = 0; i < d.count; i++) {
        uint32_t bits = 0;
        size_t page = g.first + d.page[i];
        uint32_t outcome = confirm(set, page, scratch + i * VA_PAGE_BYTES, &bits);
        if (outcome != VA_PAGE_UNCORRECTABLE)
            events[(*found)++] = (va_page_event){(uint32_t)page, outcome, bits};
    }
    if (*found == d.count && (d.p_bad || d.q_bad))
        return va_parity_encode(set, parity, group);
    return VA_OK;
}

static group_view view(const va_pages *set, const va_parity *parity, size_t group)
{
    size_t first = group * GROUP, left = set->pages - first;
    uint32_t seed = ~(uint32_t)(2 * group); /* counts down from the top, away from the page numbers */
    return (group_view){.first = first,
                        .pages = left < GROUP ? left : GROUP,
                        .p = parity->data + 2 * group * VA_PAGE_BYTES,
                        .q = parity->data + (2 * group + 1) * VA_PAGE_BYTES,
                        .p_crc = parity->crc + 2 * group,
                        .q_crc = parity->crc + 2 * group + 1,
                        .p_seed = seed,
                        .q_seed = seed - 1};
}

static damage locate(const va_pages *set, const group_view *g)
{
    damage d = {{NONE, NONE, NONE}, 0, 0, 0};
    for (uint32_t i = 0; i < g->pages && d.count < 3; i++)
        if (va_page_crc(set, g->first + i) != set->crc[g->first + i])
            d.page[d.count++] = i;
    d.p_bad = va_crc32c(g->p, VA_PAGE_BYTES, g->p_seed) != *g->p_crc;
    d.q_bad = va_crc32c(g->q, VA_PAGE_BYTES, g->q_seed) != *g->q_crc;
    return d;
}

/* What stored and recomputed parity differ by once the damaged pages' own share is taken out: the sums of
 * what those pages should hold, plain in `p` and weighted in `q`. */
static void missing_sums(const va_pages *set, const group_view *g, const damage *d, uint8_t *p, uint8_t *q)
{
    VA_DISPATCH(parity_pages, set->data + g->first * VA_PAGE_BYTES, g->pages, p, q);
    for (size_t at = 0; at < VA_PAGE_BYTES; at++) {
        p[at] ^= g->p[at];
        q[at] ^= g->q[at];
    }
    for (uint32_t n = 0; n < d->count; n++) {
        const uint8_t *bad = set->data + (g->first + d->page[n]) * VA_PAGE_BYTES;
        for (size_t at = 0; at < VA_PAGE_BYTES; at++)
            p[at] ^= bad[at];
        if (d->count == 1 && !d->p_bad)
            return; /* one page and a sound P: Q, the slow one, is not asked */
        for (size_t at = 0; at < VA_PAGE_BYTES; at++)
            q[at] ^= times(bad[at], d->page[n]);
    }
}

static void solve_one(const va_pages *set, const group_view *g, const damage *d, uint8_t *x, uint8_t *q)
{
    missing_sums(set, g, d, x, q);
    if (d->p_bad)
        for (size_t at = 0; at < VA_PAGE_BYTES; at++)
            x[at] = times(q[at], 255 - d->page[0]);
}

/* x + y = p and 2^i x + 2^j y = q, hence x = (q + 2^j p) / (2^i + 2^j). */
static void solve_two(const va_pages *set, const group_view *g, const damage *d, uint8_t *x, uint8_t *y)
{
    uint32_t i = d->page[0], j = d->page[1];
    uint8_t divisor = (uint8_t)(va_table_storage_exp[0][i] ^ va_table_storage_exp[0][j]);
    uint32_t inverse = 255u - va_table_storage_log[0][divisor];
    missing_sums(set, g, d, x, y);
    for (size_t at = 0; at < VA_PAGE_BYTES; at++) {
        uint8_t p = x[at];
        x[at] = times((uint8_t)(y[at] ^ times(p, j)), inverse);
        y[at] = p ^ x[at];
    }
}

/* The rebuilt page goes live only if its CRC agrees, or if it equals the live page (the CRC was hit). */
static uint32_t confirm(const va_pages *set, size_t page, const uint8_t *rebuilt, uint32_t *bits)
{
    uint8_t *live = set->data + page * VA_PAGE_BYTES;
    uint32_t crc = va_crc32c(rebuilt, VA_PAGE_BYTES, (uint32_t)page);
    if (crc != set->crc[page] && memcmp(live, rebuilt, VA_PAGE_BYTES) != 0)
        return VA_PAGE_UNCORRECTABLE;
    if (crc != set->crc[page]) {
        *bits = va_popcount(crc ^ set->crc[page]);
        set->crc[page] = crc;
        return VA_PAGE_CHECK_REPAIRED;
    }
    for (size_t at = 0; at < VA_PAGE_BYTES; at++)
        *bits += va_popcount((uint64_t)(live[at] ^ rebuilt[at]));
    memcpy(live, rebuilt, VA_PAGE_BYTES);
    if (set->check != NULL)
        va_page_recheck(set, page);
    return va_page_took(set, page) ? VA_PAGE_REBUILT : VA_PAGE_STUCK;
}

static uint8_t times(uint8_t a, uint32_t log_b)
{
    return a == 0 ? 0 : va_table_storage_exp[0][va_table_storage_log[0][a] + log_b % 255];
}

static va_status check_parity(const va_pages *set, const va_parity *parity, size_t group)
{
    va_status status = va_page_check_set(set);
    if (status != VA_OK)
        return status;
    if (parity == NULL || parity->data == NULL || parity->crc == NULL)
        return VA_NULL;
    size_t groups = (set->pages + GROUP - 1) / GROUP, bytes = 2 * groups * VA_PAGE_BYTES;
    size_t sums = 2 * groups * sizeof *parity->crc;
    if (group >= groups || va_wraps(parity->data, bytes) || va_wraps(parity->crc, sums))
        return VA_LENGTH;
    if (va_misaligned(parity->data, VA_LINE_BYTES) || va_misaligned(parity->crc, sizeof *parity->crc))
        return VA_ALIGNMENT;
    if (va_overlap(set->data, set->pages * VA_PAGE_BYTES, parity->data, bytes) ||
        va_overlap(set->data, set->pages * VA_PAGE_BYTES, parity->crc, sums) ||
        va_overlap(parity->data, bytes, parity->crc, sums))
        return VA_OVERLAP;
    return VA_OK;
}
