/* TMR: any length and alignment, inverted replica, counts, and nothing touched on a bad call. */
#include "check.h"

#define ROOM 4096

static uint8_t golden[ROOM], a[ROOM], b[ROOM], c[ROOM], out[ROOM];

static void lay_out(uint32_t flags)
{
    fill_random(golden, ROOM, 3);
    memcpy(a, golden, ROOM);
    memcpy(b, golden, ROOM);
    for (size_t i = 0; i < ROOM; i++)
        c[i] = flags ? (uint8_t)~golden[i] : golden[i];
}

static void one_case(size_t start, size_t length, uint32_t flags, uint64_t seed)
{
    uint64_t count[3], vote_count[3], expected[3] = {0, 0, 0};
    uint8_t *replica[3] = {a, b, c};
    lay_out(flags);
    for (size_t i = 0; i < length; i++) { /* at most one replica hit in each byte */
        uint64_t dice = next_random(&seed);
        if (dice % 7 != 0)
            continue;
        replica[dice >> 8 & 1 ? 2 : dice >> 9 & 1][start + i] ^= (uint8_t)(1u << (dice >> 16 & 7));
        expected[dice >> 8 & 1 ? 2 : dice >> 9 & 1]++;
    }
    memset(out, 0xEE, ROOM);
    REQUIRE(va_tmr_vote(a + start, b + start, c + start, out + start, length, flags, vote_count) == VA_OK);
    REQUIRE(memcmp(out + start, golden + start, length) == 0);
    REQUIRE((start == 0 || out[start - 1] == 0xEE) && out[start + length] == 0xEE);
    REQUIRE(va_tmr_scrub(a + start, b + start, c + start, length, flags, count) == VA_OK);
    REQUIRE(memcmp(count, expected, sizeof count) == 0 && memcmp(count, vote_count, sizeof count) == 0);
    REQUIRE(memcmp(a, golden, ROOM) == 0 && memcmp(b, golden, ROOM) == 0);
    for (size_t i = 0; i < ROOM; i++)
        REQUIRE(c[i] == (flags ? (uint8_t)~golden[i] : golden[i]));
    REQUIRE(va_tmr_scrub(a + start, b + start, c + start, length, flags, count) == VA_OK);
    REQUIRE(count[0] + count[1] + count[2] == 0);
}

static void bad_calls(void)
{
    uint64_t count[3] = {9, 9, 9};
    lay_out(0);
    a[0] ^= 1;
    REQUIRE(va_tmr_scrub(NULL, b, c, 8, 0, count) == VA_NULL);
    REQUIRE(va_tmr_scrub(a, NULL, c, 8, 0, count) == VA_NULL);
    REQUIRE(va_tmr_scrub(a, b, NULL, 8, 0, count) == VA_NULL);
    REQUIRE(va_tmr_scrub(a, b, c, 8, 0, NULL) == VA_NULL);
    REQUIRE(va_tmr_vote(a, b, c, NULL, 8, 0, count) == VA_NULL);
    REQUIRE(va_tmr_vote(a, b, c, out, 8, 0, NULL) == VA_NULL);
    REQUIRE(va_tmr_scrub(a, b, c, 0, 0, count) == VA_LENGTH);
    REQUIRE(va_tmr_scrub(a, b, c, SIZE_MAX, 0, count) == VA_LENGTH);
    REQUIRE(va_tmr_scrub(a, a + 7, c, 8, 0, count) == VA_OVERLAP);
    REQUIRE(va_tmr_scrub(a, b, a, 8, 0, count) == VA_OVERLAP);
    REQUIRE(va_tmr_vote(a, b, c, b, 8, 0, count) == VA_OVERLAP);
    REQUIRE(va_tmr_scrub(a, b, c, 8, 2, count) == VA_ARGUMENT);
    REQUIRE(a[0] == (golden[0] ^ 1) && count[0] == 9);
}

int main(void)
{
    FOR_EVERY_ISA {
        for (size_t length = 1; length < 1400; length += length < 80 ? 1 : 61)
            for (uint32_t flags = 0; flags < 2; flags++)
                one_case(length % 66, length, flags, length);
        bad_calls();
    }
    return 0;
}
