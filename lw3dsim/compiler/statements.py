"""The statements of kernels, in C."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field

from lw3dsim.compiler.expressions import Expressions, Scope, Value
from lw3dsim.compiler.functions import Function, c_name, c_type, declared
from lw3dsim.compiler.sources import BOOL, INT, NONE, WORDS, Row, Table, Type

# Stands among the assigned names where no way leads to.
NOWHERE = ""


def written(function: Function) -> tuple[str, list[Type]]:
    """Return a kernel in C, and the types that it knows; raises DialectError for what is no kernel."""
    parameters = function.parameters
    scope = Scope(function, dict(parameters), set(parameters))
    body = Statements(scope, Expressions(scope))
    if function.is_interpreted:
        body.add("k_fault(K_INTERPRETED);")
    else:
        body.block(function.node.body)
        if function.result != NONE and NOWHERE not in scope.assigned:
            raise function.refusal(function.node, "the end may be come to without a value to return")
    room = [f"{declared(name, of)};" for name, of in scope.types.items() if name not in parameters]
    room += [f"{c_type(scope.types[name])} kept_{name};" for name in sorted(body.kept)]
    place = f"/* {function.module.name}:{function.node.lineno} */"
    made = sorted(scope.made, key=lambda of: of.c)
    return "\n".join([place, function.head, "{", *room, *body.lines, "}"]), [
        *parameters.values(),
        function.result,
        *made,
    ]


@dataclass
class Statements:
    """Writes the statements of a function in C, line by line; anything outside the dialect raises DialectError."""

    scope: Scope
    read: Expressions
    lines: list[str] = field(default_factory=list)
    kept: set[str] = field(default_factory=set)
    _breaks: list[set[str]] = field(default_factory=list)
    _count: int = 0

    def add(self, *lines: str) -> None:
        """Add lines."""
        self.lines += lines

    def block(self, statements: list[ast.stmt]) -> None:
        """Write statements that follow each other."""
        for statement in statements:
            self._statement(statement)

    def _statement(self, node: ast.stmt) -> None:
        match node:
            case ast.Expr(value=ast.Constant()) | ast.Pass():
                pass
            case ast.Expr(value=ast.Call() as call):
                self.add(f"{self.read.value(call).code};")
            case ast.Assign(targets=targets, value=value):
                self._assign(targets, value)
            case ast.AugAssign(target=ast.Name(id=name) as target, op=op, value=value):
                before = self.read.value(ast.copy_location(ast.Name(name), target))
                self._bind(target, self.read.operation(node, op, before, self.read.value(value)))
            case ast.AugAssign(target=ast.Subscript() as target, op=op, value=value):
                self._change(target, op, value)
            case ast.If(test=test, body=body, orelse=orelse):
                self._if(test, body, orelse)
            case ast.While(test=test, body=body, orelse=[]):
                is_endless = isinstance(test, ast.Constant) and test.value is True
                self.add(f"while ({self.read.truth(test).code}) {{")
                self._repeated(body, is_endless=is_endless)
                self.add("}")
            case ast.For(target=ast.Name() as target, iter=iterated, body=body, orelse=[]):
                self._loop(target, iterated, body)
            case ast.Return() | ast.Break() | ast.Continue():
                self._leave(node)
            case _:
                first = ast.unparse(node).splitlines()[0]
                raise self.read.refusal(node, f"no kernel has a statement like: {first}")

    def _leave(self, node: ast.Return | ast.Break | ast.Continue) -> None:
        match node:
            case ast.Return(value=None):
                if self.scope.function.result != NONE:
                    raise self.read.refusal(node, "a value is to be returned")
                self.add("return;")
            case ast.Return(value=value) if value:
                self.add(f"return {self.read.fitting(node, self.read.value(value), self.scope.function.result).code};")
            case ast.Break():
                self._breaks.append(set(self.scope.assigned))
                self.add("break;")
            case _:
                self.add("continue;")
        self.scope.assigned = {NOWHERE, *self.scope.function.parameters, *self.scope.function.stored}

    def _if(self, test: ast.expr, body: list[ast.stmt], orelse: list[ast.stmt]) -> None:
        self.add(f"if ({self.read.truth(test).code}) {{")
        before = set(self.scope.assigned)
        self.block(body)
        after, self.scope.assigned = self.scope.assigned, before
        if orelse:
            self.add("} else {")
            self.block(orelse)
        self.add("}")
        self.scope.assigned &= after

    def _repeated(self, body: list[ast.stmt], *, is_endless: bool = False) -> None:
        """Write what may not happen at all, or, ``is_endless``, until a ``break``."""
        outer, before, self._breaks = self._breaks, set(self.scope.assigned), []
        self.block(body)
        every = {NOWHERE, *self.scope.function.parameters, *self.scope.function.stored}
        self.scope.assigned = every.intersection(*self._breaks) if is_endless else before
        self._breaks = outer

    def _loop(self, target: ast.Name, iterated: ast.expr, body: list[ast.stmt]) -> None:
        at = self._fresh()
        self.add("{")
        match iterated:
            case ast.Call(func=ast.Name(id="range"), args=bounds, keywords=[]) if 1 <= len(bounds) <= 3:
                self._range(at, iterated, bounds)
                item = Value(at)
            case _:
                parts = self._parts(iterated)
                values, of = [self._named(each) for each in parts], parts[0].type
                if any(value.type != of for value in values):
                    raise self.read.refusal(iterated, "a loop runs through a range, or through values of one type")
                address, at_address = ("*", "&") if isinstance(of, Table) else ("", "")
                items = ", ".join(f"{at_address}{value.code}" for value in values)
                self.add(f"const {c_type(of)} {address}{at}_all[] = {{{items}}};")
                self.add(f"for (int64_t {at} = 0; {at} < {len(values)}; {at}++) {{")
                item = Value(f"({address}{at}_all[{at}])", of, stays=all(each.stays for each in parts))
        before = set(self.scope.assigned)
        self._bind(target, item)
        self._repeated(body)
        self.scope.assigned = before
        self.add("}", "}")

    def _range(self, at: str, node: ast.Call, bounds: list[ast.expr]) -> None:
        function = self.scope.function
        if function.module.find("range") or "range" in function.stored | function.parameters.keys():
            raise self.read.refusal(node, "range is not Python's here")
        values = self.read.integers(node, bounds)
        names = ["stop"] if len(values) == 1 else ["start", "stop", "step"][: len(values)]
        self.add(*(f"const int64_t {at}_{name} = {value.code};" for name, value in zip(names, values, strict=True)))
        start = "0" if len(values) == 1 else f"{at}_start"
        goes_on, step = f"{at} < {at}_stop", "1"
        if len(values) == 3:
            self.add(f"if ({at}_step == 0) k_fault(K_STEP);")
            goes_on, step = f"{at}_step > 0 ? {goes_on} : {at} > {at}_stop", f"{at}_step"
        self.add(f"for (int64_t {at} = {start}; {goes_on}; {at} += {step}) {{")

    def _assign(self, targets: list[ast.expr], value: ast.expr) -> None:
        match targets:
            case [ast.Tuple(elts=names)]:
                values = [self._named(each) for each in self._parts(value)]
            case [target]:
                self._bind(target, self.read.value(value))
                return
            case names:
                values = [self._named(self.read.value(value))] * len(names)
        if len(names) != len(values):
            raise self.read.refusal(value, f"{len(names)} names for {len(values)} values")
        for name, each in zip(names, values, strict=True):
            self._bind(name, each)

    def _parts(self, node: ast.expr) -> list[Value]:
        """Return the values that a tuple or a table is made of."""
        if isinstance(node, ast.Tuple) and node.elts:
            return [self.read.value(each) for each in node.elts]
        value = self._named(self.read.value(node))
        match value.type:
            case Row(size=size):
                return [Value(f"{value.code}.at[{i}]") for i in range(size)]
            case Table(fields=fields):
                return [self.read.field(node, value, name) for name in fields]
        raise self.read.refusal(node, "only a tuple comes apart")

    def _named(self, value: Value) -> Value:
        """Give a value a name of its own, before anything that it is made of changes."""
        if value.type == NONE:
            raise self.read.refusal(self.scope.function.node, "what a kernel without a result gives has no name")
        if isinstance(value.type, Table) and value.stays:
            return value
        name = self._fresh()
        self.add(f"const {c_type(value.type)} {name} = {value.code};")
        return Value(name, value.type)

    def _fresh(self) -> str:
        self._count += 1
        return f"k{self._count}"

    def _bind(self, target: ast.expr, value: Value) -> None:
        match target:
            case ast.Subscript(value=of, slice=index):
                words = self.read.value(of)
                place = self.read.element(target, words, index)
                if words.type != WORDS or value.type not in {INT, BOOL}:
                    raise self.read.refusal(target, "only integers in words can be set")
                value = self._named(value) if value.changes or place.changes else value
                self.add(f"{place.code} = {value.code};")
            case ast.Name(id=name):
                self._bind_name(target, name, value)
            case _:
                raise self.read.refusal(target, f"nothing can be assigned to {ast.unparse(target)}")

    def _bind_name(self, target: ast.expr, name: str, value: Value) -> None:
        of = self.scope.types.setdefault(name, value.type)
        if of == NONE or (value.type != of and (value.type, of) != (BOOL, INT)):
            raise self.read.refusal(target, f"{name} changes its type, or has none")
        self.scope.assigned.add(name)
        # A name stands for a table, or for a copy of one where what is at its address may change.
        if isinstance(of, Table) and not value.stays:
            self.kept.add(name)
            self.add(f"kept_{name} = {value.code};")
            value = Value(f"kept_{name}")
        self.add(f"{c_name(name)} = {'&' if isinstance(of, Table) else ''}{value.code};")

    def _change(self, target: ast.Subscript, op: ast.operator, value: ast.expr) -> None:
        words, place, before = self.read.value(target.value), self._fresh(), self._fresh()
        if words.type != WORDS:
            raise self.read.refusal(target, "only integers in words can be changed")
        self.add("{", f"int64_t *const {place} = &{self.read.element(target, words, target.slice).code};")
        self.add(f"const int64_t {before} = *{place};")
        self.add(f"*{place} = {self.read.operation(target, op, Value(before), self.read.value(value)).code};", "}")
