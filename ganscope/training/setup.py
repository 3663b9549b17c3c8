"""From an objective and a model to a GAN that is ready for its first step."""

from __future__ import annotations

import inspect
from collections.abc import Mapping

import torch
from torch import nn
from torch.optim import Adam, Optimizer, RMSprop

from ganscope import zoo
from ganscope.training.objectives import DEFAULT, Objective, find_objective
from ganscope.training.step import Training
from ganscope.zoo import GAN


def arguments_for(
    objective: type[Objective], model: str, arguments: Mapping[str, object]
) -> dict[str, object]:
    """`arguments` and those by which the discriminator is as the objective's paper has it.

    Without a Sigmoid where the paper has none, without batch norm where the paper rules it out.
    What is given is taken as it is.
    """
    wanted: dict[str, object] = {}
    if not objective.takes_sigmoid:
        wanted["sigmoid"] = False
    if not objective.takes_batch_norm:
        wanted["discriminator_batch_norm"] = False
    entry = next((entry for entry in zoo.entries() if entry.name == model), None)
    known = inspect.signature(entry.build).parameters if entry else {}
    chosen = {name: value for name, value in wanted.items() if name in known}
    return {**chosen, **arguments}


def build_for(objective: type[Objective], model: str, arguments: Mapping[str, object]) -> GAN:
    """A new GAN whose discriminator is as the objective's paper has it; see `arguments_for`.

    Raises:
        TargetError: As for `zoo.build`.
    """
    return zoo.build(model, **arguments_for(objective, model, arguments))


def begin(
    gan: GAN,
    objective: str = DEFAULT,
    *,
    learning_rate: float | None = None,
    betas: tuple[float, float] | None = None,
    d_steps: int | None = None,
    generator_first: bool = True,
    fused: bool = False,
) -> Training:
    """A GAN ready for its first step, one optimizer for each network.

    Args:
        gan: The two networks.
        objective: One of `objective_names`; its paper says what is not given here.
        learning_rate: Of both optimizers.
        betas: Adam's, which they give where the paper has another optimizer.
        d_steps: Updates of the discriminator for one of the generator.
        generator_first: Whether the generator's update comes first.
        fused: Whether to take the optimizers' fused kernels, where there are such.

    Raises:
        TargetError: There is no such objective.
    """
    chosen = find_objective(objective)(sigmoid=gan.sigmoid)
    rate = chosen.learning_rate if learning_rate is None else learning_rate
    moments = chosen.betas if betas is None else betas

    def optimizer(network: nn.Module) -> Optimizer:
        if moments is None:
            return RMSprop(network.parameters(), lr=rate)
        return Adam(network.parameters(), lr=rate, betas=moments, fused=fused or None)

    return Training(
        gan,
        chosen,
        optimizer(gan.generator),
        optimizer(gan.discriminator),
        d_steps=chosen.d_steps if d_steps is None else d_steps,
        generator_first=generator_first,
    )


def seeded(objective: str, model: str, arguments: Mapping[str, object], seed: int) -> GAN:
    """A new GAN whose weights come from `seed`; the global random state is set by it.

    Raises:
        TargetError: There is no such model or objective, or an argument does not fit.
    """
    torch.manual_seed(seed)
    return build_for(find_objective(objective), model, arguments)
