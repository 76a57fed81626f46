"""The saved values of ST[20] parameters: typed, versioned, and never trusted beyond their type.

Ranges belong to the dictionary; whoever loads checks them. What cannot be used is left out and
named, so that the default applies to that parameter alone.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from flight_sw.devices.storage import Storage
from flight_sw.store.records import Record

VERSION = 1
NAME = "parameters"

Value = bool | int | float


@dataclass(frozen=True, slots=True)
class LoadedParameters:
    """Usable values by name, what was left out and why, and whether a slot was damaged."""

    values: Mapping[str, Value]
    problems: tuple[str, ...]
    damaged: bool


class ParameterStore:
    """Parameter values on a record; the declared types decide what is accepted."""

    def __init__(self, storage: Storage, declared: Mapping[str, type[Value]]) -> None:
        self._record = Record(storage, NAME, VERSION)
        self._declared = dict(declared)

    def load(self) -> LoadedParameters:
        """Saved values whose name and type are declared; an empty result is a valid one."""
        loaded = self._record.load()
        if loaded.payload is None:
            lost = ("no valid copy of the saved parameters",) if loaded.damaged else ()
            return LoadedParameters({}, lost, loaded.damaged)
        try:
            saved = msgspec.msgpack.decode(loaded.payload, type=dict[str, bool | int | float])
        except msgspec.DecodeError:
            return LoadedParameters({}, ("saved parameters are not readable",), loaded.damaged)
        problems = {name: self._problem(name, value) for name, value in saved.items()}
        values = {name: value for name, value in saved.items() if problems[name] is None}
        named = tuple(f"{name}: {problem}" for name, problem in problems.items() if problem)
        return LoadedParameters(values, named, loaded.damaged)

    def save(self, values: Mapping[str, Value]) -> None:
        """Store these values; ValueError for one that could not be loaded again."""
        for name, value in values.items():
            problem = self._problem(name, value)
            if problem:
                raise ValueError(f"parameter {name}: {problem}")
        self._record.save(msgspec.msgpack.encode(dict(values)))

    def _problem(self, name: str, value: Value) -> str | None:
        declared = self._declared.get(name)
        if declared is None:
            return "not a parameter of this software"
        if type(value) is not declared:
            return f"is of type {type(value).__name__}, not {declared.__name__}"
        if isinstance(value, float) and not math.isfinite(value):
            return "is not a finite number"
        return None
