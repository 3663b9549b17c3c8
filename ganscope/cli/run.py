"""``ganscope run SCRIPT``: somebody's training script, unmodified, observed."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from ganscope.cli import options, output
from ganscope.cli.command import Command, command_line
from ganscope.cli.run_report import Report
from ganscope.cli.run_words import Words
from ganscope.errors import InputError, OutputError, UsageError

SETTINGS = {"allow_interspersed_args": False}
"""What stands behind the script is the script's, whatever it looks like."""


class Interrupted(BaseException):
    """Ctrl-C has ended the program, and python has been told of it already."""


class Unwatched(Command):
    """A verb whose process belongs to somebody else's program: its output is not looked at."""

    def invoke(self, ctx: Any) -> Any:
        """Run the verb."""
        return super(TyperCommand, self).invoke(ctx)


Script = Annotated[
    str, typer.Argument(metavar="SCRIPT", help="A script, or with -m a module, of your own.")
]
Arguments = Annotated[
    list[str] | None, typer.Argument(metavar="[--] ARGS", help="The script's own arguments.")
]
IsModule = Annotated[bool, typer.Option("-m", help="SCRIPT names a module: as python -m.")]
Steps = Annotated[int, typer.Option("--steps", metavar="N", help="Steps to record.")]
After = Annotated[int, typer.Option("--after", metavar="K", help="Steps to leave out first.")]
Every = Annotated[
    int, typer.Option("--every", metavar="K", help="Record every K-th step from there on.")
]
Stop = Annotated[bool, typer.Option("--stop", help="End the script with the last recorded step.")]
File = Annotated[
    Path | None,
    typer.Option(
        "-o",
        "--output",
        metavar="FILE",
        help="The recording.  \\[default: the script's name and .gscope, here]",
    ),
]
ReportFile = Annotated[
    Path | None,
    typer.Option("--report", metavar="FILE", help="Write the report to FILE, not to stderr."),
]


def run(
    script: Script,
    arguments: Arguments = None,
    *,
    module: IsModule = False,
    steps: Steps = 3,
    after: After = 0,
    every: Every = 1,
    stop: Stop = False,
    recording: File = None,
    keep_samples: options.KeepSamples = False,
    report: ReportFile = None,
    show_grads: options.ShowGradients = False,
    show_updates: options.ShowUpdates = False,
    show_calls: options.ShowCalls = False,
    explain: options.Explain = False,
    only: options.Only = None,
    depth: options.Depth = None,
    width: options.Width = None,
    force: options.Force = False,
    quiet: options.Quiet = False,
) -> int:
    """Run a training script as python does, and tell what its first steps did.

    Nothing in the script changes, nor does what it prints: the report goes to standard error.
    Flags of ganscope stand before the script, those of the script behind it.

    ganscope run train.py --batch_size 32

    ganscope run --steps 1 --after 1000 --stop -m lab.gan -- --epochs 5
    """
    options.read_view_numbers(depth, width)
    selection = _selection(after, every, steps)
    from ganscope.subjects.script import Program
    from ganscope.subjects.watch import Wanted
    from ganscope.views import ViewOptions

    own = tuple(arguments or ())
    program = Program(script, own[1:] if own[:1] == ("--",) else own, module)
    program.require()
    path, report = _recording(recording, program.name, force=force), output.read_output(report)
    if report is not None:
        report = output.per_rank(report).absolute()
        output.check_output(report, force=force, flag="--report")
    wanted = Wanted(path, selection, keep_samples, force, stop, command_line())
    view = ViewOptions(
        only=only, depth=depth, explain=explain, width=width,
        show_grads=show_grads, show_updates=show_updates, show_calls=show_calls,
    )  # fmt: skip
    words = Words(program, wanted, Path.cwd())
    return _run(program, wanted, Report(words, view, report, quiet))


def _run(program: Any, wanted: Any, report: Report) -> int:
    """Run it to its end; how it ended comes through, as python would have it."""
    from ganscope.subjects import tracebacks
    from ganscope.subjects.script import execute
    from ganscope.subjects.watch import Stopped, Watch

    report.prepare()
    _close_what_was_closed()
    watch = Watch(wanted, report.tell)
    watch.begin()
    error: BaseException | None = None
    try:
        execute(program)
    except BaseException as raised:
        error = raised
    watch.end(error)
    if watch.is_here:
        report.tell_at_the_end(watch.faults, stopped=watch.has_stopped, error=error)
    if error is None or isinstance(error, Stopped):
        return 0
    tracebacks.clean(error)
    if isinstance(error, SystemExit):
        raise error
    tracebacks.show(error)
    if isinstance(error, KeyboardInterrupt):
        raise Interrupted
    return 1


def _close_what_was_closed() -> None:
    """A program that is started without a standard stream has None there, as python gives it."""
    for name in ("stdout", "stderr"):
        if getattr(sys, f"__{name}__") is None:
            setattr(sys, name, None)


def _selection(after: int, every: int, steps: int) -> Any:
    from ganscope.probe.selection import Selection

    try:
        return Selection(after, every, steps)
    except InputError as error:
        raise UsageError(f"--{error}") from None


def _recording(given: Path | None, name: str, *, force: bool) -> Path:
    """The file to record to: what was given, else one that is not there yet.

    Raises:
        OutputError: It exists and may not be replaced, or cannot be written.
    """
    if given is not None:
        path = output.per_rank(given)
        output.check_output(path, force=force)
        if path.exists() and not path.is_file():
            raise OutputError(f"-o {path} is no ordinary file, which a recording must be")
        return path.absolute()
    path, count = output.per_rank(Path(f"{name}.gscope")), 1
    while path.exists() and not force:
        count += 1
        path = output.per_rank(Path(f"{name}-{count}.gscope"))
    output.check_output(path, force=force)
    return path.absolute()
