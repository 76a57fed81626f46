/* From syndromes to error places and values. */
#ifndef VA_LOCATE_H
#define VA_LOCATE_H

#include <stdint.h>

#define VA_RS_LOST UINT32_MAX

typedef struct {
    uint8_t place[32]; /* index in the codeword, first symbol is 0 */
    uint8_t value[32]; /* conventional basis */
    uint32_t count;
} va_rs_errors;

/* 0 when no set of errors within the code's bound explains the syndromes. */
int va_rs_locate(const uint8_t syndromes[32], const uint8_t *erased, va_rs_errors *found);

#endif
