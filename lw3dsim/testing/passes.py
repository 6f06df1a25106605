"""What every pass owes."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Annotated, ClassVar, get_args, get_origin

import msgspec
import pytest
from msgspec import Meta

from lw3dsim.api import execute, simulate
from lw3dsim.base.values import replace
from lw3dsim.errors import InputError
from lw3dsim.testing.contract import Contract
from lw3dsim.testing.networks import small_networks
from lw3dsim.transform.passes import PASSES, apply_transforms, read_pass

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lw3dsim.describe.workload import AnyLayer, Shape, Workload
    from lw3dsim.transform.fields import Argument
    from lw3dsim.transform.passing import Pass


class PassContract(Contract):
    """Give ``passes``: at least the pass as it is by default, and with every argument changed.

    ``networks`` are tried on; at least one of them must have a layer for each pass. A pass that changes the shapes of
    a network's outputs says so by ``keeps_outputs = False``; one that some network has no room for leaves it out.
    """

    subject = "one"
    attribute = "passes"
    passes: ClassVar[Sequence[Pass]] = ()
    networks: ClassVar[Sequence[Workload]] = small_networks()
    keeps_outputs: ClassVar[bool] = True

    def test_its_name_leads_to_its_class(self, one: Pass) -> None:
        """It is built in, or an entry point in the group ``lw3dsim.passes`` is installed."""
        assert PASSES.get(one.name) is type(one)

    def test_its_text_reads_back_as_itself(self, one: Pass) -> None:
        """``str`` of a pass is what ``--transform`` takes."""
        assert read_pass(str(one)) == one
        assert "," not in str(one)

    def test_it_says_what_it_does_and_what_its_arguments_mean(self, one: Pass) -> None:
        """`lw3dsim list` shows both."""
        assert one.about()
        assert not one.about().startswith(f"{type(one).__name__}(")
        assert [argument.name for argument in one.arguments() if not argument.about] == []

    def test_arguments_out_of_range_are_refused_by_name(self, one: Pass) -> None:
        """In Python as in text."""
        for argument in one.arguments():
            for value in _out_of_range(argument):
                with pytest.raises(InputError, match=argument.name):
                    replace(one, **{argument.name: value})

    def test_examples_and_defaults_of_arguments_are_allowed(self, one: Pass) -> None:
        """A refusal shows the first example."""
        for argument in one.arguments():
            for value in (*argument.examples, *(() if argument.is_required else (argument.default,))):
                changed = replace(one, **{argument.name: value})
                assert read_pass(str(changed)) == changed

    def test_every_argument_is_tried(self, one: Pass) -> None:
        """``passes`` has every argument at another value than its default at least once."""
        for argument in one.arguments():
            same = [other for other in self.passes if type(other) is type(one)]
            assert any(getattr(other, argument.name) != argument.default for other in same), argument.name

    def test_it_finds_something_to_rewrite(self, one: Pass) -> None:
        """In one of the networks; a test of a pass that does nothing says nothing."""
        assert any(one.matches(network) for network in self.networks)

    def test_the_network_is_sound_and_the_old_one_as_it_was(self, one: Pass) -> None:
        """What ``apply`` returns is verified, and recorded; neither the network nor the pass is written into."""
        for network in self.networks:
            before, itself = repr(network), repr(one)
            after = apply_transforms(network, one)
            assert after.transforms == (*network.transforms, str(one))
            assert (repr(network), repr(one)) == (before, itself)
            assert after.inputs == network.inputs

    def test_it_does_the_same_again(self, one: Pass) -> None:
        """A pass depends on its arguments and the network alone."""
        again = type(one)(**{field.name: getattr(one, field.name) for field in fields(one)})
        for network in self.networks:
            assert again.apply(network).layers == one.apply(network).layers
            assert again.matches(network) == one.matches(network)

    def test_what_does_not_match_stays(self, one: Pass) -> None:
        """Layers that do not match are there again, though they may read others; where none does, nothing changes."""
        for network in self.networks:
            matched, after = one.matches(network), one.apply(network)
            kept = {layer.name: _alone(layer) for layer in after.layers}
            assert set(matched) <= {layer.name for layer in network.layers}
            assert (not matched) == (after.layers == network.layers)
            for layer in network.layers:
                assert layer.name in matched or kept.get(layer.name) == _alone(layer), layer.name

    def test_outputs_keep_their_shapes(self, one: Pass) -> None:
        """Unless the pass says that it changes them."""
        for network in self.networks:
            if self.keeps_outputs:
                assert _outputs(one.apply(network)) == _outputs(network)

    @pytest.mark.parametrize("algorithm", ["direct", "hfa"])
    def test_the_rewritten_network_is_computed_exactly(self, one: Pass, algorithm: str) -> None:
        """Integers through the machine equal the direct computation, whatever the pass made of the layers."""
        for network in self.networks:
            assert execute(network, transform=one, algorithm=algorithm, dtype="int8").exact

    def test_all_multiplications_are_counted(self, one: Pass) -> None:
        """The MACs of a result are those of the rewritten layers, counted from their shapes."""
        for network in self.networks:
            after = apply_transforms(network, one)
            assert simulate(network, transform=one).totals.macs == sum(map(after.layer_macs, after.layers))


def _alone(layer: AnyLayer) -> AnyLayer:
    """Return a layer without what it reads."""
    return msgspec.structs.replace(layer, inputs=())


def _outputs(network: Workload) -> list[Shape]:
    """Return the shapes of the tensors that no layer reads, sorted."""
    return sorted(network.shapes[layer.name] for layer in network.layers if not network.consumers(layer.name))


def _out_of_range(argument: Argument) -> list[object]:
    """Return values just beyond the limits of a number, or of the numbers of a tuple."""
    plain = get_args(argument.kind)[0] if get_origin(argument.kind) is Annotated else argument.kind
    is_tuple = get_origin(plain) is tuple
    kind = get_args(plain)[0] if is_tuple else argument.kind
    beyond: list[object] = []
    for meta in getattr(kind, "__metadata__", ()):
        if isinstance(meta, Meta):
            limits = ((meta.ge, -1), (meta.gt, 0), (meta.le, 1), (meta.lt, 0))
            beyond += [limit + step for limit, step in limits if limit is not None]
    return [(value,) for value in beyond] if is_tuple else beyond
