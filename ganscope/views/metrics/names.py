"""The names of the figures that stand in a step: ``g_loss``, ``D(x)``, ``grad generator.model.0``.

A figure of a call is called by the call's label, one of a parameter by the parameter's name.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from ganscope.analysis.discriminator_outputs import discriminator_outputs
from ganscope.analysis.forwards import Forward, forwards_of
from ganscope.analysis.outermost import OutermostFlow
from ganscope.analysis.roles import Roles
from ganscope.analysis.weights import weights_of
from ganscope.errors import UsageError, nearest
from ganscope.traces import Call, Loss, Network, Step, Update
from ganscope.traces.call import main_output
from ganscope.traces.series import Place
from ganscope.views.steps.cast import joined

LOSS = "loss"
"""Stands for every loss."""

_OF_CALLS = {"grad": "gradient_norm", "mean": "output_mean", "std": "output_std"}
_OF_PARAMETERS = {
    "grad": "gradient_norm",
    "weight": "weight_norm",
    "update": "update_norm",
    "ratio": "update_ratio",
}
_OTHER_WORDS = {"gradient": "grad", "gradients": "grad", "weights": "weight", "activation": "mean"}
_MOST_LINES = 6
"""Figures that one chart shows."""

Names = dict[str, list[Place]]
"""Name → where its figures stand in a step, several where it stands for their mean."""


@dataclass(frozen=True, slots=True)
class Metric:
    """A figure over steps.

    Attributes:
        name: Its name.
        times: How often it stands in a step; their mean is shown.
    """

    name: str
    times: int

    @property
    def title(self) -> str:
        """``d_loss``, or ``d_loss (mean of 5)``."""
        return self.name if self.times == 1 else f"{self.name} (mean of {self.times})"


def figures(step: Step, networks: Iterable[Network], shared: frozenset[str] = frozenset()) -> Names:
    """Every figure that has a name, in the order in which one asks for them.

    Args:
        step: The step in which they stand.
        networks: Those of the trace.
        shared: What `shared_losses` finds in all of its steps.
    """
    named: Names = {}
    for name, place in (
        *_losses(step, shared),
        *_parts(step),
        *_verdicts(step, Roles(networks)),
        *_calls(step),
        *_parameters(step),
    ):
        named.setdefault(name, []).append(place)
    return named


def shared_losses(steps: Sequence[Step], networks: Iterable[Network]) -> frozenset[str]:
    """The variables that hold the losses of several networks in turn.

    Args:
        steps: One step of every kind.
        networks: Those of the trace.
    """
    known = {network.name for network in networks}
    learners: dict[str, set[tuple[str, ...]]] = {}
    for step in steps:
        for update in step.updates:
            for loss in update.losses if known.issuperset(update.networks) else ():
                learners.setdefault(loss.name, set()).add(_learners(update))
    return frozenset(name for name, who in learners.items() if len(who) > 1)


def loss_names(steps: Sequence[Step], networks: Iterable[Network]) -> list[str]:
    """``g_loss``; ``loss of D`` where one variable holds the losses of several networks.

    Args:
        steps: One step of every kind.
        networks: Those of the trace.
    """
    shared = shared_losses(steps, networks)
    return list(dict.fromkeys(name for step in steps for name, _ in _losses(step, shared)))


def _losses(step: Step, shared: frozenset[str]) -> Iterator[tuple[str, Place]]:
    losses = [(update, loss) for update in step.updates for loss in update.losses]
    for number, (update, loss) in enumerate(losses):
        name = loss.name
        if name in shared:
            name += f" of {joined(_learners(update)) or 'nobody'}"
        yield name, Place("loss", number, "value")


def _learners(update: Update) -> tuple[str, ...]:
    return tuple(sorted(update.networks))


def _parts(step: Step) -> Iterator[tuple[str, Place]]:
    """Parts of losses: the calls that output a single number of that value, and of several such
    the one that the loss was made of."""
    scalars: dict[tuple[int | None, float], list[int]] = {}
    for number, call in enumerate(step.calls):
        stats = call.outputs[0].stats if call.parent is None and call.outputs else None
        if stats is not None and stats.count == 1 and stats.mean is not None:
            scalars.setdefault((call.update, stats.mean), []).append(number)
    for update in step.updates:
        for loss in update.losses:
            for part in loss.parts:
                numbers = scalars.get((update.index, part.value), [])
                if numbers and part.name != loss.name:
                    yield part.name, Place("call", _part_of(step, loss, numbers), "output_mean")


def _part_of(step: Step, loss: Loss, numbers: Sequence[int]) -> int:
    """Which of several calls of one value a loss was made of, where that is known."""
    if len(numbers) == 1:
        return numbers[0]
    flow = OutermostFlow(step)
    feeding = (number for number in numbers if flow.feeds(step.calls[number], loss.call))
    return next(feeding, numbers[0])


def _verdicts(step: Step, roles: Roles) -> Iterator[tuple[str, Place]]:
    """D(x) and D(G(z)), as they are when the discriminator itself learns, where it does."""
    flow = OutermostFlow(step)
    ran = forwards_of(step, roles, flow)
    said = discriminator_outputs(flow, ran, roles)
    numbers = {call.id: number for number, call in enumerate(step.calls)}
    moved = {update.index: update.networks for update in step.updates}
    own = {
        identity: one
        for identity, one in said.items()
        if one.forward.call.network in moved.get(_index(one.forward.call), ())
    }
    for identity, one in (own or said).items():
        number = _told_by(step, numbers[identity], one.forward)
        if number is not None:
            yield one.symbol, Place("call", number, "output_mean")


def _told_by(step: Step, number: int, forward: Forward) -> int | None:
    """Which call's mean is that of a verdict: the discriminator's own where it is the first of
    its outputs, else that of the layer inside that made it."""
    verdict = forward.output
    if verdict is main_output(forward.call):
        return number
    made = {verdict.id, verdict.alias_of} - {None} if verdict is not None else set()
    inside = {forward.call.id}
    for place, call in enumerate(step.calls[number + 1 :], number + 1):
        if call.parent in inside:
            inside.add(call.id)
            first = main_output(call)
            if verdict is not None and first is not None and first.id in made:
                return place
    return None


def _index(call: Call) -> int:
    return -1 if call.update is None else call.update


def _calls(step: Step) -> Iterator[tuple[str, Place]]:
    kinds = {run.id: run.kind for update in step.updates for run in update.backwards}
    for number, call in enumerate(step.calls):
        if not call.path or not call.network:
            continue
        if any(record.stats for record in call.outputs):
            yield f"mean {call.label}", Place("call", number, "output_mean")
            yield f"std {call.label}", Place("call", number, "output_std")
        first = next((each for each in call.gradients if each.stats), None)
        if first is not None and kinds.get(first.backward) != "grad":
            yield f"grad {call.label}", Place("call", number, "gradient_norm")


def _parameters(step: Step) -> Iterator[tuple[str, Place]]:
    parameters = [one for update in step.updates for one in update.parameters]
    for number, one in enumerate(parameters):
        for word, column in _OF_PARAMETERS.items():
            yield f"{word} {one.name}", Place("parameter", number, column)


def find(asked: Sequence[str], steps: Sequence[Step], networks: Sequence[Network]) -> list[Metric]:
    """The figures that a reader asked for.

    Args:
        asked: ``loss``, ``g_loss``, ``grad generator.model.0``, ``ratio generator.*``.
        steps: One step of every kind.
        networks: Those of the trace.

    Raises:
        UsageError: There is no such figure; the message says which there are.
    """
    known: dict[str, int] = {}
    shared = shared_losses(steps, networks)
    for step in steps:
        for name, places in figures(step, networks, shared).items():
            known[name] = max(len(places), known.get(name, 0))
    found: dict[str, None] = {}
    for text in asked:
        names = _named(text, steps, networks, known)
        if not names:
            raise _unknown(text, steps, networks, known)
        found |= dict.fromkeys(names)
    if len(found) > _MOST_LINES:
        raise UsageError(
            f"--plot {', '.join(map(repr, asked))} stands for {len(found)} figures and a chart "
            f"shows up to {_MOST_LINES}; name some, such as {', '.join(map(repr, list(found)[:2]))}"
        )
    return [Metric(name, known[name]) for name in found]


def _named(
    text: str, steps: Sequence[Step], networks: Sequence[Network], known: dict[str, int]
) -> list[str]:
    losses = loss_names(steps, networks)
    if text == LOSS and losses:
        return losses
    if text in shared_losses(steps, networks):
        return [name for name in losses if name.startswith(f"{text} of ")]
    word, _, rest = text.partition(" ")
    words = f"{_OTHER_WORDS.get(word, word)} {rest}" if rest else text
    exact = next((name for name in (text, words) if name in known), None)
    if exact is not None and not rest:
        return [exact]
    if rest:
        word = words.partition(" ")[0]
        return _of_module(word, rest, steps, known) or ([exact] if exact else [])
    return [name for name in known if fnmatchcase(name, text)]


def _of_module(word: str, path: str, steps: Sequence[Step], known: dict[str, int]) -> list[str]:
    """The figures of a module, a call or a parameter, or of all that a glob matches."""
    labels = _labels(word, path, steps) if word in _OF_CALLS else []
    names = [f"{word} {label}" for label in labels]
    if not names and word in _OF_PARAMETERS:
        names = [f"{word} {name}" for name in _parameter_names(path, steps)]
    return [name for name in dict.fromkeys(names) if name in known]


def _labels(word: str, path: str, steps: Sequence[Step]) -> list[str]:
    """Labels of the calls of a module in which its own network learns; of all, if in none."""
    own: dict[str, None] = {}
    every: dict[str, None] = {}
    for step in steps:
        homes = {run.id: update for update in step.updates for run in update.backwards}
        moved = {update.index: update.networks for update in step.updates}
        for call in step.calls:
            if not (fnmatchcase(call.path, path) or call.label == path):
                continue
            every[call.label] = None
            learns = call.network in moved.get(_index(call), ())
            if word == "grad":
                arrived = (homes.get(each.backward) for each in call.gradients)
                learns = any(call.network in update.networks for update in arrived if update)
            if learns or call.label == path != call.path:
                own[call.label] = None
    return list(own or every)


def _parameter_names(path: str, steps: Sequence[Step], *, whole: bool = True) -> list[str]:
    """A parameter by its name, or the weight of a module; the latter alone unless `whole`."""
    names: dict[str, None] = {}
    for step in steps:
        for update in step.updates:
            by_module: dict[str, list[int]] = {}
            for number, one in enumerate(update.parameters):
                by_module.setdefault(one.name.rpartition(".")[0], []).append(number)
                if whole and fnmatchcase(one.name, path):
                    names[one.name] = None
            for module, numbers in by_module.items():
                if fnmatchcase(module, path):
                    own = [update.parameters[number] for number in numbers]
                    weights = weights_of(module, own)
                    names[weights.name if weights and weights.name else own[0].name] = None
    return list(names)


def verdict_names(steps: Sequence[Step], networks: Sequence[Network]) -> list[str]:
    """``D(x)``, ``D(G(z))``: what discriminators said, as `figures` names it.

    Args:
        steps: One step of every kind.
        networks: Those of the trace.
    """
    roles = Roles(networks)
    return list(dict.fromkeys(name for step in steps for name, _ in _verdicts(step, roles)))


def weight_names(steps: Sequence[Step]) -> list[str]:
    """The weight of every module that an optimizer moves, networks in the order of their updates.

    Args:
        steps: One step of every kind.
    """
    return _parameter_names("*", steps, whole=False)


def _unknown(
    text: str, steps: Sequence[Step], networks: Sequence[Network], known: dict[str, int]
) -> UsageError:
    losses = loss_names(steps, networks)
    singles = [
        *([LOSS] if losses else []),
        *(name for name in losses if " " in name),
        *(name for name in known if " " not in name and name != LOSS),
    ]
    paths = dict.fromkeys(
        call.path for step in steps for call in step.calls if call.path and call.kind == "module"
    )
    word, _, rest = text.partition(" ")
    hint = nearest(text, [*known, *singles[:1]])
    if not hint and rest and _OTHER_WORDS.get(word, word) in {*_OF_CALLS, *_OF_PARAMETERS}:
        near = nearest(rest, paths)
        hint = near.replace("'", f"'{word} ", 1) if near else ""
    moved = (one.name.rpartition(".")[0] for step in steps for update in step.updates
             for one in update.parameters)  # fmt: skip
    example = next((path for path in moved if path in paths), "PATH")
    there_are = f"there are {', '.join(singles[:10])}, and" if singles else "there are"
    no_loss = " (no loss was seen)" if text == LOSS else ""
    return UsageError(
        f"--plot '{text}' names no figure{no_loss}; {there_are} of a "
        f"module its grad, mean, std, weight, update or ratio, such as 'grad {example}'{hint}"
    )
