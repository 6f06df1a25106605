"""The expressions of kernels, in C."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from typing import NamedTuple

from lw3dsim.compiler.functions import Function, c_name
from lw3dsim.compiler.sources import BOOL, INT, OTHER, WORDS, DialectError, Row, Table, Type

OPERATIONS: dict[type, str] = {
    ast.Add: "({} + {})",
    ast.Sub: "({} - {})",
    ast.Mult: "({} * {})",
    ast.BitAnd: "({} & {})",
    ast.BitOr: "({} | {})",
    ast.FloorDiv: "k_floordiv({}, {})",
    ast.Mod: "k_mod({}, {})",
    ast.RShift: "k_right({}, {})",
    ast.Eq: "({} == {})",
    ast.NotEq: "({} != {})",
    ast.Lt: "({} < {})",
    ast.LtE: "({} <= {})",
    ast.Gt: "({} > {})",
    ast.GtE: "({} >= {})",
}
# What makes a table of words, and where that stands.
READ = "lw3dsim.base.kernels", "read"
FAULTY = ast.FloorDiv, ast.Mod, ast.RShift


class Value(NamedTuple):
    """An expression in C and its type.

    It ``looks`` where what it gives depends on words, or may be a fault; ``changes`` where it calls what changes words;
    A table is ``made`` where it has no address yet; it ``stays`` where nothing changes what is at its address.
    """

    code: str
    type: Type = INT
    looks: bool = False
    changes: bool = False
    made: bool = False
    stays: bool = False


@dataclass
class Scope:
    """What is known of the variables of a function at a place.

    Their types, and which of them are ``assigned``, on whatever way this place was come to; which types are ``made``.
    """

    function: Function
    types: dict[str, Type] = field(default_factory=dict)
    assigned: set[str] = field(default_factory=set)
    made: set[Table | Row] = field(default_factory=set)


@dataclass(frozen=True)
class Expressions:
    """Writes the expressions of a function in C; anything outside the dialect raises DialectError."""

    scope: Scope

    def refusal(self, node: ast.AST, why: str) -> DialectError:
        """Return the error that says ``why`` what stands at ``node`` is in no kernel."""
        return self.scope.function.refusal(node, why)

    def value(self, node: ast.expr) -> Value:
        """Return what an expression is in C."""
        match node:
            case ast.Constant(value=int(number)) if number < 1 << 63:
                return Value(f"INT64_C({int(number)})", BOOL if isinstance(number, bool) else INT)
            case ast.Name(id=name):
                return self._name(node, name)
            case ast.Attribute(value=of, attr=name):
                return self.field(node, self.value(of), name)
            case ast.Subscript(value=of, slice=index):
                return self.element(node, self.value(of), index)
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return self.operation(node, ast.Sub(), Value("0"), self.value(operand))
            case ast.BinOp(op=op, left=left, right=right) | ast.Compare(ops=[op], left=left, comparators=[right]) if (
                type(op) in OPERATIONS
            ):
                return self.operation(node, op, self.value(left), self.value(right))
            case ast.Compare(ops=[ast.In()], left=left, comparators=[ast.Tuple(elts=elements)]) if elements:
                return self._is_one_of(node, left, elements)
            case ast.BoolOp() | ast.UnaryOp(op=ast.Not()):
                return self.truth(node, {BOOL})
            case ast.IfExp(test=test, body=body, orelse=orelse):
                return self._choice(node, self.truth(test), self.value(body), self.value(orelse))
            case ast.Tuple(elts=elements) if elements:
                values, row = self.integers(node, elements), Row(len(elements))
                return self._joined(node, f"({row.c}){{{{{', '.join(each.code for each in values)}}}}}", values, row)
            case ast.Call(func=ast.Name(id=name), args=arguments, keywords=keywords):
                return self._call(node, name, arguments, keywords)
        raise self.refusal(node, f"no kernel has an expression like: {ast.unparse(node)}")

    def truth(self, node: ast.expr, types: frozenset[str] | set[str] = frozenset({INT, BOOL})) -> Value:
        """Return what decides an ``if``. There ``and`` and ``or`` join integers too; as a value, truths alone."""
        match node:
            case ast.BoolOp(op=op, values=operands):
                values = [self.truth(each, types) for each in operands]
                code = (" && " if isinstance(op, ast.And) else " || ").join(value.code for value in values)
                return Value(f"({code})", BOOL, any(v.looks for v in values), any(v.changes for v in values))
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                value = self.truth(operand)
                return value._replace(code=f"!{value.code}", type=BOOL)
        value = self.value(node)
        if value.type not in types:
            only = "integers are true or false" if INT in types else "truths are joined by and, or"
            raise self.refusal(node, f"only {only}: {ast.unparse(node)}")
        return value

    def operation(self, node: ast.AST, op: ast.AST, left: Value, right: Value) -> Value:
        """Return what an operator makes of two integers."""
        if {left.type, right.type} - {INT, BOOL}:
            raise self.refusal(node, "only integers are counted with and compared")
        if type(op) not in OPERATIONS:
            raise self.refusal(node, f"no kernel has the operation {type(op).__name__}")
        made = self._joined(node, OPERATIONS[type(op)].format(left.code, right.code), [left, right])
        return made._replace(
            type=BOOL if isinstance(op, ast.cmpop) else INT, looks=made.looks or isinstance(op, FAULTY)
        )

    def field(self, node: ast.AST, table: Value, name: str) -> Value:
        """Return a field of a table."""
        if not isinstance(table.type, Table):
            raise self.refusal(node, f"{name} is asked of what is no table")
        of = table.type.fields.get(name, OTHER)
        if of == OTHER:
            raise self.refusal(node, f"{table.type.name}.{name} is nothing that kernels know")
        return table._replace(code=f"{table.code}.{c_name(name)}", type=of)

    def element(self, node: ast.AST, of: Value, place: ast.expr) -> Value:
        """Return an element of words or of a tuple."""
        index = self.value(place)
        if index.type != INT:
            raise self.refusal(node, "an index is an integer")
        if (self._number(place) or 0) < 0:
            raise self.refusal(node, "an index counts from the start")
        if isinstance(of.type, Row):
            made = self._joined(node, f"{of.code}.at[k_index({index.code}, {of.type.size})]", [of, index])
            return made._replace(looks=True)
        if of.type != WORDS:
            raise self.refusal(node, "only words and tuples have elements")
        return self._joined(node, f"*k_at({of.code}, {index.code})", [of, index])._replace(looks=True)

    def integers(self, node: ast.AST, nodes: list[ast.expr]) -> list[Value]:
        """Return values that are integers all."""
        values = [self.value(each) for each in nodes]
        if any(value.type not in {INT, BOOL} for value in values):
            raise self.refusal(node, f"integers only in {ast.unparse(node)}")
        return values

    def fitting(self, node: ast.AST, value: Value, of: Type) -> Value:
        """Return ``value``, which is to be of a type."""
        if value.type != of and (value.type, of) != (BOOL, INT):
            raise self.refusal(node, f"{ast.unparse(node)} is of another type than was said")
        return value

    def _name(self, node: ast.expr, name: str) -> Value:
        function = self.scope.function
        if name in function.parameters or name in function.stored:
            if name not in self.scope.assigned:
                raise self.refusal(node, f"{name} may have no value here")
            of = self.scope.types[name]
            stays = name not in function.stored
            return Value(f"(*{c_name(name)})" if isinstance(of, Table) else c_name(name), of, stays=stays)
        number = function.module.constant(name)
        if number is None:
            raise self.refusal(node, f"{name} is no constant of an integer")
        return Value(f"INT64_C({number})")

    def _number(self, node: ast.expr) -> int | None:
        match node:
            case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int(number))):
                return -number
            case ast.Name(id=name) if name not in self.scope.assigned:
                return self.scope.function.module.constant(name)
        return None

    def _is_one_of(self, node: ast.expr, left: ast.expr, elements: list[ast.expr]) -> Value:
        values = self.integers(node, [left, *elements])
        if any(value.looks or value.changes for value in values):
            raise self.refusal(node, "names and constants alone are compared by in")
        return Value(f"({' || '.join(f'{values[0].code} == {each.code}' for each in values[1:])})", BOOL)

    def _choice(self, node: ast.expr, asked: Value, left: Value, right: Value) -> Value:
        of = INT if {left.type, right.type} == {INT, BOOL} else left.type
        if right.type != left.type and of != INT:
            raise self.refusal(node, f"values of two types in {ast.unparse(node)}")
        values = asked, left, right
        code = f"({asked.code} ? {left.code} : {right.code})"
        return Value(code, of, any(v.looks for v in values), any(v.changes for v in values), made=True)

    def _joined(self, node: ast.AST, code: str, values: list[Value], of: Type = INT) -> Value:
        """Return what C makes of ``values``, in any order: so where one changes words, no other may look at any."""
        if sum(value.looks or value.changes for value in values) > 1 and any(value.changes for value in values):
            raise self.refusal(node, f"a call that changes words stands beside what looks at some: {ast.unparse(node)}")
        if isinstance(of, Table | Row):
            self.scope.made.add(of)
        return Value(code, of, any(v.looks for v in values), any(v.changes for v in values), made=True)

    def _call(self, node: ast.Call, name: str, arguments: list[ast.expr], keywords: list[ast.keyword]) -> Value:
        function = self.scope.function
        found, called = function.module.find(name), function.called(name)
        if name in function.parameters or name in function.stored:
            raise self.refusal(node, f"{name} is a variable here")
        if found and isinstance(found.statement, ast.ClassDef):
            return self._table(node, found.module.table(found.statement), arguments, keywords)
        if keywords:
            raise self.refusal(node, "kernels are called by position")
        if function.module.origin(name) == READ:
            return self._read(node, arguments)
        if not called:
            return self._builtin(node, "" if found else name, [self.value(each) for each in arguments])
        if len(arguments) != len(called.parameters):
            raise self.refusal(node, f"{name} takes {len(called.parameters)} arguments")
        taken = zip(arguments, called.parameters.values(), strict=True)
        values = [self.fitting(each, self.value(each), of) for each, of in taken]
        made = self._joined(node, f"{called.name}({', '.join(map(_given, values))})", values, called.result)
        return made._replace(looks=True, changes=made.changes or called.changes)

    def _read(self, node: ast.Call, arguments: list[ast.expr]) -> Value:
        """Return a table of integers, of those that lie in words behind each other the one of a number."""
        of = self.scope.function.module.type_of(arguments[0]) if arguments else OTHER
        values = [self.value(each) for each in arguments[1:]]
        if not isinstance(of, Table) or [value.type for value in values] != [WORDS, INT]:
            raise self.refusal(node, "a NamedTuple is read from words, by its number there")
        words, number = values
        of_fields = list(of.fields.values())
        if any(not isinstance(each, Row) and each != INT for each in of_fields):
            raise self.refusal(node, f"{of.name} is not of integers alone")
        size = sum(each.size if isinstance(each, Row) else 1 for each in of_fields)
        code = f"(*(const {of.c} *)k_part({words.code}, {number.code}, {size}))"
        return self._joined(node, code, [words, number], of)._replace(looks=True)

    def _builtin(self, node: ast.Call, name: str, values: list[Value]) -> Value:
        codes, types = [value.code for value in values], {value.type for value in values}
        if name == "len" and types == {WORDS} and len(codes) == 1:
            return self._joined(node, f"{codes[0]}.length", values)
        if types <= {INT, BOOL}:
            if name in {"min", "max"} and len(codes) > 1:
                code = codes[0]
                for each in codes[1:]:
                    code = f"k_{name}({code}, {each})"
                return self._joined(node, code, values)
            if name in {"abs", "int"} and len(codes) == 1:
                return self._joined(node, f"k_abs({codes[0]})" if name == "abs" else codes[0], values)
        raise self.refusal(node, f"{ast.unparse(node)} calls no kernel")

    def _table(self, node: ast.Call, of: Type, arguments: list[ast.expr], keywords: list[ast.keyword]) -> Value:
        fields = [*of.fields] if isinstance(of, Table) else []
        names = fields[: len(arguments)] + [str(each.arg) for each in keywords]
        if not isinstance(of, Table) or len(names) != len(fields) or set(names) != set(fields):
            raise self.refusal(node, "a NamedTuple is made of all of its fields")
        nodes = arguments + [each.value for each in keywords]
        given = dict(zip(names, nodes, strict=True))
        values = {name: self.fitting(each, self.value(each), of.fields[name]) for name, each in given.items()}
        made = ", ".join(f".{c_name(name)} = {value.code}" for name, value in values.items())
        return self._joined(node, f"({of.c}){{{made}}}", list(values.values()), of)


def _given(value: Value) -> str:
    """Return an argument: of a table its address, which what was just made has for as long as the block lasts."""
    if not isinstance(value.type, Table):
        return value.code
    return f"({value.type.c}[1]){{{value.code}}}" if value.made else f"&{value.code}"
