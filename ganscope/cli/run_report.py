"""The report of ``ganscope run``: written beside the output of a program that it leaves alone."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from ganscope.cli import output
from ganscope.cli.run_words import last_step
from ganscope.errors import UsageError

if TYPE_CHECKING:
    from rich.console import Console

    from ganscope.cli.run_words import Words
    from ganscope.subjects.watch import Seen
    from ganscope.traces import Trace
    from ganscope.views import ViewOptions


@dataclass(frozen=True, slots=True)
class Report:
    """The report on one program.

    Attributes:
        words: What to say of it.
        view: How the last recorded step is shown.
        path: The file to write to; None is standard error.
        quiet: Whether nothing is said on standard error but what was lost.
        stream: Standard error as it was before the program could change it.
    """

    words: Words
    view: ViewOptions
    path: Path | None
    quiet: bool
    stream: TextIO = field(default_factory=lambda: sys.stderr)

    def prepare(self) -> None:
        """Import what the report will need: later the program's own modules may stand in for it."""
        import rich.console  # noqa: F401

        from ganscope.traces import file  # noqa: F401
        from ganscope.views import step, table  # noqa: F401

    def tell(self, seen: Seen) -> None:
        """Report on what was seen, where the last wanted step or the program has ended."""
        if seen.lost:
            self._say(f"the recording is not complete: {'; '.join(seen.lost)}")
        if self.path is not None:
            text = io.StringIO()
            self._write(seen, text, self.view.width or output.FILE_WIDTH)
            self.path.write_text(text.getvalue(), encoding="utf-8")
            if not self.quiet:
                self._say(f"wrote {self.words.path(self.path)}")
        elif not self.quiet and _is_first_rank():
            wide = self.stream.isatty() or "COLUMNS" in os.environ
            width = self.view.width or (None if wide else output.FILE_WIDTH)
            self._write(seen, self.stream, width)
        elif not self.quiet:  # one report is enough for all ranks
            for line in self.words.recorded(seen):
                self._say(line)

    def tell_at_the_end(
        self, faults: Sequence[str], *, stopped: bool, error: BaseException | None
    ) -> None:
        """What only the end of the program shows."""
        from ganscope.subjects.watch import Stopped

        for fault in faults:
            self._say(fault)
        if stopped and not isinstance(error, Stopped) and not self.quiet:
            self._say(f"{self.words.name} caught the stop and went on to its own end")

    def _say(self, text: str) -> None:
        with suppress(Exception):
            self.stream.write(f"ganscope: {text}\n")
            self.stream.flush()

    def _write(self, seen: Seen, stream: TextIO, width: int | None) -> None:
        from rich.console import Console

        console = Console(file=stream, width=width, highlight=False)
        _print(console, f"── ganscope: {self.words.headline(seen)}")
        if seen.trace is not None:
            self._write_step(seen.trace, console)
            console.print()
        for line in self.words.recorded(seen, is_shown=True):
            _print(console, line)
        for command in self.words.commands(seen):
            _print(console, f"next  {command}")
        stream.flush()

    def _write_step(self, trace: Trace, console: Console) -> None:
        from ganscope.views import render

        last = replace(trace, steps=(last_step(trace),))
        try:
            console.print(render(last, "table", self.view), soft_wrap=True)
        except UsageError as error:  # the flags select nothing of this step
            _print(console, str(error))


def _print(console: Console, text: str) -> None:
    console.print(text, markup=False, soft_wrap=True)


def _is_first_rank() -> bool:
    return os.environ.get("RANK", "0") == "0"
