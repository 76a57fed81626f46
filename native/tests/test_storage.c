/* Erasure code: losses of every kind are rebuilt byte for byte; too many are refused untouched. */
#include "check.h"

#define SHARDS 255
#define ROOM 600

static uint8_t memory[SHARDS][ROOM], golden[SHARDS][ROOM];

static void one_case(size_t k, size_t m, size_t length, size_t losses, uint64_t seed)
{
    uint8_t *shards[SHARDS], present[SHARDS];
    const uint8_t *data[SHARDS];
    memset(memory, 0xEE, sizeof memory);
    for (size_t i = 0; i < k + m; i++) {
        shards[i] = memory[i];
        data[i] = memory[i];
        present[i] = 1;
        if (i < k)
            fill_random(memory[i], length, seed + i);
    }
    REQUIRE(va_storage_encode(data, shards + k, k, m, length) == VA_OK);
    memcpy(golden, memory, sizeof golden);
    for (size_t lost = 0; lost < losses;) {
        size_t shard = next_random(&seed) % (k + m);
        if (!present[shard])
            continue;
        present[shard] = 0;
        memset(memory[shard], 0x11, length);
        lost++;
    }
    REQUIRE(va_storage_rebuild(shards, present, k, m, length) == VA_OK);
    REQUIRE(memcmp(memory, golden, sizeof memory) == 0);
    for (size_t i = 0; i <= m && i < k + m; i++)
        present[i] = 0;
    for (size_t i = m + 1; i < k + m; i++)
        present[i] = 1;
    memory[0][0] ^= 1;
    REQUIRE(va_storage_rebuild(shards, present, k, m, length) == VA_ARGUMENT);
    REQUIRE(memory[0][0] == (golden[0][0] ^ 1) && memcmp(memory[1], golden[1], ROOM) == 0);
}

/* Large, aligned shards take the path past the cache; pieces of them do not. Both must agree. */
static void large_shards(void)
{
    enum { LENGTH = (1 << 19) + 100, PIECE = 4096 };
    static _Alignas(64) uint8_t data[4][LENGTH + 28], whole[2][LENGTH + 28], pieces[2][LENGTH + 28];
    const uint8_t *const sources[4] = {data[0], data[1], data[2], data[3]};
    uint8_t *const outs[2] = {whole[0], whole[1]}, *const skewed[2] = {whole[0] + 1, whole[1] + 1};
    for (int i = 0; i < 4; i++)
        fill_random(data[i], LENGTH, (uint64_t)i);
    REQUIRE(va_storage_encode(sources, outs, 4, 2, LENGTH) == VA_OK);
    for (size_t at = 0; at < LENGTH; at += PIECE) {
        const uint8_t *part[4] = {data[0] + at, data[1] + at, data[2] + at, data[3] + at};
        uint8_t *const part_outs[2] = {pieces[0] + at, pieces[1] + at};
        REQUIRE(va_storage_encode(part, part_outs, 4, 2, LENGTH - at < PIECE ? LENGTH - at : PIECE) == VA_OK);
    }
    REQUIRE(memcmp(whole[0], pieces[0], LENGTH) == 0 && memcmp(whole[1], pieces[1], LENGTH) == 0);
    REQUIRE(va_storage_encode(sources, skewed, 4, 2, LENGTH) == VA_OK);
    REQUIRE(memcmp(whole[0] + 1, pieces[0], LENGTH) == 0 && memcmp(whole[1] + 1, pieces[1], LENGTH) == 0);
}

static void bad_calls(void)
{
    uint8_t *shards[3] = {memory[0], memory[1], memory[2]}, present[3] = {1, 1, 1};
    uint8_t *holes[3] = {memory[0], NULL, memory[2]}, *twins[3] = {memory[0], memory[0] + 3, memory[2]};
    const uint8_t *data[3] = {memory[0], memory[1], memory[2]}, *gap[3] = {memory[0], NULL, NULL};
    REQUIRE(va_storage_encode(NULL, shards, 2, 1, 8) == VA_NULL);
    REQUIRE(va_storage_encode(data, NULL, 2, 1, 8) == VA_NULL);
    REQUIRE(va_storage_encode(gap, shards + 2, 2, 1, 8) == VA_NULL);
    REQUIRE(va_storage_encode(data, shards + 2, 0, 1, 8) == VA_ARGUMENT);
    REQUIRE(va_storage_encode(data, shards + 2, 2, 0, 8) == VA_ARGUMENT);
    REQUIRE(va_storage_encode(data, shards + 2, 224, 1, 8) == VA_ARGUMENT);
    REQUIRE(va_storage_encode(data, shards + 2, 2, 33, 8) == VA_ARGUMENT);
    REQUIRE(va_storage_encode(data, shards + 2, 2, 1, 0) == VA_LENGTH);
    REQUIRE(va_storage_encode(data, shards + 2, 2, 1, SIZE_MAX) == VA_LENGTH);
    REQUIRE(va_storage_encode(data, shards + 1, 2, 1, 8) == VA_OVERLAP);
    REQUIRE(va_storage_rebuild(NULL, present, 2, 1, 8) == VA_NULL);
    REQUIRE(va_storage_rebuild(shards, NULL, 2, 1, 8) == VA_NULL);
    REQUIRE(va_storage_rebuild(holes, present, 2, 1, 8) == VA_NULL);
    REQUIRE(va_storage_rebuild(twins, present, 2, 1, 8) == VA_OVERLAP);
    REQUIRE(va_storage_rebuild(shards, present, 0, 1, 8) == VA_ARGUMENT);
    REQUIRE(va_storage_rebuild(shards, present, 2, 0, 8) == VA_ARGUMENT);
    REQUIRE(va_storage_rebuild(shards, present, 224, 1, 8) == VA_ARGUMENT);
    REQUIRE(va_storage_rebuild(shards, present, 2, 33, 8) == VA_ARGUMENT);
    present[0] = present[2] = 0; /* one data shard and the only parity shard */
    REQUIRE(va_storage_rebuild(shards, present, 2, 1, 8) == VA_ARGUMENT);
}

int main(void)
{
    FOR_EVERY_ISA {
        for (size_t length = 1; length <= 560; length += length < 70 ? 3 : 97)
            one_case(1 + length % 12, 1 + length % 5, length, 1 + length % (1 + length % 5), length);
        one_case(10, 4, 512, 4, 1);
        one_case(32, 4, 130, 4, 2);
        one_case(223, 32, 67, 32, 3);
        one_case(1, 32, 5, 32, 4);
        one_case(200, 1, 5, 0, 5);
        large_shards();
        bad_calls();
    }
    return 0;
}
