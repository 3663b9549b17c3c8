"""What of a trace a diagram is about: which step, which network, which of its calls."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from ganscope.analysis.forwards import REAL, forwards_of
from ganscope.analysis.roles import DISCRIMINATOR, GENERATOR, Roles
from ganscope.errors import UsageError, nearest
from ganscope.traces import Call, Network, Step, Trace
from ganscope.traces.recorded import step_by_index
from ganscope.views.diagrams.options import DiagramOptions

_PART = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
"""``Upsampling``, ``Generator``: the words of a name."""
_CALLED = {
    GENERATOR: {"generator", "gen", "netg", "g"},
    DISCRIMINATOR: {"discriminator", "disc", "critic", "netd", "d"},
}
_LOOKED_BACK = 20
"""Steps from the end among which one is looked for that has something to show."""
HOW_TO_KEEP = (
    "record values with --keep-samples of ganscope run or train, or "
    "ganscope.record(…, samples=True)"
)


@dataclass(frozen=True, slots=True)
class Subject:
    """A network, and one of its calls.

    Attributes:
        network: Who.
        step: When.
        call: Its outermost call.
    """

    network: Network
    step: Step
    call: Call

    @property
    def calls(self) -> list[Call]:
        """The calls inside it."""
        inside = {self.call.id}
        found = []
        for call in self.step.calls:
            if call.parent in inside:
                inside.add(call.id)
                found.append(call)
        return found


def step_of(trace: Trace, options: DiagramOptions, suits: Callable[[Step], bool] = bool) -> Step:
    """The step that is asked for; of several the last one that has something to show.

    Args:
        trace: Whose steps.
        options: Which one.
        suits: Whether a step has; a training that failed ends in one that may not.

    Raises:
        UsageError: There is no such step.
    """
    if not len(trace.steps):
        raise UsageError("nothing was recorded: there is no step to draw")
    if options.step is None:
        least = max(0, len(trace.steps) - _LOOKED_BACK)
        last = (trace.steps[at] for at in range(len(trace.steps) - 1, least - 1, -1))
        return next(filter(suits, last), trace.steps[-1])
    if options.step < 0 and -options.step <= len(trace.steps):
        return trace.steps[options.step]
    return step_by_index(trace.steps, options.step)


def subject_of(trace: Trace, options: DiagramOptions) -> Subject:
    """The network that is asked for; without a name the generator, else the first one.

    Of a discriminator's calls the one on real images is taken, of another's the first that
    autograd followed.

    Raises:
        UsageError: There is no such network or step, or it was not called in it.
    """
    network = _network(trace.networks, options.network)
    step = step_of(trace, options, lambda step: _calls(step, network.name))
    ran = [
        one for one in forwards_of(step, Roles(trace.networks)) if one.call.network == network.name
    ]
    if not ran:
        raise UsageError(f"{network.name} was not called in step {step.index}; try another step")
    ran = [one for one in ran if not one.part] or ran
    followed = next((one for one in ran if one.output and one.output.requires_grad), ran[0])
    chosen = next((one for one in ran if one.shown == REAL), followed)
    return Subject(replace(network, role=role_of(network)), step, chosen.call)


def _calls(step: Step, network: str) -> bool:
    return any(call.network == network and call.parent is None for call in step.calls)


def role_of(network: Network) -> str:
    """A network's role; where a lone forward did not show it, its name or its class says it."""
    if network.role in (GENERATOR, DISCRIMINATOR):
        return network.role
    for name in (network.name, network.type):
        parts = {part.lower() for part in _PART.findall(name) if len(part) > 1} | {name.lower()}
        for role, names in _CALLED.items():
            if parts & names:
                return role
    return network.role


def _network(networks: Sequence[Network], name: str | None) -> Network:
    if not networks:
        raise UsageError("no network was seen, so there is nothing to draw")
    if name is None:
        by_role = {network.role: network for network in reversed(networks)}
        return by_role.get(GENERATOR) or by_role.get(DISCRIMINATOR) or networks[0]
    found = next((network for network in networks if network.name == name), None)
    if found is None:
        known = [network.name for network in networks]
        there = ", ".join(known)
        raise UsageError(f"there is no network '{name}'; there are {there}{nearest(name, known)}")
    return found


def require_sample(trace: Trace, subject: Subject, sample: int) -> None:
    """Refuse a call of which no values were kept, or not those of this sample.

    Args:
        trace: Whose call it is.
        subject: The call.
        sample: Which row of its batch.

    Raises:
        UsageError: It says which were, or how to keep some and which kinds do without.
    """
    records = [*subject.call.inputs, *subject.call.outputs]
    if not any(record.samples for record in records):
        kinds = _kinds_without_values(trace, subject)
        others = f"try --kind {kinds}, or " if kinds else ""
        raise UsageError(f"the kind flow draws values, and none were kept: {others}{HOW_TO_KEEP}")
    require_kept(subject.call, sample)


def _kinds_without_values(trace: Trace, subject: Subject) -> str:
    """The kinds that can be drawn of a trace without values: ``step, stats or training``."""
    step = subject.step
    trained = any(update.optimizers for update in step.updates)
    seen = any(record.stats for call in subject.calls for record in call.outputs)
    several = trained and len(trace.steps) > 1
    can = {"step": trained, "stats": seen, "training": several}
    *first, last = [kind for kind, there in can.items() if there] or [""]
    return f"{', '.join(first)} or {last}" if first else last


def require_kept(call: Call, sample: int) -> None:
    """Refuse a sample that was not kept, where others were.

    Raises:
        UsageError: It says which were.
    """
    every = [record.samples for record in (*call.inputs, *call.outputs) if record.samples]
    kept = every[0].indices if every else (sample,)
    if sample not in kept:
        raise UsageError(
            f"there is no sample {sample}: of this batch, samples {kept[0]} to {kept[-1]} were kept"
        )
