"""What a flow is called: its title, the circumstances under it, the symbols at its ends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ganscope.analysis.roles import DISCRIMINATOR, GENERATOR
from ganscope.traces import Meta, Trace
from ganscope.traces.call import main_output
from ganscope.views import style
from ganscope.views.diagrams.failing import Failing, failing_title
from ganscope.views.diagrams.options import DiagramOptions
from ganscope.views.diagrams.stages import Stage, count_of
from ganscope.views.diagrams.subject import Subject
from ganscope.views.diagrams.words import Words

_MOST_ENDS = 3


def title_of(
    subject: Subject, stages: Sequence[Stage], words: Words, failing: Failing | None
) -> str:
    """What the network makes of what: ``generator: 100 numbers become an image of 1×28×28``."""
    name = style.printable(words.network(subject.network.name))
    if failing is not None:
        return failing_title(name, failing, words)
    start, end = stages[0].shape, _main_end(stages)
    ends = [end, *_further_ends(subject)]
    first = style.format_shape(start)
    if _is_vector(start) and len(end) == 3 and len(ends) == 1 and _is_generator(subject):
        count = style.format_count(count_of(start))
        return words("to_image", network=name, start=count, end=style.format_shape(end))
    if len(start) == 3 and all(map(_is_vector, ends)):
        numbers = words.joined([_numbers(each, words) for each in ends])
        return words("to_answer", network=name, start=first, end=numbers)
    last = words.comma.join(style.format_shape(each) if each else "1" for each in ends)
    return words("to_any", network=name, start=first, end=last)


def _is_generator(subject: Subject) -> bool:
    return subject.network.role == GENERATOR


def _main_end(stages: Sequence[Stage]) -> tuple[int, ...]:
    """The shape of the main output."""
    return next((stage.shape for stage in stages if stage.role == "output"), stages[-1].shape)


def _further_ends(subject: Subject) -> list[tuple[int, ...]]:
    """The shapes of the further outputs, as far as a title holds them."""
    main = main_output(subject.call)
    further = [one for one in subject.call.outputs if one is not main and one.shape is not None]
    return [(one.shape or ())[1:] for one in further[:_MOST_ENDS]]


def _numbers(shape: Sequence[int], words: Words) -> str:
    count = style.format_count(count_of(shape))
    return words("one_number") if count == "1" else words("numbers", count=count)


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
        *seed_of(meta, words),
    ]
    return words.separator.join(part for part in parts if part)


def seed_of(meta: Meta, words: Words) -> list[str]:
    """The seed, where one was set."""
    return [words("seed", seed=meta.seed)] if meta.seed is not None else []


def with_symbols(stages: Sequence[Stage], subject: Subject, words: Words) -> tuple[Stage, ...]:
    """The stages with ``noise z`` and ``G(z)``, ``image x`` and ``D(x)`` at their ends."""
    forks = any(stage.role == "head" for stage in stages)
    found = []
    for stage in stages:
        symbol = _symbol_of(stage, subject, words)
        if stage.role == "head" or (forks and stage.role == "output" and not symbol):
            symbol = _output_name(stage, subject, words)
        found.append(replace(stage, symbol=symbol))
    return tuple(found)


def _symbol_of(stage: Stage, subject: Subject, words: Words) -> str:
    role = subject.network.role
    if role == GENERATOR:
        start = words("noise") if _is_vector(stage.shape) else _data(stage, words)
        end = "G(z)" if _is_noise(subject) else "G(x)"
    elif role == DISCRIMINATOR:
        start, end = _data(stage, words), "D(x)"
    else:
        return ""
    return {"input": start, "output": end}.get(stage.role, "")


def _output_name(stage: Stage, subject: Subject, words: Words) -> str:
    """One of several outputs: ``logits``, or ``output 2`` where it has no name."""
    for place, record in enumerate(subject.call.outputs, 1):
        if (record.shape, record.stats) == (stage.record.shape, stage.record.stats):
            name = style.printable(record.name or "")
            return words("further", place=place) if not name or name[0] == "[" else name
    return ""


def _data(stage: Stage, words: Words) -> str:
    """``image x``, or ``data x`` where it is no image."""
    return words("real" if len(stage.shape) == 3 else "data")


def _is_noise(subject: Subject) -> bool:
    shape = subject.call.inputs[0].shape if subject.call.inputs else None
    return _is_vector((shape or ())[1:])


def _is_vector(shape: Sequence[int]) -> bool:
    """Whether a shape is that of numbers without places: 100, or 100×1×1."""
    return count_of(shape) == max(shape, default=1)


def _is_training(trace: Trace) -> bool:
    return any(update.optimizers for step in trace.steps[:1] for update in step.updates)
