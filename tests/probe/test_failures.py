"""A forward that fails: which layer, what it got, what it takes, where."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from ganscope.probe.model import observe
from ganscope.traces import Failure, Trace
from tests.probe.helpers import Net, call, paths, run


def fail(model: nn.Module, *args: Any, **kwargs: Any) -> tuple[Trace, Failure]:
    trace, error = observe(model, args, kwargs, name="net")
    assert error is not None
    assert trace.failure is not None
    assert trace.failure.message == f"{type(error).__name__}: {error}"
    return trace, trace.failure


def label(trace: Trace, failure: Failure) -> str:
    assert failure.call is not None
    return trace.steps[0].calls[failure.call].label


LAYERS: dict[str, tuple[nn.Module, tuple[int, ...], str, str]] = {
    "linear": (
        nn.Linear(100, 8),
        (64, 50),
        "64×50",
        "100 numbers in the last dimension (64×100)",
    ),
    "channels": (nn.Conv2d(3, 8, 3), (2, 1, 9, 9), "2×1×9×9", "3 channels: batch×3×height×width"),
    "rank": (
        nn.Conv2d(3, 8, 3),
        (2, 27),
        "2×27",
        "4 dimensions: batch×3×height×width",
    ),
    "small image": (
        nn.Conv2d(3, 8, 5),
        (2, 3, 4, 4),
        "2×3×4×4",
        "images at least as large as its kernel 5×5",
    ),
    "transposed": (
        nn.ConvTranspose2d(100, 8, 4),
        (2, 64, 1, 1),
        "2×64×1×1",
        "100 channels: batch×100×height×width",
    ),
    "batch of one": (
        nn.BatchNorm1d(4),
        (1, 4),
        "1×4",
        "a batch of at least 2 in train mode (or eval mode)",
    ),
    "features": (nn.BatchNorm1d(4), (3, 5), "3×5", "4 features in the second dimension"),
    "layer norm": (nn.LayerNorm(6), (3, 5), "3×5", "6 in the last 1 dimension(s)"),
    "group norm": (nn.GroupNorm(2, 4), (3, 6, 2), "3×6×2", "4 channels in the second dimension"),
}


@pytest.mark.parametrize("case", LAYERS)
def test_failing_layer_in_a_sequential_is_named_in_words(case: str) -> None:
    layer, shape, got, expected = LAYERS[case]
    trace, failure = fail(nn.Sequential(nn.Identity(), layer, nn.ReLU()), torch.randn(shape))
    assert label(trace, failure) == "net.1"
    assert (failure.got, failure.expected) == (got, expected)
    assert paths(trace) == ["net", "net.0", "net.1"]
    assert call(trace, "net.1").outputs == ()
    assert call(trace, "net.1").seconds is None


def test_wrong_type_is_said() -> None:
    _, failure = fail(nn.Linear(4, 2), torch.ones(3, 4, dtype=torch.int64))
    assert failure.got == "3×4 of int64"
    assert failure.expected == "float32, the type of its weights"


def test_embedding_out_of_range() -> None:
    _, failure = fail(nn.Embedding(10, 2), torch.tensor([3, 12]))
    assert failure.expected == "whole numbers from 0 to 9 (int64)"


def test_site_is_the_users_line() -> None:
    model = Net(lambda self, x: self.stack(x), stack=nn.Sequential(nn.Linear(2, 2)))
    _, failure = fail(model, torch.randn(3, 5))
    assert failure.site is not None
    assert failure.site.file == __file__
    assert "self.stack(x)" in failure.site.code


def test_failing_operation_is_named() -> None:
    model = Net(lambda self, x: self.layer(x).view(3, -1), layer=nn.Linear(5, 7))
    trace, failure = fail(model, torch.randn(2, 5))
    assert label(trace, failure) == "net/view"
    assert failure.got == "2×7"
    assert failure.expected == "sizes whose product is the number of values"
    joined, failure = fail(
        Net(lambda self, x, y: torch.cat([x, y])), torch.ones(2, 3), torch.ones(2, 4)
    )
    assert label(joined, failure) == "net/cat"
    assert failure.got == "2×3 and 2×4"


def test_the_users_own_exception_comes_through_with_its_cause() -> None:
    def forward(self: Any, x: Tensor) -> Tensor:
        try:
            return self.layer(x)
        except RuntimeError as error:
            raise ValueError("wrong size for my layer") from error

    trace, failure = fail(Net(forward, layer=nn.Linear(3, 3)), torch.randn(2, 4))
    assert failure.message == "ValueError: wrong size for my layer"
    assert label(trace, failure) == "net.layer"


def test_exception_outside_of_any_layer_names_the_network() -> None:
    def forward(self: Any, x: Tensor) -> Tensor:
        self.layer(x)
        raise KeyError("missing")

    trace, failure = fail(Net(forward, layer=nn.Linear(4, 3)), torch.randn(2, 4))
    assert label(trace, failure) == "net"
    assert failure.expected is None


def test_interruption_passes_through_and_leaves_nothing() -> None:
    def forward(self: Any, x: Tensor) -> Tensor:
        self.layer(x)
        raise KeyboardInterrupt

    model = Net(forward, layer=nn.BatchNorm1d(4))
    with pytest.raises(KeyboardInterrupt):
        observe(model, (torch.randn(2, 4),))
    assert model.layer.num_batches_tracked == 0
    assert not torch.nn.modules.module._global_forward_hooks
    assert torch._C._len_torch_function_stack() == 0
    run(nn.Linear(2, 2), torch.randn(1, 2))


def _swallow(part: nn.Module, x: Tensor) -> None:
    try:
        part(x)
    except RuntimeError:
        return
    raise AssertionError("it should have failed")


def test_a_failure_that_the_forward_survived_is_not_blamed_for_a_later_one() -> None:
    def forward(self: Any, x: Tensor) -> Tensor:
        _swallow(self.bad, x)
        return self.worse(self.good(x))

    parts = {"bad": nn.Linear(9, 9), "good": nn.Linear(4, 4), "worse": nn.Linear(5, 5)}
    trace, failure = fail(Net(forward, **parts), torch.randn(2, 4))
    assert label(trace, failure) == "net.worse"
    assert failure.expected == "5 numbers in the last dimension (2×5)"
    assert call(trace, "net.good").outputs[0].shape == (2, 4)


def test_the_layer_that_failed_in_the_place_of_another_is_named() -> None:
    def forward(self: Any, x: Tensor) -> Tensor:
        try:
            return self.first(x)
        except RuntimeError:
            return self.fallback(x)

    parts = {"first": nn.Linear(9, 9), "fallback": nn.Linear(5, 5)}
    trace, failure = fail(Net(forward, **parts), torch.randn(2, 4))
    assert label(trace, failure) == "net.fallback"
    assert failure.expected == "5 numbers in the last dimension (2×5)"


def test_the_same_exception_thrown_again_later_names_the_layer_it_came_from() -> None:
    def forward(self: Any, x: Tensor) -> Tensor:
        kept = None
        try:
            self.first(x)
        except RuntimeError as error:
            kept = error
        self.second(x)
        assert kept is not None
        raise kept

    parts = {"first": nn.Linear(9, 9), "second": nn.Linear(4, 4)}
    trace, failure = fail(Net(forward, **parts), torch.randn(2, 4))
    assert label(trace, failure) == "net.first"


def test_the_innermost_of_nested_parts_is_named_and_all_around_it_are_open() -> None:
    inner = nn.Sequential(nn.ReLU(), nn.Sequential(nn.Identity(), nn.Linear(3, 3)))
    trace, failure = fail(nn.Sequential(inner, nn.Linear(3, 3)), torch.randn(2, 4))
    assert label(trace, failure) == "net.0.1.1"
    for path in ("net", "net.0", "net.0.1", "net.0.1.1"):
        assert call(trace, path).outputs == ()
        assert call(trace, path).inputs[0].stats is not None


def test_a_module_used_twice_fails_in_its_second_call() -> None:
    model = Net(lambda self, x: self.layer(self.layer(x)), layer=nn.Linear(4, 3))
    trace, failure = fail(model, torch.randn(2, 4))
    assert label(trace, failure) == "net.layer #2"
    assert failure.got == "2×3"


def test_two_inputs_and_keywords_are_told_apart_in_words() -> None:
    inner = Net(lambda self, x, labels: torch.cat([x, labels], 1))
    trace, failure = fail(
        Net(lambda self, x: self.inner(x, labels=x[:1]), inner=inner, other=nn.ReLU()),
        torch.randn(2, 4),
    )
    assert call(trace, "net.inner").inputs[1].name == "labels"
    assert failure.got is not None
    assert "1×4" in failure.got


def test_the_exception_is_the_very_object_that_was_raised() -> None:
    mine = ValueError("mine")

    def forward(self: Any, x: Tensor) -> Tensor:
        raise mine

    inner = nn.Sequential(nn.Linear(4, 4), Net(forward))
    trace, error = observe(inner, (torch.randn(2, 4),), name="net")
    assert error is mine
    assert (error.__cause__, error.__context__) == (None, None)
    assert trace.failure is not None
    assert label(trace, trace.failure) == "net.1"
    assert trace.failure.site is not None
    assert trace.failure.site.code == "raise mine"


def test_stop_iteration_comes_through_as_itself() -> None:
    def forward(self: Any, x: Tensor) -> Tensor:
        return next(iter(()))

    for compiled in (False, True):
        inner = Net(forward)
        if compiled:
            inner._compiled_call_impl = inner._call_impl  # as `inner.compile()` would leave it
        trace, error = observe(nn.Sequential(nn.ReLU(), inner), (torch.ones(2),), name="net")
        assert type(error) is StopIteration
        assert trace.failure is not None
        assert label(trace, trace.failure) == "net.1"


def test_a_group_of_exceptions_names_the_network_and_keeps_its_text() -> None:
    def forward(self: Any, x: Tensor) -> Tensor:
        raise ExceptionGroup("several", [ValueError("a"), ValueError("b")])

    trace, failure = fail(nn.Sequential(Net(forward)), torch.ones(2))
    assert label(trace, failure) == "net.0"
    assert failure.message.startswith("ExceptionGroup: several")


def test_a_wrong_number_of_arguments_is_a_failure_of_the_layer() -> None:
    trace, failure = fail(
        Net(lambda self, x: self.layer(x, x), layer=nn.Linear(4, 4)), torch.ones(2, 4)
    )
    assert label(trace, failure) == "net.layer"
    assert failure.message.startswith("TypeError: ")
    assert failure.got == "2×4 and 2×4"


def test_a_network_called_with_nothing_is_a_failure_and_no_crash() -> None:
    trace, failure = fail(nn.Linear(4, 4))
    assert label(trace, failure) == "net"
    assert failure.got is None


LOSSES: dict[str, tuple[nn.Module, Tensor, Tensor, str]] = {
    "forgotten dimension": (
        nn.BCEWithLogitsLoss(),
        torch.zeros(4, 1),
        torch.ones(4),
        "a target of the prediction's shape 4×1",
    ),
    "logits": (
        nn.BCELoss(),
        torch.full((4, 1), 1.5),
        torch.ones(4, 1),
        "predictions and targets between 0 and 1: a sigmoid before it, or BCEWithLogitsLoss",
    ),
    "class out of range": (
        nn.CrossEntropyLoss(),
        torch.zeros(4, 10),
        torch.full((4,), 10),
        "whole numbers from 0 to 9 as targets (int64)",
    ),
    "another batch": (
        nn.CrossEntropyLoss(),
        torch.zeros(4, 10),
        torch.zeros(5, dtype=torch.int64),
        "one class for each prediction: a target of shape 4",
    ),
}


@pytest.mark.parametrize("case", LOSSES)
def test_a_loss_says_what_it_takes(case: str) -> None:
    loss, predicted, target, expected = LOSSES[case]
    _, failure = fail(loss, predicted, target)
    assert failure.expected == expected
