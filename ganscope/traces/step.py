"""One training step: its updates, their losses, backward runs and parameter changes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ganscope.traces.call import Call, CallSite
from ganscope.traces.event import Event
from ganscope.traces.tensor import TensorStats

EARLIER = -1
"""Stands in the ledger for the id of a backward of an earlier step; ids begin at 0."""


@dataclass(frozen=True, slots=True)
class LossPart:
    """A scalar that fed a loss: its name in the user's code and its value."""

    name: str
    value: float


@dataclass(frozen=True, slots=True)
class Loss:
    """A tensor on which backward ran.

    Attributes:
        name: Its name in the user's code.
        value: Its value; may be NaN or infinite.
        call: Id of the call that made it, where seen.
        parts: The scalars that fed it.
    """

    name: str
    value: float
    call: int | None
    parts: tuple[LossPart, ...] = ()


@dataclass(frozen=True, slots=True)
class Backward:
    """One run of the backward engine.

    Attributes:
        id: Unique within the step.
        loss: Name of the loss it started from.
        kind: ``backward``, or ``grad`` for ``torch.autograd.grad``.
        reached: How many parameter tensors of each network received a gradient.
        create_graph: Whether autograd followed the run itself, so that its gradients can be
            differentiated again; None where that is not known.
        retain_graph: Whether the graph was kept for another run; None where that is not known.
        site: Where the user's code started it.
        sequence: When it began, by the counter that calls carry.
        ended: When it ended.
    """

    id: int
    loss: str | None
    kind: str
    reached: Mapping[str, int]
    create_graph: bool | None = None
    retain_graph: bool | None = None
    site: CallSite | None = None
    sequence: int | None = None
    ended: int | None = None


Change = tuple[float | None, float | None]
"""A number before and after an update; None for one that is not finite or could not be read."""


@dataclass(frozen=True, slots=True)
class ParameterUpdate:
    """What an optimizer did to one parameter.

    Attributes:
        name: Full path, such as ``generator.model.0.weight``.
        shape: Its shape.
        optimizer: Name of the optimizer that moved it.
        gradient: Figures of the gradient as the optimizer saw it.
        weight_norm: L2 norm before the update.
        update_norm: L2 norm of the change.
        update_ratio: `update_norm` / `weight_norm`.
        dtype: Type of the weight without the ``torch.`` prefix, such as ``float32``.
        weight_min: Smallest value of the weight before and after the update.
        weight_max: Largest value, likewise.
        clipped_from: L2 norm of the gradient at the end of the last backward that reached it,
            unscaled, where the optimizer saw another one: something had clipped or changed it in
            between. None where nothing had, beyond rounding, and where no backward was recorded.
    """

    name: str
    shape: tuple[int, ...]
    optimizer: str
    gradient: TensorStats | None
    weight_norm: float | None
    update_norm: float | None
    update_ratio: float | None
    dtype: str | None = None
    weight_min: Change | None = None
    weight_max: Change | None = None
    clipped_from: float | None = None


@dataclass(frozen=True, slots=True)
class Optimizer:
    """An optimizer and its settings.

    Of the settings each has one entry per parameter group that has it, and none where the class
    has no such setting or it lives on a device.

    Attributes:
        name: Its name in the user's code.
        type: Its class.
        learning_rates: As the step began.
        betas: Decay rates of the averages that Adam and its kin keep.
        momentum: As SGD and RMSprop have it.
        weight_decay: Factor of the weights in their decay.
        holds: Full names of all parameters that it holds, each once, also of those that never
            receive a gradient; ``NAME.0`` for one of no network, by its place in the optimizer.
        steps: How often it has stepped in the recording, in recorded steps or between them;
            known of those in `Trace.optimizers` alone.
    """

    name: str
    type: str
    learning_rates: tuple[float, ...]
    betas: tuple[tuple[float, ...], ...] = ()
    momentum: tuple[float, ...] = ()
    weight_decay: tuple[float, ...] = ()
    holds: tuple[str, ...] = ()
    steps: int | None = None


@dataclass(frozen=True, slots=True)
class BufferChange:
    """A buffer of a network that changed during an update: running statistics, say.

    Attributes:
        name: Full path, such as ``generator.model.1.running_mean``.
        norm_before: L2 norm before; None where it is not finite, and of a buffer so large that
            only some of its values are kept.
        change_norm: L2 norm of the change; None likewise.
    """

    name: str
    norm_before: float | None
    change_norm: float | None


@dataclass(frozen=True, slots=True)
class Update:
    """Everything toward one call of ``optimizer.step()``.

    Attributes:
        index: Place in the step, from 0.
        optimizers: Those that stepped; several where no forward lay between them.
        networks: Names of the networks that were moved.
        losses: What backward ran on.
        backwards: Runs of the backward engine.
        gradient_scale: Factor of a GradScaler; 1.0 without one.
        parameters: What each moved parameter went through.
        buffers: Buffers of networks that changed since the end of the update before.
        changed_outside: Full names of the parameters whose values changed after their last update
            and before this one, by something other than an optimizer: clamped weights, say.
    """

    index: int
    optimizers: tuple[Optimizer, ...] = ()
    networks: tuple[str, ...] = ()
    losses: tuple[Loss, ...] = ()
    backwards: tuple[Backward, ...] = ()
    gradient_scale: float = 1.0
    parameters: tuple[ParameterUpdate, ...] = ()
    buffers: tuple[BufferChange, ...] = ()
    changed_outside: tuple[str, ...] = ()

    def moved_by(self, optimizer: str) -> tuple[str, ...]:
        """Those of the networks that this one of several optimizers moved."""
        if len(self.optimizers) < 2:
            return self.networks
        own = [each.name for each in self.parameters if each.optimizer == optimizer]
        return tuple(
            network
            for network in self.networks
            if any(name.startswith(f"{network}.") for name in own)
        )


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """Gradients that a backward left in a network, and what became of them.

    Attributes:
        network: Who received them.
        backward: Id of the backward that brought them, `EARLIER` for one of an earlier step.
        tensors: How many parameter tensors.
        fate: ``used``, ``cleared`` or ``left``.
        update: Index of the update that used or cleared them, where known.
    """

    network: str
    backward: int
    tensors: int
    fate: str
    update: int | None


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the discriminator made of real and of generated images at one moment.

    Attributes:
        moment: ``before`` or ``after`` the step.
        real: D(x), its mean answer on the real images of the step.
        fake: D(G(z)), its mean answer on what the generator makes of the step's noise.
        accuracy_real: Share of the real images that it takes for real, 0 to 1; None where an
            answer by itself says nothing, as a Wasserstein critic's.
        accuracy_fake: Share of the generated images that it takes for generated, likewise.
        is_probability: Whether its answers are probabilities; else they are scores.
    """

    moment: str
    real: float
    fake: float
    accuracy_real: float | None
    accuracy_fake: float | None
    is_probability: bool = True


@dataclass(frozen=True, slots=True)
class GradientSplit:
    """The gradient of a discriminator's loss as the sum of two parts.

    Attributes:
        network: The discriminator.
        real_norm: L2 norm of the part that comes from real images.
        fake_norm: L2 norm of the part that comes from generated images.
        total_norm: L2 norm of their sum.
        angle: Between the two parts, in degrees, 0 to 180; None where one is zero.
    """

    network: str
    real_norm: float
    fake_norm: float
    total_norm: float
    angle: float | None


@dataclass(frozen=True, slots=True)
class Step:
    """One training iteration, or one standalone forward (one update, no optimizer).

    Attributes:
        index: From 0.
        calls: Every call, in the order in which they began.
        updates: In the order in which they ran.
        ledger: Who received gradients from which backward, and their fate.
        judgements: What the discriminator made of real and generated images, where measured.
        split: Where the discriminator's gradient comes from, where measured.
        events: What happened between the calls, in its order.
    """

    index: int
    calls: tuple[Call, ...]
    updates: tuple[Update, ...] = ()
    ledger: tuple[LedgerEntry, ...] = ()
    judgements: tuple[Judgement, ...] = ()
    split: GradientSplit | None = None
    events: tuple[Event, ...] = ()
