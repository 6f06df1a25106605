"""The sources of kernels, read without being run: what names mean in a module, which tables and constants it knows."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

INT, BOOL, WORDS, NONE, OTHER = "int", "bool", "words", "none", "other"
DECLARED = "kernel", "entry", "interpreted"
DECLARES = re.compile(r"^@(kernel|entry|interpreted)$", re.MULTILINE)
PLAIN = {"int": INT, "bool": BOOL, "Words": WORDS, "None": NONE}


class DialectError(Exception):
    """What is no kernel: the file, the line and what is not in the dialect."""


@dataclass(frozen=True, eq=False)
class Table:
    """A NamedTuple: its fields and their types."""

    module: Module
    name: str
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
    def _statements(self) -> list[ast.stmt]:
        return ast.parse(self.path.read_text(encoding="utf-8")).body

    def _all(self) -> Iterator[ast.stmt]:
        """Yield the statements of the module, and those for type checkers."""
        for statement in self._statements:
            is_typing = isinstance(statement, ast.If) and ast.unparse(statement.test) == "TYPE_CHECKING"
            yield from statement.body if is_typing and isinstance(statement, ast.If) else [statement]

    @cached_property
    def _named(self) -> dict[str, ast.stmt]:
        """What gives each name of the module its meaning."""
        named: dict[str, ast.stmt] = {}
        for statement in self._all():
            match statement:
                case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                    named[name] = statement
                case ast.ImportFrom(names=names):
                    named |= {alias.asname or alias.name: statement for alias in names}
                case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
                    named[name] = statement
                case ast.Assign(targets=[ast.Tuple(elts=elements)]):
                    named |= {element.id: statement for element in elements if isinstance(element, ast.Name)}
        return named

    def find(self, name: str) -> tuple[Module, str, ast.stmt] | None:
        """Return what a name means: the module and the name there, and the statement; None for a foreign one."""
        statement = self._named.get(name)
        if not isinstance(statement, ast.ImportFrom):
            return (self, name, statement) if statement else None
        origin = self.package.module(statement.module or "")
        real = next(alias.name for alias in statement.names if (alias.asname or alias.name) == name)
        return origin.find(real) if origin else None

    @cached_property
    def kernels(self) -> dict[str, ast.FunctionDef]:
        """The functions that are declared to be kernels."""
        functions = (each for each in self._statements if isinstance(each, ast.FunctionDef))
        return {each.name: each for each in functions if is_declared(each, *DECLARED)}

    def constant(self, name: str, node: ast.AST) -> int:
        """Return the integer that a name of the module stands for."""
        value = _Constants(self).get(name)
        if not isinstance(value, int) or abs(value) >= 1 << 63:
            self.refuse(node, f"{name} is no constant of an integer")
        return int(value)

    def type_of(self, annotation: ast.expr | None) -> Type:
        """Return the type that an annotation names, OTHER for one that kernels do not know."""
        match annotation:
            case ast.Constant(value=None) | None:
                return NONE
            case ast.Subscript(value=ast.Name(id="tuple"), slice=ast.Tuple(elts=elements)) if all(
                self.type_of(element) == INT for element in elements
            ):
                return Row(len(elements))
            case ast.Name(id=name):
                return PLAIN.get(name) or self._named_type(name)
        return OTHER

    def _named_type(self, name: str) -> Type:
        match self.find(name):
            case module, _, ast.ClassDef() as found:
                return module.table(found)
            case module, _, ast.Assign(value=value):
                return module.type_of(value)
        return OTHER

    def table(self, found: ast.ClassDef) -> Type:
        """Return the table that a class of the module is; OTHER for a class that is no NamedTuple."""
        if not any(isinstance(base, ast.Name) and base.id == "NamedTuple" for base in found.bases):
            return OTHER
        if found.name not in self._tables:
            fields = {
                each.target.id: self.type_of(each.annotation)
                for each in found.body
                if isinstance(each, ast.AnnAssign) and isinstance(each.target, ast.Name)
            }
            self._tables[found.name] = Table(self, found.name, fields)
        return self._tables[found.name]

    def refuse(self, node: ast.AST, why: str) -> NoReturn:
        """Raise DialectError: ``why`` what stands at ``node`` is in no kernel."""
        raise DialectError(f"{self.path}:{getattr(node, 'lineno', 0)}: {why}")


class _Constants(dict[str, object]):
    """What the names of a module stand for where that is written in integers, tuples and texts."""

    def __init__(self, module: Module) -> None:
        super().__init__()
        self._module = module

    def __missing__(self, name: str) -> object:
        match self._module.find(name):
            case module, real, ast.Assign(targets=[target], value=value):
                names = [each.id for each in ast.walk(target) if isinstance(each, ast.Name)]
                code = compile(ast.Expression(value), str(module.path), "eval")
                values = eval(code, {"__builtins__": {"len": len}}, _Constants(module))  # noqa: S307  # our own sources
                return values[names.index(real)] if isinstance(target, ast.Tuple) else values
        raise KeyError(name)

    def get(self, name: str, default: object = None) -> object:
        """Return what a name stands for, or ``default``."""
        try:
            return self[name]
        except (KeyError, NameError, TypeError):
            return default


class Package:
    """The modules of a package that lies in the folder ``root``."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.read: dict[str, Module] = {}

    def module(self, name: str) -> Module | None:
        """Return the module of a name, None where it is not of this package."""
        if name not in self.read:
            path = self.root.parent / (name.replace(".", "/") + ".py")
            if not name.startswith(self.root.name + ".") or not path.is_file():
                return None
            self.read[name] = Module(self, name, path)
        return self.read[name]

    def paths(self) -> list[Path]:
        """Return the files that have been read."""
        return [module.path for module in self.read.values()]

    def modules(self) -> list[Module]:
        """Return the modules that declare kernels, in order of their names."""
        paths = (path for path in sorted(self.root.rglob("*.py")) if DECLARES.search(path.read_text(encoding="utf-8")))
        names = [".".join(path.relative_to(self.root.parent).with_suffix("").parts) for path in paths]
        modules = (self.module(name) for name in names)
        return [module for module in modules if module and module.kernels]


def is_declared(function: ast.FunctionDef, *decorators: str) -> bool:
    """Tell whether a function carries one of the decorators."""
    return any(isinstance(each, ast.Name) and each.id in decorators for each in function.decorator_list)
