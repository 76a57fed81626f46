uint32_t va_crc32c(const uint8_t *data, size_t length, uint32_t seed);
