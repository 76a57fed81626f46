/* Erasure rebuild with arbitrary shapes and losses: restored byte for byte, or refused untouched. */
#include "fuzz.h"

#define SHARDS 20
#define ROOM 70

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size)
{
    static uint8_t memory[SHARDS][ROOM], golden[SHARDS][ROOM];
    uint8_t *shards[SHARDS], present[SHARDS];
    const uint8_t *data[SHARDS];
    fuzz_input in = {input, size};
    size_t k = fuzz_byte(&in) % 11u, m = fuzz_byte(&in) % 10u, length = fuzz_byte(&in) % (ROOM + 1u), lost = 0;
    for (size_t i = 0; i < SHARDS; i++) {
        data[i] = shards[i] = memory[i];
        for (size_t at = 0; at < length; at++)
            memory[i][at] = (uint8_t)(at * i + (at < 4 ? fuzz_byte(&in) : 0));
    }
    if (va_storage_encode(data, shards + k, k, m, length) != VA_OK)
        return 0;
    memcpy(golden, memory, sizeof memory);
    for (size_t i = 0; i < k + m; i++) {
        present[i] = (fuzz_byte(&in) & 3) != 0;
        lost += !present[i];
        if (!present[i])
            memset(memory[i], fuzz_byte(&in), length);
    }
    va_status status = va_storage_rebuild(shards, present, k, m, length);
    FUZZ_REQUIRE((status == VA_OK) == (lost <= m));
    if (status == VA_OK)
        FUZZ_REQUIRE(memcmp(memory, golden, sizeof memory) == 0);
    return 0;
}
