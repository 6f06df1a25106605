"""What is declared in a class of parameters, on the site: the verbs that take them, and the cases that are some."""

from __future__ import annotations

import inspect
from importlib import import_module
from typing import Any

import griffe

import lw3dsim
from lw3dsim.base.parameters import Parameters, described

KINDS = {
    inspect.Parameter.POSITIONAL_OR_KEYWORD: griffe.ParameterKind.positional_or_keyword,
    inspect.Parameter.KEYWORD_ONLY: griffe.ParameterKind.keyword_only,
}


class Declared(griffe.Extension):
    """Shows functions with the signature that they have when they run, rather than that in the source."""

    def on_function(self, *, func: griffe.Function, **_: Any) -> None:
        """Give a verb its parameters, and their list."""
        if any("taking" in str(decorator.value) for decorator in func.decorators):
            verb = getattr(import_module(func.parent.path), func.name)
            func.parameters = _parameters(verb)
            func.docstring = griffe.Docstring(inspect.getdoc(verb) or "", parent=func)

    def on_class(self, *, cls: griffe.Class, **_: Any) -> None:
        """Give a public class of parameters its own, and their list."""
        kind = getattr(lw3dsim, cls.name, None)
        if inspect.isclass(kind) and issubclass(kind, Parameters):
            text = f"{inspect.getdoc(kind)}\n\nArgs:\n{described(kind)}"
            cls.docstring = griffe.Docstring(text, parent=cls)
            cls["__init__"] = griffe.Function("__init__", parameters=_parameters(kind))


def _parameters(thing: Any) -> griffe.Parameters:
    return griffe.Parameters(
        *(
            griffe.Parameter(
                each.name,
                annotation=each.annotation,
                kind=KINDS[each.kind],
                default=None if each.default is each.empty else repr(each.default),
            )
            for each in inspect.signature(thing).parameters.values()
        )
    )
