"""The command line as a whole: its verbs, and how errors become exit codes.

Exit codes: 0 fine · 1 a failure or a finding · 2 what was asked for cannot be done as asked.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import typer

from ganscope.cli.command import Command, Verbs
from ganscope.cli.diagram import diagram
from ganscope.cli.diff import diff
from ganscope.cli.models import models
from ganscope.cli.run import SETTINGS, Interrupted, Unwatched
from ganscope.cli.run import run as run_script
from ganscope.cli.sample import sample
from ganscope.cli.score import score
from ganscope.cli.show import show
from ganscope.cli.step import step
from ganscope.cli.summary import summary
from ganscope.cli.trace import trace
from ganscope.cli.train import train
from ganscope.errors import GanscopeError, nearest

FULL_ERRORS = "GANSCOPE_TRACEBACK"
"""The environment variable that shows the traceback of a fault of ganscope's own."""
_MOST_OF_MESSAGE = 200

app = typer.Typer(
    name="ganscope",
    cls=Verbs,
    help="See what really happens inside a GAN: every layer, from noise to image.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

VERBS = (
    trace, step, train, sample, score, run_script, show, diff, diagram, summary, models
)  # fmt: skip

for _verb in VERBS:
    if _verb is run_script:
        app.command(_verb.__name__, cls=Unwatched, context_settings=SETTINGS)(_verb)
    else:
        app.command(_verb.__name__, cls=Command)(_verb)


@app.callback(invoke_without_command=True)
def _main(
    version: bool = typer.Option(False, "--version", help="Show the version and exit."),
) -> None:
    if version:
        from ganscope import __version__

        typer.echo(f"ganscope {__version__}")
        raise typer.Exit


def run(arguments: list[str]) -> int:
    """Run the command line on `arguments`; returns the exit code and never raises on bad input.

    Raises:
        KeyboardInterrupt: A script under ``ganscope run`` was interrupted.
        SystemExit: It has left so.
    """
    _open_streams()
    try:
        outcome: Any = app(arguments, prog_name="ganscope", standalone_mode=False)
    except Interrupted:
        # Python ends the process by the signal; its traceback has been shown.
        sys.excepthook = lambda *_: None
        raise KeyboardInterrupt from None
    except GanscopeError as error:
        return _say(str(error), error.exit_code)
    except Exception as error:
        if hasattr(error, "format_message"):
            return _say(_usage_message(error, arguments), getattr(error, "exit_code", 2))
        if os.environ.get(FULL_ERRORS):
            raise
        return _say(_own_fault(error), 1)
    return outcome if isinstance(outcome, int) else 0


def _open_streams() -> None:
    """Give a program that was started without standard streams ones that go nowhere."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            nowhere = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115
            setattr(sys, name, nowhere)


def _say(message: str, code: int) -> int:
    # Whatever it quotes stays one line and cannot move the reader's cursor.
    line = " ".join("".join(sign if sign.isprintable() else " " for sign in message).split())
    typer.echo(f"ganscope: {line}", err=True)
    return code


def _own_fault(error: Exception) -> str:
    message = " ".join(str(error).split())[:_MOST_OF_MESSAGE]
    return (
        f"this is a fault of ganscope's own: {type(error).__name__}: {message}; please report it "
        f"with what {FULL_ERRORS}=1 shows"
    )


def _usage_message(error: Any, arguments: list[str]) -> str:
    """The parser's complaint in one line, with a near miss and where to read on."""
    message = " ".join(error.format_message().split()).rstrip(".")
    if not message:  # asked for nothing: the help was shown
        return "say what to do; ganscope --help lists the verbs"
    verbs = [verb.__name__ for verb in VERBS]
    if message.startswith("No such command"):
        given = message.partition(". Did you mean")[0].partition("'")[2].rpartition("'")[0]
        return f"there is no verb '{given}'; there are {', '.join(verbs)}{nearest(given, verbs)}"
    verb = next((argument for argument in arguments if not argument.startswith("-")), "")
    path = f"ganscope {verb}" if verb in verbs else "ganscope"
    flag = getattr(error, "option_name", None)
    if message.startswith("No such option") and flag:
        hint = nearest(flag, error.possibilities or ())
        return f"there is no flag {flag}{hint or f'; see {path} --help'}"
    return f"{message[0].lower()}{message[1:]}; see {path} --help"
