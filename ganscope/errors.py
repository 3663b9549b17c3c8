"""What can go wrong, as a tree that one glance takes in.

GanscopeError                      exit code 1
├── UsageError                     exit code 2   what was asked for cannot be done as asked
│   ├── TargetError                              no such model, file, class or instance
│   ├── InputError                               an input specification, a batch size, a device
│   ├── DataError                                real images that are missing or unreadable
│   ├── WeightsError                             weights that are missing, unsafe or do not fit
│   ├── RunError                                 a folder without a training run, or a broken one
│   ├── OutputError                              a file that cannot or must not be written
│   └── TraceFileError                           a file that is no trace, damaged or too new
├── TraceFormatError                             data that is no trace of ours
└── ObserverError                                two observers at once

Every message is one line: what was given, what was expected, what to try.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class GanscopeError(Exception):
    """Base of everything that ganscope raises on purpose."""

    exit_code = 1


class UsageError(GanscopeError):
    """What was asked for cannot be done as it was asked."""

    exit_code = 2


class TargetError(UsageError):
    """The model, file, class or instance to look at is not there or not usable."""


class InputError(UsageError):
    """An input specification, a batch size or a device that makes no sense."""


class DataError(UsageError):
    """Real images that are missing or cannot be read."""


class WeightsError(UsageError):
    """Weights that are missing, cannot be read safely or belong to another model."""


class RunError(UsageError):
    """A folder that holds no training run, a damaged one, or one of another kind."""


class OutputError(UsageError):
    """A file that cannot be written, or that must not be overwritten."""


class TraceFileError(UsageError):
    """A file that holds no trace, is damaged or was recorded by a newer ganscope."""


class TraceFormatError(GanscopeError):
    """Data that does not follow the contract of a trace."""


class ObserverError(GanscopeError):
    """A second observer was attached while one is at work."""


def nearest(name: str, known: Iterable[str]) -> str:
    """A clause ``; did you mean 'x'?`` for a near miss, or an empty string.

    Args:
        name: What was given.
        known: The names that exist.
    """
    by_lower = {candidate.lower(): candidate for candidate in known}
    close = difflib.get_close_matches(name.lower(), list(by_lower), n=1, cutoff=0.6)
    return f"; did you mean '{by_lower[close[0]]}'?" if close else ""
