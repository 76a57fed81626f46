/* Known answers on the instruction set in force. Small enough to run in flight: about a millisecond. */
#include "isa/kernels.h"
#include "tables.h"

#include <string.h>

#define PATTERN_CRC 0xAFEC8DABu /* CRC-32C, bit by bit, of the 4,096 bytes 7 * i mod 251 */
/* CRC-32C of the first 223 of those bytes with the parity that libfec gives them */
#define RS_CRC 0x7D70AE9Cu
#define RS_DUAL_CRC 0x53EDF8CEu

static void pattern(uint8_t *bytes, size_t length)
{
    for (size_t i = 0; i < length; i++)
        bytes[i] = (uint8_t)(7 * i % 251);
}

/* Bit by bit: a broken table must not vouch for itself. */
static uint32_t crc32c_by_definition(const uint8_t *data, size_t length)
{
    uint32_t crc = UINT32_MAX;
    for (size_t i = 0; i < length; i++) {
        crc ^= data[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (0x82F63B78u & (0u - (crc & 1u)));
    }
    return ~crc;
}

static int tables_whole(void)
{
    int whole = crc32c_by_definition(va_table_sums[0].bytes, va_table_sums[0].length) ==
                va_table_sums[0].crc;
    for (int i = 1; i < VA_TABLE_COUNT; i++)
        whole &= va_crc32c(va_table_sums[i].bytes, va_table_sums[i].length, 0) == va_table_sums[i].crc;
    return whole;
}

static int crc_works(void)
{
    const uint8_t digits[9] = {'1', '2', '3', '4', '5', '6', '7', '8', '9'};
    uint8_t bytes[VA_PAGE_BYTES];
    pattern(bytes, sizeof bytes);
    int works = va_crc32c(digits, 9, 0) == 0xE3069283u;
    works &= va_crc32(digits, 9, 0) == 0xCBF43926u;
    works &= va_crc16(digits, 9, 0xFFFF) == 0x29B1u;
    return works & (va_crc32c(bytes, sizeof bytes, 0) == PATTERN_CRC);
}

static int tmr_works(void)
{
    uint8_t a[1100], b[1100], c[1100], golden[1100];
    uint64_t count[3] = {0, 0, 0};
    pattern(golden, sizeof golden);
    memcpy(a, golden, sizeof a);
    memcpy(b, golden, sizeof b);
    memcpy(c, golden, sizeof c);
    a[3] ^= 0x01;
    b[700] ^= 0x82;
    c[1099] ^= 0x40;
    va_status status = va_tmr_scrub(a, b, c, sizeof a, 0, count);
    return (status == VA_OK) & (memcmp(a, golden, sizeof a) == 0) & (memcmp(b, golden, sizeof b) == 0) &
           (memcmp(c, golden, sizeof c) == 0) & (count[0] == 1) & (count[1] == 2) & (count[2] == 1);
}

static int page_works(void)
{
    _Alignas(64) uint8_t data[VA_PAGE_BYTES], check[VA_CHECK_BYTES];
    uint32_t crc = 0;
    size_t found = 0, done = 0;
    va_page_event event = {0, 0, 0};
    const va_pages set = {data, check, &crc, 1};
    pattern(data, sizeof data);
    va_status status = va_page_encode(&set, 0, 1);
    int works = (status == VA_OK) & (crc == PATTERN_CRC);
    data[1000] ^= 0x10;
    va_page_scrub(&set, 0, 1, VA_DEPTH_BOTH, &event, 1, &found, &done);
    works &= (found == 1) & (event.outcome == VA_PAGE_CORRECTED) & (va_crc32c(data, sizeof data, 0) == PATTERN_CRC);
    data[64] ^= 0x01;
    data[128] ^= 0x01; /* two rows of one column: seen, and left alone */
    va_page_scrub(&set, 0, 1, VA_DEPTH_BOTH, &event, 1, &found, &done);
    return works & (found == 1) & (event.outcome == VA_PAGE_UNCORRECTABLE) & (data[64] == (448 % 251 ^ 1));
}

static int word_works(void)
{
    uint64_t words[67];
    uint8_t check[67];
    va_word_report report;
    pattern((uint8_t *)words, sizeof words);
    va_word_encode(words, check, 67);
    words[5] ^= UINT64_C(1) << 40;
    check[66] ^= 0x20;
    words[65] ^= 3;
    va_word_scrub(words, check, 67, &report);
    return (report.corrected == 1) & (report.check_repaired == 1) & (report.uncorrectable == 1) &
           (report.first_uncorrectable == 65);
}

static int cell_works(void)
{
    uint64_t a = 0, b = 0, c = 0, value = 0;
    uint32_t outvoted = 0;
    va_cell_write(&a, &b, &c, UINT64_C(0x0123456789ABCDEF));
    b ^= 0x30;
    va_cell_read(&a, &b, &c, &value, &outvoted);
    return (value == UINT64_C(0x0123456789ABCDEF)) & (outvoted == 2) & (b == ~value);
}

static int rs_works(void)
{
    uint8_t block[VA_RS_SYMBOLS], golden[VA_RS_SYMBOLS];
    int works = 1;
    for (uint32_t dual = 0; dual < 2; dual++) {
        va_rs_report report = {0, 0};
        pattern(block, sizeof block);
        va_rs_encode(block, sizeof block, 1, dual);
        works &= crc32c_by_definition(block, sizeof block) == (dual ? RS_DUAL_CRC : RS_CRC);
        memcpy(golden, block, sizeof block);
        for (size_t i = 0; i < 16; i++)
            block[i * 15 + 3] ^= (uint8_t)(i + 1);
        va_rs_decode(block, sizeof block, 1, dual, NULL, &report);
        works &= (report.corrected == 16) & (memcmp(block, golden, sizeof block) == 0);
    }
    return works;
}

static int storage_works(void)
{
    uint8_t shard[5][70];
    uint8_t *const all[5] = {shard[0], shard[1], shard[2], shard[3], shard[4]};
    const uint8_t *const data[3] = {shard[0], shard[1], shard[2]};
    const uint8_t present[5] = {0, 1, 0, 1, 1};
    uint8_t golden[5][70];
    pattern(shard[0], sizeof shard);
    va_storage_encode(data, all + 3, 3, 2, 70);
    memcpy(golden, shard, sizeof shard);
    memset(shard[0], 0, 70);
    memset(shard[2], 0, 70);
    va_storage_rebuild(all, present, 3, 2, 70);
    return memcmp(golden, shard, sizeof shard) == 0;
}

uint32_t va_self_test(void)
{
    uint32_t failed = tables_whole() ? 0 : VA_TEST_TABLES;
    failed |= crc_works() ? 0 : VA_TEST_CRC;
    failed |= tmr_works() ? 0 : VA_TEST_TMR;
    failed |= page_works() ? 0 : VA_TEST_PAGE;
    failed |= word_works() ? 0 : VA_TEST_WORD;
    failed |= cell_works() ? 0 : VA_TEST_CELL;
    failed |= rs_works() ? 0 : VA_TEST_RS;
    return failed | (storage_works() ? 0 : VA_TEST_STORAGE);
}
