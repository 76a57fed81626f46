"""Sizes, forbidden words and forbidden calls, read from the sources; each rule is shown able to fail."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FILE_LINES_MAX = 400
FUNCTION_LINES_MAX = 45
UNSAFE_MODULES = frozenset({"pickle", "cPickle", "dill", "marshal", "shelve"})
UNSAFE_CALLS = frozenset(
    {"eval", "exec", "__import__", "os.system", "os.popen", "yaml.unsafe_load", "yaml.full_load"}
)
UNSAFE_KEYWORDS = frozenset({"shell", "allow_pickle"})
SAFE_LOADERS = frozenset({"yaml.SafeLoader", "yaml.CSafeLoader", "SafeLoader", "CSafeLoader"})
ENUM_BASES = frozenset({"Enum", "IntEnum", "StrEnum", "Flag", "IntFlag"})


def sources(*packages: str) -> Iterator[tuple[str, str]]:
    """Path and text of every Python file below some top-level folders."""
    for package in packages:
        for path in sorted((ROOT / package).rglob("*.py")):
            if "__pycache__" not in path.parts:
                yield str(path.relative_to(ROOT)), path.read_text("utf-8")


def size_breaches(name: str, source: str) -> list[str]:
    """A file or function too long to be read at a glance."""
    lines = source.count("\n")
    found = [f"{name}: {lines} lines"] if lines > FILE_LINES_MAX else []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > FUNCTION_LINES_MAX:
                found.append(f"{name}:{node.lineno}: {node.name} has {length} lines")
    return found


def unsafe_breaches(name: str, source: str) -> list[str]:
    """Anything that turns data into code."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            words = {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            words = {(node.module or "").split(".")[0]}
        elif isinstance(node, ast.Call) and _unsafe_call(node):
            words = UNSAFE_MODULES
        else:
            continue
        if words & UNSAFE_MODULES:
            found.append(f"{name}:{node.lineno}: {ast.unparse(node)}")
    return found


def enum_breaches(name: str, source: str) -> list[str]:
    """An enum that would let two names share one value in silence."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.ClassDef) or not _last_names(node.bases) & ENUM_BASES:
            continue
        if "unique" not in _last_names(node.decorator_list):
            found.append(f"{name}:{node.lineno}: {node.name} is not @unique")
    return found


def _unsafe_call(node: ast.Call) -> bool:
    called = ast.unparse(node.func)
    if called in UNSAFE_CALLS:
        return True
    if called == "yaml.load":
        loaders = [ast.unparse(a) for a in node.args[1:]]
        loaders += [ast.unparse(k.value) for k in node.keywords if k.arg == "Loader"]
        return not set(loaders) & SAFE_LOADERS
    return any(
        k.arg in UNSAFE_KEYWORDS and not (isinstance(k.value, ast.Constant) and not k.value.value)
        for k in node.keywords
    )


def _last_names(nodes: list[ast.expr]) -> set[str]:
    return {ast.unparse(node).split(".")[-1] for node in nodes}


def test_files_and_functions_are_short() -> None:
    """No file is longer than 400 lines, no function longer than 45."""
    found = [b for item in sources("flight_sw", "hil", "tests") for b in size_breaches(*item)]
    assert not found, "\n".join(found)


def test_data_never_becomes_code() -> None:
    """No pickle, no eval, no unsafe YAML, no shell."""
    found = [b for item in sources("flight_sw", "hil", "tests") for b in unsafe_breaches(*item)]
    assert not found, "\n".join(found)


def test_every_enum_is_unique() -> None:
    """Every enum is checked for two names of one value."""
    found = [b for item in sources("flight_sw", "hil", "tests") for b in enum_breaches(*item)]
    assert not found, "\n".join(found)


def test_flight_software_knows_no_test_doubles() -> None:
    """The word for a test double does not occur in flight software."""
    found = [name for name, source in sources("flight_sw") if "mock" in source.lower()]
    assert not found, found


@pytest.mark.parametrize(
    "source",
    [
        "x = 1\n" * (FILE_LINES_MAX + 1),
        "def f():\n" + "    x = 1\n" * FUNCTION_LINES_MAX,
        "class A:\n    async def f(self):\n" + "        x = 1\n" * FUNCTION_LINES_MAX,
    ],
)
def test_too_long_is_found(source: str) -> None:
    """The size rule fails when it should."""
    assert size_breaches("x.py", source)


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "from pickle import loads",
        "eval('1')",
        "yaml.load(text)",
        "yaml.load(text, Loader=yaml.Loader)",
        "yaml.unsafe_load(text)",
        "subprocess.run('ls', shell=True)",
        "subprocess.run('ls', shell=flag)",
        "np.load(path, allow_pickle=True)",
    ],
)
def test_data_that_becomes_code_is_found(source: str) -> None:
    """The safety rule fails when it should."""
    assert unsafe_breaches("x.py", source)


@pytest.mark.parametrize(
    "source",
    [
        "yaml.load(text, Loader=yaml.CSafeLoader)",
        "yaml.safe_load(text)",
        "model.eval()",
        "subprocess.run(['ls'], shell=False)",
    ],
)
def test_safe_calls_pass(source: str) -> None:
    """The safety rule stays quiet when it should."""
    assert not unsafe_breaches("x.py", source)


def test_an_enum_without_unique_is_found() -> None:
    """The enum rule fails when it should."""
    assert enum_breaches("x.py", "import enum\nclass A(enum.Enum):\n    B = 1\n")
    assert not enum_breaches("x.py", "@unique\nclass A(Enum):\n    B = 1\n")
