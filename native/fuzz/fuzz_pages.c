/* Page scrub and parity rebuild over arbitrary damage: a confirmed page is the golden page. */
#include "fuzz.h"

#define PAGES 3u

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
    static _Alignas(64) uint8_t data[PAGES * VA_PAGE_BYTES], golden[PAGES * VA_PAGE_BYTES];
    static _Alignas(64) uint8_t check[PAGES * VA_CHECK_BYTES], parity_pages[2 * VA_PAGE_BYTES];
    static uint8_t sound_check[sizeof check], sound_parity[sizeof parity_pages];
    static uint32_t sound_crc[PAGES];
    static int encoded;
    static uint8_t scratch[2 * VA_PAGE_BYTES];
    static uint32_t crc[PAGES], parity_crc[2];
    const va_pages set = {data, check, crc, PAGES};
    const va_parity parity = {parity_pages, parity_crc};
    va_page_event events[PAGES], rebuilt[2];
    size_t found = 0, done = 0, mended = 0;
    fuzz_input in = {input, size};
    if (!encoded) {
        for (size_t i = 0; i < sizeof data; i++)
            data[i] = golden[i] = (uint8_t)(7 * i % 251);
        va_page_encode(&set, 0, PAGES);
        va_parity_encode(&set, &parity, 0);
        memcpy(sound_check, check, sizeof check);
        memcpy(sound_crc, crc, sizeof crc);
        memcpy(sound_parity, parity_pages, sizeof parity_pages);
        encoded = 1;
    }
    memcpy(data, golden, sizeof data);
    memcpy(check, sound_check, sizeof check);
    memcpy(crc, sound_crc, sizeof crc);
    memcpy(parity_pages, sound_parity, sizeof parity_pages);
    while (in.left >= 4) {
        uint32_t where = fuzz_byte(&in) % 8u, at = fuzz_byte(&in) * 256u + fuzz_byte(&in);
        uint8_t mask = fuzz_byte(&in);
        if (where < 5)
            data[(where % PAGES * VA_PAGE_BYTES + at) % sizeof data] ^= mask;
        else if (where == 5)
            check[at % sizeof check] ^= mask;
        else if (where == 6)
            ((uint8_t *)crc)[at % sizeof crc] ^= mask;
        else
            parity_pages[at % sizeof parity_pages] ^= mask;
    }
    FUZZ_REQUIRE(va_page_scrub(&set, 0, PAGES, VA_DEPTH_BOTH, events, PAGES, &found, &done) == VA_OK);
    FUZZ_REQUIRE(done == PAGES);
    va_parity_rebuild(&set, &parity, 0, scratch, rebuilt, &mended);
    for (uint32_t page = 0; page < PAGES; page++) {
        int open = 0;
        for (size_t i = 0; i < found; i++)
            open |= events[i].page == page && events[i].outcome == VA_PAGE_UNCORRECTABLE;
        for (size_t i = 0; i < mended; i++)
            open &= rebuilt[i].page != page;
        size_t at = page * VA_PAGE_BYTES;
        FUZZ_REQUIRE(open || memcmp(data + at, golden + at, VA_PAGE_BYTES) == 0);
    }
    return 0;
}
