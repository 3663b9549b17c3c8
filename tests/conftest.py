"""What every test stands on: one thread and the same examples, so that a run can be repeated."""

from __future__ import annotations

import torch
from hypothesis import settings

torch.set_num_threads(1)

settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.register_profile("exploring", deadline=None)  # new examples each time, for days of search
settings.load_profile("repeatable")
