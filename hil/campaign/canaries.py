"""Canaries: builds with one protection taken out, each of which its campaign has to catch.

"0 failures" may mean that nothing was injected. So the source tree is copied, one line of the copy is
changed, and the campaign that samples that protection runs on it in a process of its own: it must find
failures. Nothing in the flown code knows of this.
"""

import importlib.util
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flight_sw.errors import VanAllenError

TIMEOUT_S = 600.0
# The copy must be what is imported, not the installed package, however that was installed.
_START = """
import sys
root = sys.argv.pop(1)
sys.meta_path[:] = [f for f in sys.meta_path if "Editable" not in type(f).__name__
                    and "ScikitBuild" not in type(f).__name__]
sys.path.insert(0, root)
import flight_sw
if not flight_sw.__file__.startswith(root):
    raise SystemExit(f"imported {flight_sw.__file__}, not the copy in {root}")
from hil.__main__ import main
sys.exit(main())
"""


@dataclass(frozen=True, slots=True)
class Canary:
    """One build.

    Args:
        file: below the top of the source tree.
        right, wrong: the text that is there once, and what replaces it.
        fault, n: the campaign that has to catch it.
    """

    name: str
    what: str
    file: str
    right: str
    wrong: str
    fault: str
    n: int
    seed: int = 1


CANARIES: tuple[Canary, ...] = (
    Canary(
        "vote-off",
        "voted records are read without a vote",
        "flight_sw/radiation/voted.py",
        "report = native.tmr_scrub(first, second, inverted, inverted=True)\n"
        "        self.repairs += sum(report.miscompares)",
        "del second, inverted",
        "seu-state",
        4,
    ),
    Canary(
        "crc-off",
        "checksums of stored records are not looked at",
        "flight_sw/store/records.py",
        "if content[_HEADER.size : _OVERHEAD_BYTES] != self._checksum(header, payload):",
        "if False:",
        "store",
        30,
    ),
    Canary(
        "mac-off",
        "telecommands are decrypted and their MAC is not looked at",
        "flight_sw/space_link/sdls.py",
        "plaintext = self._gcm.decrypt(security[2:], sealed, header + security)",
        "zeros = bytes(len(sealed) - MAC_BYTES)\n"
        "            stream = self._gcm.encrypt(security[2:], zeros, header + security)\n"
        "            plaintext = bytes(a ^ b for a, b in zip(stream, sealed, strict=True))\n"
        "            plaintext = plaintext[:-MAC_BYTES]",
        "forgery",
        2,
    ),
    Canary(
        "watchdog-blind",
        "the board's watchdog is fed whatever has stopped",
        "flight_sw/node.py",
        "feed_watchdog=self._life.may_feed(now)",
        "feed_watchdog=True",
        "sensor",
        1,
        seed=10,  # whose first fault hangs the sensor's bus
    ),
    Canary(
        "fsync-off",
        "files are renamed into place without having been synced",
        "flight_sw/devices/storage.py",
        "                file.flush()\n                os.fsync(file.fileno())\n            temporary",
        "                file.flush()\n            temporary",
        "store",
        30,
    ),
    Canary(
        "governor-off",
        "the clock stays at the top, however hot it is",
        "flight_sw/controller.py",
        "self._state.set(level=0 if probing else decision.level)",
        "self._state.set(level=0 if probing else len(self._profile.frequency.levels_mhz) - 1)",
        "heat",
        1,
    ),
)


def run_canaries(show: Callable[[dict[str, Any]], None], only: str = "") -> list[dict[str, Any]]:
    """Build and fly each; what its campaign found."""
    rows = []
    for canary in CANARIES:
        if not only or canary.name == only:
            rows.append(fly(canary))
            show(rows[-1])
    return rows


def fly(canary: Canary) -> dict[str, Any]:
    """One canary: `caught` if its campaign counted failures.

    Raises:
        VanAllenError: the build cannot be made, or its campaign did not come to an end.
    """
    with tempfile.TemporaryDirectory(prefix="vanallen-canary-") as folder:
        root = Path(folder)
        build(canary, root)
        table = _campaign(canary, root)
    examples = [e for row in table["cells"].values() for e in row["examples"]]
    return {
        "canary": canary.name,
        "what": canary.what,
        "class": canary.fault,
        "faults": table["trials"],
        "failures": table["failures"],
        "caught": table["failures"] > 0,
        "first": examples[0]["why"] if examples else "",
    }


def build(canary: Canary, root: Path) -> None:
    """Copy the sources below `root` and change the one place.

    Raises:
        VanAllenError: the place is not there exactly once.
    """
    top = Path(__file__).parents[2]
    skip = shutil.ignore_patterns("__pycache__", "*.so")
    for package in ("flight_sw", "hil"):
        shutil.copytree(top / package, root / package, ignore=skip)
    shutil.copytree(top / "boards", root / "boards")
    native = importlib.util.find_spec("flight_sw._native")
    if native is None or native.origin is None:
        raise VanAllenError("canary: the native core is not built")
    shutil.copy(native.origin, root / "flight_sw" / Path(native.origin).name)
    file = root / canary.file
    text = file.read_text("utf-8")
    if text.count(canary.right) != 1:
        raise VanAllenError(
            f"canary {canary.name}: {canary.file} holds the place to change "
            f"{text.count(canary.right)} times; bring hil/campaign/canaries.py up to date"
        )
    file.write_text(text.replace(canary.right, canary.wrong), "utf-8")


def _campaign(canary: Canary, root: Path) -> dict[str, Any]:
    command = [sys.executable, "-c", _START, str(root), "campaign", "run", "--json"]
    command += ["--fault", canary.fault, "--n", str(canary.n), "--workers", "1"]
    command += ["--seed", str(canary.seed), "--out", str(root / "run")]
    ended = subprocess.run(
        command, cwd=root, capture_output=True, text=True, timeout=TIMEOUT_S, check=False
    )
    try:
        table: dict[str, Any] = json.loads(ended.stdout)
    except json.JSONDecodeError:
        last = ended.stderr.strip().splitlines()[-1:] or [f"exit code {ended.returncode}"]
        raise VanAllenError(f"canary {canary.name}: its campaign ended with: {last[0]}") from None
    return table
