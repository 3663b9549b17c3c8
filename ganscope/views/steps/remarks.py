"""What is said of a step as a whole: its title, and what belongs to no update."""

from __future__ import annotations

from collections.abc import Iterator

from ganscope.views import style, summary
from ganscope.views.steps.ledger import Remark
from ganscope.views.steps.story import Story


def title(story: Story) -> tuple[str, ...]:
    """``training step 12``, the networks and the circumstances, to be joined by a separator."""
    return (f"training step {story.step.index}", *summary.title(story.trace))


def evaluations(story: Story) -> Iterator[Remark]:
    """``evaluation: 1 call of generator fed no loss``."""
    counts: dict[str, int] = {}
    for forward in story.evaluations:
        counts[forward.call.network] = counts.get(forward.call.network, 0) + 1
    for network, count in counts.items():
        calls = style.count_of(count, "call")
        yield Remark(f"evaluation: {calls} of {style.printable(network)} fed no loss")
