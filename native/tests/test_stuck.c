/* Stuck memory: a bit that takes no write. The linker puts this flush in place of the core's, which is the
 * moment when real memory would answer with the old bit again. */
#include "check.h"

#define PAGES 66u

static _Alignas(64) uint8_t data[PAGES * VA_PAGE_BYTES];
static _Alignas(64) uint8_t check[PAGES * VA_CHECK_BYTES], parity_pages[4 * VA_PAGE_BYTES];
static uint32_t crc[PAGES], parity_crc[4];
static uint8_t scratch[2 * VA_PAGE_BYTES];
static uint8_t *stuck;
static int bounces;

va_status __wrap_va_cache_flush(const uint8_t *address, size_t length);

va_status __wrap_va_cache_flush(const uint8_t *address, size_t length)
{
    if (stuck != NULL && stuck >= address && stuck < address + length && bounces > 0) {
        *stuck ^= 0x10;
        bounces--;
    }
    return VA_OK;
}

static uint32_t outcome_of_scrub(uint32_t depth)
{
    const va_pages set = {data, check, crc, PAGES};
    va_page_event event = {0, 0, 0};
    size_t found, done;
    REQUIRE(va_page_scrub(&set, 0, PAGES, depth, &event, 1, &found, &done) == VA_OK && found == 1);
    return event.outcome;
}

int main(void)
{
    const va_pages set = {data, check, crc, PAGES};
    const va_parity parity = {parity_pages, parity_crc};
    va_page_event events[2];
    size_t found;
    FOR_EVERY_ISA {
        fill_random(data, sizeof data, 31);
        REQUIRE(va_page_encode(&set, 0, PAGES) == VA_OK && va_parity_encode(&set, &parity, 0) == VA_OK);
        stuck = data + 5000;
        *stuck ^= 0x10;
        bounces = 1;
        REQUIRE(outcome_of_scrub(VA_DEPTH_BOTH) == VA_PAGE_STUCK);
        REQUIRE(outcome_of_scrub(VA_DEPTH_BOTH) == VA_PAGE_CORRECTED); /* it took this time */
        stuck = check + 700;
        *stuck ^= 0x10;
        bounces = 1;
        REQUIRE(outcome_of_scrub(VA_DEPTH_LINES) == VA_PAGE_STUCK);
        REQUIRE(outcome_of_scrub(VA_DEPTH_LINES) == VA_PAGE_CHECK_REPAIRED);
        stuck = (uint8_t *)(crc + 7);
        *stuck ^= 0x10;
        bounces = 1;
        REQUIRE(outcome_of_scrub(VA_DEPTH_BOTH) == VA_PAGE_STUCK);
        REQUIRE(outcome_of_scrub(VA_DEPTH_BOTH) == VA_PAGE_CHECK_REPAIRED);
        stuck = data + 9000;
        *stuck ^= 0x10;
        bounces = 1;
        REQUIRE(va_parity_rebuild(&set, &parity, 0, scratch, events, &found) == VA_OK && found == 1);
        REQUIRE(events[0].outcome == VA_PAGE_STUCK && events[0].page == 2);
        *stuck ^= 0x10;
    }
    return 0;
}
