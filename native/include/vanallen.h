#ifndef VANALLEN_H
#define VANALLEN_H

#include <stddef.h>
#include <stdint.h>

uint32_t va_crc32c(const uint8_t *data, size_t length, uint32_t seed);

#endif
