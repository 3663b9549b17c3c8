"""The command line as a whole: its verbs, and how errors become exit codes.

Exit codes: 0 fine · 1 a failure or a finding · 2 what was asked for cannot be done as asked.
"""

from __future__ import annotations

import os
import sys
from typing import Any

import typer

from ganscope.cli.models import models
from ganscope.cli.summary import summary
from ganscope.cli.trace import trace
from ganscope.errors import GanscopeError, nearest

app = typer.Typer(
    name="ganscope",
    help="See what really happens inside a GAN: every layer, from noise to image.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

VERBS = (trace, summary, models)

for _verb in VERBS:
    app.command(_verb.__name__)(_verb)


@app.callback(invoke_without_command=True)
def _main(
    version: bool = typer.Option(False, "--version", help="Show the version and exit."),
) -> None:
    if version:
        from ganscope import __version__

        typer.echo(f"ganscope {__version__}")
        raise typer.Exit


def run(arguments: list[str]) -> int:
    """Run the command line on `arguments`; returns the exit code and never raises on bad input."""
    try:
        outcome: Any = app(arguments, prog_name="ganscope", standalone_mode=False)
    except GanscopeError as error:
        return _say(str(error), error.exit_code)
    except KeyboardInterrupt:
        return _say("interrupted", 130)
    except BrokenPipeError:
        # The reader (head, less) has gone; Python must not complain about it at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        if not hasattr(error, "format_message"):
            raise
        return _say(_usage_message(error), getattr(error, "exit_code", 2))
    return outcome if isinstance(outcome, int) else 0


def _say(message: str, code: int) -> int:
    print(f"ganscope: {message}", file=sys.stderr)
    return code


def _usage_message(error: Any) -> str:
    """The parser's complaint in one line, with a near miss and where to read on."""
    message = " ".join(error.format_message().split()).rstrip(".")
    context = getattr(error, "ctx", None)
    if not message:  # asked for nothing: the help was shown
        return "say what to do; ganscope --help lists the verbs"
    given = message.partition("'")[2].rpartition("'")[0]
    if message.startswith("No such command"):
        verbs = [verb.__name__ for verb in VERBS]
        message = f"there is no verb '{given}'; there are {', '.join(verbs)}"
        return message + nearest(given, verbs)
    path = context.command_path if context is not None else "ganscope"
    return f"{message[0].lower()}{message[1:]}; see {path} --help"
