"""From a run in memory to a checkpoint and back, to the last bit."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from torch import Tensor
from torch.optim import Optimizer

from ganscope.errors import RunError
from ganscope.training.averaging import Average
from ganscope.training.checkpoint import FILE, Checkpoint, Progress
from ganscope.training.runs import AVERAGED, load_network, load_networks
from ganscope.training.step import Training
from ganscope.zoo import GAN

NETWORKS = ("generator", "discriminator")


def take(gan: GAN, training: Training, average: Average | None, progress: Progress) -> Checkpoint:
    """All that the next step depends on.

    Args:
        gan: The networks themselves, without wrappers.
        training: What trains them.
        average: The average of the generator, if one is kept.
        progress: How far the run has come.
    """
    tensors: dict[str, Tensor] = {}
    for name in NETWORKS:
        tensors |= _named(name, getattr(gan, name).state_dict())
        optimizer: Optimizer = getattr(training, f"{name}_optimizer")
        tensors |= dict(_optimizer_tensors(f"optimizer.{name}", optimizer))
    if average is not None:
        tensors |= _named(AVERAGED, average.network.state_dict())
    scalars = {}
    if training.scalers is not None:
        scalars["scalers"] = [scaler.state_dict() for scaler in training.scalers]
    return Checkpoint(progress, tensors, scalars)


def put_back(
    checkpoint: Checkpoint, gan: GAN, training: Training, average: Average | None, folder: Path
) -> None:
    """Bring a run back to where a checkpoint was taken.

    Args:
        checkpoint: What was taken.
        gan: The networks themselves, without wrappers.
        training: What trains them.
        average: The average of the generator, if one is kept.
        folder: The run's, to be named in a message.

    Raises:
        RunError: The checkpoint is of another run.
    """
    load_networks(gan, checkpoint, folder)
    if average is not None:
        load_network(average.network, checkpoint, AVERAGED, folder)
    for name in NETWORKS:
        load_optimizer(getattr(training, f"{name}_optimizer"), checkpoint, name, folder)
    kept = checkpoint.scalars.get("scalers")
    if training.scalers is not None and kept:
        for scaler, state in zip(training.scalers, kept, strict=True):
            scaler.load_state_dict(state)


def load_optimizer(optimizer: Optimizer, checkpoint: Checkpoint, name: str, folder: Path) -> None:
    """Bring the optimizer of the network `name` to what the checkpoint holds of it.

    Raises:
        RunError: That is of another network or another optimizer.
    """
    states: dict[int, dict[str, Tensor]] = {}
    for key, value in checkpoint.part(f"optimizer.{name}").items():
        index, _, what = key.partition(".")
        states.setdefault(int(index), {})[what] = value
    weights = [weight for group in optimizer.param_groups for weight in group["params"]]
    fits = len(states) in (0, len(weights)) and all(
        value.shape in (weights[index].shape, ())
        for index, state in states.items()
        for value in state.values()
    )
    if not fits:
        raise RunError(
            f"'{folder / FILE}' holds an optimizer of another {name} than '{folder / 'run.json'}' "
            "says; it does not belong to this run"
        )
    groups = optimizer.state_dict()["param_groups"]
    optimizer.load_state_dict({"state": states, "param_groups": groups})


def _named(prefix: str, state: dict[str, Tensor]) -> dict[str, Tensor]:
    return {f"{prefix}.{name}": value for name, value in state.items()}


def _optimizer_tensors(prefix: str, optimizer: Optimizer) -> Iterator[tuple[str, Tensor]]:
    for index, state in optimizer.state_dict()["state"].items():
        for name, value in state.items():
            if value is not None:
                yield f"{prefix}.{index}.{name}", value
