"""In which mode networks ran: what the flow and the lessons say of it, and when nothing."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable

import pytest
import torch
from torch import nn
from torch.nn import functional

import ganscope
from ganscope.analysis.modes import mode_of
from ganscope.traces import Trace
from ganscope.views import ViewOptions, step_data
from ganscope.views.steps.story import Story, tell
from ganscope.views.steps.words import about

from .builders import call

Prepare = Callable[[nn.Module, nn.Module], object]

AVERAGED = "took averages of earlier batches in place of this batch's mean and variance"


def recorded(prepare: Prepare, *, affine_only: bool = False) -> Trace:
    """One step of a duel whose networks were put into a mode beforehand: D's update, then G's."""
    torch.manual_seed(0)
    norm = nn.BatchNorm1d(16, track_running_stats=not affine_only)
    generator = nn.Sequential(nn.Linear(8, 16), norm, nn.ReLU(), nn.Linear(16, 4))
    discriminator = nn.Sequential(nn.Linear(4, 16), nn.LeakyReLU(), nn.Dropout(), nn.Linear(16, 1))
    optimizers = [torch.optim.SGD(each.parameters(), 0.1) for each in (discriminator, generator)]
    prepare(generator, discriminator)
    with ganscope.record() as recorder:
        fake = generator(torch.randn(6, 8))
        for optimizer in optimizers:
            optimizer.zero_grad()
            if optimizer is optimizers[0]:
                real = functional.softplus(-discriminator(torch.randn(6, 4))).mean()
                d_loss = real + functional.softplus(discriminator(fake.detach())).mean()
                d_loss.backward()
            else:
                functional.softplus(-discriminator(fake)).mean().backward()
            optimizer.step()
    return recorder.trace


def story(trace: Trace) -> Story:
    return tell(trace, trace.steps[0], ViewOptions(explain=True))


def words(trace: Trace) -> tuple[dict[str, str], str]:
    """The mode that the flow tells of each network, and the lessons of the step."""
    read = story(trace)
    parts = {part for update in read.step.updates for line in about(read, update).flow
             for part in line.parts}  # fmt: skip
    told = {name: part for name in ("generator", "discriminator") for part in parts
            if part.startswith(name)}  # fmt: skip
    lessons = [one for update in read.step.updates for one in about(read, update).lessons]
    return told, "\n".join(lessons)


def test_in_training_no_word_is_lost_on_it() -> None:
    told, lessons = words(recorded(lambda generator, discriminator: None))
    assert told == {"generator": "generator", "discriminator": "discriminator"}
    assert "eval" not in lessons


def test_a_generator_that_was_left_in_eval_mode() -> None:
    trace = recorded(lambda generator, discriminator: generator.eval())
    told, lessons = words(trace)
    assert told == {"generator": "generator (eval)", "discriminator": "discriminator"}
    assert lessons.count("eval mode") == 1
    assert f"Parts of the generator were in eval mode: 1 layer {AVERAGED}" in lessons
    inside = [each for each in trace.steps[0].calls if each.network == "generator"]
    assert {each.mode for each in inside if each.kind == "module"} == {"eval"}
    assert {each.mode for each in trace.steps[0].calls if each.kind == "op"} == {None}


def test_one_layer_that_was_put_to_sleep() -> None:
    def prepare(generator: nn.Module, discriminator: nn.Module) -> None:
        next(part for part in discriminator.modules() if isinstance(part, nn.Dropout)).eval()

    told, lessons = words(recorded(prepare))
    assert told["discriminator"] == "discriminator (partly eval)"
    assert "Parts of the discriminator were in eval mode: 1 layer drew nothing at random" in lessons
    assert lessons.count("eval mode") == 1  # D ran in both updates


def test_one_layer_that_was_woken() -> None:
    def prepare(generator: nn.Module, discriminator: nn.Module) -> None:
        discriminator.eval()
        next(part for part in discriminator.modules() if isinstance(part, nn.Dropout)).train()

    told, lessons = words(recorded(prepare))
    assert told["discriminator"] == "discriminator (partly eval)"
    assert "eval mode" not in lessons  # what mode changes in it was as in training


def test_without_averages_the_mode_changes_nothing() -> None:
    trace = recorded(lambda generator, discriminator: generator.eval(), affine_only=True)
    told, lessons = words(trace)
    assert told["generator"] == "generator (eval)"
    assert "eval mode" not in lessons


def test_data_bear_the_mode() -> None:
    trace = recorded(lambda generator, discriminator: generator.eval())
    lines = list(csv.DictReader(io.StringIO(step_data.csv(trace, ViewOptions()))))
    of = {line["label"]: line["mode"] for line in lines if line["kind"] == "module"}
    assert (of["generator.1"], of["discriminator.2"]) == ("eval", "train")


@pytest.mark.parametrize(
    ("own", "layers", "expected"),
    [
        (None, {}, ""),
        ("train", {}, ""),
        ("eval", {}, "eval"),
        ("train", {"Linear": "eval"}, ""),  # a mode that changes nothing
        ("train", {"Dropout2d": "eval"}, "partly eval"),
        ("eval", {"AlphaDropout": "eval"}, "eval"),
        ("eval", {"RReLU": "train"}, "partly eval"),
        (None, {"ParametrizedDropout": "eval"}, "eval"),
    ],
)
def test_the_word(own: str | None, layers: dict[str, str], expected: str) -> None:
    inside = [call(1 + at, f"g.{at}", name, mode=mode) for at, (name, mode)
              in enumerate(layers.items())]  # fmt: skip
    assert mode_of(call(0, "g", "G", mode=own), inside) == expected
