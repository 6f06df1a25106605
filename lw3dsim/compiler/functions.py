"""A kernel as others see it: its parameters and result, what it calls, whether it changes words, its head in C."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from functools import cached_property

from lw3dsim.compiler.sources import (
    BOOL,
    INT,
    NONE,
    OTHER,
    WORDS,
    DialectError,
    Module,
    Table,
    Type,
    is_declared,
)

C_OF = {INT: "int64_t", BOOL: "int64_t", WORDS: "struct words", NONE: "void"}

# Nodes of the syntax of a kernel that is copied to wherever it is called.
SMALL = 150


def c_type(of: Type) -> str:
    """Return a type in C."""
    return C_OF[of] if isinstance(of, str) else of.c


def c_name(name: str) -> str:
    """Return what a variable or a field is called in C: nothing else there begins so."""
    return f"v_{name}"


def declared(name: str, of: Type, restrict: str = "") -> str:
    """Return a variable as C declares it: of a table the address."""
    return f"const {of.c} *{restrict}{c_name(name)}" if isinstance(of, Table) else f"{c_type(of)} {c_name(name)}"


@dataclass(frozen=True, eq=False)
class Function:
    """A kernel of a ``module``; ``others`` are the kernels that it may call, by module and name."""

    module: Module
    node: ast.FunctionDef
    others: dict[tuple[Module, str], Function]

    @property
    def name(self) -> str:
        """What the function is called in C."""
        return f"{self.module.prefix}_{self.node.name}"

    @property
    def is_interpreted(self) -> bool:
        """Whether only CPython runs it."""
        return is_declared(self.node, "interpreted")

    @cached_property
    def parameters(self) -> dict[str, Type]:
        """The parameters and their types."""
        args = self.node.args
        if args.posonlyargs or args.kwonlyargs or args.vararg or args.kwarg or args.defaults:
            raise self.refusal(self.node, "a kernel takes positional parameters, without defaults")
        if len(self.node.decorator_list) > 1:
            raise self.refusal(self.node, "a kernel has one decorator")
        found = self.module.find(self.node.name)
        if not found or found.statement is not self.node:
            raise self.refusal(self.node, "a kernel has one meaning")
        return {each.arg: self._known(each, each.annotation) for each in args.args}

    @cached_property
    def result(self) -> Type:
        """The type of what is returned."""
        return self._known(self.node, self.node.returns)

    @cached_property
    def stored(self) -> frozenset[str]:
        """The names that are assigned to."""
        names = (each for each in ast.walk(self.node) if isinstance(each, ast.Name))
        return frozenset(name.id for name in names if not isinstance(name.ctx, ast.Load))

    @cached_property
    def calls(self) -> list[Function]:
        """The kernels that are called, in order."""
        names = (each.func for each in ast.walk(self.node) if isinstance(each, ast.Call))
        called = (self.called(name.id) for name in names if isinstance(name, ast.Name))
        return [] if self.is_interpreted else list(dict.fromkeys(each for each in called if each))

    @cached_property
    def changes(self) -> bool:
        """Whether a call may change words."""
        places = (each for each in ast.walk(self.node) if isinstance(each, ast.Subscript))
        return any(not isinstance(each.ctx, ast.Load) for each in places) or any(each.changes for each in self.calls)

    @cached_property
    def is_copied(self) -> bool:
        """Whether it becomes part of its callers: where it is small, or there is one."""
        callers = sum(self in each.calls for each in self.others.values())
        return not is_declared(self.node, "entry") and (callers == 1 or len(list(ast.walk(self.node))) < SMALL)

    @property
    def head(self) -> str:
        """The function as it is declared in C."""
        inline = "inline __attribute__((always_inline)) " if self.is_copied else ""
        parameters = ", ".join(self._parameter(name, of) for name, of in self.parameters.items())
        return f"static {inline}{c_type(self.result)} {self.name}({parameters or 'void'})"

    def called(self, name: str) -> Function | None:
        """Return the kernel of a name, None for what is none."""
        found = self.module.find(name)
        return self.others.get((found.module, found.name)) if found else None

    def refusal(self, node: ast.AST, why: str) -> DialectError:
        """Return the error that says ``why`` what stands at ``node`` is in no kernel."""
        line = getattr(node, "lineno", self.node.lineno)
        return DialectError(f"{self.module.path}:{line}: {self.node.name}: {why}")

    def _known(self, node: ast.AST, annotation: ast.expr | None) -> Type:
        found = self.module.type_of(annotation)
        if found == OTHER:
            said = ast.unparse(annotation) if annotation else "nothing"
            raise self.refusal(node, f"kernels know int, bool, Words, tuples of int and NamedTuples, not {said}")
        return found

    def _parameter(self, name: str, of: Type) -> str:
        # C may take it that nothing else changes what stands in a table.
        return declared(name, of, "" if name in self.stored else "restrict ")
