"""Ctrl-C and a scheduler's SIGTERM, taken as the wish to stop after this step."""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType
from typing import Any

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Interrupts:
    """Holds both signals back inside its ``with`` block; outside the main thread it does nothing.

    A second Ctrl-C ends the program at once, as ever.

    Args:
        patient: Whether a second one is held back too: torchrun sends its processes one of its
            own after that of the terminal.

    Attributes:
        received: The signal that came, None while none did.
    """

    def __init__(self, *, patient: bool = False) -> None:
        self.received: int | None = None
        self._patient = patient
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Interrupts:
        if threading.current_thread() is threading.main_thread():
            for number in SIGNALS:
                self._before[number] = signal.signal(number, self._take)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _take(self, number: int, _frame: FrameType | None) -> None:
        again = self.received is not None and number == signal.SIGINT
        self.received = number
        if again and not self._patient:
            raise KeyboardInterrupt
