"""All that is said of an update beside its tables, for every medium alike."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ganscope.traces import Judgement, Update
from ganscope.views import style, summary
from ganscope.views.steps import depth, ledger, remarks
from ganscope.views.steps.cast import numeral
from ganscope.views.steps.heading import FlowLine, flow_lines, update_title
from ganscope.views.steps.ledger import Remark, bad_gradients
from ganscope.views.steps.lessons import lessons
from ganscope.views.steps.losses import backward_texts, loss_texts
from ganscope.views.steps.nobody import no_discriminator
from ganscope.views.steps.story import Story
from ganscope.views.summary import Line

MEASURED = "the discriminator before and after the step, asked about the same images and noise"
"""Stands above `measured`."""


@dataclass(frozen=True, slots=True)
class Words:
    """What is said of an update.

    Attributes:
        title: Who is updated by what, in parts that a separator joins.
        flow: The chains of networks.
        runs: Losses, and whom their backward runs reached.
        remarks: What became of gradients that were there before.
        lessons: Sentences for learners, as far as asked for.
    """

    title: tuple[str, ...]
    flow: tuple[FlowLine, ...]
    runs: tuple[str, ...]
    remarks: tuple[Remark, ...]
    lessons: tuple[str, ...]


def about(story: Story, update: Update) -> Words:
    """What is said of an update.

    Args:
        story: Its step.
        update: The update, or what the options left of it.
    """
    whole = next(each for each in story.step.updates if each.index == update.index)
    runs = (*loss_texts(whole), *backward_texts(story.step, whole))
    said = [*ledger.remarks(story.step, whole, story.cast), *bad_gradients(whole)]
    return Words(
        update_title(story.step, whole, story.cast),
        tuple(flow_lines(story.ran(whole), story.forwards, story.outputs, story.cast)),
        runs or ("no loss was seen",),
        # What went well is a lesson, where lessons are asked for.
        tuple(each for each in said if each.is_warning or not story.options.explain),
        tuple(_lessons(story, whole)),
    )


def _lessons(story: Story, update: Update) -> list[str]:
    if story.options.explain:
        return lessons(story, update)
    if story.options.show_grads:
        return [story.cast.sentence(text) for text in depth.profile(story, update)]
    return []


def ending(story: Story) -> tuple[Remark, ...]:
    """What is said below the last update: why no verdict is told, evaluations, and gradients that
    are left."""
    return (
        *no_discriminator(story),
        *remarks.evaluations(story),
        *ledger.left_over(story.step, story.cast),
    )


def measured(story: Story) -> tuple[Line, ...]:
    """What the discriminator made of real and generated images before and after the step."""
    lines = [
        Line(
            style.printable(one.moment),
            f"D(x) {style.format_number(one.real)} · D(G(z)) {style.format_number(one.fake)}"
            f"{_accuracy(one)}",
        )
        for one in story.step.judgements
    ]
    split = story.step.split
    if split is not None:
        angle = "" if split.angle is None else f", {split.angle:.0f}° between them"
        lines.append(
            Line(
                "gradient",
                f"of {style.printable(split.network)}: {style.format_number(split.real_norm)} from "
                f"real images, {style.format_number(split.fake_norm)} from generated ones{angle}; "
                f"their sum {style.format_number(split.total_norm)}",
            )
        )
    return tuple(lines)


def _accuracy(judgement: Judgement) -> str:
    unit = "" if judgement.is_probability else " (scores)"
    if judgement.accuracy_real is None or judgement.accuracy_fake is None:
        apart = style.format_number(judgement.real - judgement.fake)
        return f"{unit} · {apart} apart"
    return (
        f"{unit} · accuracy {style.format_share(judgement.accuracy_real)} on real images, "
        f"{style.format_share(judgement.accuracy_fake)} on generated ones"
    )


def circumstances(story: Story) -> tuple[Line, ...]:
    """What was not seen, where values went bad, and where the step failed."""
    alone = replace(story.trace, steps=(story.step,))
    failed = summary.failure(alone) if story.failure is not None else ()
    return (*failed, *summary.unseen(alone), *summary.nonfinite(alone))


def others(story: Story) -> tuple[str, tuple[FlowLine, ...]] | None:
    """Title and flow of the calls that belong to no update; None where none is to be shown.

    They belong to an update that a failure did not let happen, or fed no loss.
    """
    if story.failure is not None:
        lines = flow_lines(story.unfinished, story.forwards, story.outputs, story.cast)
        return f"{numeral(len(story.step.updates))} an update that failed", tuple(lines)
    return ("calls that belong to no update", ()) if story.options.show_calls else None
