/* The slow path: one page that did not look clean. */
#ifndef VA_REPAIR_H
#define VA_REPAIR_H

#include "vanallen.h"

uint32_t va_page_crc(const va_pages *set, size_t page);
void va_page_recheck(const va_pages *set, size_t page); /* check lines anew from the data */
int va_page_took(const va_pages *set, size_t page);      /* does memory, not the cache, hold the mend? */
va_status va_page_check_set(const va_pages *set);        /* pointers, lengths, alignment, overlap */
va_page_event va_page_repair(const va_pages *set, size_t page);

#endif
