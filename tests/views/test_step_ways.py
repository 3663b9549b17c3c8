"""The way on which a backward went, in loops whose networks have several beside each other."""

# ruff: noqa: N803  (D, as in the papers)

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

import ganscope
from ganscope.analysis.backward_path import backward_path, loss_runs
from ganscope.traces import Step, Trace
from ganscope.views import ViewOptions
from ganscope.views.steps.depth import profile
from ganscope.views.steps.story import tell

BATCH, SIZE = 8, 12
Loss = Callable[[Tensor, Tensor], Tensor]


class Projection(nn.Module):
    """A discriminator with a way from its labels beside that from its images."""

    def __init__(self) -> None:
        super().__init__()
        self.body, self.out = nn.Linear(SIZE, 16), nn.Linear(16, 1)
        self.classes = nn.Embedding(10, 16)

    def forward(self, images: Tensor) -> Tensor:
        """One number per image."""
        features = self.body(images).relu()
        answers: Tensor = self.out(features)
        labels = torch.arange(BATCH) % 10
        return answers + (self.classes(labels) * features).sum(1, keepdim=True)


def generator() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, SIZE))


def looped(G: nn.Module, D: nn.Module, g_loss: Loss) -> Trace:
    """A step: D's update, then G's."""
    moved = [torch.optim.Adam(each.parameters(), lr=0.001) for each in (D, G)]
    with ganscope.record() as recorder:
        for _ in range(2):
            x, fake = torch.randn(BATCH, SIZE), G(torch.randn(BATCH, 4))
            moved[0].zero_grad()
            (D(fake.detach()).mean() - D(x).mean()).backward()
            moved[0].step()
            moved[1].zero_grad()
            g_loss(D(fake), fake).backward()
            moved[1].step()
    return recorder.trace


def sentence(trace: Trace, index: int) -> str:
    read = tell(trace, trace.steps[0], ViewOptions())
    return " ".join(profile(read, read.step.updates[index]))


def chain(trace: Trace, index: int) -> list[str]:
    """Labels of the layers on the way of an update."""
    read = tell(trace, trace.steps[0], ViewOptions())
    update = read.step.updates[index]
    (run,) = loss_runs(update)
    found = backward_path(read.step.calls, run, read.owners, update.networks)
    for later, earlier in pairwise(found):
        outputs = {record.id for record in earlier.call.outputs}
        assert fed(read.step, outputs, {record.id for record in later.call.inputs})
    return [one.call.label for one in found]


def fed(step: Step, made: set[int | None], taken: set[int | None]) -> bool:
    """Whether what was made became what was taken, by operations in between."""
    for call in step.calls:
        if call.kind == "op" and made & {record.id for record in call.inputs}:
            made |= {record.id for record in call.outputs}
    return bool(made & taken)


def test_no_layer_beside_the_way_is_named() -> None:
    trace = looped(generator(), Projection(), lambda judged, _: -judged.mean())
    assert chain(trace, 1) == ["D.out #3", "D.body #3", "G.2", "G.1", "G.0"]
    text = sentence(trace, 1)
    assert "at D.out #3 to " in text
    assert "at G.0" in text
    assert "D.classes" not in text + sentence(trace, 0)


def test_of_networks_beside_each_other_one_is_gone_through() -> None:
    eyes = nn.Sequential(nn.Linear(SIZE, 6), nn.ReLU(), nn.Linear(6, 6)).requires_grad_(False)

    def g_loss(judged: Tensor, fake: Tensor) -> Tensor:
        return functional.mse_loss(eyes(fake), torch.zeros(BATCH, 6)) - judged.mean()

    trace = looped(generator(), nn.Linear(SIZE, 1), g_loss)
    assert chain(trace, 1) == ["eyes.2", "eyes.1", "eyes.0", "G.2", "G.1", "G.0"]


def test_the_way_ends_in_the_network_that_is_moved() -> None:
    torch.manual_seed(0)
    G, D = generator(), nn.Sequential(nn.Linear(SIZE, 16), nn.ReLU(), nn.Linear(16, 1))
    moved = [torch.optim.Adam(each.parameters(), lr=0.001) for each in (D, G)]
    with ganscope.record() as recorder:
        for _ in range(2):
            real = D(torch.randn(BATCH, SIZE))
            (D(G(torch.randn(BATCH, 4))).mean() - real.mean()).backward()
            moved[0].step()
            (-D(G(torch.randn(BATCH, 4))).mean()).backward()
            moved[1].step()
    assert "G." not in sentence(recorder.trace, 0)
    assert "at G.0" in sentence(recorder.trace, 1)


def test_layers_that_are_not_seen_to_be_joined_are_not_on_one_way() -> None:
    class Hidden(torch.autograd.Function):
        """An operation that is not seen."""

        @staticmethod
        def forward(context: object, given: Tensor) -> Tensor:
            return given * 3

        @staticmethod
        def backward(context: object, gradient: Tensor) -> Tensor:  # type: ignore[override]
            return gradient * 3

    class Judge(nn.Module):
        """Computes out of sight between its layers."""

        def __init__(self) -> None:
            super().__init__()
            self.first, self.last = nn.Linear(SIZE, 16), nn.Linear(16, 1)

        def forward(self, images: Tensor) -> Tensor:
            answers: Tensor = self.last(Hidden.apply(self.first(images)))
            return answers

    trace = looped(generator(), Judge(), lambda judged, _: -judged.mean())
    assert chain(trace, 1) == ["D.first #3", "G.2", "G.1", "G.0"]
    assert sentence(trace, 0) == ""
