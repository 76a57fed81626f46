typedef int va_status;

uint32_t va_isa(void);
va_status va_isa_select(uint32_t level);
uint32_t va_isa_supported(void);
uint32_t va_self_test(void);

uint32_t va_crc16(const uint8_t *data, size_t length, uint32_t seed);
uint32_t va_crc32(const uint8_t *data, size_t length, uint32_t seed);
uint32_t va_crc32c(const uint8_t *data, size_t length, uint32_t seed);

va_status va_tmr_scrub(uint8_t *a, uint8_t *b, uint8_t *c, size_t length, uint32_t flags,
                       uint64_t *miscompares);
va_status va_tmr_vote(const uint8_t *a, const uint8_t *b, const uint8_t *c, uint8_t *voted,
                      size_t length, uint32_t flags, uint64_t *miscompares);

typedef struct {
    uint8_t *data;
    uint8_t *check;
    uint32_t *crc;
    size_t pages;
} va_pages;

typedef struct {
    uint32_t page;
    uint32_t outcome;
    uint32_t bits;
} va_page_event;

va_status va_page_encode(const va_pages *set, size_t first, size_t count);
va_status va_page_verify(const va_pages *set, size_t first, size_t count, uint32_t *bad,
                         size_t capacity, size_t *found, size_t *done);
va_status va_page_scrub(const va_pages *set, size_t first, size_t count, uint32_t depth,
                        va_page_event *events, size_t capacity, size_t *found, size_t *done);

typedef struct {
    uint8_t *data;
    uint32_t *crc;
} va_parity;

va_status va_parity_encode(const va_pages *set, const va_parity *parity, size_t group);
va_status va_parity_scrub(const va_pages *set, const va_parity *parity, size_t group, uint8_t *scratch,
                          uint32_t *bits);
va_status va_parity_rebuild(const va_pages *set, const va_parity *parity, size_t group, uint8_t *scratch,
                            va_page_event *events, size_t *found);

va_status va_cache_flush(const uint8_t *data, size_t length);
size_t va_cache_bytes(void);

typedef struct {
    uint64_t corrected, check_repaired, uncorrectable;
    size_t first_uncorrectable;
} va_word_report;

va_status va_word_encode(const uint64_t *words, uint8_t *bytes, size_t count);
va_status va_word_scrub(uint64_t *words, uint8_t *bytes, size_t count, va_word_report *report);
va_status va_cell_write(uint64_t *a, uint64_t *b, uint64_t *c, uint64_t value);
va_status va_cell_read(uint64_t *a, uint64_t *b, uint64_t *c, uint64_t *value, uint32_t *outvoted);

typedef struct {
    uint32_t corrected;
    uint32_t uncorrectable;
} va_rs_report;

va_status va_rs_encode(uint8_t *blocks, size_t length, uint32_t interleave, uint32_t dual);
va_status va_rs_decode(uint8_t *block, size_t length, uint32_t interleave, uint32_t dual,
                       const uint8_t *erased, va_rs_report *report);

va_status va_storage_encode(const uint8_t *const *data, uint8_t *const *parity, size_t k, size_t m,
                            size_t length);
va_status va_storage_rebuild(uint8_t *const *shards, const uint8_t *present, size_t k, size_t m,
                             size_t length);
