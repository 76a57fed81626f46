/* Who was hit: the data, the check lines or the CRC? Two witnesses against one.
 *
 *   CRC agrees with data                    -> the check lines were hit, recompute them
 *   CRC is one bit off, check lines agree   -> the CRC itself was hit, recompute it
 *   otherwise                               -> mend data by the check lines; the CRC must then agree,
 *                                              else every byte goes back: uncorrectable
 * The one-bit rule: a data error that the check lines cannot see leaves a CRC that differs by a random
 * word, one of the 32 one-bit words only once in 2^27. */
#include "page/repair.h"

#include "isa/guard.h"
#include "isa/kernels.h"

#include <string.h>

#define NO_ROW 0xFFu
#define DOUBLE_ERROR 0xFEu

static uint32_t mend(const va_pages *set, size_t page, const uint8_t *lines);
static uint32_t toggle(const va_pages *set, size_t page, const uint8_t *lines);
static int touched(const uint8_t *lines, size_t byte);
static uint32_t mend_column(uint8_t *data, uint8_t *check, uint32_t syndrome, size_t byte, uint32_t bit);
static uint32_t syndrome_of(const uint8_t *lines, size_t byte, uint32_t bit);
static uint8_t column_of_row(uint32_t row);
static uint8_t row_of(uint32_t syndrome);
static uint32_t count_bits(const uint8_t *bytes, size_t length);
static va_page_event settle(const va_pages *set, size_t page, uint32_t outcome, uint32_t bits);

uint32_t va_page_crc(const va_pages *set, size_t page)
{
    return va_crc32c(set->data + page * VA_PAGE_BYTES, VA_PAGE_BYTES, (uint32_t)page);
}

void va_page_recheck(const va_pages *set, size_t page)
{
    uint8_t *check = set->check + page * VA_CHECK_BYTES;
    memset(check, 0, VA_CHECK_BYTES);
    VA_DISPATCH(page_lines, set->data + page * VA_PAGE_BYTES, check);
}

va_page_event va_page_repair(const va_pages *set, size_t page)
{
    uint8_t lines[VA_CHECK_BYTES] = {0};
    uint32_t crc_differs = va_page_crc(set, page) ^ set->crc[page];
    if (set->check == NULL) /* no second witness: the parity pages or the golden copy must judge */
        return (va_page_event){(uint32_t)page, VA_PAGE_UNCORRECTABLE, 0};
    memcpy(lines, set->check + page * VA_CHECK_BYTES, VA_CHECK_BYTES);
    VA_DISPATCH(page_lines, set->data + page * VA_PAGE_BYTES, lines);
    uint32_t line_bits = count_bits(lines, VA_CHECK_BYTES);
    if (crc_differs == 0) {
        va_page_recheck(set, page);
        return settle(set, page, VA_PAGE_CHECK_REPAIRED, line_bits);
    }
    if (line_bits == 0 && va_popcount(crc_differs) == 1) {
        set->crc[page] ^= crc_differs;
        return settle(set, page, VA_PAGE_CHECK_REPAIRED, 1);
    }
    uint32_t bits = line_bits == 0 ? 0 : mend(set, page, lines);
    if (bits == 0)
        return (va_page_event){(uint32_t)page, VA_PAGE_UNCORRECTABLE, 0};
    return settle(set, page, VA_PAGE_CORRECTED, bits);
}

/* Flips what the syndromes name; returns the number of bits, or 0 with every byte as it was. */
static uint32_t mend(const va_pages *set, size_t page, const uint8_t *lines)
{
    for (size_t byte = 0; byte < VA_LINE_BYTES; byte++)
        if (touched(lines, byte))
            for (uint32_t bit = 0; bit < 8; bit++)
                if (row_of(syndrome_of(lines, byte, bit)) == DOUBLE_ERROR)
                    return 0; /* nothing written yet */
    uint32_t bits = toggle(set, page, lines);
    if (va_page_crc(set, page) == set->crc[page])
        return bits;
    toggle(set, page, lines);
    return 0;
}

/* Once mends, twice restores. */
static uint32_t toggle(const va_pages *set, size_t page, const uint8_t *lines)
{
    uint8_t *data = set->data + page * VA_PAGE_BYTES, *check = set->check + page * VA_CHECK_BYTES;
    uint32_t bits = 0;
    for (size_t byte = 0; byte < VA_LINE_BYTES; byte++)
        if (touched(lines, byte))
            for (uint32_t bit = 0; bit < 8; bit++)
                bits += mend_column(data, check, syndrome_of(lines, byte, bit), byte, bit);
    return bits;
}

/* Most damage sits in few columns: the others are passed over eight at a time. */
static int touched(const uint8_t *lines, size_t byte)
{
    uint8_t any = 0;
    for (size_t j = 0; j < 8; j++)
        any |= lines[j * VA_LINE_BYTES + byte];
    return any != 0;
}

static uint32_t mend_column(uint8_t *data, uint8_t *check, uint32_t syndrome, size_t byte, uint32_t bit)
{
    uint8_t row = row_of(syndrome);
    if (row == NO_ROW)
        return 0;
    uint8_t *line = row < 64 ? data + row * VA_LINE_BYTES : check + (row - 64u) * VA_LINE_BYTES;
    line[byte] ^= (uint8_t)(1u << bit);
    return 1;
}

/* Bit j of the result is the syndrome of check line j in this column. */
static uint32_t syndrome_of(const uint8_t *lines, size_t byte, uint32_t bit)
{
    uint32_t syndrome = 0;
    for (uint32_t j = 0; j < 8; j++)
        syndrome |= (uint32_t)(lines[j * VA_LINE_BYTES + byte] >> bit & 1u) << j;
    return syndrome;
}

/* Row 0-63 of data, 64-71 of a check line, NO_ROW for a zero syndrome, else DOUBLE_ERROR. */
static uint8_t row_of(uint32_t syndrome)
{
    if (syndrome == 0)
        return NO_ROW;
    for (uint32_t row = 0; row < 72; row++)
        if (column_of_row(row) == syndrome)
            return (uint8_t)row;
    return DOUBLE_ERROR;
}

/* Seeds in a constant word, not in a table: there is nothing in memory to hit. */
static uint8_t column_of_row(uint32_t row)
{
    if (row >= 64)
        return (uint8_t)(1u << (row - 64));
    uint32_t seed = (uint32_t)(UINT64_C(0x1F25154323130B07) >> (row & ~7u)) & 0xFFu;
    uint32_t turn = row & 7;
    return (uint8_t)(seed << turn | seed >> (8 - turn));
}

static uint32_t count_bits(const uint8_t *bytes, size_t length)
{
    uint32_t bits = 0;
    for (size_t i = 0; i < length; i += 8) {
        uint64_t word;
        memcpy(&word, bytes + i, 8);
        bits += va_popcount(word);
    }
    return bits;
}

static va_page_event settle(const va_pages *set, size_t page, uint32_t outcome, uint32_t bits)
{
    if (!va_page_took(set, page))
        outcome = VA_PAGE_STUCK;
    return (va_page_event){(uint32_t)page, outcome, bits};
}

/* A stuck bit looks mended until its line has left the cache and comes back from memory. */
int va_page_took(const va_pages *set, size_t page)
{
    va_cache_flush(set->data + page * VA_PAGE_BYTES, VA_PAGE_BYTES);
    va_cache_flush((const uint8_t *)(set->crc + page), sizeof *set->crc);
    if (set->check != NULL) {
        uint8_t lines[VA_CHECK_BYTES];
        va_cache_flush(set->check + page * VA_CHECK_BYTES, VA_CHECK_BYTES);
        memcpy(lines, set->check + page * VA_CHECK_BYTES, VA_CHECK_BYTES);
        VA_DISPATCH(page_lines, set->data + page * VA_PAGE_BYTES, lines);
        if (count_bits(lines, VA_CHECK_BYTES) != 0)
            return 0;
    }
    return va_page_crc(set, page) == set->crc[page];
}
