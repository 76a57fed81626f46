/* Words, cells and votes over arbitrary damage, lengths and alignments. */
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
    static uint64_t words[40], golden[40];
    static uint8_t checks[40], room[3][400];
    fuzz_input in = {input, size};
    size_t count = fuzz_byte(&in) % 41u, length = fuzz_byte(&in), start = fuzz_byte(&in) % 64u;
    uint64_t outvoted[3], value;
    uint32_t bits;
    va_word_report report = {0, 0, 0, 0};
    for (size_t i = 0; i < 40; i++)
        golden[i] = words[i] = fuzz_byte(&in) * UINT64_C(0x0101010101010101) * i;
    if (va_word_encode(words, checks, count) == VA_OK) {
        size_t word = fuzz_byte(&in) % count;
        uint8_t bit = fuzz_byte(&in) % 72;
        if (bit < 64)
            words[word] ^= UINT64_C(1) << bit;
        else
            checks[word] ^= (uint8_t)(1u << (bit - 64));
        FUZZ_REQUIRE(va_word_scrub(words, checks, count, &report) == VA_OK);
        FUZZ_REQUIRE(report.corrected + report.check_repaired == 1 && report.uncorrectable == 0);
        FUZZ_REQUIRE(memcmp(words, golden, sizeof words) == 0);
        words[word] ^= (uint64_t)fuzz_byte(&in) << bit % 50;
        (void)va_word_scrub(words, checks, count, &report);
    }
    for (size_t i = 0; i < 3; i++) { /* sound replicas, then what is left of the input as damage */
        memset(room[i], 0x5A, sizeof room[i]);
        for (uint8_t hits = fuzz_byte(&in) % 9u; hits > 0; hits--)
            room[i][(start + fuzz_byte(&in)) % sizeof room[i]] = fuzz_byte(&in);
    }
    uint32_t flags = fuzz_byte(&in) & 3u;
    va_status voted = va_tmr_scrub(room[0] + start, room[1] + start, room[2] + start, length, flags, outvoted);
    if (voted == VA_OK)
        FUZZ_REQUIRE(memcmp(room[0] + start, room[1] + start, length) == 0);
    va_cell_write(&words[0], &words[1], &words[2], golden[5]);
    words[fuzz_byte(&in) % 3] ^= golden[7];
    FUZZ_REQUIRE(va_cell_read(&words[0], &words[1], &words[2], &value, &bits) == VA_OK);
    FUZZ_REQUIRE(value == golden[5]);
    return 0;
}
