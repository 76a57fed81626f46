typedef int va_status;

uint32_t va_isa(void);
va_status va_isa_select(uint32_t level);
uint32_t va_isa_supported(void);

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
