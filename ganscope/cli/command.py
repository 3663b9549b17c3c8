"""How one verb is run: its values read without heavy help, its output watched to the end."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from ganscope.errors import GanscopeError

INTERRUPTED = 130
"""The exit code that shells give to Ctrl-C."""


class Verbs(TyperGroup):
    """All verbs."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse what stands before the verb; see `read_plainly`."""
        read_plainly(self.get_params(ctx))
        return super().parse_args(ctx, args)


class Command(TyperCommand):
    """A verb."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse the verb's command line; see `read_plainly`."""
        read_plainly(self.get_params(ctx))
        return super().parse_args(ctx, args)

    def invoke(self, ctx: Any) -> Any:
        """Run the verb; a reader who leaves early (head, less) is no failure.

        Raises:
            GanscopeError: On Ctrl-C, or where standard output cannot take the result.
        """
        try:
            outcome = super().invoke(ctx)
            sys.stdout.flush()
        except KeyboardInterrupt:
            interruption = GanscopeError("interrupted")
            interruption.exit_code = INTERRUPTED
            raise interruption from None
        except BrokenPipeError:
            _drop_output()
            raise typer.Exit(0) from None
        except OSError as error:
            _drop_output()
            raise GanscopeError(
                f"standard output cannot be written: {error.strerror or error}; write to a file "
                "with -o FILE"
            ) from None
        return outcome


def command_line() -> str:
    """The command line; a file name that is no valid text stands in it escaped."""
    words = " ".join(["ganscope", *sys.argv[1:]])
    return words.encode("utf-8", "backslashreplace").decode("utf-8")


def read_plainly(parameters: Sequence[Any]) -> None:
    """Have plain values read by ourselves.

    typer reads each value through pydantic, whose import alone takes 80 ms of every start. Its
    parameters make their reader on first use; where one has none yet, it is given a plain one.
    Versions of typer that work otherwise go on as they do.
    """
    for parameter in parameters:
        descriptor = getattr(parameter, "type_descriptor", None)
        read = _READERS.get(str(getattr(descriptor, "annotation", None)))
        if read is not None and getattr(parameter, "_runtime_param", read) is None:
            parameter._runtime_param = _Reader(read)


def _drop_output() -> None:
    """What is still buffered goes nowhere, so that Python does not complain at its exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


class _Reader:
    """Stands in for typer's own conversion of one parameter's value."""

    def __init__(self, read: Callable[[Any], Any]) -> None:
        self._read = read

    def coerce(self, value: Any, param: Any, ctx: Any) -> Any:
        """`value` in its type, None where nothing was given.

        Raises:
            typer.BadParameter: It is not of that type.
        """
        if value is None:
            return None
        try:
            return self._read(value)
        except ValueError as error:
            raise typer.BadParameter(str(error), ctx=ctx, param=param) from None


def _whole_number(value: Any) -> int:
    try:
        return int(value)
    except ValueError:
        raise ValueError(f"'{value}' is no whole number") from None


def _number(value: Any) -> float:
    try:
        return float(value)
    except ValueError:
        raise ValueError(f"'{value}' is no number") from None


_READERS: dict[str, Callable[[Any], Any]] = {
    str(str): str,
    str(int): _whole_number,
    str(float): _number,
    str(bool): bool,  # a flag: there or not
    str(Path): Path,
    str(list[str]): lambda values: [str(value) for value in values],
}
