/* Tier 2: any two damaged pages of a group come back; three, or a lying CRC, change nothing. */
#include "check.h"

#define PAGES 70u /* one whole group and a short one */
#define PARITY_PAGES 4u

static _Alignas(64) uint8_t data[PAGES * VA_PAGE_BYTES], golden[PAGES * VA_PAGE_BYTES];
static _Alignas(64) uint8_t check[PAGES * VA_CHECK_BYTES];
static _Alignas(64) uint8_t parity_pages[PARITY_PAGES * VA_PAGE_BYTES];
static _Alignas(64) uint8_t golden_parity[PARITY_PAGES * VA_PAGE_BYTES];
static uint32_t crc[PAGES], golden_crc[PAGES], parity_crc[PARITY_PAGES];
static uint8_t scratch[2 * VA_PAGE_BYTES];
static const va_pages set = {data, check, crc, PAGES}, light = {data, NULL, crc, PAGES};
static const va_parity parity = {parity_pages, parity_crc};

static void lay_out(void)
{
    fill_random(data, sizeof data, 21);
    REQUIRE(va_page_encode(&set, 0, PAGES) == VA_OK);
    REQUIRE(va_parity_encode(&set, &parity, 0) == VA_OK && va_parity_encode(&set, &parity, 1) == VA_OK);
    memcpy(golden, data, sizeof data);
    memcpy(golden_parity, parity_pages, sizeof parity_pages);
    memcpy(golden_crc, crc, sizeof crc);
}

static int as_golden(void)
{
    return memcmp(data, golden, sizeof data) == 0 && memcmp(crc, golden_crc, sizeof crc) == 0 &&
           memcmp(parity_pages, golden_parity, sizeof parity_pages) == 0;
}

static size_t rebuild(const va_pages *pages, size_t group, va_page_event events[2])
{
    size_t found = 9;
    REQUIRE(va_parity_rebuild(pages, &parity, group, scratch, events, &found) == VA_OK);
    return found;
}

static void wreck(size_t page, uint64_t seed) { fill_random(data + page * VA_PAGE_BYTES, VA_PAGE_BYTES, seed); }

static void pairs(const va_pages *pages)
{
    va_page_event events[2];
    REQUIRE(rebuild(pages, 0, events) == 0);
    for (size_t one = 0; one < PAGES; one += one < 64 ? 9 : 1) {
        size_t group = one / 64, last = group == 0 ? 64 : PAGES;
        wreck(one, one);
        REQUIRE(rebuild(pages, group, events) == 1 && as_golden());
        REQUIRE(events[0].page == one && events[0].outcome == VA_PAGE_REBUILT && events[0].bits > 1000);
        for (size_t two = one + 1; two < last; two += 5) {
            wreck(one, one);
            wreck(two, two);
            REQUIRE(rebuild(pages, group, events) == 2 && as_golden());
        }
        wreck(one, one);
        parity_pages[2 * group * VA_PAGE_BYTES + 5] ^= 1; /* P is damaged: Q alone must do */
        REQUIRE(rebuild(pages, group, events) == 1 && as_golden());
        wreck(one, one);
        parity_pages[(2 * group + 1) * VA_PAGE_BYTES + 5] ^= 1; /* Q is damaged */
        REQUIRE(rebuild(pages, group, events) == 1 && as_golden());
    }
    uint32_t bits = 9;
    REQUIRE(va_parity_scrub(pages, &parity, 0, scratch, &bits) == VA_OK && bits == 0);
    parity_pages[7] ^= 3;
    REQUIRE(va_parity_scrub(pages, &parity, 0, scratch, &bits) == VA_OK && bits == 2 && as_golden());
    parity_crc[1] ^= 8;
    REQUIRE(va_parity_scrub(pages, &parity, 0, scratch, &bits) == VA_OK && bits == 1 && as_golden());
    parity_pages[7] ^= 1;
    data[9] ^= 1;
    REQUIRE(va_parity_scrub(pages, &parity, 0, scratch, &bits) == VA_OK && bits == 0);
    data[9] ^= 1;
    REQUIRE(rebuild(pages, 0, events) == 0 && as_golden());
    parity_pages[VA_PAGE_BYTES] ^= 1;
    REQUIRE(rebuild(pages, 0, events) == 0 && as_golden());
    crc[3] ^= 0xFF00; /* the CRC was hit, the page was not */
    REQUIRE(rebuild(pages, 0, events) == 1 && events[0].outcome == VA_PAGE_CHECK_REPAIRED && as_golden());
}

static void too_much(void)
{
    static uint8_t before[sizeof data];
    va_page_event events[2];
    const size_t hit[3] = {1, 2, 40};
    for (int n = 0; n < 3; n++)
        wreck(hit[n], (uint64_t)n);
    memcpy(before, data, sizeof data);
    REQUIRE(rebuild(&set, 0, events) == 0 && memcmp(before, data, sizeof data) == 0);
    lay_out();
    wreck(1, 1);
    wreck(2, 2);
    parity_pages[0] ^= 1;
    memcpy(before, data, sizeof data);
    REQUIRE(rebuild(&set, 0, events) == 0 && memcmp(before, data, sizeof data) == 0);
    parity_pages[0] ^= 1;
    parity_pages[VA_PAGE_BYTES] ^= 1;
    REQUIRE(rebuild(&set, 0, events) == 0 && memcmp(before, data, sizeof data) == 0);
    memcpy(data, golden, sizeof data);
    wreck(5, 5);
    parity_pages[0] ^= 1;
    memcpy(before, data, sizeof data);
    REQUIRE(rebuild(&set, 0, events) == 0 && memcmp(before, data, sizeof data) == 0);
    lay_out();
    wreck(5, 5);
    crc[5] ^= 0xF0; /* data and its CRC both hit: the rebuilt page cannot be confirmed */
    memcpy(before, data, sizeof data);
    REQUIRE(rebuild(&set, 0, events) == 0 && memcmp(before, data, sizeof data) == 0);
    lay_out();
}

static void bad_calls(void)
{
    va_page_event events[2];
    size_t found = 4;
    uint8_t *odd = (uint8_t *)parity_crc + 1;
#define BAD(status, ...) REQUIRE(va_parity_encode(&set, &(va_parity){__VA_ARGS__}, 0) == (status))
    BAD(VA_NULL, NULL, parity_crc);
    BAD(VA_NULL, parity_pages, NULL);
    BAD(VA_ALIGNMENT, parity_pages + 8, parity_crc);
    BAD(VA_ALIGNMENT, parity_pages, (uint32_t *)(void *)odd);
    BAD(VA_OVERLAP, data, parity_crc);
    BAD(VA_OVERLAP, parity_pages, (uint32_t *)(void *)data);
    BAD(VA_OVERLAP, parity_pages, (uint32_t *)(void *)parity_pages);
    BAD(VA_LENGTH, (uint8_t *)(UINTPTR_MAX - 4095), parity_crc);
    BAD(VA_LENGTH, parity_pages, (uint32_t *)(UINTPTR_MAX - 7));
    REQUIRE(va_parity_encode(&set, NULL, 0) == VA_NULL && va_parity_encode(NULL, &parity, 0) == VA_NULL);
    REQUIRE(va_parity_encode(&set, &parity, 2) == VA_LENGTH);
    REQUIRE(va_parity_rebuild(&set, &parity, 0, NULL, events, &found) == VA_NULL);
    REQUIRE(va_parity_rebuild(&set, &parity, 0, scratch, NULL, &found) == VA_NULL);
    REQUIRE(va_parity_rebuild(&set, &parity, 0, scratch, events, NULL) == VA_NULL);
    REQUIRE(va_parity_scrub(&set, &parity, 0, NULL, &(uint32_t){0}) == VA_NULL);
    REQUIRE(va_parity_scrub(&set, &parity, 0, scratch, NULL) == VA_NULL);
    REQUIRE(va_parity_scrub(&set, &parity, 2, scratch, &(uint32_t){0}) == VA_LENGTH);
    REQUIRE(va_parity_rebuild(&set, &parity, 2, scratch, events, &found) == VA_LENGTH);
    REQUIRE(found == 4 && as_golden());
}

int main(void)
{
    FOR_EVERY_ISA {
        lay_out();
        pairs(&set);
        pairs(&light);
        too_much();
        bad_calls();
    }
    return 0;
}
