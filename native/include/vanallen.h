/* Van Allen protection core: the one public header.
 *
 * Rules of the house: every buffer belongs to the caller, nothing is allocated, every precondition is
 * checked before the first byte is written, and every function says what happened with a va_status.
 * flight_sw/radiation/native.py is the only caller in flight. */
#ifndef VANALLEN_H
#define VANALLEN_H

#include <stddef.h>
#include <stdint.h>

typedef enum {
    VA_OK = 0,
    VA_NULL = 1,       /* a buffer pointer is NULL */
    VA_LENGTH = 2,     /* zero, odd or overflowing length, or a range outside the buffer */
    VA_OVERLAP = 3,    /* two buffers share bytes */
    VA_ALIGNMENT = 4,  /* a page buffer does not start on the boundary it needs */
    VA_ARGUMENT = 5,   /* an enum or count outside its range */
    VA_UNSUPPORTED = 6 /* this machine does not have that instruction set */
} va_status;

/* ---- instruction set ------------------------------------------------------------------------- */

typedef enum {
    VA_ISA_PORTABLE = 0,
    VA_ISA_SSE2 = 1,
    VA_ISA_AVX2 = 2,
    VA_ISA_AVX512 = 3,
    VA_ISA_NEON = 4,
    VA_ISA_COUNT = 5
} va_isa_level;

va_isa_level va_isa(void);
va_status va_isa_select(uint32_t level);
uint32_t va_isa_supported(void); /* bit n is set when level n runs here */

/* ---- checksums ------------------------------------------------------------------------------- */

/* CRC-32C (RFC 3720 B.4). seed 0 starts a message; the CRC of a prefix continues it. */
uint32_t va_crc32c(const uint8_t *data, size_t length, uint32_t seed);
/* CRC-32 (IEEE 802.3, zlib), seeded likewise. */
uint32_t va_crc32(const uint8_t *data, size_t length, uint32_t seed);
/* CRC-16-CCITT (CCSDS 132.0-B 4.1.6): start with 0xFFFF; the CRC of a prefix continues it. */
uint32_t va_crc16(const uint8_t *data, size_t length, uint32_t seed);

/* ---- triple redundancy ----------------------------------------------------------------------- */

#define VA_TMR_C_INVERTED 1u /* the third replica is stored bit-inverted, against common-mode hits */

/* Bitwise majority into all three replicas, in place; writes only where they differ.
 * miscompares[i] counts the bits in which replica i was outvoted. */
va_status va_tmr_scrub(uint8_t *a, uint8_t *b, uint8_t *c, size_t length, uint32_t flags,
                       uint64_t miscompares[3]);
/* The same vote into a fourth buffer; the replicas stay as they are. */
va_status va_tmr_vote(const uint8_t *a, const uint8_t *b, const uint8_t *c, uint8_t *voted,
                      size_t length, uint32_t flags, uint64_t miscompares[3]);

/* ---- protected pages ------------------------------------------------------------------------- */

#define VA_PAGE_BYTES 4096u
#define VA_LINE_BYTES 64u
#define VA_CHECK_BYTES 512u /* 8 check lines for each page */

/* Which look a scrub takes at each page. */
typedef enum {
    VA_DEPTH_LINES = 1, /* check lines only: fastest; blind to hits on the CRC and to even columns */
    VA_DEPTH_CRC = 2,   /* CRC only: the light profile's pass */
    VA_DEPTH_BOTH = 3
} va_depth;

typedef enum {
    VA_PAGE_CORRECTED = 1,      /* data bits mended from the check lines, confirmed by the CRC */
    VA_PAGE_CHECK_REPAIRED = 2, /* check lines or CRC were hit; the data was right all along */
    VA_PAGE_UNCORRECTABLE = 3,  /* bytes left as found; the next tier's turn */
    VA_PAGE_STUCK = 4,          /* mended, but the memory did not take the write */
    VA_PAGE_REBUILT = 5         /* from the parity pages, confirmed by the CRC */
} va_page_outcome;

/* One region. The CRC of page i is seeded with i, so a swapped or stale page is caught. */
typedef struct {
    uint8_t *data;  /* pages * 4096, 64-byte aligned */
    uint8_t *check; /* pages * 512, 64-byte aligned; NULL when the profile keeps no check lines */
    uint32_t *crc;  /* one for each page */
    size_t pages;
} va_pages;

typedef struct {
    uint32_t page;
    uint32_t outcome; /* va_page_outcome */
    uint32_t bits;    /* bits mended, in data, check lines and CRC together */
} va_page_event;

va_status va_page_encode(const va_pages *set, size_t first, size_t count);
/* Lists pages whose CRC is wrong; stops when `bad` is full. *done counts the pages looked at. */
va_status va_page_verify(const va_pages *set, size_t first, size_t count, uint32_t *bad,
                         size_t capacity, size_t *found, size_t *done);
/* Finds and mends; stops when `events` is full, so that the caller goes on at first + *done. */
va_status va_page_scrub(const va_pages *set, size_t first, size_t count, uint32_t depth,
                        va_page_event *events, size_t capacity, size_t *found, size_t *done);

/* ---- parity pages: tier 2 -------------------------------------------------------------------- */

#define VA_GROUP_PAGES 64u /* data pages that share one P and one Q page */

typedef struct {
    uint8_t *data; /* P and Q of each group: 2 * groups * 4096, 64-byte aligned */
    uint32_t *crc; /* 2 * groups */
} va_parity;

va_status va_parity_encode(const va_pages *set, const va_parity *parity, size_t group);
/* Recomputes P and Q when their own CRCs are wrong and the data's are right; *bits counts what changed. */
va_status va_parity_scrub(const va_pages *set, const va_parity *parity, size_t group, uint8_t *scratch,
                          uint32_t *bits);
/* Rebuilds up to two damaged pages of a group, found by their CRCs. `scratch` holds 2 * 4096 bytes.
 * *found is 0 when the damage is more than P and Q carry; nothing was changed then. */
va_status va_parity_rebuild(const va_pages *set, const va_parity *parity, size_t group, uint8_t *scratch,
                            va_page_event events[2], size_t *found);

/* ---- cache ----------------------------------------------------------------------------------- */

va_status va_cache_flush(const uint8_t *data, size_t length);
size_t va_cache_bytes(void); /* the last-level cache; 0 when the processor does not say */

/* ---- words and cells ------------------------------------------------------------------------- */

typedef struct {
    uint64_t corrected, check_repaired, uncorrectable;
    size_t first_uncorrectable; /* the word count when there is none */
} va_word_report;

va_status va_word_encode(const uint64_t *words, uint8_t *bytes, size_t count);
va_status va_word_scrub(uint64_t *words, uint8_t *bytes, size_t count, va_word_report *report);

va_status va_cell_write(volatile uint64_t *a, volatile uint64_t *b, volatile uint64_t *c, uint64_t value);
va_status va_cell_read(volatile uint64_t *a, volatile uint64_t *b, volatile uint64_t *c, uint64_t *value,
                       uint32_t *outvoted);

/* ---- Reed-Solomon RS(255,223), CCSDS 131.0-B section 4 ---------------------------------------- */

#define VA_RS_SYMBOLS 255u
#define VA_RS_INTERLEAVE_MAX 8u

typedef struct {
    uint32_t corrected;     /* symbols put right, in all codewords of the block */
    uint32_t uncorrectable; /* bit i: codeword i was left as found */
} va_rs_report;

/* A block is `interleave` codewords, symbol by symbol: 223 * interleave data bytes, then parity. */
va_status va_rs_encode(uint8_t *blocks, size_t length, uint32_t interleave, uint32_t dual);
/* One block. `erased` is NULL or a flag for each byte of the block. */
va_status va_rs_decode(uint8_t *block, size_t length, uint32_t interleave, uint32_t dual,
                       const uint8_t *erased, va_rs_report *report);

/* ---- erasure code for storage: k data shards, m parity shards ---------------------------------- */

#define VA_STORAGE_DATA_MAX 223u
#define VA_STORAGE_PARITY_MAX 32u

va_status va_storage_encode(const uint8_t *const *data, uint8_t *const *parity, size_t k, size_t m,
                            size_t length);
/* shards: k data then m parity; present[i] is 0 for a missing shard. Rebuilds every missing one. */
va_status va_storage_rebuild(uint8_t *const *shards, const uint8_t *present, size_t k, size_t m,
                             size_t length);

/* ---- self-test --------------------------------------------------------------------------------- */

#define VA_TEST_TABLES 0x01u
#define VA_TEST_CRC 0x02u
#define VA_TEST_TMR 0x04u
#define VA_TEST_PAGE 0x08u
#define VA_TEST_WORD 0x10u
#define VA_TEST_CELL 0x20u
#define VA_TEST_RS 0x40u
#define VA_TEST_STORAGE 0x80u

/* Known answers on the instruction set in force; the bits of what failed, 0 when all works. */
uint32_t va_self_test(void);

#endif
