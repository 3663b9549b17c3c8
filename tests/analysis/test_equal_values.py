"""Equal values are never confused, and what was copied out of sight is joined and said so."""

# ruff: noqa: N803  (D and G, as in the papers)

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

import ganscope
from ganscope.analysis.forwards import FAKE, REAL, UNTOLD
from ganscope.analysis.inputs import VALUES
from ganscope.analysis.network_path import INPUT
from ganscope.analysis.path_search import path_through
from ganscope.analysis.step import StepAnalysis, analyse
from ganscope.traces import Trace
from ganscope.traces.compare import compare
from ganscope.views import ViewOptions, to_text
from ganscope.views.diagrams.lanes import panels_of

BATCH, SIZE = 8, 6
Made = Callable[[Tensor], Tensor]


class Block(nn.Module):
    """A residual block whose last layer begins at zero."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(SIZE, SIZE), nn.ReLU(), nn.Linear(SIZE, SIZE))
        nn.init.zeros_(self.body[2].weight)
        nn.init.zeros_(self.body[2].bias)

    def forward(self, x: Tensor) -> Tensor:
        """Its input, at the start."""
        return x + self.body(x)


def blocks(count: int = 9) -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(*(Block() for _ in range(count)), nn.Linear(SIZE, 1))


def looped(
    G: nn.Module, D: nn.Module, shown: Made, *, steps: int = 2, real: Tensor | None = None
) -> Trace:
    """Steps in which D is updated on data and on what `shown` makes of G's output, then G."""
    torch.manual_seed(1)
    opt_D, opt_G = (torch.optim.Adam(each.parameters(), 1e-3) for each in (D, G))
    bce = nn.BCEWithLogitsLoss()
    with ganscope.record() as recorder:
        for _ in range(steps):
            data = torch.rand(BATCH, SIZE) if real is None else real
            opt_D.zero_grad()
            fake = shown(G(torch.randn(BATCH, 4)))
            d_loss = bce(D(data), torch.ones(BATCH, 1)) + bce(D(fake), torch.zeros(BATCH, 1))
            d_loss.backward()
            opt_D.step()
            opt_G.zero_grad()
            g_loss = bce(D(G(torch.randn(BATCH, 4))), torch.ones(BATCH, 1))
            g_loss.backward()
            opt_G.step()
    return recorder.trace


def generator() -> nn.Module:
    torch.manual_seed(2)
    return nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, SIZE))


def read(trace: Trace) -> StepAnalysis:
    return analyse(trace, trace.steps[-1])


def shown_in(analysis: StepAnalysis, update: int) -> list[str]:
    return [one.shown for one in analysis.ran(analysis.step.updates[update]) if one.shown]


def lines(trace: Trace) -> str:
    alone = ganscope.Trace.from_dict({**trace.to_dict(), "steps": trace.to_dict()["steps"][-1:]})
    return to_text(alone, ViewOptions(width=200, explain=True))


# -- residual blocks that begin at zero -------------------------------------------------------


def test_every_skip_of_nine_blocks_is_found_in_the_diagram() -> None:
    trace = ganscope.trace(blocks(), torch.randn(4, SIZE))
    calls = trace.steps[0].calls
    path = path_through(calls[0], calls)
    assert not path.broken
    assert path.inferred == path.beside == 0
    adds = [link for link in path.links if link.call.type == "add"]
    assert len(adds) == 9
    starts = [INPUT, *(link.call.id for link in adds[:-1])]
    assert [[branch.start for branch in link.branches] for link in adds] == [[at] for at in starts]
    names = [link.call.path.partition(".")[2] for link in path.links[:5]]
    assert names == ["0.body.0", "0.body.1", "0.body.2", "0/add", "1.body.0"]


def test_every_skip_of_nine_blocks_is_explained_and_none_ends_early() -> None:
    text = to_text(
        ganscope.trace(blocks(), torch.randn(4, SIZE)), ViewOptions(width=200, explain=True)
    )
    assert text.count("skip connection: adds what went into this Block to the output of body") == 9
    assert "4×6 → 4×1" in text  # the flow of shapes above the table


def test_blocks_in_a_step_lie_on_one_path_of_the_gradient() -> None:
    trace = looped(generator(), blocks(), lambda fake: fake.detach())
    text = lines(trace)
    assert "skip" not in text  # steps explain no layers
    assert shown_in(read(trace), 0) == [REAL, FAKE]


def test_what_changed_in_one_block_is_told_of_each_block_that_it_reached() -> None:
    x = torch.randn(4, SIZE)

    def traced(change: float) -> Trace:
        net = blocks()
        with torch.no_grad():
            net[3].body[2].bias += change
        return ganscope.trace(net, x)

    found = compare(traced(0.0), traced(0.5))
    told = {one.where for one in found.differences if one.what == "output"}
    assert {"net.3.body.2", "net.3/add", "net.4/add", "net.8/add", "net.9"} <= told
    assert not any(name.startswith(("net.0", "net.1", "net.2")) for name in told)
    # What went into the fourth block and those behind it follows from what was told.
    assert not [one for one in found.differences if one.what == "input"]


# -- the same values by chance ----------------------------------------------------------------


def test_twin_networks_with_the_same_weights_are_told_apart() -> None:
    class Twins(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.one, self.two, self.last = (nn.Linear(SIZE, SIZE) for _ in range(3))
            self.two.load_state_dict(self.one.state_dict())

        def forward(self, x: Tensor) -> Tensor:
            one, two = self.one(x), self.two(x)
            return self.last(one.relu()) - two.tanh()

    trace = ganscope.trace(Twins(), torch.randn(4, SIZE))
    calls = trace.steps[0].calls
    path = path_through(calls[0], calls)
    assert [link.call.type for link in path.links] == ["Linear", "relu", "Linear", "sub"]
    assert path.links[0].call.path == "model.one"
    (branch,) = path.links[-1].branches
    assert [call.path for call in branch.calls] == ["model.two", "model/tanh"]
    text = to_text(trace, ViewOptions(width=200, explain=True))
    assert "Subtracts the output of tanh (4×6) from the output of last (4×6)" in text


def test_of_twin_generators_the_one_that_made_the_images_is_named() -> None:
    G, H, D = generator(), generator(), nn.Linear(SIZE, 1)
    optimizers = [torch.optim.SGD(each.parameters(), 1e-3) for each in (D, G, H)]
    with ganscope.record() as recorder:
        for _ in range(2):
            z = torch.randn(BATCH, 4)
            made, twin = G(z), H(z)
            optimizers[0].zero_grad()
            (D(twin.detach()).mean() - D(torch.rand(BATCH, SIZE)).mean()).backward()
            optimizers[0].step()
            (made.mean() + twin.mean() - D(made).mean()).backward()
            optimizers[1].step()
    analysis = analyse(recorder.trace, recorder.trace.steps[0])
    judged = [one for one in analysis.forwards if one.call.network == "D" and one.inputs[0].makers]
    names = [analysis.flow.calls[one.inputs[0].makers[0]].network for one in judged]
    assert names == ["H", "G"]


@pytest.mark.parametrize("rate", [1.0, 0.5])
def test_dropout_of_everything_and_saturated_images_join_nothing(rate: float) -> None:
    last = nn.Dropout(rate) if rate == 1.0 else nn.Hardtanh(-1e-9, 1e-9)
    G = nn.Sequential(generator(), last)
    real = torch.zeros(BATCH, SIZE)
    if rate < 1:
        real = torch.sign(torch.randn(BATCH, SIZE)) * 1e-9
    trace = looped(G, nn.Linear(SIZE, 1), lambda fake: fake.detach(), real=real)
    assert shown_in(read(trace), 0) == [REAL, FAKE]
    assert shown_in(read(trace), 1) == [FAKE]


def test_a_network_of_dropped_values_is_followed_right() -> None:
    net = nn.Sequential(*(nn.Sequential(nn.Linear(SIZE, SIZE), nn.Dropout(1.0)) for _ in range(8)))
    trace = ganscope.trace(net.train(), torch.randn(4, SIZE))
    calls = trace.steps[0].calls
    path = path_through(calls[0], calls)
    assert [link.call.type for link in path.links] == ["Linear", "Dropout"] * 8
    assert not any(link.branches or link.sides for link in path.links)


def test_constant_labels_are_no_output_of_a_network() -> None:
    class Labelled(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body = nn.Linear(SIZE + 1, 1)
            nn.init.zeros_(self.body.weight)
            nn.init.zeros_(self.body.bias)

        def forward(self, x: Tensor, labels: Tensor) -> Tensor:
            return self.body(torch.cat([x, labels], 1))

    G, D = generator(), Labelled()
    optimizers = [torch.optim.SGD(each.parameters(), 1e-3) for each in (D, G)]
    with ganscope.record() as recorder:
        for _ in range(2):
            labels = torch.zeros(BATCH, 1)  # the values of what D outputs
            said = D(torch.rand(BATCH, SIZE), labels)
            fake = G(torch.randn(BATCH, 4))
            again = D(fake.detach(), labels)
            functional.mse_loss(said, labels + 1).add(functional.mse_loss(again, labels)).backward()
            optimizers[0].step()
            functional.mse_loss(D(fake, labels), labels + 1).backward()
            optimizers[1].step()
    analysis = analyse(recorder.trace, recorder.trace.steps[0])
    assert all(not one.inputs[1].makers for one in analysis.forwards if one.call.network == "D")
    assert shown_in(analysis, 0) == [REAL, FAKE]


def test_two_equal_batches_are_two_batches_of_one_thing() -> None:
    D, G = nn.Linear(SIZE, 1), generator()
    real = torch.rand(BATCH, SIZE)
    optimizers = [torch.optim.SGD(each.parameters(), 1e-3) for each in (D, G)]

    def recorded(other: Callable[[], Tensor]) -> StepAnalysis:
        with ganscope.record() as recorder:
            for _ in range(2):
                kept = other()
                (D(real).mean() - D(kept).mean()).backward()
                optimizers[0].step()
                D(G(torch.randn(BATCH, 4))).mean().backward()
                optimizers[1].step()
        return analyse(recorder.trace, recorder.trace.steps[0])

    copied = recorded(real.clone)
    assert shown_in(copied, 0) == [REAL, REAL]
    assert all(not one.inputs[0].makers for one in copied.ran(copied.step.updates[0]))
    assert shown_in(recorded(lambda: torch.rand(BATCH, SIZE)), 0) == [UNTOLD, UNTOLD]


# -- the opposite -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("copy", "inferred", "text"),
    [
        (lambda fake: fake.detach(), "", "G → 8×6 → detach → D"),
        (lambda fake: fake.clone().detach(), "", "G → 8×6 → clone → detach → D"),
        (lambda fake: fake.data, "", "G → 8×6 → data → D"),
        (
            lambda fake: torch.from_numpy(fake.detach().numpy().copy()),
            VALUES,
            "equal values (inferred) → D",
        ),
        (lambda fake: torch.tensor(fake.tolist()), VALUES, "equal values (inferred) → D"),
    ],
)
def test_copies_out_of_sight_are_joined_and_said_to_be_inferred(
    copy: Made, inferred: str, text: str
) -> None:
    trace = looped(generator(), nn.Linear(SIZE, 1), copy)
    analysis = read(trace)
    assert shown_in(analysis, 0) == [REAL, FAKE]
    (fake,) = [one for one in analysis.ran(analysis.step.updates[0]) if one.shown == FAKE]
    assert fake.inputs[0].inferred == inferred
    assert fake.inputs[0].detached
    assert text in lines(trace)
    lanes = panels_of(trace, trace.steps[-1])[0].lanes
    first = [lane.start if len(lane.boxes) == 1 else lane.tensors[0] for lane in lanes]
    (shown,) = [tensor for tensor in first if tensor.name.startswith("G(z)")]
    assert shown.cut == "detach"
    assert shown.name == ("G(z) (inferred)" if inferred else "G(z)")


def test_what_two_networks_made_alike_is_inferred_of_neither() -> None:
    G, H, D = generator(), generator(), nn.Linear(SIZE, 1)
    optimizers = [torch.optim.SGD(each.parameters(), 0.0) for each in (D, G)]
    with ganscope.record() as recorder:
        for _ in range(2):
            z = torch.randn(BATCH, 4)
            kept = torch.tensor(G(z).add(H(z)).sub(H(z)).tolist())
            twin = torch.tensor(G(z).tolist())
            (D(twin).mean() + D(kept).mean()).backward()
            optimizers[0].step()
            D(G(z)).mean().backward()
            optimizers[1].step()
    analysis = analyse(recorder.trace, recorder.trace.steps[0])
    first = next(one for one in analysis.forwards if one.call.network == "D")
    assert first.inputs[0].makers == ()


def test_images_of_a_pool_are_said_to_be_inferred() -> None:
    pool: list[Tensor] = []

    def pooled(fake: Tensor) -> Tensor:
        pool.append(fake.detach().clone())
        return pool[max(0, len(pool) - 3)].clone()

    trace = looped(generator(), nn.Linear(SIZE, 1), pooled, steps=6)
    assert "G(z) of an earlier step (inferred) 8×6 → D" in lines(trace)
