"""What a pass is: a frozen dataclass whose fields are its arguments, and that rewrites a network.

In time: a pass is made, from Python (``Fsb(alpha=0.5)``) or from text (``fsb:alpha=0.5``), and its arguments are
checked then. It is asked which layers it ``matches``, as often as one likes. It is ``applied``, and the network that
it returns is verified before anything else sees it. Neither changes the pass or the network that it is given, so
that one pass may serve many networks, in any order.
"""

from __future__ import annotations

import dataclasses
import inspect
from abc import abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from lw3dsim.base.calls import StrictMeta
from lw3dsim.errors import InputError, one_line, short, unknown
from lw3dsim.transform.fields import Argument, arguments_of, refusal, text_of, value_of
from lw3dsim.transform.rewrite import check_chains, check_matched, replace_layers

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Self

    from lw3dsim.describe.workload import AnyLayer, Workload


@dataclass(frozen=True)
class Pass(metaclass=StrictMeta):
    """A rewrite of a network, with its arguments as fields; the first line of the docstring is its help.

    Subclasses are frozen dataclasses and give ``name``, ``matches`` and ``apply``; most are better off as a
    :class:`Rewrite` or a :class:`Composite`, which have both. See :mod:`lw3dsim.transform.fields` for the types that a
    field may have. ``str`` of a pass is its text form, which :meth:`read` makes the same pass of again.
    """

    name: ClassVar[str]

    def __post_init__(self) -> None:
        """Put the arguments into their types. Raises InputError for one that is not allowed."""
        for argument in arguments_of(type(self)):
            value = getattr(self, argument.name)
            try:
                checked = argument.checked(value)
            except ValueError:
                raise refusal(self.name, argument, value) from None
            object.__setattr__(self, argument.name, checked)

    @abstractmethod
    def matches(self, network: Workload) -> tuple[str, ...]:
        """Return the names of the layers that :meth:`apply` rewrites or removes; all others it leaves as they are."""

    @abstractmethod
    def apply(self, network: Workload) -> Workload:
        """Return the rewritten network, of the same inputs; ``network`` itself where no layer matches.

        Raises InputError where the rewrite does not fit.
        """

    def why_idle(self, network: Workload) -> str:  # noqa: ARG002  # most have nothing to say
        """Return, where no layer matches, which layers it looked at and why it leaves them; by default nothing."""
        return ""

    def __str__(self) -> str:
        given = [
            f":{argument.name}={text_of(getattr(self, argument.name))}"
            for argument in arguments_of(type(self))
            if getattr(self, argument.name) != argument.default
        ]
        return self.name + "".join(given)

    @classmethod
    def read(cls, text: str) -> Self:
        """Return the pass that ``text`` says, ``name:argument=value:...``. Raises InputError."""
        _, *settings = text.split(":")
        known = {argument.name: argument for argument in arguments_of(cls)}
        values: dict[str, object] = {}
        for setting in settings:
            name, _, value = setting.partition("=")
            if name not in known:
                raise unknown(f"argument of transform {cls.name}", name, known)
            if name in values:
                raise InputError(f"transform {one_line(text)}: {short(name)} is given twice; keep one")
            try:
                values[name] = value_of(known[name].kind, value)
            except ValueError:
                raise refusal(cls.name, known[name], value) from None
        for argument in known.values():
            if argument.is_required and argument.name not in values:
                raise InputError(f"transform {cls.name}: lacks {argument.name}; give {argument.rule}")
        return cls(**values)

    @classmethod
    def about(cls) -> str:
        """Return what the pass does, in one line: the first of its docstring."""
        return (inspect.getdoc(cls) or "").partition("\n")[0].removesuffix(".")

    @classmethod
    def arguments(cls) -> tuple[Argument, ...]:
        """Return its arguments in order."""
        return arguments_of(cls)


class Rewrite(Pass):
    """A pass that puts a chain of layers in the place of each layer that it matches."""

    @abstractmethod
    def chains(self, network: Workload) -> Mapping[str, Sequence[AnyLayer]]:
        """Return, by name of a layer, what stands for it; see :func:`lw3dsim.transform.rewrite.replace_layers`."""

    def matches(self, network: Workload) -> tuple[str, ...]:
        """See Pass."""
        chains = self._checked_chains(network)
        return tuple(
            layer.name for layer in network.layers if layer.name in chains and list(chains[layer.name]) != [layer]
        )

    def apply(self, network: Workload) -> Workload:
        """See Pass."""
        return replace_layers(network, self._checked_chains(network))

    def _checked_chains(self, network: Workload) -> Mapping[str, Sequence[AnyLayer]]:
        return check_chains(f"transform {self}", network, self.chains(network))


class Composite(Pass):
    """Several passes, one behind the other, under one name."""

    @property
    @abstractmethod
    def parts(self) -> tuple[Pass, ...]:
        """The passes in the order in which they are applied."""

    def matches(self, network: Workload) -> tuple[str, ...]:
        """See Pass."""
        matched, after, parts = set[str](), network, self.parts
        for number, part in enumerate(parts, 1):
            matched |= set(check_matched(f"transform {part}", after, part.matches(after)))
            if number < len(parts):
                after = part.apply(after)
        return tuple(layer.name for layer in network.layers if layer.name in matched)

    def apply(self, network: Workload) -> Workload:
        """See Pass."""
        for part in self.parts:
            network = part.apply(network)
        return network


def check_pass(name: str, kind: object) -> type[Pass]:
    """Return ``kind`` if it is a pass that can be registered as ``name``; else raise InputError, in half a sentence."""
    if not (isinstance(kind, type) and issubclass(kind, Pass)):
        raise InputError("it is no subclass of lw3dsim.transform.Pass")
    if inspect.isabstract(kind):
        missing = ", ".join(sorted(kind.__abstractmethods__))
        raise InputError(f"the class {kind.__name__} lacks {missing}")
    if getattr(kind, "name", None) != name:
        raise InputError(f"the name of the class {kind.__name__} is {getattr(kind, 'name', None)!r}; both are the same")
    fields = {field.name for field in dataclasses.fields(kind)}
    own = [key for key, hint in inspect.get_annotations(kind).items() if "ClassVar" not in str(hint)]
    if not kind.__dataclass_params__.frozen or not fields.issuperset(own):  # type: ignore[attr-defined]  # of dataclasses
        raise InputError(f"the class {kind.__name__} is no frozen dataclass; put @dataclass(frozen=True) on it")
    arguments_of(kind)
    return kind
