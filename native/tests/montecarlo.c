/* Random multi-bit patterns on one protected page: usage montecarlo COUNT SEED.
 *
 * A pattern is silent when the data differs from the golden bytes and the scrub saw nothing, or called the
 * page mended. Prints one JSON object of counts; exits 1 if anything was silent or an undo was not exact. */
#include "check.h"

#define PATTERNS 12

static const char *const names[PATTERNS] = {
    "adjacent 2 to 8 bits", "random byte", "random 8-byte word", "random 64-byte line", "2 to 8 random lines",
    "same bit in 2 to 4 adjacent rows", "stuck column over all rows", "3 random bits in a word",
    "2 to 64 random bits", "burst across data and check lines", "random CRC and one data bit",
    "check line and data line"};

static _Alignas(64) uint8_t data[VA_PAGE_BYTES], golden[VA_PAGE_BYTES], damaged[VA_PAGE_BYTES];
static _Alignas(64) uint8_t check[VA_CHECK_BYTES], golden_check[VA_CHECK_BYTES];
static uint32_t crc, golden_crc;
static uint64_t state;

static uint32_t below(uint32_t limit) { return (uint32_t)(next_random(&state) % limit); }

static void scatter(uint8_t *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++)
        bytes[i] = (uint8_t)next_random(&state);
}

static void flip(uint8_t *bytes, uint32_t bit) { bytes[bit / 8] ^= (uint8_t)(1u << (bit & 7)); }

static void hit(uint32_t pattern)
{
    uint32_t count, at;
    switch (pattern) {
    case 0:
        for (count = 2 + below(7), at = below(8 * VA_PAGE_BYTES - 8); count > 0; count--)
            flip(data, at + count);
        break;
    case 1: scatter(data + below(VA_PAGE_BYTES), 1); break;
    case 2: scatter(data + 8 * below(VA_PAGE_BYTES / 8), 8); break;
    case 3: scatter(data + 64 * below(64), 64); break;
    case 4:
        for (count = 2 + below(7); count > 0; count--)
            scatter(data + 64 * below(64), 64);
        break;
    case 5:
        for (count = 2 + below(3), at = below(512) + 512 * below(60); count > 0; count--, at += 512)
            flip(data, at);
        break;
    case 6: /* a stuck data line: the same bit reads 0 or 1 in every row */
        at = below(512);
        count = below(2);
        for (uint32_t row = 0; row < 64; row++)
            if (((uint32_t)data[64 * row + at / 8] >> (at & 7) & 1u) != count)
                flip(data, 512 * row + at);
        break;
    case 7:
        for (count = 3, at = 64 * below(512); count > 0; count--)
            flip(data, at + below(64));
        break;
    case 8:
        for (count = 2 + below(63); count > 0; count--)
            flip(data, below(8 * VA_PAGE_BYTES));
        break;
    case 9:
        scatter(data + 4032, 64);
        scatter(check, 1 + below(64));
        break;
    case 10:
        crc = (uint32_t)next_random(&state);
        flip(data, below(8 * VA_PAGE_BYTES));
        break;
    default:
        scatter(check + 64 * below(8), 64);
        scatter(data + 64 * below(64), 64);
        break;
    }
}

/* 0 untouched, 1 put right, 2 detected and left, 3 silent */
static int judge(void)
{
    const va_pages set = {data, check, &crc, 1};
    va_page_event event = {0, 0, 0};
    size_t found, done;
    memcpy(damaged, data, sizeof data);
    REQUIRE(va_page_scrub(&set, 0, 1, VA_DEPTH_BOTH, &event, 1, &found, &done) == VA_OK);
    int sound = memcmp(data, golden, sizeof data) == 0;
    if (found == 0)
        return sound ? 0 : 3;
    if (event.outcome == VA_PAGE_UNCORRECTABLE) {
        REQUIRE(memcmp(data, damaged, sizeof data) == 0);
        return 2;
    }
    return sound ? 1 : 3;
}

int main(int argc, char **argv)
{
    static uint64_t counts[PATTERNS][4];
    uint64_t total = argc > 1 ? strtoull(argv[1], NULL, 10) : 20000, silent = 0;
    state = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
    const va_pages set = {data, check, &crc, 1};
    scatter(golden, sizeof golden);
    memcpy(data, golden, sizeof data);
    REQUIRE(va_page_encode(&set, 0, 1) == VA_OK);
    memcpy(golden_check, check, sizeof check);
    golden_crc = crc;
    for (uint64_t trial = 0; trial < total; trial++) {
        memcpy(data, golden, sizeof data);
        memcpy(check, golden_check, sizeof check);
        crc = golden_crc;
        uint32_t pattern = (uint32_t)(trial % PATTERNS);
        hit(pattern);
        counts[pattern][judge()]++;
    }
    printf("{");
    for (int p = 0; p < PATTERNS; p++) {
        printf("%s\"%s\": {\"no_change\": %llu, \"corrected\": %llu, \"detected\": %llu, \"silent\": %llu}",
               p ? ", " : "", names[p], (unsigned long long)counts[p][0], (unsigned long long)counts[p][1],
               (unsigned long long)counts[p][2], (unsigned long long)counts[p][3]);
        silent += counts[p][3];
    }
    printf("}\n");
    return silent != 0;
}
