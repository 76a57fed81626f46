"""The edits to files that belong to the board's own system: text in, text out, done twice is done once.

config.txt: Raspberry Pi documentation, config_txt; cmdline.txt: kernel-command-line-config;
extlinux.conf: the boot menu of JetPack. The console leaves our UART and nothing else changes.
"""

import re
from collections.abc import Sequence

BEGIN = "# vanallen begin: `vanallen board uninstall` takes this out again"
END = "# vanallen end"
FILTER_ALL = "[all]"


def with_config_lines(text: str, lines: Sequence[str]) -> str:
    """config.txt with a block of ours at its end, where no filter above can hide it."""
    rest = _without_block(text)
    if not lines:
        return rest
    body = rest if rest.endswith("\n") or not rest else rest + "\n"
    return body + "\n".join([BEGIN, FILTER_ALL, *lines, END]) + "\n"


def without_console(text: str, devices: Sequence[str]) -> str:
    """cmdline.txt without kernel consoles on these devices; the file stays one line."""
    ending = "\n" if text.endswith("\n") else ""
    return _drop_consoles(text.rstrip("\n"), devices) + ending


def without_menu_console(text: str, devices: Sequence[str]) -> str:
    """extlinux.conf without kernel consoles on these devices, in every entry."""
    lines = text.split("\n")
    return "\n".join(
        _drop_consoles(line, devices) if line.lstrip().startswith("APPEND") else line
        for line in lines
    )


def _drop_consoles(line: str, devices: Sequence[str]) -> str:
    names = "|".join(re.escape(device) for device in devices)
    if not names:
        return line
    return re.sub(rf"(?:(?<=\s)|^)console=(?:{names})(?:,\S*)?(?:\s+|$)", "", line).rstrip(" ") + (
        " " if line.endswith(" ") else ""
    )


def _without_block(text: str) -> str:
    pattern = rf"(?ms)^{re.escape(BEGIN)}$.*?^{re.escape(END)}$\n?"
    return re.sub(pattern, "", text)
