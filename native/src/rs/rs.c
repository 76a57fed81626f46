/* RS(255,223) blocks: interleaving, basis, and when a correction may be believed.
 *
 * Decoding re-encodes and compares: an undamaged codeword costs an encode. Only a remainder that
 * differs is taken to syndromes. A codeword is changed only if the corrected symbols form a codeword
 * again, within the bound 2 * errors + erasures <= 32; else it stays exactly as it was. */
#include "isa/guard.h"
#include "isa/kernels.h"
#include "rs/locate.h"
#include "tables.h"

#include <string.h>

#define DATA 223u
#define PARITY 32u
#define SYMBOLS VA_RS_SYMBOLS

static va_status check(const uint8_t *block, size_t length, uint32_t interleave, uint32_t dual);
static void gather(uint8_t *codeword, const uint8_t *block, uint32_t lane, uint32_t interleave);
static uint32_t decode_one(uint8_t codeword[SYMBOLS + 1], const uint8_t *erased, uint32_t dual);

va_status va_rs_encode(uint8_t *blocks, size_t length, uint32_t interleave, uint32_t dual)
{
    va_status status = check(blocks, length, interleave, dual);
    if (status != VA_OK)
        return status;
    size_t block_length = SYMBOLS * interleave;
    for (uint8_t *block = blocks; block < blocks + length; block += block_length) {
        if (interleave == 1) {
            VA_DISPATCH(rs_parity, block, block + DATA, dual);
            continue;
        }
        for (uint32_t lane = 0; lane < interleave; lane++) {
            uint8_t data[SYMBOLS], parity[PARITY];
            for (uint32_t i = 0; i < DATA; i++)
                data[i] = block[i * interleave + lane];
            VA_DISPATCH(rs_parity, data, parity, dual);
            for (uint32_t i = 0; i < PARITY; i++)
                block[(DATA + i) * interleave + lane] = parity[i];
        }
    }
    return VA_OK;
}

va_status va_rs_decode(uint8_t *block, size_t length, uint32_t interleave, uint32_t dual,
                       const uint8_t *erased, va_rs_report *report)
{
    va_status status = report == NULL ? VA_NULL : check(block, length, interleave, dual);
    if (status != VA_OK)
        return status;
    if (length != SYMBOLS * interleave)
        return VA_LENGTH;
    if (erased != NULL && va_wraps(erased, length))
        return VA_LENGTH;
    if (erased != NULL && va_overlap(erased, length, block, length))
        return VA_OVERLAP;
    *report = (va_rs_report){0, 0};
    for (uint32_t lane = 0; lane < interleave; lane++) {
        uint8_t codeword[SYMBOLS + 1], flags[SYMBOLS + 1];
        gather(codeword, block, lane, interleave);
        if (erased != NULL)
            gather(flags, erased, lane, interleave);
        uint32_t fixed = decode_one(codeword, erased == NULL ? NULL : flags, dual);
        if (fixed == VA_RS_LOST)
            report->uncorrectable |= 1u << lane;
        else if (fixed > 0)
            for (uint32_t i = 0; i < SYMBOLS; i++)
                block[i * interleave + lane] = codeword[i];
        report->corrected += fixed == VA_RS_LOST ? 0 : fixed;
    }
    return VA_OK;
}

/* Symbols put right, or VA_RS_LOST. */
static uint32_t decode_one(uint8_t codeword[SYMBOLS + 1], const uint8_t *erased, uint32_t dual)
{
    uint8_t remainder[PARITY], syndromes[PARITY];
    uint32_t differ = 0;
    VA_DISPATCH(rs_parity, codeword, remainder, dual);
    for (uint32_t i = 0; i < PARITY; i++) {
        remainder[i] ^= codeword[DATA + i]; /* the map between the bases is linear */
        differ |= remainder[i];
    }
    if (differ == 0)
        return 0;
    for (uint32_t i = 0; dual && i < PARITY; i++)
        remainder[i] = va_table_rs_from_dual[0][remainder[i]];
    VA_DISPATCH(rs_syndromes, remainder, syndromes);
    va_rs_errors found;
    if (!va_rs_locate(syndromes, erased, &found))
        return VA_RS_LOST;
    for (uint32_t i = 0; dual && i < found.count; i++)
        found.value[i] = va_table_rs_to_dual[0][found.value[i]];
    uint32_t fixed = 0;
    for (uint32_t i = 0; i < found.count; i++) {
        codeword[found.place[i]] ^= found.value[i];
        fixed += found.value[i] != 0;
    }
    VA_DISPATCH(rs_parity, codeword, remainder, dual);
    return memcmp(remainder, codeword + DATA, PARITY) == 0 ? fixed : VA_RS_LOST;
}

static void gather(uint8_t *codeword, const uint8_t *block, uint32_t lane, uint32_t interleave)
{
    if (interleave == 1) {
        memcpy(codeword, block, SYMBOLS);
        return;
    }
    for (uint32_t i = 0; i < SYMBOLS; i++)
        codeword[i] = block[i * interleave + lane];
}

static va_status check(const uint8_t *block, size_t length, uint32_t interleave, uint32_t dual)
{
    if (block == NULL)
        return VA_NULL;
    if (interleave == 0 || interleave > VA_RS_INTERLEAVE_MAX || dual > 1)
        return VA_ARGUMENT;
    if (length == 0 || length % (SYMBOLS * interleave) != 0 || va_wraps(block, length))
        return VA_LENGTH;
    return VA_OK;
}
