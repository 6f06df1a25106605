"""All kernels of a package as the C of one extension for Python: what they are, and the border to Python."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lw3dsim.compiler.digest import digest_of
from lw3dsim.compiler.functions import Function, c_name, c_type
from lw3dsim.compiler.sources import BOOL, INT, NONE, OTHER, WORDS, Module, Package, Row, Table, Type, is_declared
from lw3dsim.compiler.statements import written

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

LETTERS = {INT: "i", BOOL: "b", WORDS: "w", NONE: "n", OTHER: "."}


def extension_source(root: Path, name: str) -> str:
    """Return the C of an extension ``name`` with all kernels of the package in the folder ``root``.

    Raises DialectError for what is no kernel.
    """
    package = Package(root)
    functions: dict[tuple[Module, str], Function] = {}
    for module in package.modules():
        functions |= {(module, each): Function(module, node, functions) for each, node in module.kernels.items()}
    ordered = list(_called_first(functions.values()))
    entries = [function for function in ordered if is_declared(function.node, "entry")]
    bodies = [written(function) for function in ordered]
    types = dict.fromkeys(within for _, known in bodies for each in known for within in _within(each))
    read = [module.path for module in package.read.values()]
    own = [path for path in (root / "compiler").iterdir() if path.suffix in {".py", ".h"}]
    paths = sorted(path.relative_to(root).as_posix() for path in (*read, *own))
    return "\n\n".join([
        f"enum {{ K_ROOM = {max(map(_room, entries)) + 1}, K_WORDS = {max(map(_words, entries)) + 1} }};",
        (root / "compiler" / "kernels.h").read_text(encoding="utf-8"),
        *map(_structure, types),
        *(body for body, _ in bodies),
        *map(_call, entries),
        _module(name.rpartition(".")[2], entries, " ".join(paths), digest_of(root, paths)),
    ]) + "\n"  # fmt: skip


def _called_first(functions: Iterable[Function]) -> Iterator[Function]:
    done: dict[Function, bool] = {}

    def visit(function: Function) -> Iterator[Function]:
        if function not in done:
            done[function] = False
            for called in function.calls:
                yield from visit(called)
            done[function] = True
            yield function
        elif not done[function]:
            raise function.refusal(function.node, "no kernel calls itself")

    for function in functions:
        yield from visit(function)


def _within(of: Type) -> Iterator[Table | Row]:
    """Yield the tables and tuples that a value holds, the innermost first."""
    if isinstance(of, Table):
        for each in of.fields.values():
            yield from _within(each)
    if isinstance(of, Table | Row):
        yield of


def _structure(of: Table | Row) -> str:
    if isinstance(of, Row):
        return f"{of.c} {{ int64_t at[{of.size}]; }};"
    fields = [f"    {c_type(each)} {c_name(name)};" for name, each in of.fields.items() if each != OTHER]
    return "\n".join([f"{of.c} {{", *fields, "};"])


def _letters(of: Type, of_table: str = "(") -> str:
    """Return how ``kernels.h`` is told what to take of Python, or to give."""
    match of:
        case Row(size=size):
            return f"({'i' * size})"
        case Table(fields=fields):
            return of_table.format(of) + "".join(_letters(each, of_table) for each in fields.values()) + ")"
    return LETTERS[of]


def _takes(function: Function) -> str:
    return "".join(map(_letters, function.parameters.values()))


def _gives(function: Function) -> str:
    letters = _letters(function.result, "<{0.module.name}:{0.name}(")
    if "w" in _letters(function.result) or "." in _letters(function.result):
        raise function.refusal(function.node, "Python is given integers, truths, tuples and NamedTuples of them alone")
    return letters


def _room(function: Function) -> int:
    """Return the words of 64 bits that arguments, or the result, take in C."""
    return max(sum(map(_size, function.parameters.values())), _size(function.result))


def _size(of: Type) -> int:
    letters = _letters(of)
    return letters.count("i") + letters.count("b") + 2 * letters.count("w")


def _words(function: Function) -> int:
    return _takes(function).count("w")


def _call(function: Function) -> str:
    """Return the C that calls a kernel with arguments that lie behind each other."""
    lines, names, at = [], [], 0
    for i, of in enumerate(function.parameters.values()):
        lines.append(f"{c_type(of)} a{i}; memcpy(&a{i}, room + {at}, sizeof a{i});")
        names.append(f"&a{i}" if isinstance(of, Table) else f"a{i}")
        at += _size(of)
    call = f"{function.name}({', '.join(names)});"
    if function.result != NONE:
        call = f"{c_type(function.result)} made = {call} memcpy(result, &made, sizeof made);"
    head = f"static void call_{function.name}(const int64_t *room, int64_t *result)"
    return "\n    ".join([f"{head} {{", *lines, call, "(void)room; (void)result;"]) + "\n}"


def _module(name: str, functions: list[Function], paths: str, digest: str) -> str:
    kernels = (
        f'    {{{{"{each.module.name}.{each.node.name}", (PyCFunction)(void (*)(void))k_call, METH_FASTCALL, NULL}}, '
        f'"{_takes(each)}", "{_gives(each)}", call_{each.name}}},'
        for each in functions
    )
    return "\n".join([
        "static struct k_kernel kernels[] = {", *kernels, "    {{NULL, NULL, 0, NULL}, NULL, NULL, NULL}", "};",
        "static struct PyModuleDef definition = {",
        f'    .m_base = PyModuleDef_HEAD_INIT, .m_name = "{name}", .m_size = -1', "};",
        f"PyMODINIT_FUNC PyInit_{name}(void) {{",
        f'    return k_module(&definition, kernels, "{paths}",\n        "{digest}");', "}",
    ])  # fmt: skip
