"""All that is said of an update beside its tables, for every medium alike."""

from __future__ import annotations

from dataclasses import dataclass

from ganscope.traces import Update
from ganscope.views.steps import depth, ledger
from ganscope.views.steps.cast import capital
from ganscope.views.steps.heading import FlowLine, flow_lines, update_title
from ganscope.views.steps.ledger import Remark
from ganscope.views.steps.lessons import lessons
from ganscope.views.steps.losses import backward_texts, loss_texts
from ganscope.views.steps.story import Story


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
    remarks = ledger.remarks(story.step, whole, story.cast)
    return Words(
        update_title(story.step, whole, story.cast),
        tuple(flow_lines(story.ran(whole), story.forwards, story.judged, story.cast)),
        runs or ("no loss was seen",),
        # What went well is a lesson, where lessons are asked for.
        tuple(each for each in remarks if each.is_warning or not story.options.explain),
        tuple(_lessons(story, whole)),
    )


def _lessons(story: Story, update: Update) -> list[str]:
    if story.options.explain:
        return lessons(story, update)
    if story.options.show_grads:
        return [capital(text) for text in depth.profile(story, update)]
    return []
