"""Small changes to a source file, one at a time: each is a mistake that some test must notice.

Changed are comparisons, arithmetic, `and` and `or`, `not` and signs, numbers, texts and truth values,
conditions and returned values; left out are calls, raises, breaks and continues. Not changed are
annotations, decorators, docstrings, values of enums and the words of error messages.
"""

import ast
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_COMPARE: dict[type, type] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq, ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In,
}  # fmt: skip
_ARITHMETIC: dict[type, type] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.FloorDiv, ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult, ast.Mod: ast.Mult, ast.LShift: ast.RShift, ast.RShift: ast.LShift,
    ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd, ast.BitXor: ast.BitAnd, ast.Pow: ast.Mult,
}  # fmt: skip
_PLAIN_TESTS = (ast.Name, ast.Attribute, ast.Call, ast.Subscript)


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change; `key` says which in words that outlive a move of the lines."""

    source: Path
    module: str
    function: str  # qualified name, empty for a change at import time
    constant: str  # the name that a module gives the value, empty for a change elsewhere
    line: int
    key: str
    site: int
    variant: int
    text: str  # of the whole file, so that a change of it meanwhile does no harm

    def tree(self) -> ast.Module:
        """The changed source."""
        changer = _Changer((self.site, self.variant))
        tree = changer.visit(ast.parse(self.text))
        return ast.fix_missing_locations(tree)  # type: ignore[no-any-return]


def mutants_of(source: Path, module: str) -> list[Mutant]:
    """All changes of a file, in order."""
    finder, whole = _Changer(None), source.read_text("utf-8")
    finder.visit(ast.parse(whole))
    seen: Counter[str] = Counter()
    mutants = []
    for (function, constant), line, text, site, variant in finder.found:
        name = f"{module.removeprefix('flight_sw.')} {function or constant or '-'}: {text}"
        seen[name] += 1
        key = name if seen[name] == 1 else f"{name} #{seen[name]}"
        mutants.append(Mutant(source, module, function, constant, line, key, site, variant, whole))
    return mutants


class _Changer(ast.NodeTransformer):
    """Visits in a fixed order and counts; names every change, or makes the wanted one."""

    def __init__(self, wanted: tuple[int, int] | None) -> None:
        self.found: list[tuple[tuple[str, str], int, str, int, int]] = []
        self._wanted = wanted
        self._site = 0
        self._within: list[str] = []
        self._in_function = 0
        self._constant = ""

    def visit(self, node: ast.AST) -> Any:
        """One node; children first come after it."""
        site, self._site = self._site, self._site + 1
        for variant, changed in enumerate(variants(node)):
            if self._wanted == (site, variant):
                return changed
            text = f"{_short(node)} -> {_short(changed)}"
            function = ".".join(self._within) if self._in_function else ""
            place = function, "" if self._within else self._constant
            self.found.append((place, getattr(node, "lineno", 0), text, site, variant))
        return super().visit(node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        """Defaults belong to the time of import."""
        node.args.defaults = [self.visit(default) for default in node.args.defaults]
        node.args.kw_defaults = [d and self.visit(d) for d in node.args.kw_defaults]
        self._within.append(node.name)
        self._in_function += 1
        node.body = self._body(node.body)
        self._in_function -= 1
        self._within.pop()
        return node

    def visit_Module(self, node: ast.Module) -> ast.AST:
        """All but its text."""
        node.body = self._body(node.body)
        return node

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        """Only what is in it; any value of an enum is as good as another."""
        self._within.append(node.name)
        if any(ast.unparse(base).endswith("Enum") for base in node.bases):
            values = [part for part in node.body if isinstance(part, ast.Assign) or _is_text(part)]
            node.body = values + [self.visit(part) for part in node.body if part not in values]
        else:
            node.body = self._body(node.body)
        self._within.pop()
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        """Only the value, and no names of types."""
        if node.value is not None and "TypeAlias" not in ast.unparse(node.annotation):
            self._name(node.target)
            node.value = self.visit(node.value)
        return node

    def visit_Assign(self, node: ast.Assign) -> ast.AST:
        """Only the value."""
        self._name(node.targets[0])
        node.value = self.visit(node.value)
        return node

    def visit_Raise(self, node: ast.Raise) -> ast.AST:
        """Its words are free."""
        return node

    def visit_JoinedStr(self, node: ast.JoinedStr) -> ast.AST:
        """Words for people."""
        return node

    def _name(self, target: ast.expr) -> None:
        self._constant = target.id if isinstance(target, ast.Name) else ""

    def _body(self, body: list[ast.stmt]) -> list[ast.stmt]:
        kept = body[:1] if _is_text(body[0]) else []
        return kept + [self.visit(statement) for statement in body[len(kept) :]]


def _is_text(part: ast.stmt) -> bool:
    return isinstance(part, ast.Expr) and isinstance(part.value, ast.Constant)


def variants(node: ast.AST) -> Iterator[ast.AST]:
    """What a node may be changed into."""
    match node:
        case ast.Compare(left=left, ops=ops, comparators=others):
            for at, op in enumerate(ops):
                yield ast.Compare(left, [*ops[:at], _COMPARE[type(op)](), *ops[at + 1 :]], others)
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _ARITHMETIC:
            yield ast.BinOp(left, _ARITHMETIC[type(op)](), right)
        case ast.AugAssign(target=target, op=op, value=value) if type(op) in _ARITHMETIC:
            yield ast.AugAssign(target, _ARITHMETIC[type(op)](), value)
        case ast.BoolOp(op=op, values=values):
            yield ast.BoolOp(ast.Or() if isinstance(op, ast.And) else ast.And(), values)
        case ast.UnaryOp(operand=operand):
            yield operand
        case ast.Constant(value=value):
            yield from _other_value(value)
        case _:
            yield from _other_statement(node)


def _other_statement(node: ast.AST) -> Iterator[ast.AST]:
    match node:
        case ast.Expr(value=ast.Call()) | ast.Raise() | ast.Break() | ast.Continue():
            yield ast.Pass()
        case ast.Return(value=ast.expr() as value) if ast.unparse(value) != "None":
            yield ast.Return(ast.Constant(None))
        case ast.If(test=test, body=body, orelse=rest) if isinstance(test, _PLAIN_TESTS):
            yield ast.If(ast.UnaryOp(ast.Not(), test), body, rest)
        case ast.IfExp(test=test, body=then, orelse=other) if isinstance(test, _PLAIN_TESTS):
            yield ast.IfExp(ast.UnaryOp(ast.Not(), test), then, other)


def _other_value(value: object) -> Iterator[ast.AST]:
    if isinstance(value, bool):
        yield ast.Constant(not value)
    elif isinstance(value, int | float):
        yield ast.Constant(value + 1)
    elif isinstance(value, str):
        yield ast.Constant(value + "?")
    elif isinstance(value, bytes):
        yield ast.Constant(value + b"?")


def _short(node: ast.AST) -> str:
    text = ast.unparse(ast.fix_missing_locations(node)).splitlines()[0]
    return text if len(text) <= 70 else text[:67] + "..."
