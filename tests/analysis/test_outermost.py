"""What was computed outside networks, and which networks' outputs it was made of."""

from __future__ import annotations

from ganscope.analysis.outermost import OutermostFlow
from ganscope.traces import Step
from tests.views.builders import another, call, tensor


def test_of_two_tensors_with_the_same_values_the_one_that_was_taken_counts() -> None:
    one = tensor(3, preview=(1.0, 2.0, 3.0))
    first = call(0, "first", outputs=(one,))
    second = call(1, "second", outputs=(another(one),))
    loss = call(2, "", "mean", kind="op", inputs=(one,))
    flow = OutermostFlow(Step(0, (first, second, loss)))
    assert flow.networks_behind(loss) == [first]


def test_a_network_that_hands_its_input_on_has_not_made_it() -> None:
    x, y = tensor(3), tensor(3)
    first = call(0, "first", outputs=(x,))
    second = call(1, "second", inputs=(x,), outputs=(y, x))
    both = call(2, "", "add", kind="op", inputs=(y, x), outputs=(tensor(3),))
    flow = OutermostFlow(Step(0, (first, second, both)))
    assert flow.behind(both, 0) == [second]
    assert flow.behind(both, 1) == [first]


def test_what_a_loss_module_is_made_of_is_found_from_inside_it() -> None:
    score, loss = tensor(3), tensor()
    network = call(0, "D", outputs=(score,))
    flat = call(1, "", "flatten", kind="op", inputs=(score,), outputs=(tensor(3),))
    outer = call(2, "", "BCELoss", network="", inputs=flat.outputs, outputs=(loss,))
    inner = call(3, "", "bce", kind="op", parent=2, inputs=flat.outputs, outputs=(loss,))
    flow = OutermostFlow(Step(0, (network, flat, outer, inner)))
    assert flow.networks_behind(inner) == [network]
    assert flow.behind(inner, 0) == [flat, network]
    assert flow.feeds(network, 3)
    source = flow.values_from(inner, 0)
    assert source is not None
    assert (source.call, source.index) == (0, 0)
    assert list(flow.handed_out(inner)) == [(3, 0), (2, 0)]


def test_what_a_hook_took_out_of_a_network_was_made_by_the_network() -> None:
    features = tensor(3)
    network = call(0, "D")
    layer = call(1, "D.0", parent=0, outputs=(features,))
    loss = call(2, "", "mean", kind="op", inputs=(features,))
    flow = OutermostFlow(Step(0, (network, layer, loss)))
    assert flow.networks_behind(loss) == [network]
