"""What a flow is called: its title, the circumstances under it, the symbols at its ends."""

from __future__ import annotations

from collections.abc import Sequence

from ganscope.traces import Trace
from ganscope.views import style
from ganscope.views.diagrams.options import DiagramOptions
from ganscope.views.diagrams.stages import Stage, count_of
from ganscope.views.diagrams.subject import Subject
from ganscope.views.diagrams.words import Words
from ganscope.views.steps.cast import DISCRIMINATOR, GENERATOR


def title_of(subject: Subject, stages: Sequence[Stage], words: Words) -> str:
    """What the network makes of what: ``generator: 100 numbers become an image of 1×28×28``."""
    name = style.printable(words.network(subject.network.name))
    start, end = stages[0].shape, stages[-1].shape
    first = style.format_shape(start)
    last = style.format_shape(end) if end else "1"
    if _is_vector(start) and len(end) == 3 and subject.network.role == GENERATOR:
        count = style.format_count(count_of(start))
        return words("to_image", network=name, start=count, end=last)
    if len(start) == 3 and count_of(end) == max(end, default=1):
        count = style.format_count(count_of(end))
        numbers = words("one_number") if count == "1" else words("numbers", count=count)
        return words("to_answer", network=name, start=first, end=numbers)
    return words("to_any", network=name, start=first, end=last)


def subtitle_of(
    trace: Trace, subject: Subject, options: DiagramOptions, words: Words, *, sampled: bool = True
) -> str:
    """The network's class and size, and under which circumstances it ran.

    Args:
        trace: Whose circumstances.
        subject: The network.
        options: Which sample.
        words: Of a language.
        sampled: Whether one sample is shown; else the whole batch is.
    """
    network, meta = subject.network, trace.meta
    record = subject.call.inputs[0] if subject.call.inputs else None
    batch = record.shape[0] if record is not None and record.shape else 1
    step = words("at_step", step=subject.step.index) if _is_training(trace) else ""
    parts = [
        style.printable(network.type),
        words("parameters", count=style.format_count(network.parameters)),
        words(meta.mode) if meta.mode in ("train", "eval", "mixed") else "",
        step,
        words("sample", place=options.sample, batch=batch)
        if sampled
        else words("batch", batch=batch),
        words("seed", seed=meta.seed) if meta.seed is not None else "",
    ]
    return words.separator.join(part for part in parts if part)


def symbol_of(stage: Stage, subject: Subject, words: Words) -> str:
    """``noise z`` and ``G(z)``, ``image x`` and ``D(x)``, at a network's two ends."""
    role = subject.network.role
    if role == GENERATOR:
        start = words("noise") if _is_vector(stage.shape) else words("real")
        end = "G(z)" if _is_noise(subject) else "G(x)"
    elif role == DISCRIMINATOR:
        start, end = words("real"), "D(x)"
    else:
        return ""
    return {"input": start, "output": end}.get(stage.role, "")


def _is_noise(subject: Subject) -> bool:
    shape = subject.call.inputs[0].shape if subject.call.inputs else None
    return _is_vector((shape or ())[1:])


def _is_vector(shape: Sequence[int]) -> bool:
    """Whether a shape is that of numbers without places: 100, or 100×1×1."""
    return count_of(shape) == max(shape, default=1)


def _is_training(trace: Trace) -> bool:
    return any(update.optimizers for step in trace.steps[:1] for update in step.updates)
