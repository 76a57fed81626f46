"""Where the programs keep their files if nobody says otherwise (XDG base directories)."""

import os
from pathlib import Path

KEYS_VARIABLE = "VANALLEN_KEYS"


def key_file() -> Path:
    """The bench's key file: $VANALLEN_KEYS, else keys.json in the configuration folder."""
    named = os.environ.get(KEYS_VARIABLE)
    return Path(named) if named else _home("XDG_CONFIG_HOME", ".config") / "keys.json"


def ground_state() -> Path:
    """The ground's counters: shared by every ground program of this user."""
    return _home("XDG_STATE_HOME", ".local/state") / "ground"


def controller_state(board: str) -> Path:
    """The durable records of a controller started by hand, by the name of its board."""
    return _home("XDG_STATE_HOME", ".local/state") / f"controller-{board}"


def model_cache() -> Path:
    """Models compiled for this machine, made anew whenever they are missing."""
    return cache_home() / "models"


def cache_home() -> Path:
    """Everything that can be made anew."""
    return _home("XDG_CACHE_HOME", ".cache")


def _home(variable: str, default: str) -> Path:
    base = os.environ.get(variable)
    return (Path(base) if base else Path.home() / default) / "vanallen"
