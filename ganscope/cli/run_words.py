"""The sentences of a report of ``ganscope run``: what was seen, and what to do next."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ganscope.subjects.script import Program
    from ganscope.subjects.watch import Seen, Wanted
    from ganscope.traces import Step, Trace


@dataclass(frozen=True, slots=True)
class Words:
    """What is said of one program.

    Attributes:
        program: The program.
        wanted: What was to be recorded of it.
        folder: The working directory at its start; paths are named from there.
    """

    program: Program
    wanted: Wanted
    folder: Path

    @property
    def name(self) -> str:
        """What the program is called in a sentence."""
        return self.program.target if self.program.is_module else Path(self.program.target).name

    def path(self, path: Path) -> str:
        """A path as short as it can be typed."""
        return str(path.relative_to(self.folder) if path.is_relative_to(self.folder) else path)

    def headline(self, seen: Seen) -> str:
        """What became of the program, and what is shown below."""
        error, failure = seen.error, seen.failure
        if isinstance(error, KeyboardInterrupt):
            ended = f"{self.name} was interrupted"
        elif failure is not None and not _holds(seen.trace, failure.step):
            ended = f"{self.name} failed between two training steps"
        elif failure is not None:
            update = "" if failure.update is None else f", update {failure.update + 1} of it"
            return f"{self.name} failed in training step {failure.step}{update}"
        elif seen.trace is None and error is not None and not isinstance(error, SystemExit):
            ended = f"{self.name} failed before any training step was seen"
        elif seen.trace is None and seen.lost:
            ended = f"nothing of {self.name} could be recorded"
        elif seen.trace is None and isinstance(error, SystemExit):
            ended = f"{self.name} has left by sys.exit before any training step was seen"
        elif seen.trace is None:
            ended = f"no training step of {self.name} was seen"
        elif isinstance(error, SystemExit):
            ended = f"{self.name} has left by sys.exit"
        elif error is not None:
            ended = f"{self.name} failed where nothing was recorded"
        else:
            ended = self.name if seen.is_full else f"{self.name} has ended"
        if seen.trace is None:
            return ended
        count = len(seen.trace.steps)
        if last_step(seen.trace).index != seen.trace.steps[-1].index:
            return f"{ended} in the middle of a step, the one before"
        return ended + (", the one step recorded" if count < 2 else f", the last of {count} steps")

    def recorded(self, seen: Seen, *, is_shown: bool = False) -> Iterator[str]:
        """Where the recording is, how much it holds, and how the program goes on.

        Args:
            seen: What was seen.
            is_shown: Whether the last recorded step is shown above, with its NaN and infinite
                values.
        """
        if seen.trace is None:
            yield from self._why_nothing(seen)
            yield from self._goes_on(seen)
            return
        from ganscope.traces.recorded import indices_of
        from ganscope.views import summary

        numbers = indices_of(seen.trace.steps)
        count = len(numbers)
        steps = f"step {numbers[0]}" if count == 1 else f"steps {numbers[0]} to {numbers[-1]}"
        if count > 1 and numbers[-1] - numbers[0] != count - 1:
            steps = f"{count} of the {steps}"
        yield f"Wrote {self.path(self.wanted.path)}: {steps}"
        if count <= _FEW:
            shown = last_step(seen.trace).index if is_shown else None
            others = tuple(step for step in seen.trace.steps if step.index != shown)
            if any(summary.nonfinite(replace(seen.trace, steps=others))):
                for line in summary.nonfinite(seen.trace):
                    yield f"{line.label}  {line.text}"
        if seen.failure is not None and not _holds(seen.trace, seen.failure.step):
            site = seen.failure.site
            where = "" if site is None else f", {Path(site.file).name}:{site.line}: {site.code}"
            yield f"{seen.failure.message.splitlines()[0].rstrip('.')}{where}"
        yield from self._goes_on(seen)
        wanted = self.wanted.selection.count
        if not seen.is_full and wanted is not None and count < wanted:
            yield f"{wanted} steps were wanted, {count} came"

    def _goes_on(self, seen: Seen) -> Iterator[str]:
        """What becomes of the program, where it has not ended by itself."""
        if seen.is_full and self.wanted.stop:
            yield (
                f"{self.name} is stopped here (--stop); if it saves in a finally block, or catches "
                f"everything, it may have saved a model of {seen.ended} steps"
            )
        elif seen.is_full:
            yield f"{self.name} goes on to its end, and nothing of it is hooked any more"

    def commands(self, seen: Seen) -> Iterator[str]:
        """The exact next commands."""
        if seen.trace is None:
            return
        from ganscope.traces.recorded import indices_of

        file = shlex.quote(self.path(self.wanted.path))
        yield f"ganscope show {file}"
        size = os.environ.get("WORLD_SIZE", "1")
        if file.endswith("-rank0.gscope") and size.isdecimal() and int(size) > 1:
            ranks = (file.replace("-rank0.", f"-rank{rank}.") for rank in range(int(size)))
            yield f"ganscope show {' '.join(ranks)}"
        numbers = indices_of(seen.trace.steps)
        if len(numbers) > 1:
            yield f"ganscope diff {file}:{numbers[0]} {file}:{numbers[-1]}"
        if seen.is_full and "RANK" not in os.environ:
            later = ["--after", "1000", "--steps", "1", "--stop", "--show-grads"]
            yield f"ganscope run {shlex.join([*later, *self.program.words])}"

    def _why_nothing(self, seen: Seen) -> Iterator[str]:
        if seen.lost:
            return
        after = self.wanted.selection.after
        if not seen.torch:
            yield "it did not import torch in this process"
        elif isinstance(seen.error, SystemExit) and not seen.networks:
            pass
        elif seen.networks:
            names = ", ".join(seen.networks)
            if seen.ended and after:
                steps = "step" if seen.ended == 1 else "steps"
                yield (
                    f"networks ran ({names}) and were trained for {seen.ended} {steps}, of which "
                    f"--after {after} leaves none; --after {seen.ended - 1} would record the last"
                )
            else:
                yield f"networks ran ({names}), but no optimizer of torch stepped"
        elif seen.elsewhere:
            yield f"{seen.elsewhere} calls ran on other threads, where they are not seen"
        elif seen.error is not None:
            yield "no network had been called by then"
        else:
            yield (
                "no network was called in this process; where a script starts processes that "
                "train, they are not seen: torchrun … -m ganscope run SCRIPT watches each"
            )
        yield "nothing was recorded, and no file was written"


_FEW = 20
"""Steps that are read for what is said of them all."""


def last_step(trace: Trace) -> Step:
    """The last recorded step; one that was left before its first update tells less than that."""
    steps = trace.steps
    unfinished = trace.failure is None and len(steps) > 1 and not steps[-1].updates
    return steps[-2] if unfinished else steps[-1]


def _holds(trace: Trace | None, index: int) -> bool:
    """Whether step `index` was recorded, up to where it got."""
    return trace is not None and any(step.index == index for step in trace.steps[-1:])
