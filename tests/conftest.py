"""What every test stands on: one thread and the same examples, so that a run can be repeated."""

from __future__ import annotations

import signal

import torch
from hypothesis import settings

torch.set_num_threads(1)

settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.register_profile("exploring", deadline=None)  # new examples each time, for days of search
settings.load_profile("repeatable")

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # Behind a shell's `&` Ctrl-C is ignored, and every process started from here would ignore it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
