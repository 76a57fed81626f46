/* Pages: every single flip in data, check lines and CRC; every two-line pair; undo; bad calls. */
#include "check.h"

#define PAGES 3u

static _Alignas(64) uint8_t data[PAGES * VA_PAGE_BYTES], golden[PAGES * VA_PAGE_BYTES];
static _Alignas(64) uint8_t check[PAGES * VA_CHECK_BYTES], golden_check[PAGES * VA_CHECK_BYTES];
static uint32_t crc[PAGES], golden_crc[PAGES];
static const va_pages set = {data, check, crc, PAGES};

static void lay_out(void)
{
    fill_random(data, sizeof data, 11);
    REQUIRE(va_page_encode(&set, 0, PAGES) == VA_OK);
    memcpy(golden, data, sizeof data);
    memcpy(golden_check, check, sizeof check);
    memcpy(golden_crc, crc, sizeof crc);
}

static int as_golden(void)
{
    return memcmp(data, golden, sizeof data) == 0 && memcmp(check, golden_check, sizeof check) == 0 &&
           memcmp(crc, golden_crc, sizeof crc) == 0;
}

/* One scrub of the set; returns the outcome of the only event, 0 for none. */
static va_page_event scrub(uint32_t depth)
{
    va_page_event events[PAGES];
    size_t found = 99, done = 99;
    REQUIRE(va_page_scrub(&set, 0, PAGES, depth, events, PAGES, &found, &done) == VA_OK);
    REQUIRE(found <= 1 && done == PAGES);
    return found ? events[0] : (va_page_event){0, 0, 0};
}

static void every_single_flip(size_t stride)
{
    for (size_t bit = 0; bit < 8 * VA_PAGE_BYTES; bit += stride) {
        data[VA_PAGE_BYTES + bit / 8] ^= (uint8_t)(1u << (bit & 7));
        va_page_event event = scrub(VA_DEPTH_BOTH);
        REQUIRE(event.page == 1 && event.outcome == VA_PAGE_CORRECTED && event.bits == 1 && as_golden());
    }
    for (size_t bit = 0; bit < 8 * VA_CHECK_BYTES; bit += stride) {
        check[VA_CHECK_BYTES + bit / 8] ^= (uint8_t)(1u << (bit & 7));
        va_page_event event = scrub(VA_DEPTH_LINES);
        REQUIRE(event.page == 1 && event.outcome == VA_PAGE_CHECK_REPAIRED && event.bits == 1);
        REQUIRE(as_golden());
    }
    for (uint32_t bit = 0; bit < 32; bit++) {
        crc[1] ^= 1u << bit;
        va_page_event event = scrub(VA_DEPTH_BOTH);
        REQUIRE(event.page == 1 && event.outcome == VA_PAGE_CHECK_REPAIRED && event.bits == 1);
        REQUIRE(as_golden());
    }
}

/* Row 0-63 is a data line, 64-71 a check line of page 1. */
static uint8_t *line(uint32_t row)
{
    return row < 64 ? data + VA_PAGE_BYTES + row * VA_LINE_BYTES
                    : check + VA_CHECK_BYTES + (row - 64) * VA_LINE_BYTES;
}

static void every_pair_of_lines(void)
{
    for (uint32_t one = 0; one < 72; one++)
        for (uint32_t two = 0; two < one; two++) {
            line(one)[one % 64] ^= 0x10; /* the same column: detected, never "mended" */
            line(two)[one % 64] ^= 0x10;
            va_page_event event = scrub(VA_DEPTH_BOTH);
            REQUIRE(event.page == 1);
            REQUIRE(event.outcome == (two < 64 ? VA_PAGE_UNCORRECTABLE : VA_PAGE_CHECK_REPAIRED));
            line(one)[one % 64] ^= two < 64 ? 0x10 : 0; /* undone exactly: the same flips restore */
            line(two)[one % 64] ^= two < 64 ? 0x10 : 0;
            REQUIRE(as_golden());
            line(one)[5] ^= 0x01; /* different columns: both mended */
            line(two)[9] ^= 0x80;
            event = scrub(VA_DEPTH_BOTH);
            REQUIRE(event.outcome != VA_PAGE_UNCORRECTABLE && event.bits == 2 && as_golden());
        }
}

static void spoil(uint32_t row, int how)
{
    uint8_t noise[VA_LINE_BYTES];
    fill_random(noise, sizeof noise, row);
    for (size_t at = 0; at < VA_LINE_BYTES; at++)
        line(row)[at] = how == 0 ? (uint8_t)~line(row)[at] : how == 1 ? noise[at] : (uint8_t)(how == 2 ? 0 : 0xFF);
}

/* Two whole dead lines, inverted, random, zeroed or set: never "mended", every byte as found. */
static void every_pair_of_whole_lines(void)
{
    static uint8_t found[sizeof data], found_check[sizeof check];
    for (uint32_t one = 0; one < 72; one++)
        for (uint32_t two = 0; two < one; two++)
            for (int how = 0; how < 4; how++) {
                spoil(one, how);
                spoil(two, how);
                memcpy(found, data, sizeof data);
                memcpy(found_check, check, sizeof check);
                va_page_event event = scrub(VA_DEPTH_BOTH);
                REQUIRE(event.page == 1);
                REQUIRE(event.outcome == (two < 64 ? VA_PAGE_UNCORRECTABLE : VA_PAGE_CHECK_REPAIRED));
                if (two < 64) {
                    REQUIRE(memcmp(data, found, sizeof data) == 0);
                    REQUIRE(memcmp(check, found_check, sizeof check) == 0);
                    memcpy(data, golden, sizeof data);
                    memcpy(check, golden_check, sizeof check);
                }
                REQUIRE(as_golden());
            }
}

/* Three hits of one column whose columns of the matrix add up to a fourth: the check lines then name a
 * sound line. Only the CRC knows; every byte must be as it was found. */
static void wrong_repairs_are_undone(void)
{
    static const uint8_t seeds[8] = {0x07, 0x0B, 0x13, 0x23, 0x43, 0x15, 0x25, 0x1F};
    uint8_t column[64];
    int found = 0;
    for (uint32_t row = 0; row < 64; row++)
        column[row] = (uint8_t)(seeds[row / 8] << row % 8 | seeds[row / 8] >> (8 - row % 8));
    for (uint32_t x = 0; x < 64 && found < 40; x += 3)
        for (uint32_t y = 0; y < x && found < 40; y++)
            for (uint32_t z = 0; z < y && found < 40; z++)
                for (uint32_t w = 0; w < 64; w++) {
                    if ((column[x] ^ column[y] ^ column[z]) != column[w] || found >= 40 || w % 5 != x % 5)
                        continue;
                    found++;
                    line(x)[7] ^= 4, line(y)[7] ^= 4, line(z)[7] ^= 4;
                    va_page_event event = scrub(VA_DEPTH_BOTH);
                    REQUIRE(event.page == 1 && event.outcome == VA_PAGE_UNCORRECTABLE && event.bits == 0);
                    line(x)[7] ^= 4, line(y)[7] ^= 4, line(z)[7] ^= 4;
                    REQUIRE(as_golden());
                }
    REQUIRE(found == 40);
    crc[1] ^= 0x30; /* two bits off: too far to call it a hit on the CRC with nobody else to ask */
    REQUIRE(scrub(VA_DEPTH_BOTH).outcome == VA_PAGE_UNCORRECTABLE);
    crc[1] ^= 0x30;
    REQUIRE(as_golden());
}

static void swapped_pages_are_caught(void)
{
    uint32_t bad[PAGES];
    size_t found, done;
    memcpy(data, golden + VA_PAGE_BYTES, VA_PAGE_BYTES);
    memcpy(data + VA_PAGE_BYTES, golden, VA_PAGE_BYTES);
    crc[0] = golden_crc[1];
    crc[1] = golden_crc[0];
    REQUIRE(va_page_verify(&set, 0, PAGES, bad, PAGES, &found, &done) == VA_OK);
    REQUIRE(found == 2 && bad[0] == 0 && bad[1] == 1 && done == PAGES);
    REQUIRE(va_page_verify(&set, 0, PAGES, bad, 1, &found, &done) == VA_OK);
    REQUIRE(found == 1 && done == 1);
    lay_out();
}

static void bad_calls(void)
{
    va_page_event events[1];
    size_t found = 7, done = 7;
    uint32_t bad[1];
    data[3] ^= 1;
#define BAD(status, ...) \
    REQUIRE(va_page_encode(&(va_pages){__VA_ARGS__}, 0, 1) == (status))
    BAD(VA_NULL, NULL, check, crc, 1);
    BAD(VA_NULL, data, check, NULL, 1);
    BAD(VA_LENGTH, data, check, crc, 0);
    BAD(VA_LENGTH, data, check, crc, SIZE_MAX);
    BAD(VA_LENGTH, data, check, crc, SIZE_MAX / VA_PAGE_BYTES);
    BAD(VA_LENGTH, data, check, crc, (size_t)UINT32_MAX + 1);
    BAD(VA_LENGTH, (uint8_t *)(UINTPTR_MAX - 63), check, crc, 1);
    BAD(VA_LENGTH, data, check, (uint32_t *)(UINTPTR_MAX - 3), 1);
    BAD(VA_LENGTH, data, (uint8_t *)(UINTPTR_MAX - 63), crc, 1);
    BAD(VA_ALIGNMENT, data + 1, check, crc, 1);
    BAD(VA_ALIGNMENT, data, check + 32, crc, 1);
    BAD(VA_ALIGNMENT, data, check, (uint32_t *)(void *)(check + 2), 1);
    BAD(VA_OVERLAP, data, data + 64, crc, 1);
    BAD(VA_OVERLAP, data, check, (uint32_t *)(void *)data, 1);
    BAD(VA_OVERLAP, data, check, (uint32_t *)(void *)check, 1);
    REQUIRE(va_page_encode(NULL, 0, 1) == VA_NULL);
    REQUIRE(va_page_encode(&set, PAGES, 1) == VA_LENGTH);
    REQUIRE(va_page_encode(&set, 1, PAGES) == VA_LENGTH);
    REQUIRE(va_page_encode(&set, 1, 0) == VA_LENGTH);
    REQUIRE(va_page_scrub(&set, 0, 1, 0, events, 1, &found, &done) == VA_ARGUMENT);
    REQUIRE(va_page_scrub(&set, 0, 1, 4, events, 1, &found, &done) == VA_ARGUMENT);
    REQUIRE(va_page_scrub(&set, 0, 1, 3, NULL, 1, &found, &done) == VA_NULL);
    REQUIRE(va_page_scrub(&set, 0, 1, 3, events, 1, NULL, &done) == VA_NULL);
    REQUIRE(va_page_scrub(&set, 0, 1, 3, events, 1, &found, NULL) == VA_NULL);
    REQUIRE(va_page_scrub(&set, 0, 0, 3, events, 1, &found, &done) == VA_LENGTH);
    REQUIRE(va_page_scrub(&(va_pages){data, NULL, crc, 1}, 0, 1, 3, events, 1, &found, &done) == VA_ARGUMENT);
    REQUIRE(va_page_verify(&set, 0, 1, NULL, 1, &found, &done) == VA_NULL);
    REQUIRE(va_page_verify(&set, 0, 1, bad, 1, NULL, &done) == VA_NULL);
    REQUIRE(va_page_verify(&set, 0, 1, bad, 1, &found, NULL) == VA_NULL);
    REQUIRE(va_page_verify(&set, 0, 0, bad, 1, &found, &done) == VA_LENGTH);
    REQUIRE(found == 7 && done == 7 && data[3] == (golden[3] ^ 1));
    data[3] ^= 1;
}

static void light_profile(void)
{
    const va_pages light = {data, NULL, crc, PAGES};
    va_page_event events[PAGES];
    size_t found, done;
    data[2 * VA_PAGE_BYTES] ^= 4;
    REQUIRE(va_page_scrub(&light, 0, PAGES, VA_DEPTH_CRC, events, PAGES, &found, &done) == VA_OK);
    REQUIRE(found == 1 && events[0].page == 2 && events[0].outcome == VA_PAGE_UNCORRECTABLE);
    REQUIRE(va_page_encode(&light, 2, 1) == VA_OK && crc[2] != golden_crc[2]);
    lay_out();
}

int main(int argc, char **argv)
{
    (void)argv;
    FOR_EVERY_ISA {
        lay_out();
        every_single_flip(argc > 1 ? 1 : 13); /* all of them in the optimised build */
        every_pair_of_lines();
        every_pair_of_whole_lines();
        wrong_repairs_are_undone();
        swapped_pages_are_caught();
        bad_calls();
        light_profile();
    }
    return 0;
}
