"""Writes tables.c and tables.h: the constant tables of the protection core, from their definitions.

Run by CMake; only the standard library. The tables are data of the program image (read-only pages);
the self-test compares their CRC-32C with the one this script works out.
"""

import sys
from pathlib import Path

CRC32C = 0x82F63B78  # reflected, RFC 3720 appendix B.4


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


def c_table(name: str, tables: list[list[int]]) -> str:
    """One uint32_t[n][256] definition."""
    rows = ",\n".join("{" + ",".join(f"0x{word:08X}" for word in row) + "}" for row in tables)
    return f"const uint32_t {name}[{len(tables)}][256] = {{\n{rows}}};\n"


def main(folder: Path) -> None:
    """Write both files into `folder`."""
    header = "#ifndef VA_TABLES_H\n#define VA_TABLES_H\n#include <stdint.h>\n"
    header += "extern const uint32_t va_table_crc32c[8][256];\n#endif\n"
    source = '#include "tables.h"\n' + c_table("va_table_crc32c", reflected_tables(CRC32C))
    (folder / "tables.h").write_text(header)
    (folder / "tables.c").write_text(source)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
