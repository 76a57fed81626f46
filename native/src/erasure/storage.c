/* k + m erasure code for storage: systematic, with a Cauchy matrix over GF(256)/0x11D, so that any k of
 * the k + m shards give back all the others. Which shards are missing the caller knows from their CRCs. */
#include "isa/guard.h"
#include "isa/kernels.h"
#include "tables.h"

#include <string.h>

#define DATA_MAX VA_STORAGE_DATA_MAX
#define PARITY_MAX VA_STORAGE_PARITY_MAX

typedef struct {
    uint8_t missing[PARITY_MAX]; /* data shards to rebuild */
    uint8_t row[PARITY_MAX];     /* parity shards used for that */
    size_t count;
} plan;

static va_status check(const uint8_t *const *shards, size_t total, size_t length);
static va_status make_plan(const uint8_t *present, size_t k, size_t m, plan *p);
static void invert(const plan *p, uint8_t inverse[PARITY_MAX][PARITY_MAX]);
static void rebuild_data(uint8_t *const *shards, size_t k, size_t length, const plan *p);
static uint8_t coefficient(size_t row, size_t column);
static uint8_t times(uint8_t a, uint8_t b);
static uint8_t inverse_of(uint8_t a);

static void encode_row(const uint8_t *const *data, uint8_t *parity, size_t k, size_t row, size_t length)
{
    uint8_t line[DATA_MAX];
    for (size_t s = 0; s < k; s++)
        line[s] = coefficient(row, s);
    VA_DISPATCH(storage_dot, data, k, &parity, 1, line, 0, length);
}

va_status va_storage_encode(const uint8_t *const *data, uint8_t *const *parity, size_t k, size_t m,
                            size_t length)
{
    const uint8_t *all[DATA_MAX + PARITY_MAX];
    uint8_t matrix[PARITY_MAX * DATA_MAX];
    if (data == NULL || parity == NULL)
        return VA_NULL;
    if (k == 0 || m == 0 || k > DATA_MAX || m > PARITY_MAX)
        return VA_ARGUMENT;
    memcpy(all, data, k * sizeof *all);
    for (size_t i = 0; i < m; i++)
        all[k + i] = parity[i];
    va_status status = check(all, k + m, length);
    if (status != VA_OK)
        return status;
    for (size_t row = 0; row < m; row++)
        for (size_t s = 0; s < k; s++)
            matrix[row * k + s] = coefficient(row, s);
    VA_DISPATCH(storage_dot, data, k, parity, m, matrix, 0, length);
    return VA_OK;
}

va_status va_storage_rebuild(uint8_t *const *shards, const uint8_t *present, size_t k, size_t m,
                             size_t length)
{
    if (shards == NULL || present == NULL)
        return VA_NULL;
    if (k == 0 || m == 0 || k > DATA_MAX || m > PARITY_MAX)
        return VA_ARGUMENT;
    const uint8_t *all[DATA_MAX + PARITY_MAX];
    for (size_t i = 0; i < k + m; i++)
        all[i] = shards[i];
    va_status status = check(all, k + m, length);
    if (status != VA_OK)
        return status;
    plan p;
    status = make_plan(present, k, m, &p);
    if (status != VA_OK)
        return status;
    if (p.count > 0)
        rebuild_data(shards, k, length, &p);
    for (size_t row = 0; row < m; row++)
        if (!present[k + row])
            encode_row(all, shards[k + row], k, row, length);
    return VA_OK;
}

/* VA_ARGUMENT when more shards are missing than the parity can carry. */
static va_status make_plan(const uint8_t *present, size_t k, size_t m, plan *p)
{
    p->count = 0;
    for (size_t s = 0; s < k; s++) {
        if (present[s])
            continue;
        if (p->count == m)
            return VA_ARGUMENT;
        p->missing[p->count++] = (uint8_t)s;
    }
    size_t rows = 0;
    for (size_t row = 0; row < m && rows < p->count; row++)
        if (present[k + row])
            p->row[rows++] = (uint8_t)row;
    return rows < p->count ? VA_ARGUMENT : VA_OK;
}

/* Each missing shard is a sum over the data that is there and the parity rows chosen. */
static void rebuild_data(uint8_t *const *shards, size_t k, size_t length, const plan *p)
{
    uint8_t inverse[PARITY_MAX][PARITY_MAX], matrix[PARITY_MAX * DATA_MAX];
    const uint8_t *source[DATA_MAX];
    uint8_t *out[PARITY_MAX];
    size_t sources = 0, next = 0;
    invert(p, inverse);
    for (size_t s = 0; s < k; s++) {
        if (next < p->count && p->missing[next] == s) {
            out[next] = shards[s];
            source[sources] = shards[k + p->row[next]]; /* a parity row takes the missing one's column */
            for (size_t o = 0; o < p->count; o++)
                matrix[o * k + sources] = inverse[o][next];
            next++;
        } else {
            source[sources] = shards[s];
            for (size_t o = 0; o < p->count; o++) {
                uint8_t sum = 0;
                for (size_t r = 0; r < p->count; r++)
                    sum ^= times(inverse[o][r], coefficient(p->row[r], s));
                matrix[o * k + sources] = sum;
            }
        }
        sources++;
    }
    VA_DISPATCH(storage_dot, source, k, out, p->count, matrix, 0, length);
}

/* Gauss-Jordan on the square part of the Cauchy matrix; every pivot there is non-zero, because every
 * square submatrix of a Cauchy matrix, and each Schur complement of one, is regular. */
static void invert(const plan *p, uint8_t inverse[PARITY_MAX][PARITY_MAX])
{
    uint8_t work[PARITY_MAX][PARITY_MAX];
    size_t n = p->count;
    for (size_t r = 0; r < n; r++)
        for (size_t c = 0; c < n; c++) {
            work[r][c] = coefficient(p->row[r], p->missing[c]);
            inverse[r][c] = r == c;
        }
    for (size_t pivot = 0; pivot < n; pivot++) {
        uint8_t scale = inverse_of(work[pivot][pivot]);
        for (size_t c = 0; c < n; c++) {
            work[pivot][c] = times(work[pivot][c], scale);
            inverse[pivot][c] = times(inverse[pivot][c], scale);
        }
        for (size_t r = 0; r < n; r++) {
            uint8_t factor = work[r][pivot];
            if (r == pivot)
                continue;
            for (size_t c = 0; c < n; c++) {
                work[r][c] ^= times(factor, work[pivot][c]);
                inverse[r][c] ^= times(factor, inverse[pivot][c]);
            }
        }
    }
}

/* 1 / (x + y) with x = 255 - row from the top and y = column from the bottom: never equal. */
static uint8_t coefficient(size_t row, size_t column)
{
    return inverse_of((uint8_t)((255 - row) ^ column));
}

static uint8_t times(uint8_t a, uint8_t b)
{
    if (a == 0 || b == 0)
        return 0;
    return va_table_storage_exp[0][va_table_storage_log[0][a] + va_table_storage_log[0][b]];
}

static uint8_t inverse_of(uint8_t a) { return va_table_storage_exp[0][255 - va_table_storage_log[0][a]]; }

static va_status check(const uint8_t *const *shards, size_t total, size_t length)
{
    for (size_t i = 0; i < total; i++)
        if (shards[i] == NULL)
            return VA_NULL;
    for (size_t i = 0; i < total; i++)
        if (length == 0 || va_wraps(shards[i], length))
            return VA_LENGTH;
    for (size_t i = 0; i < total; i++)
        for (size_t j = 0; j < i; j++)
            if (va_overlap(shards[i], length, shards[j], length))
                return VA_OVERLAP;
    return VA_OK;
}
