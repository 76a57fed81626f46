/* Takes an input apart byte by byte; missing bytes are zero. */
#ifndef VA_FUZZ_H
#define VA_FUZZ_H

#include "vanallen.h"

#include <stdlib.h>
#include <string.h>

#define FUZZ_REQUIRE(condition) ((condition) ? (void)0 : abort())

typedef struct {
    const uint8_t *at;
    size_t left;
} fuzz_input;

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size);

static inline uint8_t fuzz_byte(fuzz_input *in)
{
    if (in->left == 0)
        return 0;
    in->left--;
    return *in->at++;
}

#endif
