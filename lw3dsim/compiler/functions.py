"""A kernel to a function in C: the statements and expressions of the dialect; anything else is refused."""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from functools import cached_property
from typing import NoReturn

from lw3dsim.base.values import replace
from lw3dsim.compiler.sources import BOOL, INT, NONE, OTHER, WORDS, Module, Row, Table, Type, is_declared

C_OF = {INT: "int64_t", BOOL: "int64_t", WORDS: "struct words", NONE: "void"}
KEYWORDS = set(
    [
        "auto",
        "case",
        "char",
        "const",
        "default",
        "do",
        "double",
        "enum",
        "extern",
        "float",
        "goto",
        "inline",
        "int",
        "long",
        "register",
        "restrict",
        "short",
        "signed",
        "sizeof",
        "static",
        "struct",
        "switch",
        "typedef",
        "union",
        "unsigned",
        "void",
        "volatile",
    ]
)
INFIX: dict[type, str] = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.BitAnd: "&", ast.BitOr: "|"}
INFIX |= {ast.Eq: "==", ast.NotEq: "!=", ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">="}
CALLED: dict[type, str] = {ast.FloorDiv: "k_floordiv", ast.Mod: "k_mod", ast.RShift: "k_right"}

# Nodes of the syntax of a kernel that is copied to wherever it is called.
SMALL = 120


def c_type(of: Type) -> str:
    """Return a type in C."""
    return C_OF[of] if isinstance(of, str) else of.c


@dataclass(frozen=True)
class Value:
    """An expression in C: its type, whether it ``reads`` words or ``changes`` them; of a table its address.

    ``is_made`` tells that it is the table itself, which has no address yet.
    """

    code: str
    type: Type = INT
    reads: bool = False
    changes: bool = False
    is_made: bool = False

    @property
    def whole(self) -> str:
        """The value itself, of a table too."""
        return f"*{self.code}" if isinstance(self.type, Table) and not self.is_made else self.code


@dataclass(eq=False)
class Function:
    """A kernel of a ``module``, to be written in C; ``others`` are the kernels that it may call, by module and name."""

    module: Module
    node: ast.FunctionDef
    others: dict[tuple[Module, str], Function]
    _locals: dict[str, Type] = field(default_factory=dict)
    _lines: list[str] = field(default_factory=list)
    _kept: set[str] = field(default_factory=set)
    _count: int = 0

    @property
    def name(self) -> str:
        """What the function is called in C."""
        return f"{self.module.prefix}_{self.node.name}"

    @cached_property
    def parameters(self) -> dict[str, Type]:
        """The parameters and their types."""
        args = self.node.args
        if args.posonlyargs or args.kwonlyargs or args.vararg or args.kwarg or args.defaults:
            self.refuse(self.node, "a kernel takes positional parameters, without defaults")
        return {each.arg: self._known(each, each.annotation) for each in args.args}

    @cached_property
    def result(self) -> Type:
        """The type of what is returned."""
        return self._known(self.node, self.node.returns)

    @cached_property
    def calls(self) -> list[Function]:
        """The kernels that are called, in order; none where only CPython runs this."""
        if is_declared(self.node, "interpreted"):
            return []
        names = (each.func for each in ast.walk(self.node) if isinstance(each, ast.Call))
        called = (self._called(name.id) for name in names if isinstance(name, ast.Name))
        return list(dict.fromkeys(each for each in called if each))

    @cached_property
    def changes(self) -> bool:
        """Whether a call may change words."""
        stores = (isinstance(each, ast.Subscript | ast.Attribute) and isinstance(each.ctx, ast.Store)
                  for each in ast.walk(self.node))  # fmt: skip
        return any(stores) or any(each.changes for each in self.calls)

    @property
    def head(self) -> str:
        """The function as it is declared in C."""
        parameters = ", ".join(declared(name, of, "restrict ") for name, of in self.parameters.items())
        inline = "inline __attribute__((always_inline)) " if self.is_copied else ""
        return f"static {inline}{c_type(self.result)} {self.name}({parameters or 'void'})"

    @cached_property
    def is_copied(self) -> bool:
        """Whether it becomes part of its callers: where it is small, or there is one."""
        callers = sum(self in each.calls for each in self.others.values())
        return not is_declared(self.node, "entry") and (callers == 1 or len(list(ast.walk(self.node))) < SMALL)

    def c(self) -> str:
        """Return the function in C; raises DialectError for what is no kernel."""
        self._locals |= self.parameters
        if is_declared(self.node, "interpreted"):
            self._add("k_fault(K_INTERPRETED);")
        else:
            self._block(self.node.body)
        own = {name: of for name, of in self._locals.items() if name not in self.parameters}
        room = [f"{declared(name, of)}{'' if isinstance(of, Row) else ' = {0}' if of == WORDS else ' = 0'};"
                for name, of in own.items()]  # fmt: skip
        room += [f"{c_type(self._locals[name])} {name}_kept;" for name in sorted(self._kept)]
        end = [] if self.result == NONE else ["k_fault(K_NOTHING);"]
        return "\n".join(
            [f"/* {self.module.name}:{self.node.lineno} */", self.head, "{", *room, *self._lines, *end, "}"]
        )

    def refuse(self, node: ast.AST, why: str) -> NoReturn:
        """Raise DialectError: ``why`` what stands at ``node`` is in no kernel."""
        self.module.refuse(node, f"{self.node.name}: {why}")

    def _known(self, node: ast.AST, annotation: ast.expr | None) -> Type:
        found = self.module.type_of(annotation)
        if found == OTHER:
            self.refuse(node, f"kernels know integers, Words and NamedTuples of them, not {ast.unparse(node)}")
        return found

    def _called(self, name: str) -> Function | None:
        found = self.module.find(name)
        return self.others.get((found[0], found[1])) if found else None

    def _add(self, *lines: str) -> None:
        self._lines += lines

    def _fresh(self) -> str:
        self._count += 1
        return f"k{self._count}"

    def _block(self, statements: list[ast.stmt]) -> None:
        for statement in statements:
            self._statement(statement)

    def _inside(self, head: str, body: list[ast.stmt], *first: str) -> None:
        self._add(head + " {", *first)
        self._block(body)
        self._add("}")

    def _statement(self, node: ast.stmt) -> None:
        match node:
            case ast.Expr(value=ast.Constant()) | ast.Pass():
                pass
            case ast.Expr(value=ast.Call() as call):
                self._add(f"{self._value(call).code};")
            case ast.Return(value=None):
                self._add("return;")
            case ast.Return(value=ast.expr() as returned):
                self._add(f"return {self._fitting(node, self._value(returned), self.result).whole};")
            case ast.Assign(targets=targets, value=value):
                self._assign(targets, value)
            case ast.AugAssign(target=ast.Name(id=name) as target, op=op, value=value):
                self._bind(target, self._operation(node, op, self._value(ast.Name(name)), self._value(value)))
            case ast.AugAssign(target=ast.Subscript() as target, op=op, value=value):
                self._change(target, op, self._value(value))
            case ast.If(test=test, body=body, orelse=orelse):
                self._inside(f"if ({self._truth(test).code})", body)
                if orelse:
                    self._inside("else", orelse)
            case ast.While(test=test, body=body, orelse=[]):
                self._inside(f"while ({self._truth(test).code})", body)
            case ast.For(target=ast.Name() as target, iter=iterated, body=body, orelse=[]):
                self._loop(target, iterated, body)
            case ast.Break():
                self._add("break;")
            case ast.Continue():
                self._add("continue;")
            case _:
                self.refuse(node, f"no kernel has a statement like: {ast.unparse(node).splitlines()[0]}")

    def _loop(self, target: ast.Name, iterated: ast.expr, body: list[ast.stmt]) -> None:
        at = self._fresh()
        match iterated:
            case ast.Call(func=ast.Name(id="range"), args=[*bounds], keywords=[]) if 1 <= len(bounds) <= 3:
                values = self._integers(iterated, bounds)
                start, stop, step = [Value("0")] * (len(values) == 1) + values + [Value("1")] * (len(values) < 3)
                self._add("{", f"const int64_t {at}_stop = {stop.code}, {at}_step = {step.code};")
                self._add(f"if ({at}_step == 0) k_fault(K_STEP);")
                goes_on = f"{at}_step > 0 ? {at} < {at}_stop : {at} > {at}_stop"
                self._add(f"for (int64_t {at} = {start.code}; {goes_on}; {at} += {at}_step) {{")
                self._bind(target, Value(at))
            case _:
                values = self._parts(iterated)
                if any(value.type != values[0].type or value.is_made for value in values):
                    self.refuse(iterated, "a loop runs through a range, or through values of one type")
                of = declared("", values[0].type)
                self._add("{", f"{of}{at}_all[] = {{{', '.join(value.code for value in values)}}};")
                self._add(f"for (int64_t {at} = 0; {at} < {len(values)}; {at}++) {{")
                self._bind(target, Value(f"{at}_all[{at}]", values[0].type))
        self._block(body)
        self._add("}", "}")

    def _assign(self, targets: list[ast.expr], value: ast.expr) -> None:
        match targets:
            case [ast.Tuple(elts=names)]:
                values = [self._named(each) for each in self._parts(value)]
            case [target]:
                self._bind(target, self._value(value))
                return
            case names:
                values = [self._named(self._value(value))] * len(names)
        if len(names) != len(values):
            self.refuse(value, f"{len(names)} names for {len(values)} values")
        for name, each in zip(names, values, strict=True):
            self._bind(name, each)

    def _named(self, value: Value) -> Value:
        """Give a value a name of its own, before anything that it is made of changes."""
        name, of = self._fresh(), value.type
        if isinstance(of, Table) and not value.is_made and self._stays(value.code):
            return value
        if isinstance(of, Table) and value.is_made:
            self._add(f"const {of.c} {name}_made = {value.code};")
            value = Value(f"&{name}_made", of)
        self._add(f"{declared(name, of)} = {value.code};")
        return Value(name, of)

    def _parts(self, node: ast.expr) -> list[Value]:
        """Return the values that a tuple or a table is made of."""
        if isinstance(node, ast.Tuple):
            return [self._value(each) for each in node.elts]
        value = self._named(self._value(node))
        match value.type:
            case Row(size=size):
                return [Value(f"{value.code}.at[{i}]") for i in range(size)]
            case Table(fields=fields):
                return [self._field(node, value, name) for name in fields]
        self.refuse(node, "only a tuple comes apart")

    def _bind(self, target: ast.expr, value: Value) -> None:
        match target:
            case ast.Subscript(value=of, slice=index):
                words, at = self._value(of), self._value(index)
                if words.type != WORDS or {at.type, value.type} - {INT, BOOL}:
                    self.refuse(target, "only integers in words can be set")
                value = self._named(value) if value.changes or at.changes else value
                self._add(f"*k_at({words.code}, {at.code}) = {value.code};")
            case ast.Name(id=name):
                before = self._locals.get(name, value.type)
                if before != value.type and {before, value.type} - {INT, BOOL}:
                    self.refuse(target, f"{name} changes its type")
                self._locals[name] = INT if before != value.type else value.type
                # A table that another name stands for is kept: that name may come to stand for another.
                if isinstance(value.type, Table) and not self._stays(value.code):
                    self._kept.add(name)
                    self._add(f"{name}_kept = {value.whole};")
                    value = Value(f"&{name}_kept", value.type)
                self._add(f"{c_name(name)} = {value.code};")
            case _:
                self.refuse(target, f"nothing can be assigned to {ast.unparse(target)}")

    def _stays(self, address: str) -> bool:
        """Tell whether an address is that of a parameter that is never assigned to, or of what is in it."""
        root = address.lstrip("&").split("->")[0].split(".")[0]
        stored = {
            each.id for each in ast.walk(self.node) if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store)
        }
        return root in self.parameters and root not in stored

    def _change(self, target: ast.Subscript, op: ast.operator, value: Value) -> None:
        words, at = self._value(target.value), self._value(target.slice)
        place, before = self._fresh(), self._fresh()
        if words.type != WORDS:
            self.refuse(target, "only integers in words can be changed")
        self._add("{", f"int64_t *const {place} = k_at({words.code}, {at.code}); const int64_t {before} = *{place};")
        self._add(f"*{place} = {self._operation(target, op, Value(before), value).code};", "}")

    def _truth(self, node: ast.expr) -> Value:
        """Return what decides an ``if``: there ``and`` and ``or`` may join integers too."""
        match node:
            case ast.BoolOp(op=op, values=operands):
                values = [self._truth(each) for each in operands]
                code = (" && " if isinstance(op, ast.And) else " || ").join(f"({value.code})" for value in values)
                return Value(code, BOOL, any(v.reads for v in values), any(v.changes for v in values))
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                value = self._truth(operand)
                return Value(f"!({value.code})", BOOL, value.reads, value.changes)
        value = self._value(node)
        if value.type not in {INT, BOOL}:
            self.refuse(node, "only integers are true or false")
        return value

    def _value(self, node: ast.expr) -> Value:
        match node:
            case ast.Constant(value=int(number)):
                return Value(f"INT64_C({int(number)})", BOOL if isinstance(number, bool) else INT)
            case ast.Name(id=name) if name in self._locals:
                return Value(c_name(name), self._locals[name])
            case ast.Name(id=name):
                return Value(f"INT64_C({self.module.constant(name, node)})")
            case ast.Attribute(value=of, attr=name):
                return self._field(node, self._value(of), name)
            case ast.Subscript(value=of, slice=index):
                return self._element(node, self._value(of), self._value(index))
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return self._operation(node, ast.Sub(), Value("0"), self._value(operand))
            case ast.BinOp(op=op, left=left, right=right) | ast.Compare(ops=[op], left=left, comparators=[right]) if (
                type(op) in INFIX or type(op) in CALLED
            ):
                return self._operation(node, op, self._value(left), self._value(right))
            case ast.Compare(ops=[ast.In()], left=ast.Name() as left, comparators=[ast.Tuple(elts=elements)]):
                equal = [ast.Compare(left, [ast.Eq()], [ast.copy_location(each, node)]) for each in elements]
                return self._truth(ast.BoolOp(ast.Or(), [*equal]))
            case ast.BoolOp(values=operands) if all(self._value(each).type == BOOL for each in operands):
                return self._truth(node)
            case ast.UnaryOp(op=ast.Not()):
                return self._truth(node)
            case ast.IfExp(test=test, body=body, orelse=orelse):
                asked, left, right = self._truth(test), self._value(body), self._value(orelse)
                right = self._fitting(node, right, left.type if left.type != BOOL else right.type)
                code = f"(({asked.code}) ? {left.whole} : {right.whole})"
                of, made = right.type, isinstance(right.type, Table)
                return Value(code, of, any(v.reads for v in (asked, left, right)),
                             any(v.changes for v in (asked, left, right)), made)  # fmt: skip
            case ast.Tuple(elts=elements):
                values, row = self._integers(node, elements), Row(len(elements))
                return self._joined(node, f"({row.c}){{{{{_listed(values)}}}}}", values, row)
            case ast.Call(func=ast.Name(id=name), args=arguments, keywords=keywords):
                return self._call(node, name, arguments, {str(each.arg): each.value for each in keywords})
        self.refuse(node, f"no kernel has an expression like: {ast.unparse(node)}")

    def _field(self, node: ast.AST, table: Value, name: str) -> Value:
        if not isinstance(table.type, Table) or table.is_made:
            self.refuse(node, f"{name} is asked of what is no table, or of one without a name")
        of = table.type.fields.get(name, OTHER)
        if of == OTHER:
            self.refuse(node, f"{table.type.name}.{name} is nothing that kernels know")
        code = f"{table.code[1:]}.{name}" if table.code.startswith("&") else f"{table.code}->{name}"
        return Value(f"&{code}" if isinstance(of, Table) else code, of)

    def _element(self, node: ast.AST, of: Value, index: Value) -> Value:
        if index.type not in {INT, BOOL}:
            self.refuse(node, "an index is an integer")
        if isinstance(of.type, Row):
            return self._joined(node, f"{of.code}.at[k_index({index.code}, {of.type.size})]", [of, index])
        if of.type != WORDS:
            self.refuse(node, "only words and tuples have elements")
        return Value(f"*k_at({of.code}, {index.code})", INT, reads=True, changes=index.changes)

    def _operation(self, node: ast.AST, op: ast.AST, left: Value, right: Value) -> Value:
        if {left.type, right.type} - {INT, BOOL}:
            self.refuse(node, "only integers are counted with and compared")
        if name := CALLED.get(type(op)):
            return self._joined(node, f"{name}({left.code}, {right.code})", [left, right])
        if type(op) not in INFIX:
            self.refuse(node, f"no kernel has the operation {type(op).__name__}")
        code = f"({left.code} {INFIX[type(op)]} {right.code})"
        return self._joined(node, code, [left, right], BOOL if isinstance(op, ast.cmpop) else INT)

    def _integers(self, node: ast.AST, nodes: list[ast.expr]) -> list[Value]:
        values = [self._value(each) for each in nodes]
        if any(value.type not in {INT, BOOL} for value in values):
            self.refuse(node, f"integers only in {ast.unparse(node)}")
        return values

    def _joined(self, node: ast.AST, code: str, values: list[Value], of: Type = INT, *, made: bool = False) -> Value:
        """Return what C makes of ``values``, in any order: so where one changes words, no other may look at any."""
        if sum(value.reads or value.changes for value in values) > 1 and any(value.changes for value in values):
            self.refuse(node, f"a call that changes words stands beside what reads some: {ast.unparse(node)}")
        return Value(code, of, any(v.reads for v in values), any(v.changes for v in values), made)

    def _fitting(self, node: ast.AST, value: Value, of: Type) -> Value:
        if value.type != of and (value.type, of) != (BOOL, INT):
            self.refuse(node, f"{ast.unparse(node)} is of another type than was said")
        return value

    def _call(self, node: ast.Call, name: str, arguments: list[ast.expr], named: dict[str, ast.expr]) -> Value:
        found = self.module.find(name)
        if found and isinstance(found[2], ast.ClassDef):
            return self._made(node, found[0].table(found[2]), arguments, named)
        if named:
            self.refuse(node, "kernels are called by position")
        called = self._called(name)
        if called:
            if len(arguments) != len(called.parameters):
                self.refuse(node, f"{name} takes {len(called.parameters)} arguments")
            taken = zip(arguments, called.parameters.values(), strict=True)
            values = [self._fitting(each, self._value(each), of) for each, of in taken]
            made = isinstance(called.result, Table)
            value = self._joined(node, f"{called.name}({_listed(values)})", values, called.result, made=made)
            return replace(value, reads=True, changes=value.changes or called.changes)
        if name == "len" and len(arguments) == 1:
            of = self._value(arguments[0])
            if of.type == WORDS:
                return Value(f"{of.code}.length")
        elif not found and (
            (name in {"min", "max"} and len(arguments) > 1) or (name in {"abs", "int"} and len(arguments) == 1)
        ):
            values = self._integers(node, arguments)
            code = values[0].code if name == "int" or len(values) > 1 else f"k_{name}({values[0].code})"
            for value in values[1:]:
                code = f"k_{name}({code}, {value.code})"
            return self._joined(node, code, values)
        self.refuse(node, f"{name} is no kernel")

    def _made(self, node: ast.Call, of: Type, arguments: list[ast.expr], named: dict[str, ast.expr]) -> Value:
        if not isinstance(of, Table) or len(arguments) + len(named) != len(of.fields):
            self.refuse(node, "a NamedTuple is made of all of its fields")
        given = dict(zip(of.fields, arguments, strict=False)) | named
        values = {name: self._fitting(each, self._value(each), of.fields[name]) for name, each in given.items()}
        fields = ", ".join(f".{name} = {value.whole}" for name, value in values.items())
        return self._joined(node, f"({of.c}){{{fields}}}", list(values.values()), of, made=True)


def c_name(name: str) -> str:
    """Return what a variable is called in C."""
    return f"{name}_" if name in KEYWORDS else name


def declared(name: str, of: Type, restrict: str = "") -> str:
    """Return a variable as C declares it: tables by their address."""
    if isinstance(of, Table):
        return f"const {of.c} *{restrict}{c_name(name)}"
    return f"{c_type(of)} {c_name(name)}"


def _listed(values: list[Value]) -> str:
    # What was just made has no name, but C gives it an address for as long as the block around lasts.
    return ", ".join(f"&{value.code}" if value.is_made else value.code for value in values)
