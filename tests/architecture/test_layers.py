"""Imports go one way, and only the edges touch the world; each rule is shown able to fail.

The order is that of the design: whoever is on the left may import whoever is on the right. A module
that is not in the table fails the test, so that its place is decided and not drifted into.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("flight_sw", "hil", "tests")

# What controller and node are made of, where the concerns meet.
PARTS = tuple(
    f"flight_sw.{part}"
    for part in (
        "board_golden",
        "board_health",
        "board_jobs",
        "board_models",
        "board_scrub",
        "board_self_test",
        "board_line",
        "board_side",
        "board_updates",
        "board_watch",
        "commanding",
        "downlink",
        "job_flow",
        "key_change",
        "link_profile",
        "model_updates",
        "node_life",
        "questions",
        "node_memory",
        "on_board",
        "own_memory",
        "own_profile",
        "payload_state",
        "worker_watch",
    )
)

ORDER: tuple[frozenset[str], ...] = (
    frozenset({"tests"}),
    frozenset(
        {
            "hil.__main__",
            "hil.archive_command",
            "hil.sequence_command",
            "hil.ask_command",
            "hil.bench",
            "hil.board_commands",
            "hil.campaign_command",
            "hil.simulate_command",
            "hil.soak_command",
            "hil.doctor",
            "hil.model_command",
            "hil.rig_commands",
        }
    ),
    frozenset({"hil.desk"}),
    frozenset({"hil.calibrate_command"}),
    frozenset(
        {
            "hil.campaign",
            "hil.mask_picture",
            "hil.model_proof",
            "hil.model_upload",
            "hil.scenario",
            "hil.shipped_slots",
            "hil.governors",
            "hil.simulation",
            "hil.suite",
            "hil.training",
        }
    ),
    frozenset(
        {
            "hil.applications",
            "hil.dictionary_export",
            "hil.emulator",
            "hil.faults",
            "hil.ground",
            "hil.rig",
        }
    ),
    frozenset({"hil.board_files", "hil.environment", "hil.kernel", "hil.places", "hil.svg"}),
    frozenset({"flight_sw.__main__"}),
    frozenset({"flight_sw.controller_runner", "flight_sw.node_runner"}),
    frozenset({"flight_sw.model_shelf", "flight_sw.runner"}),
    frozenset({"flight_sw.controller", "flight_sw.node", *PARTS}),
    frozenset(
        {
            "flight_sw.services",
            "flight_sw.radiation",
            "flight_sw.resources",
            "flight_sw.inference",
            "flight_sw.store",
        }
    ),
    frozenset(
        {
            "flight_sw.space_link",
            "flight_sw.board_link",
            "flight_sw.dictionary",
            "flight_sw.mode",
            "flight_sw.event",
            "flight_sw.profile",
        }
    ),
    frozenset({"flight_sw.devices"}),
    frozenset({"flight_sw.errors", "flight_sw._native", "flight_sw", "hil"}),
)
CONCERNS = next(group for group in ORDER if "flight_sw.store" in group)

NATIVE_USER = "flight_sw.radiation.native"
WORLD_MODULES = frozenset(
    {"time", "random", "secrets", "socket", "threading", "serial", "subprocess"}
)
WORLD_NAMES = frozenset({"os.urandom", "datetime.now", "datetime.utcnow", "date.today"})
EDGES = (
    "flight_sw.devices",
    "flight_sw.__main__",
    "flight_sw.controller_runner",
    "flight_sw.node_runner",
    "flight_sw.runner",
    "flight_sw.inference.worker",
    "hil.emulator",
    "hil.faults.rig_client",
    "hil.rig",
    "hil.ground",
    "hil.campaign",
    "hil.__main__",
    "hil.ask_command",
    "hil.bench",
    "hil.desk",
    "hil.doctor",
    "hil.archive_command",
    "hil.sequence_command",
    "hil.model_command",
    "hil.mask_picture",
    "hil.model_proof",
    "hil.rig_commands",
    "hil.simulation.command",
    "tests",
)


def module_name(path: Path) -> str:
    """The dotted name of a file below the root."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def sources() -> Iterator[tuple[str, str]]:
    """Module name and text of every Python file of the project."""
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            if "__pycache__" not in path.parts:
                yield module_name(path), path.read_text("utf-8")


def imports(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Line and full name of all that is imported; `from a import b` yields `a.b`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            dots = "." * node.level
            for alias in node.names:
                yield node.lineno, f"{dots}{node.module or ''}.{alias.name}"


def area(name: str) -> str | None:
    """The entry of the table that a module belongs to: its first two names, or its first."""
    two = ".".join(name.split(".")[:2])
    for entry in (two, name.split(".", maxsplit=1)[0]):
        if any(entry in group for group in ORDER):
            return entry if entry == two or entry == "tests" or name == entry else None
    return None


def rank(entry: str) -> int:
    """Position in the order; a larger number may be imported by a smaller one."""
    return next(i for i, group in enumerate(ORDER) if entry in group)


def import_breach(importer: str, imported: str) -> str | None:
    """Why `importer` may not import `imported`, or None."""
    if imported.startswith("."):
        return "relative import"
    if imported.split(".", maxsplit=1)[0] not in PACKAGES:
        return None
    if imported.startswith("flight_sw._native") and importer != NATIVE_USER:
        return f"only {NATIVE_USER} may use the native core"
    here, there = area(importer), area(imported)
    if here is None:
        return f"{importer} has no place in the order: add it to ORDER"
    if there is None:  # `from flight_sw import x`, or a module that the table does not know
        return f"{imported} has no place in the order: import a module, not a package"
    if here in CONCERNS and there in CONCERNS and here != there:
        return "concern packages meet only in controller and node"
    return "import against the order" if rank(there) < rank(here) else None


def layer_breaches(module: str, source: str) -> list[str]:
    """Every import of one file that goes the wrong way."""
    found = []
    for line, imported in imports(ast.parse(source)):
        why = import_breach(module, imported)
        if why:
            found.append(f"{module}:{line}: {imported}: {why}")
    return found


def is_edge(module: str) -> bool:
    """Whether a module may touch clocks, sockets and processes."""
    return any(module == edge or module.startswith(edge + ".") for edge in EDGES)


def world_breaches(module: str, source: str) -> list[str]:
    """Every use of clock, chance, socket, thread or process outside the edges."""
    if is_edge(module):
        return []
    tree = ast.parse(source)
    found = [
        f"{module}:{line}: {name} outside the edges"
        for line, name in imports(tree)
        if name.split(".", maxsplit=1)[0] in WORLD_MODULES or name in WORLD_NAMES
    ]
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            spelled = ".".join(ast.unparse(node).split(".")[-2:])
            if spelled in WORLD_NAMES:
                found.append(f"{module}:{node.lineno}: {spelled} outside the edges")
        elif isinstance(node, ast.Call) and _is_chance(node):
            found.append(f"{module}:{node.lineno}: chance without a seed")
    return found


def _is_chance(node: ast.Call) -> bool:
    """Whether a call draws numbers that no seed repeats; `default_rng(seed)` is fine."""
    called = ast.unparse(node.func)
    if not called.startswith(("np.random.", "numpy.random.")):
        return False
    seeded = bool(node.args or node.keywords)
    word = called.rsplit(".", maxsplit=1)[-1]
    return not (seeded and (word == "default_rng" or word[0].isupper()))


def test_imports_go_one_way() -> None:
    """Every import of every file follows the order of the design."""
    found = [breach for module, source in sources() for breach in layer_breaches(module, source)]
    assert not found, "\n".join(found)


def test_only_edges_touch_the_world() -> None:
    """Clocks, chance, sockets, threads, ports and processes stay at the edges."""
    found = [breach for module, source in sources() for breach in world_breaches(module, source)]
    assert not found, "\n".join(found)


def test_every_module_has_a_place() -> None:
    """A new file is placed in the order before it is used."""
    lost = [module for module, _ in sources() if area(module) is None]
    assert not lost, f"add to ORDER: {lost}"


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("flight_sw.controller", "import hil.kernel"),
        ("flight_sw.controller", "from hil import kernel"),
        ("flight_sw.services.st08", "from flight_sw.store.records import Records"),
        ("flight_sw.radiation.scrub", "def f():\n    import flight_sw.inference.job"),
        ("flight_sw.space_link.link", "from flight_sw.controller import Controller"),
        ("flight_sw.devices.clock", "from flight_sw.mode import Mode"),
        ("flight_sw.radiation.scrub", "from flight_sw._native import lib"),
        ("flight_sw.radiation.scrub", "from flight_sw import _native"),
        ("flight_sw.node", "from .errors import UserError"),
        ("hil.environment.orbit", "from hil.ground.client import Ground"),
        ("hil.ground.client", "import hil.campaign.run"),
        ("hil.ground.client", "import tests.somewhere"),
        ("flight_sw.brand_new", "from flight_sw.errors import UserError"),
        ("hil.ground.client", "from flight_sw.brand_new import thing"),
    ],
)
def test_a_wrong_import_is_found(module: str, source: str) -> None:
    """The layer rule fails when it should."""
    assert layer_breaches(module, source)


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("flight_sw.controller", "import flight_sw.services.st01, flight_sw.store.records"),
        ("flight_sw.services.st01", "from flight_sw.dictionary import reason"),
        ("flight_sw.radiation.native", "from flight_sw import _native"),
        ("flight_sw.devices.tcp_port", "from flight_sw.errors import LinkLost"),
        ("hil.__main__", "def run():\n    from hil.campaign.run import run_command"),
        ("tests.hil.test_x", "import hil.campaign.run, flight_sw.errors, numpy"),
    ],
)
def test_a_right_import_passes(module: str, source: str) -> None:
    """The layer rule stays quiet when it should."""
    assert not layer_breaches(module, source)


@pytest.mark.parametrize(
    "source",
    [
        "import time",
        "from time import monotonic",
        "def f():\n    import socket",
        "import os\nkey = os.urandom(32)",
        "from os import urandom",
        "from datetime import datetime\nnow = datetime.now()",
        "import datetime\nnow = datetime.datetime.now()",
        "import subprocess",
        "import serial.tools.list_ports",
        "import numpy as np\nnp.random.default_rng()",
        "import numpy as np\nnp.random.random(5)",
    ],
)
def test_the_world_outside_the_edges_is_found(source: str) -> None:
    """The edge rule fails when it should, and not at the edges themselves."""
    assert world_breaches("flight_sw.controller", source)
    assert not world_breaches("flight_sw.devices.clock", source)
