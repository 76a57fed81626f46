/* Key equation by Berlekamp-Massey started from the erasure locator, roots by evaluation at all places
 * at once, values by Forney. Indices are bounded by construction: polynomials never exceed degree 32. */
#include "rs/locate.h"

#include "isa/kernels.h"
#include "tables.h"

#include <string.h>

#define PARITY 32u
#define SYMBOLS 255u
#define ROOT 112u     /* first root of the generator, CCSDS 131.0-B 4.3.2 */
#define PRIMITIVE 11u /* the roots are powers of alpha^11 */

typedef struct {
    uint8_t c[VA_RS_LOCATOR];
    uint32_t degree; /* claimed; the leading coefficient may turn out to be zero */
} polynomial;

static uint8_t times(uint8_t a, uint8_t b);
static uint32_t log_of(uint8_t a) { return va_table_rs_log[0][a]; }
static uint32_t erasure_locator(const uint8_t *erased, polynomial *locator);
static int massey(const uint8_t *syndromes, uint32_t erasures, polynomial *locator);
static int find_roots(const polynomial *locator, va_rs_errors *found, uint8_t odd_at[256]);
static void find_values(const uint8_t *syndromes, const polynomial *locator, const uint8_t odd_at[256],
                        va_rs_errors *found);

int va_rs_locate(const uint8_t syndromes[32], const uint8_t *erased, va_rs_errors *found)
{
    polynomial locator = {{1}, 0};
    uint32_t erasures = erased == NULL ? 0 : erasure_locator(erased, &locator);
    if (erasures > PARITY)
        return 0;
    if (!massey(syndromes, erasures, &locator))
        return 0;
    uint8_t odd_at[256];
    if (!find_roots(&locator, found, odd_at))
        return 0;
    find_values(syndromes, &locator, odd_at, found);
    return 1;
}

/* Product of (1 - X x) over the erased places; more than 32 of them stop the work. */
static uint32_t erasure_locator(const uint8_t *erased, polynomial *locator)
{
    uint32_t count = 0;
    for (uint32_t place = 0; place < SYMBOLS; place++) {
        if (!erased[place])
            continue;
        if (++count > PARITY)
            return count;
        uint8_t x = va_table_rs_exp[0][PRIMITIVE * (SYMBOLS - 1 - place) % 255];
        for (uint32_t k = count; k > 0; k--)
            locator->c[k] ^= times(x, locator->c[k - 1]);
    }
    locator->degree = count;
    return count;
}

/* 0 when the shortest register that yields the syndromes is longer than the code can answer for. */
static int massey(const uint8_t *syndromes, uint32_t erasures, polynomial *locator)
{
    uint32_t length = VA_DISPATCH(rs_massey, syndromes, erasures, locator->c);
    locator->degree = length;
    return 2 * (length - erasures) + erasures <= PARITY;
}

/* Values of the even and of the odd part of the locator at every place; the odd part is what Forney's
 * formula divides by. A locator of degree n with fewer than n roots among the places explains nothing. */
static int find_roots(const polynomial *locator, va_rs_errors *found, uint8_t odd_at[256])
{
    uint8_t even[VA_RS_LOCATOR], odd[VA_RS_LOCATOR], even_at[256];
    for (uint32_t k = 0; k < VA_RS_LOCATOR; k++) {
        even[k] = k & 1 ? 0 : locator->c[k];
        odd[k] = k & 1 ? locator->c[k] : 0;
    }
    VA_DISPATCH(rs_evaluate, even, locator->degree + 1, even_at);
    VA_DISPATCH(rs_evaluate, odd, locator->degree + 1, odd_at);
    found->count = 0;
    for (uint32_t place = 0; place < SYMBOLS; place++) {
        if (even_at[place] != odd_at[place])
            continue;
        if (found->count == locator->degree)
            return 0;
        found->place[found->count++] = (uint8_t)place;
    }
    return found->count == locator->degree;
}

/* Forney: Y = X^-112 * Omega(1/X) / Lambda_odd(1/X), Omega = S * Lambda mod x^32. */
static void find_values(const uint8_t *syndromes, const polynomial *locator, const uint8_t odd_at[256],
                        va_rs_errors *found)
{
    uint8_t omega[PARITY] = {0}, omega_at[256];
    for (uint32_t k = 0; k <= locator->degree; k++)
        for (uint32_t i = 0; i + k < PARITY && i + k < locator->degree; i++)
            omega[i + k] ^= times(locator->c[k], syndromes[i]);
    VA_DISPATCH(rs_evaluate, omega, locator->degree, omega_at);
    for (uint32_t i = 0; i < found->count; i++) {
        uint32_t place = found->place[i];
        uint8_t top = omega_at[place], bottom = odd_at[place];
        if (top == 0) { /* an erased symbol that was right */
            found->value[i] = 0;
            continue;
        }
        /* bottom is not zero: distinct roots, as many as the degree, leave no double one */
        uint32_t turn = 255 - PRIMITIVE * ROOT * (SYMBOLS - 1 - place) % 255;
        found->value[i] = va_table_rs_exp[0][(log_of(top) + 255 - log_of(bottom) + turn) % 255];
    }
}

static uint8_t times(uint8_t a, uint8_t b)
{
    if (a == 0 || b == 0)
        return 0;
    return va_table_rs_exp[0][log_of(a) + log_of(b)];
}
