"""What every test stands on: one thread, so that figures and times are the same everywhere."""

from __future__ import annotations

import torch

torch.set_num_threads(1)
