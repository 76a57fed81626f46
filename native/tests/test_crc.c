/* CRC-32C: the check value, continuation, and every instruction set against the definition. */
#include "check.h"

static uint32_t by_definition(const uint8_t *data, size_t length)
{
    uint32_t crc = 0xFFFFFFFFu;
    for (size_t i = 0; i < length; i++) {
        crc ^= data[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (0x82F63B78u & (0u - (crc & 1u)));
    }
    return ~crc;
}

static uint32_t crc32_by_definition(const uint8_t *data, size_t length)
{
    uint32_t crc = 0xFFFFFFFFu;
    for (size_t i = 0; i < length; i++) {
        crc ^= data[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (0xEDB88320u & (0u - (crc & 1u)));
    }
    return ~crc;
}

static uint32_t crc16_by_definition(const uint8_t *data, size_t length)
{
    uint32_t crc = 0xFFFFu;
    for (size_t i = 0; i < length; i++) {
        crc ^= (uint32_t)data[i] << 8;
        for (int bit = 0; bit < 8; bit++)
            crc = (crc << 1 ^ (crc & 0x8000u ? 0x1021u : 0)) & 0xFFFFu;
    }
    return crc;
}

int main(void)
{
    static uint8_t bytes[9000];
    fill_random(bytes, sizeof bytes, 1);
    FOR_EVERY_ISA {
        REQUIRE(va_crc32c((const uint8_t *)"123456789", 9, 0) == 0xE3069283u);
        REQUIRE(va_crc32((const uint8_t *)"123456789", 9, 0) == 0xCBF43926u);
        REQUIRE(va_crc16((const uint8_t *)"123456789", 9, 0xFFFF) == 0x29B1u);
        REQUIRE(va_crc32(NULL, 5, 7) == 7 && va_crc32(bytes, 0, 7) == 7);
        REQUIRE(va_crc16(NULL, 5, 0x10007) == 7 && va_crc16(bytes, 0, 7) == 7);
        REQUIRE(va_crc32c(NULL, 5, 7) == 7 && va_crc32c(bytes, 0, 7) == 7);
        for (size_t length = 1; length < 700; length++) {
            const uint8_t *start = bytes + length % 67;
            REQUIRE(va_crc32c(start, length, 0) == by_definition(start, length));
            REQUIRE(va_crc32(start, length, 0) == crc32_by_definition(start, length));
            REQUIRE(va_crc16(start, length, 0xFFFF) == crc16_by_definition(start, length));
        }
        REQUIRE(va_crc32c(bytes, sizeof bytes, 0) == by_definition(bytes, sizeof bytes));
        for (size_t cut = 0; cut <= 600; cut += 37) {
            REQUIRE(va_crc32(bytes + cut, 8000 - cut, va_crc32(bytes, cut, 0)) == va_crc32(bytes, 8000, 0));
            REQUIRE(va_crc16(bytes + cut, 8000 - cut, va_crc16(bytes, cut, 9)) == va_crc16(bytes, 8000, 9));
            REQUIRE(va_crc32c(bytes + cut, 8000 - cut, va_crc32c(bytes, cut, 0)) ==
                    va_crc32c(bytes, 8000, 0));
        }
    }
    return 0;
}
