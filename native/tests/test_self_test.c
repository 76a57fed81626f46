/* The in-flight self-test on every level, the ISA choice, the cache flush. */
#include "check.h"

int main(void)
{
    static uint8_t bytes[200];
    FOR_EVERY_ISA {
        REQUIRE(va_self_test() == 0);
        REQUIRE(va_isa() == (va_isa_level)level);
    }
    REQUIRE(va_isa_select(VA_ISA_COUNT) == VA_ARGUMENT);
    REQUIRE(va_isa_supported() & 1u);
    for (uint32_t level = 0; level < VA_ISA_COUNT; level++)
        REQUIRE(va_isa_select(level) == (va_isa_supported() >> level & 1u ? VA_OK : VA_UNSUPPORTED));
    memset(bytes, 0x77, sizeof bytes);
    REQUIRE(va_cache_flush(NULL, 4) == VA_NULL && va_cache_flush(bytes, 0) == VA_LENGTH);
    REQUIRE(va_cache_flush(bytes, SIZE_MAX) == VA_LENGTH && va_cache_flush(bytes + 3, 150) == VA_OK);
    REQUIRE(bytes[3] == 0x77 && va_cache_bytes() < (size_t)1 << 34);
    return 0;
}
