/* Times the core against memory and against its peers, interleaved in one process, by thread CPU time.
 *
 * usage: bench LEVEL ROUNDS. Prints one JSON object: for each kernel the bytes of one run and the seconds
 * of every round. Ratios are worked out by the caller (hil/bench/native.py), round by round. Peers are
 * shared libraries found at run time; one that is absent is simply not in the output. */
#define _GNU_SOURCE
#include "vanallen.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MIB ((size_t)1 << 20)
#define BIG (64 * MIB)
#define SMALL ((size_t)256 << 10)
#define CODEWORDS 400
#define SHARD MIB
#define SHARD_SMALL ((size_t)32 << 10)
#define KERNELS_MAX 40
#define ROUNDS_MAX 200

typedef struct {
    const char *name;
    size_t bytes;
    size_t repeat;
    void (*prepare)(void);
    void (*run)(void);
    double seconds[ROUNDS_MAX];
} kernel;

static kernel kernels[KERNELS_MAX];
static int kernel_count;
static uint8_t *a, *b, *c, *check_lines, *word_check;
static uint32_t *sums;
static uint8_t codewords[CODEWORDS * 255], damaged[CODEWORDS * 255], work[CODEWORDS * 255];
static uint8_t *shards[14], *shards_small[14];
static uint64_t sink;

static uint64_t next_random(void)
{
    static uint64_t state = 1;
    uint64_t z = state += UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
    return z ^ z >> 31;
}

/* ---- reference reads: the fastest plain read this machine has, whatever level is under test ------ */

#if defined(__x86_64__)
#include <immintrin.h>

#define READER(name, TARGET, type, width, load, xor, zero, low)                          \
    TARGET static void name(const uint8_t *p, size_t length)                             \
    {                                                                                    \
        type s0 = zero(), s1 = zero(), s2 = zero(), s3 = zero();                         \
        for (const uint8_t *end = p + length; p < end; p += 4 * width) {                 \
            s0 = xor(s0, load((const void *)p));                                         \
            s1 = xor(s1, load((const void *)(p + width)));                               \
            s2 = xor(s2, load((const void *)(p + 2 * width)));                           \
            s3 = xor(s3, load((const void *)(p + 3 * width)));                           \
        }                                                                                \
        sink ^= (uint64_t)low(xor(xor(s0, s1), xor(s2, s3)));                            \
    }                                                                                    \
    TARGET static void name##3(const uint8_t *x, const uint8_t *y, const uint8_t *z, size_t length) \
    {                                                                                    \
        type s0 = zero(), s1 = zero(), s2 = zero(), t0 = zero(), t1 = zero(), t2 = zero(); \
        for (size_t i = 0; i < length; i += 2 * width) {                                 \
            s0 = xor(s0, load((const void *)(x + i)));                                   \
            s1 = xor(s1, load((const void *)(y + i)));                                   \
            s2 = xor(s2, load((const void *)(z + i)));                                   \
            t0 = xor(t0, load((const void *)(x + i + width)));                           \
            t1 = xor(t1, load((const void *)(y + i + width)));                           \
            t2 = xor(t2, load((const void *)(z + i + width)));                           \
        }                                                                                \
        sink ^= (uint64_t)low(xor(xor(xor(s0, s1), xor(s2, t0)), xor(t1, t2)));          \
    }

#define LOW_512(v) _mm_cvtsi128_si64(_mm512_castsi512_si128(v))
#define LOW_256(v) _mm_cvtsi128_si64(_mm256_castsi256_si128(v))
#define LOAD_256(p) _mm256_load_si256((const __m256i *)(p))
READER(read_wide, __attribute__((target("avx512f"))), __m512i, 64, _mm512_load_si512, _mm512_xor_si512,
       _mm512_setzero_si512, LOW_512)
READER(read_half, __attribute__((target("avx2"))), __m256i, 32, LOAD_256, _mm256_xor_si256,
       _mm256_setzero_si256, LOW_256)
#else
static void read_wide(const uint8_t *p, size_t length)
{
    uint64_t s[8] = {0};
    for (size_t i = 0; i < length / 64; i++)
        for (int k = 0; k < 8; k++)
            s[k] ^= ((const uint64_t *)(const void *)p)[8 * i + (size_t)k];
    for (int k = 0; k < 8; k++)
        sink ^= s[k];
}
static void read_wide3(const uint8_t *x, const uint8_t *y, const uint8_t *z, size_t length)
{
    for (size_t at = 0; at < length; at += 4096) {
        read_wide(x + at, 4096);
        read_wide(y + at, 4096);
        read_wide(z + at, 4096);
    }
}
#define read_half read_wide
#define read_half3 read_wide3
#endif

static int has_wide; /* asked once: CPUID costs tens of microseconds in a virtual machine */
static void read_1(const uint8_t *p, size_t n) { has_wide ? read_wide(p, n) : read_half(p, n); }
static void read_3(const uint8_t *x, const uint8_t *y, const uint8_t *z, size_t n)
{
    has_wide ? read_wide3(x, y, z, n) : read_half3(x, y, z, n);
}

static void run_read(void) { read_1(a, BIG); }
static void run_read3(void) { read_3(a, b, c, BIG); }
static void run_read3_small(void) { read_3(a, b, c, SMALL); }
static void run_read_small(void) { read_1(a, SMALL); }

/* ---- triple redundancy --------------------------------------------------------------------------- */

static void scrub(size_t length)
{
    uint64_t count[3];
    va_tmr_scrub(a, b, c, length, 0, count);
    sink ^= count[0];
}
static void run_tmr(void) { scrub(BIG); }
static void run_tmr_small(void) { scrub(SMALL); }
static void hit_each_page(void)
{
    uint8_t *const replica[3] = {a, b, c};
    for (size_t at = 0; at < BIG; at += 4096)
        replica[next_random() % 3][at + next_random() % 4096] ^= 1;
}
static void naive(size_t length)
{
    uint64_t count = 0;
    for (size_t i = 0; i < length; i++) {
        uint8_t v = (uint8_t)((a[i] & b[i]) | (a[i] & c[i]) | (b[i] & c[i]));
        count += (uint64_t)((a[i] != v) + (b[i] != v) + (c[i] != v));
        a[i] = v;
        b[i] = v;
        c[i] = v;
    }
    sink ^= count;
}
static void run_tmr_naive(void) { naive(BIG); }
static void run_tmr_naive_small(void) { naive(SMALL); }

/* ---- pages, words, checksums ---------------------------------------------------------------------- */

static void scrub_pages(uint32_t depth, size_t length)
{
    va_pages set = {a, check_lines, sums, BIG / 4096};
    va_page_event event;
    size_t found, done;
    va_page_scrub(&set, 0, length / 4096, depth, &event, 1, &found, &done);
    if (found)
        exit(3);
}
static void run_secded(void) { scrub_pages(VA_DEPTH_LINES, BIG); }
static void run_secded_small(void) { scrub_pages(VA_DEPTH_LINES, SMALL); }
static void run_light(void) { scrub_pages(VA_DEPTH_CRC, BIG); }
static void run_both(void) { scrub_pages(VA_DEPTH_BOTH, BIG); }
static void run_word(void)
{
    va_word_report report;
    va_word_scrub((uint64_t *)(void *)a, word_check, BIG / 8, &report);
    if (report.corrected)
        exit(4);
}
static void run_crc32c(void) { sink ^= va_crc32c(a, SMALL, 0); }
static void run_crc32(void) { sink ^= va_crc32(a, SMALL, 0); }
static void run_crc16(void) { sink ^= va_crc16(a, SMALL, 0); }

static unsigned (*isal_crc32c)(unsigned char *, int, unsigned);
static void run_isal_crc32c(void) { sink ^= isal_crc32c(a, (int)SMALL, 0); }

/* ---- Reed-Solomon ---------------------------------------------------------------------------------- */

static void (*fec_encode)(unsigned char *, unsigned char *, int);
static int (*fec_decode)(unsigned char *, int *, int, int);
static void fresh_damage(void) { memcpy(work, damaged, sizeof work); }
static void fresh_clean(void) { memcpy(work, codewords, sizeof work); }
static void run_rs_encode(void) { va_rs_encode(work, sizeof work, 1, 0); }
static void run_rs_encode_dual(void) { va_rs_encode(work, sizeof work, 1, 1); }
static void run_rs_decode(void)
{
    for (size_t i = 0; i < CODEWORDS; i++) {
        va_rs_report report;
        va_rs_decode(work + 255 * i, 255, 1, 0, NULL, &report);
        if (report.uncorrectable)
            exit(5);
    }
}
static void run_fec_encode(void)
{
    for (size_t i = 0; i < CODEWORDS; i++)
        fec_encode(work + 255 * i, work + 255 * i + 223, 0);
}
static void run_fec_decode(void)
{
    for (size_t i = 0; i < CODEWORDS; i++)
        if (fec_decode(work + 255 * i, NULL, 0, 0) < 0)
            exit(6);
}

/* ---- erasure code ---------------------------------------------------------------------------------- */

static void (*isal_init)(int, int, unsigned char *, unsigned char *);
static void (*isal_encode)(int, int, int, unsigned char *, unsigned char **, unsigned char **);
static void (*isal_matrix)(unsigned char *, int, int);
static unsigned char isal_rows[14 * 10], isal_tables[32 * 10 * 4];
static void run_storage(void)
{
    va_storage_encode((const uint8_t *const *)shards, shards + 10, 10, 4, SHARD);
}
static void run_storage_small(void)
{
    va_storage_encode((const uint8_t *const *)shards_small, shards_small + 10, 10, 4, SHARD_SMALL);
}
static void run_isal_storage(void) { isal_encode((int)SHARD, 10, 4, isal_tables, shards, shards + 10); }
static void run_isal_storage_small(void)
{
    isal_encode((int)SHARD_SMALL, 10, 4, isal_tables, shards_small, shards_small + 10);
}

/* ---- the bench ---------------------------------------------------------------------------------------- */

static void add(const char *name, size_t bytes, size_t repeat, void (*prepare)(void), void (*run)(void))
{
    kernels[kernel_count++] = (kernel){.name = name, .bytes = bytes * repeat, .repeat = repeat,
                                       .prepare = prepare, .run = run};
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void *memory(size_t length)
{
    uint8_t *room = aligned_alloc(4096, length);
    if (room == NULL)
        exit(2);
    for (size_t i = 0; i < length; i += 8) {
        uint64_t word = next_random();
        memcpy(room + i, &word, 8);
    }
    return room;
}

static void lay_out(void)
{
    a = memory(BIG);
    b = memory(BIG);
    c = memory(BIG);
    memcpy(b, a, BIG);
    memcpy(c, a, BIG);
    check_lines = memory(BIG / 8);
    word_check = memory(BIG / 8);
    sums = memory(BIG / 1024);
    va_pages set = {a, check_lines, sums, BIG / 4096};
    va_page_encode(&set, 0, set.pages);
    va_word_encode((uint64_t *)(void *)a, word_check, BIG / 8);
    for (int i = 0; i < 14; i++) {
        shards[i] = memory(SHARD);
        shards_small[i] = memory(SHARD_SMALL);
    }
    memcpy(codewords, a, sizeof codewords);
    va_rs_encode(codewords, sizeof codewords, 1, 0);
    memcpy(damaged, codewords, sizeof damaged);
    for (size_t i = 0; i < CODEWORDS; i++)
        for (size_t n = 0; n < 16; n++)
            damaged[255 * i + (n * 15 + i * 7) % 255] ^= (uint8_t)(1 + next_random() % 255);
}

static void find_peers(void)
{
    void *fec = dlopen("libfec.so.0", RTLD_NOW), *isal = dlopen("libisal.so.2", RTLD_NOW);
    if (fec != NULL) {
        *(void **)&fec_encode = dlsym(fec, "encode_rs_8");
        *(void **)&fec_decode = dlsym(fec, "decode_rs_8");
    }
    if (isal != NULL) {
        *(void **)&isal_crc32c = dlsym(isal, "crc32_iscsi");
        *(void **)&isal_init = dlsym(isal, "ec_init_tables");
        *(void **)&isal_encode = dlsym(isal, "ec_encode_data");
        *(void **)&isal_matrix = dlsym(isal, "gf_gen_cauchy1_matrix");
        isal_matrix(isal_rows, 14, 10);
        isal_init(10, 4, isal_rows + 100, isal_tables);
    }
}

static void choose_kernels(void)
{
    add("read", BIG, 1, NULL, run_read);
    add("secded", BIG, 1, NULL, run_secded);
    add("light", BIG, 1, NULL, run_light);
    add("both", BIG, 1, NULL, run_both);
    add("word", BIG, 1, NULL, run_word);
    add("read3", 3 * BIG, 1, NULL, run_read3);
    add("tmr", 3 * BIG, 1, NULL, run_tmr);
    add("tmr_hits", 3 * BIG, 1, hit_each_page, run_tmr);
    add("tmr_naive", 3 * BIG, 1, NULL, run_tmr_naive);
    add("read3_small", 3 * SMALL, 50, NULL, run_read3_small);
    add("tmr_small", 3 * SMALL, 50, NULL, run_tmr_small);
    add("tmr_naive_small", 3 * SMALL, 10, NULL, run_tmr_naive_small);
    add("read_small", SMALL, 100, NULL, run_read_small);
    add("secded_small", SMALL, 100, NULL, run_secded_small);
    add("crc32c", SMALL, 60, NULL, run_crc32c);
    if (isal_crc32c != NULL)
        add("isal_crc32c", SMALL, 60, NULL, run_isal_crc32c);
    add("crc32", SMALL, 60, NULL, run_crc32);
    add("crc16", SMALL, 60, NULL, run_crc16);
    add("rs_encode", CODEWORDS * 223, 5, NULL, run_rs_encode);
    add("rs_encode_dual", CODEWORDS * 223, 5, NULL, run_rs_encode_dual);
    add("rs_decode0", CODEWORDS * 223, 1, fresh_clean, run_rs_decode);
    add("rs_decode16", CODEWORDS * 223, 1, fresh_damage, run_rs_decode);
    if (fec_encode != NULL && fec_decode != NULL) {
        add("libfec_encode", CODEWORDS * 223, 1, NULL, run_fec_encode);
        add("libfec_decode0", CODEWORDS * 223, 1, fresh_clean, run_fec_decode);
        add("libfec_decode16", CODEWORDS * 223, 1, fresh_damage, run_fec_decode);
    }
    add("erasure_10_4", 10 * SHARD, 1, NULL, run_storage);
    if (isal_encode != NULL)
        add("isal_10_4", 10 * SHARD, 1, NULL, run_isal_storage);
    add("erasure_10_4_small", 10 * SHARD_SMALL, 20, NULL, run_storage_small);
    if (isal_encode != NULL)
        add("isal_10_4_small", 10 * SHARD_SMALL, 20, NULL, run_isal_storage_small);
}

int main(int argc, char **argv)
{
    uint32_t level = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : (uint32_t)va_isa();
    int rounds = argc > 2 ? atoi(argv[2]) : 15;
    if (rounds < 1 || rounds > ROUNDS_MAX || va_isa_select(level) != VA_OK)
        return 2;
    has_wide = (int)(va_isa_supported() >> VA_ISA_AVX512 & 1);
    lay_out();
    find_peers();
    choose_kernels();
    for (int round = -1; round < rounds; round++) /* the first round only warms up */
        for (int k = 0; k < kernel_count; k++) {
            if (kernels[k].prepare != NULL)
                kernels[k].prepare();
            double start = now();
            for (size_t i = 0; i < kernels[k].repeat; i++)
                kernels[k].run();
            if (round >= 0)
                kernels[k].seconds[round] = now() - start;
        }
    printf("{");
    for (int k = 0; k < kernel_count; k++) {
        printf("%s\"%s\": {\"bytes\": %zu, \"seconds\": [", k ? ", " : "", kernels[k].name, kernels[k].bytes);
        for (int round = 0; round < rounds; round++)
            printf("%s%.9f", round ? ", " : "", kernels[k].seconds[round]);
        printf("]}");
    }
    printf("}\n");
    return sink == 42 ? 1 : 0;
}
