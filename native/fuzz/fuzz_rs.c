/* Reed-Solomon decoder on arbitrary blocks, erasures, interleaves and bases. */
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
    static uint8_t block[8 * 255], before[8 * 255], erased[8 * 255];
    fuzz_input in = {input, size};
    uint32_t interleave = fuzz_byte(&in) % 10u, dual = fuzz_byte(&in) % 3u;
    uint8_t options = fuzz_byte(&in);
    size_t length = 255u * interleave + (options & 0x80 ? fuzz_byte(&in) : 0u);
    if (length > sizeof block)
        length = sizeof block;
    memset(block, 0, sizeof block);
    if (options & 1 && interleave >= 1 && interleave <= 8 && dual < 2) {
        for (size_t i = 0; i < 223; i++)
            block[i] = fuzz_byte(&in);
        va_rs_encode(block, 255u * interleave, interleave, dual);
    }
    for (uint8_t hits = fuzz_byte(&in) % 60; hits > 0 && length > 0; hits--)
        block[(fuzz_byte(&in) * 256u + fuzz_byte(&in)) % length] ^= fuzz_byte(&in);
    memset(erased, 0, sizeof erased);
    for (uint8_t flags = fuzz_byte(&in) % 40; flags > 0 && length > 0; flags--)
        erased[(fuzz_byte(&in) * 256u + fuzz_byte(&in)) % length] = 1;
    memcpy(before, block, sizeof block);
    va_rs_report report = {0, 0};
    va_status status = va_rs_decode(block, length, interleave, dual, options & 2 ? erased : NULL, &report);
    if (status != VA_OK || report.corrected == 0)
        FUZZ_REQUIRE(memcmp(block, before, sizeof block) == 0);
    if (status == VA_OK && report.uncorrectable == 0) { /* what is accepted is a codeword again */
        memcpy(before, block, sizeof block);
        FUZZ_REQUIRE(va_rs_encode(before, length, interleave, dual) == VA_OK);
        FUZZ_REQUIRE(memcmp(block, before, length) == 0);
    }
    return 0;
}
