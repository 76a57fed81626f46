"""Writes tables.c and tables.h: the constant tables of the protection core, from their definitions.

Run by CMake; only the standard library. Tables are part of the program image (read-only pages); the
CRC-32C of each is emitted beside them, and the self-test recomputes it in flight.
"""

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

CRC32 = 0xEDB88320  # reflected, IEEE 802.3
CRC32C = 0x82F63B78  # reflected, RFC 3720 appendix B.4
CRC16 = 0x1021  # CCITT, not reflected, CCSDS 132.0-B
FOLD_BITS = (128, 256, 384, 512, 1024, 1536, 2048)  # distances the carry-less kernels fold over
RS_FIELD = 0x187  # CCSDS 131.0-B section 4
RS_PARITY, RS_DATA, RS_FIRST_ROOT, RS_PRIMITIVE = 32, 223, 112, 11
RS_DUAL = (0x8D, 0xEF, 0xEC, 0x86, 0xFA, 0x99, 0xAF, 0x7B)  # CCSDS 131.0-B annex: rows, bit 7 first
GFNI_FIELD = 0x11B  # the field of the GF2P8MULB instruction
STORAGE_FIELD = 0x11D  # parity pages and storage shards
SEEDS = (0x07, 0x0B, 0x13, 0x23, 0x43, 0x15, 0x25, 0x1F)  # quasi-cyclic Hsiao, see page_kernel.h


class Field:
    """GF(256) under one polynomial, with logarithms to its smallest generator."""

    def __init__(self, polynomial: int) -> None:
        self.polynomial = polynomial
        generator = 2
        while True:
            powers = [1]
            while (product := self.times(powers[-1], generator)) != 1:
                powers.append(product)
            if len(powers) == 255:
                break
            generator += 1
        self.exp = powers
        self.log = {value: power for power, value in enumerate(powers)}

    def times(self, a: int, b: int) -> int:
        """Product by shift and add."""
        product = 0
        while b:
            product ^= a if b & 1 else 0
            a = a << 1 ^ (self.polynomial if a & 0x80 else 0)
            b >>= 1
        return product

    def mul(self, a: int, b: int) -> int:
        """Product by logarithms."""
        return self.exp[(self.log[a] + self.log[b]) % 255] if a and b else 0

    def power(self, exponent: int) -> int:
        """The generator to any power."""
        return self.exp[exponent % 255]


def reflected_tables(polynomial: int) -> list[list[int]]:
    """Slicing-by-8 tables of a reflected 32-bit CRC; [k][b] is byte b followed by k zero bytes."""
    first = []
    for byte in range(256):
        crc = byte
        for _ in range(8):
            crc = crc >> 1 ^ (polynomial if crc & 1 else 0)
        first.append(crc)
    tables = [first]
    for _ in range(7):
        tables.append([crc >> 8 ^ first[crc & 0xFF] for crc in tables[-1]])
    return tables


def crc16_tables() -> list[list[int]]:
    """Slicing-by-8 tables of CRC-16-CCITT, most significant bit first."""
    first = []
    for byte in range(256):
        crc = byte << 8
        for _ in range(8):
            crc = (crc << 1 ^ (CRC16 if crc & 0x8000 else 0)) & 0xFFFF
        first.append(crc)
    tables = [first]
    for _ in range(7):
        tables.append([(crc << 8 & 0xFFFF) ^ first[crc >> 8] for crc in tables[-1]])
    return tables


def x_power(exponent: int, polynomial: int, degree: int) -> int:
    """x to the exponent modulo the polynomial, plain bit order."""
    value = 1
    for _ in range(exponent):
        value <<= 1
        if value >> degree:
            value ^= polynomial | 1 << degree
    return value


def reflect(value: int, width: int) -> int:
    """The bits of a word in reverse."""
    return int(f"{value:0{width}b}"[::-1], 2)


def fold_constants(polynomial: int, degree: int) -> list[list[int]]:
    """For each distance: multipliers of the leading and of the trailing 64 bits of a 128-bit chunk.

    A reflected carry-less product comes out one bit short, hence the exponents less one.
    """
    if degree == 16:
        return [[x_power(d + 64, polynomial, 16), x_power(d, polynomial, 16)] for d in FOLD_BITS]
    plain = reflect(polynomial, 32)
    return [
        [reflect(x_power(d + 63, plain, 32), 32) << 32, reflect(x_power(d - 1, plain, 32), 32) << 32]
        for d in FOLD_BITS
    ]


def rs_generator(field: Field) -> list[int]:
    """Generator polynomial of RS(255,223), highest power first."""
    poly = [1]
    for root in range(RS_FIRST_ROOT, RS_FIRST_ROOT + RS_PARITY):
        value = field.power(RS_PRIMITIVE * root)
        poly = [a ^ field.mul(value, b) for a, b in zip([*poly, 0], [0, *poly], strict=True)]
    return poly


def rs_matrix(field: Field) -> list[list[int]]:
    """Row i: the 32 parity bytes of a codeword whose only data byte is a 1 at place i."""
    tail = rs_generator(field)[1:]
    rows, register = [], tail
    for _ in range(RS_DATA):
        rows.append(register)
        register = [a ^ field.mul(register[0], b) for a, b in zip([*register[1:], 0], tail, strict=True)]
    return rows[::-1]


def syndrome_matrix(field: Field) -> list[list[int]]:
    """Row j: the 32 syndromes of a remainder whose only byte is a 1 at place j (power 31 - j)."""
    return [
        [field.power(RS_PRIMITIVE * (RS_FIRST_ROOT + k) * (31 - j)) for k in range(RS_PARITY)]
        for j in range(RS_PARITY)
    ]


def four_row_sums(rows: Sequence[Sequence[int]]) -> list[list[int]]:
    """For each group of four rows the XOR of every subset: [group][subset] -> 32 bytes, flat."""
    padded = [*rows, *([[0] * 32] * (-len(rows) % 4))]
    table = []
    for group in range(0, len(padded), 4):
        flat: list[int] = []
        for subset in range(16):
            total = [0] * 32
            for k in range(4):
                if subset >> k & 1:
                    total = [a ^ b for a, b in zip(total, padded[group + k], strict=True)]
            flat += total
        table.append(flat)
    return table


def locator_powers(field: Field) -> list[list[int]]:
    """Row k, place i: X to the -k for the symbol at place i of a codeword (256 wide, last unused)."""
    return [
        [field.power(-RS_PRIMITIVE * k * (254 - i)) if i < 255 else 0 for i in range(256)]
        for k in range(RS_PARITY + 1)
    ]


def isomorphism(source: Field, target: Field) -> list[int]:
    """Images of all 256 elements under a field isomorphism."""
    for root in range(2, 256):
        powers = [1]
        for _ in range(8):
            powers.append(target.times(powers[-1], root))
        value = 0
        for bit in range(9):
            value ^= powers[bit] if source.polynomial >> bit & 1 else 0
        if value == 0:
            break
    images = []
    for element in range(256):
        image = 0
        for bit in range(8):
            image ^= powers[bit] if element >> bit & 1 else 0
        images.append(image)
    return images


def to_dual(element: int) -> int:
    """Conventional to dual basis, CCSDS 131.0-B annex on the basis transformation."""
    result = 0
    for bit in range(8):
        result ^= RS_DUAL[7 - bit] if element >> bit & 1 else 0
    return result


def inverse(images: Sequence[int]) -> list[int]:
    """The inverse of a permutation of 0-255."""
    back = [0] * 256
    for element, image in enumerate(images):
        back[image] = element
    return back


def affine(images: Sequence[int]) -> int:
    """A linear map, given by its images, as the 8 x 8 bit matrix operand of GF2P8AFFINEQB."""
    matrix = 0
    for bit in range(8):  # row of result bit `bit` is byte 7 - bit; its bit k is input bit k's share
        row = sum((images[1 << k] >> bit & 1) << k for k in range(8))
        matrix |= row << 8 * (7 - bit)
    return matrix


def hsiao_images(seed: int) -> list[int]:
    """What one byte of a word adds to its check byte: column k is the seed rotated by k."""
    images = []
    for byte in range(256):
        total = 0
        for k in range(8):
            total ^= ((seed << k | seed >> (8 - k)) & 0xFF) if byte >> k & 1 else 0
        images.append(total)
    return images


def nibble_sums(images: Sequence[int]) -> list[int]:
    """Images of the 16 low nibbles, then of the 16 high ones."""
    return [*images[:16], *(images[n << 4] for n in range(16))]


def crc32c(data: bytes) -> int:
    """CRC-32C of a table as it lies in little-endian memory."""
    table = reflected_tables(CRC32C)[0]
    crc = 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ table[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFFFFFF


def all_tables() -> Iterable[tuple[str, int, list[list[int]]]]:
    """Name, bits of an element, rows."""
    rs, gfni, storage = Field(RS_FIELD), Field(GFNI_FIELD), Field(STORAGE_FIELD)
    into = isomorphism(rs, gfni)
    out_of = inverse(into)
    dual = [to_dual(element) for element in range(256)]
    undual = inverse(dual)
    parity, syndromes, powers = rs_matrix(rs), syndrome_matrix(rs), locator_powers(rs)
    hsiao = [hsiao_images(seed) for seed in SEEDS]
    yield "crc32c", 32, reflected_tables(CRC32C)
    yield "crc32", 32, reflected_tables(CRC32)
    yield "crc16", 16, crc16_tables()
    yield "fold_crc32c", 64, fold_constants(CRC32C, 32)
    yield "fold_crc32", 64, fold_constants(CRC32, 32)
    yield "fold_crc16", 64, fold_constants(CRC16, 16)
    yield "rs_exp", 8, [[rs.power(i) for i in range(512)]]
    yield "rs_log", 8, [[rs.log.get(i, 255) for i in range(256)]]
    yield "rs_to_dual", 8, [dual]
    yield "rs_from_dual", 8, [undual]
    yield "rs_parity", 8, four_row_sums(parity)
    yield "rs_syndrome", 8, four_row_sums(syndromes)
    yield "rs_power", 8, powers
    padded = [*parity, *([[0] * 32] * 33)]
    yield "rs_parity_gfni", 8, [[into[padded[i][j]] for i in range(256)] for j in range(32)]
    yield "rs_syndrome_gfni", 8, [[into[value] for value in row] for row in syndromes]
    yield "rs_power_gfni", 8, [[into[value] for value in row] for row in powers]
    yield "rs_affine", 64, [[
        affine(into), affine(out_of), affine([into[undual[e]] for e in range(256)]),
        affine([dual[out_of[e]] for e in range(256)]), affine(dual), affine(undual),
    ]]
    yield "word", 8, hsiao
    yield "word_nibble", 8, [nibble_sums(images) for images in hsiao]
    yield "word_affine", 64, [[affine(images) for images in hsiao]]
    yield "storage_exp", 8, [[storage.power(i) for i in range(512)]]
    yield "storage_log", 8, [[storage.log.get(i, 255) for i in range(256)]]
    yield "storage_affine", 64, [
        [affine([storage.mul(c, e) for e in range(256)]) for c in range(256)]
    ]


def main(folder: Path) -> None:
    """Write both files into `folder`."""
    header = ["#ifndef VA_TABLES_H", "#define VA_TABLES_H", "#include <stddef.h>", "#include <stdint.h>"]
    source, sums = ['#include "tables.h"'], []
    for name, bits, rows in all_tables():
        shape = f"[{len(rows)}][{len(rows[0])}]"
        declaration = f"const uint{bits}_t va_table_{name}{shape}"
        header.append(f"extern {declaration};")
        suffix = "u" if bits < 64 else "uLL"
        body = ",\n".join("{" + ",".join(f"{word}{suffix}" for word in row) + "}" for row in rows)
        source.append(f"__attribute__((aligned(64))) {declaration} = {{\n{body}}};")
        raw = b"".join(word.to_bytes(bits // 8, "little") for row in rows for word in row)
        sums.append(f"{{va_table_{name}, sizeof va_table_{name}, {crc32c(raw)}u}}")
    header += [
        f"#define VA_TABLE_COUNT {len(sums)}",
        "typedef struct { const void *bytes; size_t length; uint32_t crc; } va_table_sum;",
        "extern const va_table_sum va_table_sums[VA_TABLE_COUNT];", "#endif", "",
    ]
    body = ",\n".join(sums)
    source.append(f"const va_table_sum va_table_sums[VA_TABLE_COUNT] = {{\n{body}}};\n")
    (folder / "tables.h").write_text("\n".join(header))
    (folder / "tables.c").write_text("\n".join(source))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
