"""What is in a recording: who was trained, which steps, how the losses went, what to look at."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from ganscope.traces import Meta, Network, Optimizer, Step, Trace
from ganscope.traces.recorded import indices_of
from ganscope.traces.series import layouts
from ganscope.views import style, summary
from ganscope.views.metrics.curves import Curve, binned, curves
from ganscope.views.metrics.names import LOSS, loss_names
from ganscope.views.registry import is_training
from ganscope.views.steps.cast import Cast, joined, numeral
from ganscope.views.steps.heading import optimizer_text
from ganscope.views.summary import Line

NEXT = "next"
"""Label of commands to go on with."""
_SPARK = 24
_MOST_LOSSES = 6
_MOST_KINDS = 4


@dataclass(frozen=True, slots=True)
class Recording:
    """A trace and where it stands.

    Attributes:
        trace: The trace.
        path: Its file, as the reader named it.
        source: The file, where it is a recording whose figures can be looked up.
    """

    trace: Trace
    path: Path
    source: Path | None = None


def overview(recording: Recording) -> Iterator[Line]:
    """The lines about a recording, the file's name and size first."""
    trace = recording.trace
    training = is_training(trace)
    yield Line(str(recording.path), " · ".join(_size(recording, training=training)))
    yield Line("taken by", _origin(trace.meta))
    yield from _seen(trace)
    cast = Cast(trace.networks)
    for network in trace.networks:
        yield Line("networks", _network(network))
    if training:
        kinds = layouts(trace.steps, recording.source)
        yield from _optimizers(trace, kinds, cast)
        yield from _shape_of_steps(trace, kinds, cast)
        yield from _losses(recording)
    yield from summary.failure(trace)
    for command in _next(recording, training=training):
        yield Line(NEXT, command)


def _size(recording: Recording, *, training: bool) -> Iterator[str]:
    steps = recording.trace.steps
    what = "recording" if recording.source is not None else "trace as JSON"
    yield f"{what} of {_count(recording.trace, training=training)}"
    try:
        size = recording.path.stat().st_size + _log_size(recording.path)
    except OSError:
        return
    yield _bytes(size)
    if training and len(steps) > 1:
        yield f"{_bytes(size / len(steps))} a step"


def _count(trace: Trace, *, training: bool) -> str:
    """``30 training steps``; one that failed is not counted among them."""
    count, failed = len(trace.steps), training and _failed_in(trace) is not None
    if not count and not trace.networks:
        return "nothing"
    if not training:
        return style.count_of(count, "forward pass").replace("passs", "passes")
    if not failed:
        return style.count_of(count, "training step")
    if count == 1:
        return "the beginning of a training step, which failed"
    whole = style.count_of(count - 1, "training step")
    return f"{whole} and the beginning of a {_ordinal(count)}, which failed"


def _failed_in(trace: Trace) -> Step | None:
    """The last step, where it failed before all its updates were done."""
    last = trace.steps[-1] if len(trace.steps) else None
    failed = trace.failure
    return last if failed is not None and last is not None and failed.step == last.index else None


def _log_size(path: Path) -> int:
    log = path.with_name(f"{path.name}-wal")
    return log.stat().st_size if log.is_file() else 0


def _bytes(size: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000 or unit == "GB":
            return f"{size:.0f} {unit}" if unit == "B" or size >= 100 else f"{size:.1f} {unit}"
        size /= 1000
    return ""


def _origin(meta: Meta) -> str:
    when = meta.created.replace("T", " ").replace("+00:00", " UTC").removesuffix("Z")
    seed = f" · seed {meta.seed}" if meta.seed is not None else ""
    threads = style.count_of(meta.threads, "thread")
    return style.printable(
        f"{meta.command} · {when} · ganscope {meta.ganscope} · torch {meta.torch} · Python "
        f"{meta.python} · {meta.device}, {threads}{seed}"
    )


def _seen(trace: Trace) -> Iterator[Line]:
    whole = trace.meta.completeness == "complete"
    words = "complete" if whole else style.printable(trace.meta.completeness)
    yield Line("seen", words, "" if whole else "warning")
    for note in trace.meta.notes:
        yield Line("note", style.printable(note))


def _network(network: Network) -> str:
    role = {"unknown": "role unknown", "other": "neither generator nor discriminator"}
    wrapper = f", {network.wrapper}" if network.wrapper else ""
    return style.printable(
        f"{network.name} ({network.type}{wrapper}) · {role.get(network.role, network.role)} · "
        f"{style.count_of(network.parameters, 'parameter')}"
    )


def _optimizers(trace: Trace, kinds: Sequence[Step], cast: Cast) -> Iterator[Line]:
    """Who moves whom, with the first and the last learning rate where they differ."""
    first: dict[str, Optimizer] = {}
    last: dict[str, Optimizer] = {}
    moves: dict[str, dict[str, None]] = {}
    for step in (*kinds, trace.steps[-1]):
        for update in step.updates:
            for each in update.optimizers:
                first.setdefault(each.name, each)
                last[each.name] = each
                own = moves.setdefault(each.name, {})
                own.update(dict.fromkeys(update.moved_by(each.name)))
    for name in list(first)[:_MOST_KINDS]:
        text = f"{style.printable(name)}: {optimizer_text(first[name])}"
        if last[name].learning_rates != first[name].learning_rates:
            text += f" → {', '.join(f'{rate:g}' for rate in last[name].learning_rates)}"
        yield Line("optimizers", f"{text} · moves {joined([*map(cast.named, moves[name])])}")
    if len(first) > _MOST_KINDS:
        yield Line("optimizers", f"and {len(first) - _MOST_KINDS} more")


def _shape_of_steps(trace: Trace, kinds: Sequence[Step], cast: Cast) -> Iterator[Line]:
    """Which steps there are, and what happens in each."""
    numbers, failed = indices_of(trace.steps), _failed_in(trace)
    if failed is None:
        yield Line("steps", _range(numbers))
    else:
        whole = f"{_range(numbers[:-1])} · " if len(numbers) > 1 else ""
        yield Line("steps", f"{whole}{failed.index:,} failed")
        kinds = [step for step in kinds if step.index != failed.index] or kinds
    patterns = dict.fromkeys(_pattern(step, cast) for step in kinds)
    for pattern in list(patterns)[:_MOST_KINDS]:
        yield Line("each step" if len(patterns) == 1 else "a step", pattern)
    if len(patterns) > _MOST_KINDS:
        yield Line("a step", f"and {len(patterns) - _MOST_KINDS} more patterns")


def _range(numbers: Sequence[int]) -> str:
    """``0 to 990, every 10th``; ``0 to 29, every one``."""
    if len(numbers) == 1:
        return f"step {numbers[0]}"
    strides = {after - before for before, after in pairwise(numbers)}
    stride = min(strides)
    every = "every one" if strides == {1} else f"every {_ordinal(stride)}"
    if len(strides) > 1:
        every = "not at equal distances"
    return f"{numbers[0]:,} to {numbers[-1]:,}, {every}"


def _ordinal(number: int) -> str:
    ending = (
        "th" if 10 <= number % 100 <= 20 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    )
    return f"{number}{ending}"


def _pattern(step: Step, cast: Cast) -> str:
    """``① the discriminator ② the generator``, runs of one network told once."""
    runs: list[tuple[str, int, int]] = []
    for update in step.updates:
        moved = joined([cast.named(name) for name in update.networks])
        if runs and runs[-1][0] == moved:
            runs[-1] = (moved, runs[-1][1], update.index)
        else:
            runs.append((moved, update.index, update.index))
    texts = [
        f"{numeral(first)} {moved}"
        if first == last
        else f"{numeral(first)}–{numeral(last)} {moved}, {last - first + 1} times"
        for moved, first, last in runs
    ]
    return " ".join(texts) or "no update"


def _losses(recording: Recording) -> Iterator[Line]:
    kinds = layouts(recording.trace.steps, recording.source)
    if not any(update.losses for step in kinds for update in step.updates):
        yield Line("losses", "none was seen")
        return
    names = loss_names(kinds, recording.trace.networks)
    shown = names[:_MOST_LOSSES]
    found = curves(recording.trace, recording.source, shown)
    widest = max(len(style.printable(curve.metric.title)) for curve in found)
    for curve in found:
        yield Line("losses", _course(curve, widest))
    if len(names) > len(shown):
        yield Line("losses", f"and {len(names) - len(shown)} more")


def _course(curve: Curve, widest: int) -> str:
    """``g_loss  0.693 → 1.204  ▁▂▄▆█``."""
    name = f"{style.printable(curve.metric.title):<{min(widest, 40)}}"
    known = curve.known
    if not known:
        return f"{name}  no finite value"
    text = f"{name}  {style.format_number(known[0][1])}"
    if len(known) > 1:
        text += f" → {style.format_number(known[-1][1])}  {_spark(known)}"
    lost = f", {style.count_of(curve.lost, 'step')} not finite" if curve.lost else ""
    return text + lost


def _spark(known: Sequence[tuple[int, float]]) -> str:
    """The course as blocks, each the mean over its part of the steps."""
    first, last = known[0][0], known[-1][0]
    means = binned(known, first, last, min(_SPARK, last - first + 1))
    values = [value for value in means if value is not None]
    low, high = min(values), max(values)
    span = high - low or 1.0
    top = len(style.BLOCKS) - 1
    return "".join(
        " " if value is None else style.BLOCKS[round(top * (value - low) / span)] for value in means
    )


def _next(recording: Recording, *, training: bool) -> Iterator[str]:
    """Commands to go on with, as they can be typed."""
    trace = recording.trace
    show = f"ganscope show {shlex.quote(os.fspath(recording.path))}"
    if not len(trace.steps):
        return
    numbers = indices_of(trace.steps)
    if not training:
        yield f"{show} --step {numbers[0]}"
        return
    if len(numbers) == 1 and _failed_in(trace) is not None:
        yield f"{show} --step {numbers[0]}"
        return
    yield f"{show} --step {numbers[0]} --show-grads"
    if len(numbers) == 1:
        yield f"{show} --step {numbers[0]} --explain"
        return
    failed = _failed_in(trace) is not None
    yield f"{show} --step -1" if failed else f"{show} --step -1 --explain"
    kind = trace.steps[-2] if failed else trace.steps[-1]
    if any(update.losses for update in kind.updates):
        yield f"{show} --plot {LOSS}"
    path = _learning_module(kind)
    if path:
        yield f"{show} --plot {shlex.quote(f'grad {path}')}"


def _learning_module(step: Step) -> str | None:
    """The first module that an update moves: where gradients vanish first."""
    for update in step.updates:
        for one in update.parameters:
            path = one.name.rpartition(".")[0]
            if any(call.path == path and call.gradients for call in step.calls):
                return path
    return None
