"""The sources of kernels, read without being run: what names mean in a module, which tables and constants it knows."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

INT, BOOL, WORDS, NONE, OTHER = "int", "bool", "words", "none", "other"
PLAIN = {"int": INT, "bool": BOOL, "Words": WORDS, "None": NONE}
DECLARED = "kernel", "entry", "interpreted"
DECLARES = re.compile(r"^@(kernel|entry|interpreted)$", re.MULTILINE)


class DialectError(Exception):
    """What is no kernel: the file, the line and what is not in the dialect."""


@dataclass(frozen=True, eq=False)
class Table:
    """A NamedTuple: its fields and their types."""

    name: str
    module: Module
    fields: dict[str, Type]

    @property
    def c(self) -> str:
        """What it is called in C."""
        return f"struct {self.module.prefix}_{self.name}"


@dataclass(frozen=True)
class Row:
    """A tuple of so many integers."""

    size: int

    @property
    def c(self) -> str:
        """What it is called in C."""
        return f"struct k_row_{self.size}"


Type = str | Table | Row


class Meaning(NamedTuple):
    """What gives a name its meaning: a statement of a module, None where there are several, and the name there."""

    module: Module
    name: str
    statement: ast.stmt | None


@dataclass(frozen=True, eq=False)
class Module:
    """A module of the package and what its names mean."""

    package: Package
    name: str
    path: Path
    _tables: dict[str, Table] = field(default_factory=dict)

    @property
    def prefix(self) -> str:
        """What names of the module begin with in C."""
        return self.name.partition(".")[2].replace(".", "_")

    @cached_property
    def _tree(self) -> ast.Module:
        return ast.parse(self.path.read_text(encoding="utf-8"))

    @cached_property
    def _named(self) -> dict[str, ast.stmt | None]:
        """The statement that gives each name its meaning, None for a name that has several."""
        named: dict[str, ast.stmt | None] = {}
        for statement in self._tree.body:
            is_typing = isinstance(statement, ast.If) and ast.unparse(statement.test) == "TYPE_CHECKING"
            for each in statement.body if is_typing and isinstance(statement, ast.If) else [statement]:
                named |= {name: None if name in named else each for name in _names(each)}
        changed = (each.names for each in ast.walk(self._tree) if isinstance(each, ast.Global))
        return named | dict.fromkeys(name for names in changed for name in names)

    def find(self, name: str) -> Meaning | None:
        """Return what a name means; None where this module gives it no meaning: it is Python's."""
        if name not in self._named:
            return None
        statement = self._named[name]
        if isinstance(statement, ast.ImportFrom) and (origin := self.package.module(statement.module or "")):
            real = next(alias.name for alias in statement.names if (alias.asname or alias.name) == name)
            return origin.find(real)
        return Meaning(self, name, statement)

    def origin(self, name: str) -> tuple[str, str]:
        """Return the module that a name is imported from, and what it is called there; nothing for another name."""
        match self._named.get(name):
            case ast.ImportFrom(module=str(module), names=names):
                return module, next(alias.name for alias in names if (alias.asname or alias.name) == name)
        return "", ""

    @cached_property
    def kernels(self) -> dict[str, ast.FunctionDef]:
        """The functions that are declared to be kernels."""
        functions = (each for each in self._tree.body if isinstance(each, ast.FunctionDef))
        return {each.name: each for each in functions if is_declared(each, *DECLARED)}

    def constant(self, name: str) -> int | None:
        """Return the integer that a name of the module stands for; None for another."""
        try:
            value = self.value(name)
        except (LookupError, NameError, TypeError):
            return None
        return int(value) if isinstance(value, int) and abs(value) < 1 << 63 else None

    def value(self, name: str) -> Any:
        """Return what a name stands for, where that is written with constants; raises LookupError where it is not."""
        match self.find(name):
            case Meaning(module, real, ast.Assign(targets=[target], value=value)):
                names = {each.id for each in ast.walk(value) if isinstance(each, ast.Name)}
                known = {each: module.value(each) for each in names if module.find(each)}
                code = compile(ast.Expression(value), str(module.path), "eval")
                made = eval(code, {"__builtins__": {"len": len}}, known)  # noqa: S307  # our own sources
                if isinstance(target, ast.Tuple):
                    return made[[ast.unparse(each) for each in target.elts].index(real)]
                return made
        raise LookupError(name)

    def type_of(self, annotation: ast.expr | None) -> Type:
        """Return the type that an annotation names, OTHER for one that kernels do not know."""
        match annotation:
            case ast.Constant(value=None):
                return NONE
            case ast.Subscript(value=ast.Name(id="tuple"), slice=ast.Tuple(elts=elements)) if all(
                self.type_of(element) == INT for element in elements
            ):
                return Row(len(elements))
            case ast.Name(id=name) if name in PLAIN:
                return PLAIN[name]
            case ast.Name(id=name):
                match self.find(name):
                    case Meaning(module, _, ast.ClassDef() as found):
                        return module.table(found)
                    case Meaning(module, _, ast.Assign(value=value)):
                        return module.type_of(value)
        return OTHER

    def table(self, found: ast.ClassDef) -> Type:
        """Return the table that a class of the module is; OTHER for a class that is no NamedTuple."""
        if [ast.unparse(base) for base in found.bases] != ["NamedTuple"]:
            return OTHER
        if found.name not in self._tables:
            fields = (each for each in found.body if isinstance(each, ast.AnnAssign))
            types = {ast.unparse(each.target): self.type_of(each.annotation) for each in fields}
            self._tables[found.name] = Table(found.name, self, types)
        return self._tables[found.name]


class Package:
    """The modules of a package that lies in the folder ``root``."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.read: dict[str, Module] = {}

    def module(self, name: str) -> Module | None:
        """Return the module of a name, None where it is not of this package."""
        if name not in self.read:
            path = self.root.parent / (name.replace(".", "/") + ".py")
            if not name.startswith(f"{self.root.name}.") or not path.is_file():
                return None
            self.read[name] = Module(self, name, path)
        return self.read[name]

    def modules(self) -> list[Module]:
        """Return the modules that declare kernels, in order of their names."""
        paths = [path for path in sorted(self.root.rglob("*.py")) if DECLARES.search(path.read_text("utf-8"))]
        names = [".".join(path.relative_to(self.root.parent).with_suffix("").parts) for path in paths]
        return [module for module in map(self.module, names) if module and module.kernels]


def is_declared(function: ast.FunctionDef, *decorators: str) -> bool:
    """Tell whether a function carries one of the decorators."""
    return any(isinstance(each, ast.Name) and each.id in decorators for each in function.decorator_list)


def _names(statement: ast.stmt) -> Iterator[str]:
    """Yield the names that a statement of a module gives a meaning."""
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        yield statement.name
        return
    for each in ast.walk(statement):
        match each:
            case ast.alias(name=name, asname=own):
                yield own or name.partition(".")[0]
            case ast.Name(id=name, ctx=ast.Store() | ast.Del()) | ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                yield name
