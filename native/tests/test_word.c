/* Words and cells: all 72 single and all 2,556 double flips, odd counts, voted cells, bad calls. */
#include "check.h"

#define WORDS 131

static uint64_t words[WORDS], golden[WORDS];
static uint8_t checks[WORDS], golden_checks[WORDS];

static void flip(size_t word, uint32_t bit)
{
    if (bit < 64)
        words[word] ^= UINT64_C(1) << bit;
    else
        checks[word] ^= (uint8_t)(1u << (bit - 64));
}

static int as_golden(void)
{
    return memcmp(words, golden, sizeof words) == 0 && memcmp(checks, golden_checks, sizeof checks) == 0;
}

static void every_flip(size_t word)
{
    va_word_report report;
    for (uint32_t one = 0; one < 72; one++) {
        flip(word, one);
        REQUIRE(va_word_scrub(words, checks, WORDS, &report) == VA_OK && as_golden());
        REQUIRE(report.corrected == (one < 64) && report.check_repaired == (one >= 64));
        REQUIRE(report.uncorrectable == 0 && report.first_uncorrectable == WORDS);
        for (uint32_t two = 0; two < one; two++) {
            flip(word, one);
            flip(word, two);
            REQUIRE(va_word_scrub(words, checks, WORDS, &report) == VA_OK);
            REQUIRE(report.uncorrectable == 1 && report.first_uncorrectable == word);
            REQUIRE(report.corrected + report.check_repaired == 0);
            flip(word, one);
            flip(word, two);
            REQUIRE(as_golden());
        }
    }
}

static void cells(void)
{
    uint64_t a, b, c, value = 0;
    uint32_t outvoted = 9;
    REQUIRE(va_cell_write(&a, &b, &c, 42) == VA_OK);
    REQUIRE(a != b && b != c && a != c);
    for (uint32_t bit = 0; bit < 192; bit++) {
        uint64_t *copy = bit < 64 ? &a : bit < 128 ? &b : &c;
        *copy ^= UINT64_C(1) << (bit & 63);
        REQUIRE(va_cell_read(&a, &b, &c, &value, &outvoted) == VA_OK && value == 42 && outvoted == 1);
        REQUIRE(va_cell_read(&a, &b, &c, &value, &outvoted) == VA_OK && outvoted == 0);
    }
    REQUIRE(va_cell_write(NULL, &b, &c, 1) == VA_NULL && va_cell_write(&a, NULL, &c, 1) == VA_NULL);
    REQUIRE(va_cell_write(&a, &b, NULL, 1) == VA_NULL);
    REQUIRE(va_cell_write(&a, &a, &c, 1) == VA_OVERLAP && va_cell_write(&a, &b, &a, 1) == VA_OVERLAP);
    REQUIRE(va_cell_write(&a, &b, &b, 1) == VA_OVERLAP);
    uint64_t *odd = (uint64_t *)(uintptr_t)((uintptr_t)words + 1);
    REQUIRE(va_cell_write(odd, &b, &c, 1) == VA_ALIGNMENT);
    REQUIRE(va_cell_write(&a, odd, &c, 1) == VA_ALIGNMENT);
    REQUIRE(va_cell_write(&a, &b, odd, 1) == VA_ALIGNMENT);
    REQUIRE(va_cell_read(&a, &b, &c, NULL, &outvoted) == VA_NULL);
    REQUIRE(va_cell_read(&a, &b, &c, &value, NULL) == VA_NULL);
    REQUIRE(va_cell_read(NULL, &b, &c, &value, &outvoted) == VA_NULL);
    REQUIRE(va_cell_read(&a, &b, &c, &value, &outvoted) == VA_OK && value == 42);
}

static void bad_calls(void)
{
    va_word_report report = {5, 5, 5, 5};
    words[0] ^= 1;
    REQUIRE(va_word_scrub(NULL, checks, 1, &report) == VA_NULL);
    REQUIRE(va_word_scrub(words, NULL, 1, &report) == VA_NULL);
    REQUIRE(va_word_scrub(words, checks, 1, NULL) == VA_NULL);
    REQUIRE(va_word_scrub(words, checks, 0, &report) == VA_LENGTH);
    REQUIRE(va_word_scrub(words, checks, SIZE_MAX, &report) == VA_LENGTH);
    REQUIRE(va_word_scrub(words, checks, SIZE_MAX / 8, &report) == VA_LENGTH);
    REQUIRE(va_word_scrub(words, (uint8_t *)(UINTPTR_MAX - 3), 8, &report) == VA_LENGTH);
    REQUIRE(va_word_scrub(words, (uint8_t *)words + 3, 1, &report) == VA_OVERLAP);
    REQUIRE(va_word_scrub((uint64_t *)(uintptr_t)((uintptr_t)words + 4), checks, 1, &report) == VA_ALIGNMENT);
    REQUIRE(va_word_encode(words, NULL, 1) == VA_NULL);
    REQUIRE(report.corrected == 5 && words[0] == (golden[0] ^ 1));
    words[0] ^= 1;
}

int main(void)
{
    FOR_EVERY_ISA {
        fill_random((uint8_t *)words, sizeof words, 5);
        for (size_t count = 1; count <= WORDS; count++) {
            va_word_report report;
            memset(checks, 0xA5, sizeof checks);
            REQUIRE(va_word_encode(words, checks, count) == VA_OK);
            REQUIRE(count == WORDS || checks[count] == 0xA5);
            REQUIRE(va_word_scrub(words, checks, count, &report) == VA_OK);
            REQUIRE(report.corrected + report.check_repaired + report.uncorrectable == 0);
        }
        memcpy(golden, words, sizeof words);
        memcpy(golden_checks, checks, sizeof checks);
        every_flip(77);
        every_flip(WORDS - 1);
        cells();
        bad_calls();
    }
    return 0;
}
