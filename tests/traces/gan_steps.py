"""Steps such as a recorded `gan` makes them: real forwards, gradients of the real shapes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache
from itertools import count

import numpy as np
import torch
from torch import nn

import ganscope
from ganscope import zoo
from ganscope.probe.statistics import measure
from ganscope.traces import (
    Backward,
    Call,
    Gradient,
    LedgerEntry,
    Loss,
    LossPart,
    Network,
    Optimizer,
    ParameterUpdate,
    Step,
    TensorRecord,
    TensorStats,
    Update,
)
from ganscope.zoo.registry import GAN

NETWORKS = (
    Network("generator", "Generator", "generator", 1_510_032),
    Network("discriminator", "Discriminator", "discriminator", 533_505),
)


@lru_cache(maxsize=1)
def gan_steps(number: int = 8, batch: int = 64, *, samples: bool = False) -> tuple[Step, ...]:
    """Training steps of `gan`: G's update with its own and D's forward, then D's with two."""
    torch.manual_seed(0)
    networks = zoo.build("gan")
    generator = np.random.default_rng(0)
    return tuple(
        _step(index, networks, noise, generator, samples=samples)
        for index, noise in enumerate(torch.randn(number, batch, 100))
    )


def _step(
    index: int, networks: GAN, noise: torch.Tensor, random: np.random.Generator, *, samples: bool
) -> Step:
    ids = count()
    generator, discriminator = networks.generator, networks.discriminator
    made = ganscope.trace(generator, noise, grad=True, samples=samples)
    with torch.no_grad():
        fake = generator(noise)
    calls = list(_moved(made.steps[0].calls, ids, 0, 1, random))
    images = calls[0].outputs[0]
    for nth, update in ((1, 0), (2, 1), (3, 1)):
        shown = torch.randn_like(fake).tanh() if nth == 2 else fake
        judged = ganscope.trace(discriminator, shown, grad=True, samples=samples)
        own = judged.steps[0].calls[0].inputs[0]
        for call in _moved(judged.steps[0].calls, ids, update, nth, random):
            inputs = tuple(
                images if record is own and nth != 2 else record for record in call.inputs
            )
            calls.append(replace(call, inputs=inputs))
    return Step(
        index,
        tuple(calls),
        (
            _update(0, "generator", "g_loss", generator, random),
            _update(1, "discriminator", "d_loss", discriminator, random),
        ),
        (LedgerEntry("discriminator", 0, 6, "cleared", 1),),
    )


def _moved(
    calls: tuple[Call, ...], ids: Iterator[int], update: int, nth: int, random: np.random.Generator
) -> Iterator[Call]:
    """The calls of one forward under numbers of their own, with gradients at their outputs."""
    numbers = {call.id: next(ids) for call in calls}
    gradients: dict[int, TensorStats] = {}  # a container's output is that of its last layer
    for call in calls:
        record = call.outputs[0]
        stats = gradients.setdefault(id(record), _gradient(record, random))
        yield replace(
            call,
            id=numbers[call.id],
            parent=None if call.parent is None else numbers[call.parent],
            update=update,
            nth=nth,
            network=call.path.partition(".")[0],
            gradients=(Gradient(update, 0, stats),),
        )


def _gradient(record: TensorRecord, random: np.random.Generator) -> TensorStats:
    return _peaky(record.shape or (), random)


def _peaky(shape: tuple[int, ...], random: np.random.Generator) -> TensorStats:
    """Figures of values around zero with long tails, as gradients are."""
    values = random.standard_normal(shape, dtype=np.float32)
    return measure(values * np.exp(random.standard_normal(shape, dtype=np.float32)) * 1e-3)


def _update(
    index: int, name: str, loss: str, network: nn.Module, random: np.random.Generator
) -> Update:
    parameters = []
    for path, parameter in network.named_parameters():
        weight, moved = float(random.uniform(1, 40)), float(random.uniform(1e-3, 1e-1))
        parameters.append(
            ParameterUpdate(
                f"{name}.{path}",
                tuple(parameter.shape),
                f"optimizer_{name[0].upper()}",
                _peaky(tuple(parameter.shape), random),
                weight,
                moved,
                moved / weight,
            )
        )
    value = float(np.float32(random.uniform(0.5, 0.9)))
    return Update(
        index,
        (Optimizer(f"optimizer_{name[0].upper()}", "Adam", (0.0002,)),),
        (name,),
        (Loss(loss, value, None, (LossPart("real_loss", value / 2),)),),
        (Backward(index, loss, "backward", {name: len(parameters)}),),
        1.0,
        tuple(parameters),
    )
