/* RS(255,223): every error count, erasures, interleaves, both bases, and what must not be touched. */
#include "check.h"

static uint8_t block[8 * 255], golden[8 * 255], erased[8 * 255];

/* Damages `errors` and flags-and-damages `erasures` distinct symbols of codeword `lane`. */
static void damage(uint32_t lane, uint32_t interleave, uint32_t errors, uint32_t erasures, uint64_t *seed)
{
    uint8_t used[255] = {0};
    for (uint32_t n = 0; n < errors + erasures; n++) {
        uint32_t place;
        do
            place = (uint32_t)(next_random(seed) % 255);
        while (used[place]);
        used[place] = 1;
        if (n < errors)
            block[place * interleave + lane] ^= (uint8_t)(1 + next_random(seed) % 255);
        else {
            erased[place * interleave + lane] = 1;
            block[place * interleave + lane] = (uint8_t)next_random(seed);
        }
    }
}

static void one_case(uint32_t interleave, uint32_t dual, uint32_t errors, uint32_t erasures, uint64_t seed)
{
    va_rs_report report;
    size_t length = 255u * interleave;
    fill_random(block, length, seed);
    REQUIRE(va_rs_encode(block, length, interleave, dual) == VA_OK);
    memcpy(golden, block, length);
    memset(erased, 0, length);
    for (uint32_t lane = 0; lane < interleave; lane++)
        damage(lane, interleave, errors, erasures, &seed);
    REQUIRE(va_rs_decode(block, length, interleave, dual, erasures ? erased : NULL, &report) == VA_OK);
    REQUIRE(report.uncorrectable == 0 && memcmp(block, golden, length) == 0);
    REQUIRE(report.corrected >= errors * interleave &&
            report.corrected <= (errors + erasures) * interleave);
}

/* Beyond the bound: refused, or (rarely, by the code's nature) another codeword; never anything else. */
static void beyond_the_bound(uint32_t errors, uint32_t erasures, uint64_t seed)
{
    va_rs_report report;
    uint8_t damaged[255];
    fill_random(block, 255, seed);
    va_rs_encode(block, 255, 1, 0);
    memset(erased, 0, sizeof erased);
    damage(0, 1, errors, erasures, &seed);
    memcpy(damaged, block, 255);
    REQUIRE(va_rs_decode(block, 255, 1, 0, erased, &report) == VA_OK);
    if (report.uncorrectable) {
        REQUIRE(memcmp(block, damaged, 255) == 0 && report.corrected == 0);
        return;
    }
    memcpy(golden, block, 255);
    va_rs_encode(golden, 255, 1, 0);
    REQUIRE(memcmp(block, golden, 255) == 0 && report.corrected <= 32);
}

static void bad_calls(void)
{
    va_rs_report report = {7, 7};
    memset(block, 0x55, sizeof block);
    REQUIRE(va_rs_encode(NULL, 255, 1, 0) == VA_NULL);
    REQUIRE(va_rs_encode(block, 255, 0, 0) == VA_ARGUMENT);
    REQUIRE(va_rs_encode(block, 9 * 255, 9, 0) == VA_ARGUMENT);
    REQUIRE(va_rs_encode(block, 255, 1, 2) == VA_ARGUMENT);
    REQUIRE(va_rs_encode(block, 0, 1, 0) == VA_LENGTH);
    REQUIRE(va_rs_encode(block, 254, 1, 0) == VA_LENGTH);
    REQUIRE(va_rs_encode(block, SIZE_MAX / 255 * 255, 1, 0) == VA_LENGTH);
    REQUIRE(va_rs_decode(block, 255, 1, 0, NULL, NULL) == VA_NULL);
    REQUIRE(va_rs_decode(NULL, 255, 1, 0, NULL, &report) == VA_NULL);
    REQUIRE(va_rs_decode(block, 510, 1, 0, NULL, &report) == VA_LENGTH);
    REQUIRE(va_rs_decode(block, 255, 1, 0, block + 100, &report) == VA_OVERLAP);
    REQUIRE(va_rs_decode(block, 255, 1, 0, (const uint8_t *)(UINTPTR_MAX - 10), &report) == VA_LENGTH);
    REQUIRE(report.corrected == 7 && block[0] == 0x55 && block[254] == 0x55);
}

int main(void)
{
    FOR_EVERY_ISA {
        for (uint32_t errors = 0; errors <= 16; errors++)
            for (uint64_t trial = 0; trial < 12; trial++)
                one_case(1, trial & 1, errors, 0, errors * 1000 + trial);
        for (uint32_t interleave = 1; interleave <= 8; interleave++)
            one_case(interleave, interleave & 1, 16, 0, interleave);
        for (uint32_t erasures = 1; erasures <= 32; erasures++)
            one_case(1 + erasures % 3, erasures & 1, (32 - erasures) / 2, erasures, erasures);
        for (uint64_t trial = 0; trial < 40; trial++) {
            beyond_the_bound(17 + (uint32_t)trial % 60, 0, trial);
            beyond_the_bound(1 + (uint32_t)trial % 3, 32, trial);
            beyond_the_bound(3, 31 + (uint32_t)trial % 4, trial);
        }
        bad_calls();
    }
    return 0;
}
