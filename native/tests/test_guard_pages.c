/* Every kernel with its buffers right against a forbidden page, at odd lengths: no byte beyond is read. */
#define _DEFAULT_SOURCE
#include "check.h"

#include <sys/mman.h>

#define ROOM (64u * 4096u)

/* `length` bytes that end exactly where memory ends. */
static uint8_t *at_the_edge(size_t length)
{
    uint8_t *base = mmap(NULL, ROOM + 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    REQUIRE(base != MAP_FAILED && mprotect(base + ROOM, 4096, PROT_NONE) == 0);
    fill_random(base, ROOM, length);
    return base + ROOM - length;
}

static void drop(uint8_t *edge, size_t length) { munmap(edge + length - ROOM, ROOM + 4096); }

static void flat(size_t length)
{
    uint8_t *a = at_the_edge(length), *b = at_the_edge(length), *c = at_the_edge(length);
    uint8_t *d = at_the_edge(length);
    uint64_t count[3];
    uint8_t *const parity[2] = {c, d}, *const all[4] = {a, b, c, d};
    const uint8_t *const two[2] = {a, b};
    const uint8_t present[4] = {0, 1, 1, 0};
    memcpy(b, a, length);
    memcpy(c, a, length);
    a[length - 1] ^= 1;
    REQUIRE(va_tmr_vote(a, b, c, d, length, 0, count) == VA_OK && count[0] == 1);
    REQUIRE(va_tmr_scrub(a, b, c, length, 0, count) == VA_OK && count[0] == 1);
    REQUIRE(va_crc32c(a, length, 0) == va_crc32c(d, length, 0));
    REQUIRE(va_crc32(a, length, 0) == va_crc32(d, length, 0));
    REQUIRE(va_crc16(a, length, 0) == va_crc16(d, length, 0));
    REQUIRE(va_storage_encode(two, parity, 2, 2, length) == VA_OK);
    a[0] ^= 0x40;
    REQUIRE(va_storage_rebuild(all, present, 2, 2, length) == VA_OK && memcmp(a, b, length) == 0);
    REQUIRE(va_cache_flush(a, length) == VA_OK);
    for (int i = 0; i < 4; i++)
        drop(all[i], length);
}

static void shaped(void)
{
    uint8_t *words = at_the_edge(8 * 67), *checks = at_the_edge(67), *block = at_the_edge(255);
    uint8_t *erased = at_the_edge(255), *pages = at_the_edge(3 * 4096), *lines = at_the_edge(3 * 512);
    uint8_t *sums = at_the_edge(12), *parity = at_the_edge(2 * 4096), *parity_sums = at_the_edge(8);
    uint8_t *scratch = at_the_edge(2 * 4096);
    const va_pages set = {pages, lines, (uint32_t *)(void *)sums, 3};
    const va_parity tier = {parity, (uint32_t *)(void *)parity_sums};
    va_word_report word_report;
    va_rs_report rs_report;
    va_page_event events[2];
    size_t found, done;
    REQUIRE(va_word_encode((uint64_t *)(void *)words, checks, 67) == VA_OK);
    REQUIRE(va_word_scrub((uint64_t *)(void *)words, checks, 67, &word_report) == VA_OK);
    REQUIRE(va_rs_encode(block, 255, 1, 1) == VA_OK);
    memset(erased, 0, 255);
    erased[254] = 1;
    block[254] ^= 9;
    REQUIRE(va_rs_decode(block, 255, 1, 1, erased, &rs_report) == VA_OK && rs_report.corrected == 1);
    REQUIRE(va_page_encode(&set, 0, 3) == VA_OK && va_parity_encode(&set, &tier, 0) == VA_OK);
    pages[3 * 4096 - 1] ^= 1;
    REQUIRE(va_page_scrub(&set, 0, 3, VA_DEPTH_BOTH, events, 1, &found, &done) == VA_OK && found == 1);
    memset(pages + 8192, 0, 4096);
    REQUIRE(va_parity_rebuild(&set, &tier, 0, scratch, events, &found) == VA_OK && found == 1);
    drop(words, 8 * 67), drop(checks, 67), drop(block, 255), drop(erased, 255), drop(pages, 3 * 4096);
    drop(lines, 3 * 512), drop(sums, 12), drop(parity, 2 * 4096), drop(parity_sums, 8);
    drop(scratch, 2 * 4096);
}

int main(void)
{
    const size_t lengths[] = {1, 7, 8, 63, 64, 65, 127, 255, 256, 257, 511, 512, 513, 1023, 2047, 4097};
    FOR_EVERY_ISA {
        for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++)
            flat(lengths[i]);
        shaped();
    }
    return 0;
}
