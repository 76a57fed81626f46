"""Tries mutants on tests that are already collected: each in a fork, with only the tests that reach it.

A mutant inside a function is put into the running program by exchanging the function's code, a constant
by giving its name the other value. Any other starts a fresh Python. A mutant that no test fails on has
survived.
"""

import ast
import os
import resource
import signal
import subprocess
import sys
import time
import types
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from importlib.abc import InspectLoader
from importlib.machinery import ModuleSpec
from pathlib import Path

import coverage
import pytest
from _pytest.main import pytest_runtestloop
from _pytest.runner import runtestprotocol
from hypothesis import settings

from tests.mutation.mutants import Mutant

CPU_S = 60
EXAMPLES = 15
WALL_S = 180
OPTIONS = ("-x", "-q", "--no-header", "-p", "no:cacheprovider", "--hypothesis-seed=0")


@dataclass(slots=True)
class Trial:
    """A pytest plugin: collect, see which test reaches which line, then try every mutant.

    Args:
        tests: what to hand to pytest for a mutant at import time.
    """

    mutants: Sequence[Mutant]
    tests: tuple[str, ...]
    survivors: list[Mutant] = field(default_factory=list)
    told: bool = False

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """In place of running the tests once."""
        _make_brief(session.items)
        reached = _reached(session, {mutant.source for mutant in self.mutants})
        for number, mutant in enumerate(self.mutants):
            if mutant.function or mutant.constant:
                tests = reached.of(mutant)
                survived = not _killed_here(session, mutant, tests)
            else:
                survived = not _killed_anew(mutant, self.tests)
            if survived:
                self.survivors.append(mutant)
            if self.told:
                word = "SURVIVED" if survived else "killed"
                print(f"{number + 1}/{len(self.mutants)} {word} {mutant.key}", flush=True)
        return True


def _make_brief(items: Sequence[pytest.Item]) -> None:
    """Properties with few examples: what they then miss counts as a survivor."""
    for item in items:
        test = getattr(item, "obj", None)
        place = getattr(test, "__func__", test)
        own = getattr(place, "_hypothesis_internal_use_settings", None)
        if own is not None:
            place._hypothesis_internal_use_settings = settings(own, max_examples=EXAMPLES)
        machine = getattr(item, "cls", None)
        if isinstance(getattr(machine, "settings", None), settings):
            machine.settings = settings(machine.settings, max_examples=EXAMPLES)


@dataclass(slots=True)
class _Reach:
    """Which tests run which lines, the quick ones first."""

    lines: Mapping[tuple[str, int], set[str]]
    items: Sequence[pytest.Item]

    def of(self, mutant: Mutant) -> list[pytest.Item]:
        """A constant may matter to every test."""
        if not mutant.function:
            return list(self.items)
        names = self.lines.get((str(mutant.source), mutant.line), set())
        return [item for item in self.items if item.nodeid in names]


def _reached(session: pytest.Session, sources: set[Path]) -> _Reach:
    """Run every test once; each must pass."""
    measured = coverage.Coverage(data_file=None, include=[str(source) for source in sources])
    took_s: dict[str, float] = {}
    measured.start()
    for item in session.items:
        measured.switch_context(item.nodeid)
        start = time.process_time()
        for report in runtestprotocol(item, nextitem=None, log=False):
            if report.failed:
                raise pytest.UsageError(
                    f"{item.nodeid} fails without a mutant: {report.longreprtext}"
                )
        took_s[item.nodeid] = time.process_time() - start
    measured.stop()
    data = measured.get_data()
    lines = {
        (path, line): set(names)
        for path in data.measured_files()
        for line, names in data.contexts_by_lineno(path).items()
    }
    return _Reach(lines, sorted(session.items, key=lambda item: took_s[item.nodeid]))


def _killed_here(session: pytest.Session, mutant: Mutant, items: list[pytest.Item]) -> bool:
    if not items:
        return False
    child = os.fork()
    if child == 0:
        _limit()
        status = 1
        try:
            if mutant.function:
                _exchange(mutant)
            else:
                _change_constant(mutant)
            session.items = items
            session.testsfailed, session.shouldfail = 0, False
            pytest_runtestloop(session)
            status = 1 if session.testsfailed else 0
        except BaseException:  # noqa: BLE001  whatever stops the tests has noticed the mutant
            status = 1
        os._exit(status)
    return os.waitpid(child, 0)[1] != 0


def _killed_anew(mutant: Mutant, tests: tuple[str, ...]) -> bool:
    command = [sys.executable, "-m", "tests.mutation", "--one", mutant.key, *tests]
    done = subprocess.run(command, capture_output=True, check=False, preexec_fn=_limit)
    return done.returncode != 0


def run_one(mutant: Mutant, tests: Sequence[str]) -> int:
    """Import with the mutant in place of its module and run the tests."""
    sys.meta_path.insert(0, _Changed(mutant))
    return int(pytest.main([*OPTIONS, *tests]))


class _Changed(InspectLoader):
    """Finds one module and loads it with the mutant in it."""

    def __init__(self, mutant: Mutant) -> None:
        self._mutant = mutant

    def find_spec(self, name: str, *_: object) -> ModuleSpec | None:
        """Only the module of the mutant."""
        if name != self._mutant.module:
            return None
        return ModuleSpec(name, self, origin=str(self._mutant.source))

    def get_source(self, fullname: str) -> str:
        """Not asked for."""
        raise ImportError(fullname)

    def get_code(self, fullname: str) -> types.CodeType:
        """The changed source, compiled."""
        return compile(self._mutant.tree(), str(self._mutant.source), "exec")  # type: ignore[no-any-return]


def _limit() -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, CPU_S))
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.alarm(WALL_S)
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 1)
    os.dup2(nothing, 2)


def _exchange(mutant: Mutant) -> None:
    """Give the live function its changed code; nested functions and lambdas are part of it."""
    place: object = import_module(mutant.module)
    code = compile(mutant.tree(), str(mutant.source), "exec")
    for name in mutant.function.split("."):
        code = _inner(code, name)
        place = place.__dict__[name]
        plain = _plain(place)
        if plain is not None:
            plain.__code__ = code
            return
    raise LookupError(f"{mutant.key}: there is no such function")


def _change_constant(mutant: Mutant) -> None:
    """Give a constant of a module its changed value, there and wherever it was imported."""
    module = import_module(mutant.module)
    old = getattr(module, mutant.constant)
    value = next(v for v in map(_value, mutant.tree().body) if v and v[0] == mutant.constant)[1]
    function = ast.Expression(ast.Lambda(ast.arguments([], [], None, [], [], None, []), value))
    code = compile(ast.fix_missing_locations(function), str(mutant.source), "eval")
    changed = types.FunctionType(next(_codes(code)), module.__dict__)()
    for other in list(sys.modules.values()):
        if getattr(other, "__dict__", {}).get(mutant.constant) is old:
            setattr(other, mutant.constant, changed)


def _value(statement: ast.stmt) -> tuple[str, ast.expr] | None:
    match statement:
        case ast.Assign(targets=[ast.Name(id=name)], value=value):
            return name, value
        case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
            return name, value
    return None


def _plain(place: object) -> types.FunctionType | None:
    if isinstance(place, property):
        place = place.fget
    elif isinstance(place, classmethod | staticmethod):
        place = place.__func__
    place = getattr(place, "__wrapped__", place)
    return place if isinstance(place, types.FunctionType) else None


def _inner(code: types.CodeType, name: str) -> types.CodeType:
    found = [c for c in _codes(code) if c.co_name == name]
    return found[0]


def _codes(code: types.CodeType) -> Iterator[types.CodeType]:
    return (constant for constant in code.co_consts if isinstance(constant, types.CodeType))
