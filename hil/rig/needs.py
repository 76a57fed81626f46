"""What a board of the rig can do, so that a test can say what it needs and be skipped with a reason.

Features follow from the entry alone: whether a test can run is known before anything is started.
Fixtures are the inventory's own words for what is wired to a board.
"""

from collections.abc import Iterable

from hil.rig.inventory import BoardEntry

# Feature: what it means. A test names them in `needs(feature=...)`.
FEATURES = {
    "commanding": "telecommands and telemetry over the space link",
    "board": "a compute node that answers",
    "inference": "models in the node's slots",
    "governor": "a processor clock that software can set",
    "supply": "a supply switch that the payload itself works",
    "power": "a supply that the rig can cut",
    "controller": "the controller is a program of the rig, which may stop it",
    "faults": "the rig can flip bits, stop programs and cut lines",
    "plant": "the board's true temperature and power can be seen",
    "chamber": "the rig can heat the board's mount",
    "slots": "the rig can reach the board's model slots",
    "same-processor": "the golden twin runs on the board's kind of processor",
}
EMULATED_FIXTURES = frozenset({"supply_switch", "thermal_chamber", "line_breaker"})


def features_of(entry: BoardEntry) -> frozenset[str]:
    """Every feature that this board has on this rig."""
    profile, emulated = entry.profile, entry.is_emulated
    has = {
        "commanding": True,
        "board": True,
        "inference": True,
        "governor": profile.frequency.control != "none",
        "supply": emulated or profile.supply.kind != "none",
        "power": emulated or entry.section.power is not None,
        "controller": entry.section.link == "board",
        "faults": emulated,
        "plant": emulated,
        "chamber": emulated,
        "slots": entry.emulator == "process",
        "same-processor": entry.emulator == "process",
    }
    return frozenset(name for name in FEATURES if has[name])


def fixtures_of(entry: BoardEntry) -> frozenset[str]:
    """What is wired to this board; an emulated one has what the emulator does."""
    wired = frozenset(entry.section.fixtures)
    return wired | EMULATED_FIXTURES if entry.is_emulated else wired


def unmet(entry: BoardEntry, features: Iterable[str], fixtures: Iterable[str]) -> str | None:
    """Why a test with these needs cannot run on this board; None if it can.

    Raises:
        ValueError: no such feature: a spelling mistake would skip the test for ever.
    """
    wanted, wired = list(features), list(fixtures)
    unknown = [name for name in wanted if name not in FEATURES]
    if unknown:
        raise ValueError(f"no feature {unknown[0]!r}; there are: {', '.join(FEATURES)}")
    for name in wanted:
        if name not in features_of(entry):
            return f"board {entry.name} has no {name} ({FEATURES[name]})"
    for name in wired:
        if name not in fixtures_of(entry):
            return f"board {entry.name} has no fixture {name}"
    return None


def as_words(value: object) -> tuple[str, ...]:
    """A marker's argument: one word, or several."""
    if value is None:
        return ()
    return (value,) if isinstance(value, str) else tuple(value)  # type: ignore[arg-type]
