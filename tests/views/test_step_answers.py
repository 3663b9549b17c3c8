"""Which output of a discriminator is told as its verdict, in loops whose discriminator has more
to say than one number per image."""

# ruff: noqa: N803  (D, as in the papers)

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

import ganscope
from ganscope.traces import Loss, LossPart, Step, Trace, Update
from ganscope.traces.series import series
from ganscope.views import ViewOptions
from ganscope.views.diagrams.lanes import panels_of
from ganscope.views.metrics.names import figures, verdict_names
from ganscope.views.steps.story import Story, tell
from ganscope.views.steps.words import about

from .builders import another, call, stats, tensor

BATCH, SIZE = 8, 12
Head = Callable[[Tensor], Tensor]
Answers = tuple[Tensor, ...]
bce = functional.binary_cross_entropy


class Heads(nn.Module):
    """A discriminator with several outputs, each a function of what a layer makes."""

    def __init__(self, *heads: tuple[int, Head]) -> None:
        super().__init__()
        self.body = nn.Linear(SIZE, 16)
        self.layers = nn.ModuleList(nn.Linear(16, size) for size, _ in heads)
        self.heads = [head for _, head in heads]

    def forward(self, images: Tensor) -> Answers:
        """What each head says."""
        features = self.body(images).relu()
        return tuple(
            head(layer(features)) for head, layer in zip(self.heads, self.layers, strict=True)
        )


def plain(answers: Tensor) -> Tensor:
    return answers


def classes(answers: Tensor) -> Tensor:
    return answers.softmax(1)


def looped(
    D: nn.Module, d_loss: Callable[..., Tensor], g_loss: Callable[..., Tensor]
) -> tuple[Trace, list[float], list[float]]:
    """A step of a loop, and the means of what `D` said of real and of generated images."""
    torch.manual_seed(0)
    G = nn.Sequential(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, SIZE))
    moved = [torch.optim.Adam(each.parameters(), lr=0.001) for each in (D, G)]
    means: list[list[float]] = []
    with ganscope.record() as recorder:
        for _ in range(2):
            x, fake = torch.randn(BATCH, SIZE), G(torch.randn(BATCH, 4))
            real, made = D(x), D(fake.detach())
            means += [[each.mean().item() for each in said] for said in (real, made)]
            moved[0].zero_grad()
            d_loss(real, made).backward()
            moved[0].step()
            moved[1].zero_grad()
            g_loss(D(fake)).backward()
            moved[1].step()
    return recorder.trace, means[0], means[1]


def told(trace: Trace) -> Story:
    return tell(trace, trace.steps[0], ViewOptions(explain=True))


def everything(trace: Trace) -> str:
    read = told(trace)
    words = [about(read, update) for update in read.step.updates]
    lines = [line.whole for each in words for line in each.flow]
    return "\n".join([*lines, *(text for each in words for text in each.lessons)])


ONE, ZERO = torch.ones(BATCH, 1), torch.zeros(BATCH, 1)


def of_validity(place: int) -> tuple[Callable[..., Tensor], Callable[..., Tensor]]:
    """Losses of D and of G that hold one output against labels."""

    def d_loss(real: Answers, made: Answers) -> Tensor:
        aside = functional.cross_entropy(real[0], torch.zeros(BATCH, dtype=torch.long))
        return bce(real[place], ONE) + bce(made[place], ZERO) + aside

    def g_loss(made: Answers) -> Tensor:
        return bce(made[place], ONE)

    return d_loss, g_loss


def test_of_classes_and_a_validity_the_validity_is_the_verdict() -> None:
    D = Heads((10, classes), (1, torch.sigmoid))
    trace, real, made = looped(D, *of_validity(1))
    read = told(trace)
    first = {one.symbol: one.mean for one in read.outputs.values() if one.forward.call.update == 0}
    assert first == pytest.approx({"D(x)": real[1], "D(G(z))": made[1]}, rel=1e-5)
    assert all(one.is_probability for one in read.outputs.values())
    text = everything(trace)
    assert f"x 8×12 → D → 8×1 — D(x) {real[1]:.3f}" in text
    assert "It is trained toward 1 for real and 0 for fake" in text
    assert "which it wants to be 1" in text


def test_charts_and_diagrams_show_the_same_verdict() -> None:
    trace, real, made = looped(Heads((10, classes), (1, torch.sigmoid)), *of_validity(1))
    for name, mean in (("D(x)", real[1]), ("D(G(z))", made[1])):
        points = series(
            trace.steps[:1],
            None,
            lambda step, name=name: figures(step, trace.networks)[name],  # type: ignore[misc]
        )
        assert points == [(0, pytest.approx(mean, rel=1e-5))]
    lanes = [lane for panel in panels_of(trace, trace.steps[0]) for lane in panel.lanes]
    assert {lane.tensors[-1].record.shape for lane in lanes} == {(BATCH, 1)}
    assert [lane.verdict.mean for lane in lanes[:2] if lane.verdict] == pytest.approx(
        [made[1], real[1]], rel=1e-5
    )


def test_of_two_numbers_per_image_the_one_with_labels_is_the_verdict() -> None:
    def d_loss(real: Answers, made: Answers) -> Tensor:
        code = functional.mse_loss(made[0], torch.randn(BATCH, 1))
        return functional.relu(1 - real[1]).mean() + functional.relu(1 + made[1]).mean() + code

    trace, real, _ = looped(
        Heads((1, plain), (1, plain)), d_loss, lambda made: (made[0] - made[1]).mean()
    )
    means = {one.symbol: one.mean for one in told(trace).outputs.values()}
    assert means["D(x)"] == pytest.approx(real[1], rel=1e-5)


@pytest.mark.parametrize(
    "heads",
    [
        pytest.param(((1, plain), (1, plain)), id="two scales"),
        pytest.param(((6, plain), (6, plain)), id="features"),
    ],
)
def test_where_no_output_is_plainly_the_verdict_none_is_told(
    heads: tuple[tuple[int, Head], ...],
) -> None:
    def d_loss(real: Answers, made: Answers) -> Tensor:
        held = [functional.relu(1 - one).mean() for one in real]
        return torch.stack([*held, *(functional.relu(1 + one).mean() for one in made)]).sum()

    trace, *_ = looped(Heads(*heads), d_loss, lambda made: -made[0].mean() - made[1].mean())
    text = everything(trace)
    assert not told(trace).outputs
    assert verdict_names(trace.steps, trace.networks) == []
    assert "verdict" not in text
    assert "G learns through D's output: " in text


def test_shares_of_classes_are_no_verdict() -> None:
    D = nn.Sequential(nn.Linear(SIZE, 5), nn.Softmax(1))
    trace, *_ = looped(
        D, lambda real, made: made[:, 0].mean() - real[:, 0].mean(), lambda made: -made[:, 0].mean()
    )
    assert not told(trace).outputs


def test_logits_of_two_classes_are_no_verdict() -> None:
    """Their mean says nothing of which class is meant (SimGAN)."""
    D = nn.Linear(SIZE, 2)
    real, fake = torch.zeros(BATCH, dtype=torch.long), torch.ones(BATCH, dtype=torch.long)
    entropy = nn.CrossEntropyLoss()
    trace, *_ = looped(
        D,
        lambda said, made: entropy(said, real) + entropy(made.view(-1, 2), fake),
        lambda made: functional.cross_entropy(made, real),
    )
    assert not told(trace).outputs
    assert "D(x)" not in everything(trace)


# -- autoencoders, and directions ----------------------------------------------------------------


class Autoencoder(nn.Module):
    """Brings out its input again, flat or in its shape."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder, self.decoder = nn.Linear(SIZE, 4), nn.Linear(4, SIZE)

    def forward(self, images: Tensor) -> Tensor:
        """What it made of its code."""
        made: Tensor = self.decoder(self.encoder(images).tanh())
        return made


def test_what_an_autoencoder_brings_out_is_no_verdict() -> None:
    def d_loss(real: Tensor, made: Tensor) -> Tensor:
        return real.abs().mean() - 0.1 * made.abs().mean()

    trace, *_ = looped(Autoencoder(), d_loss, lambda made: made.abs().mean())
    text = everything(trace)
    assert "x 8×12 → D → 8×12\n" in text
    for claim in ("verdict", "mean output", "wants", "apart"):
        assert claim not in text


def test_no_direction_is_claimed_where_answers_are_drawn_both_ways() -> None:
    def both(sign: float) -> Callable[..., Tensor]:
        ways = torch.tensor([1.0, 1.0, 1.0, -0.5] * 2).view(BATCH, 1) * sign
        return lambda answers: (ways * answers).mean()

    D = nn.Linear(SIZE, 1)
    trace, *_ = looped(D, lambda real, made: both(-1)(real) + both(1)(made), both(-1))
    text = everything(trace)
    assert "D(x) = " in text
    assert "apart" not in text
    assert "wants" not in text


def test_of_parts_with_one_value_that_which_the_loss_was_made_of_is_drawn() -> None:
    scalar = tensor(figures=stats(0.5, 0.0, 0.5, 0.5))
    first, second = (
        call(place, "", "mse", kind="op", network="", outputs=(made,))
        for place, made in enumerate((another(scalar), scalar))
    )
    total = call(2, "", "add", kind="op", network="", inputs=(scalar,), outputs=(tensor(),))
    loss = Loss("loss", 1.0, total.id, (LossPart("part", 0.5),))
    step = Step(0, (first, second, total), (Update(0, losses=(loss,)),))
    (place,) = figures(step, ())["part"]
    assert place.number == 1
