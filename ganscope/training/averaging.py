"""An average of the generator over its last steps, which makes better images than the last one."""

from __future__ import annotations

import copy

import torch
from torch import nn

DECAY = 0.999


class Average:
    """An exponential moving average of a network's parameters and buffers.

    After step t the average moves by 1 - min(0.999, (1 + t) / (10 + t)) towards the network, so
    that the untrained weights are soon forgotten (Karras et al. 2018, arXiv:1710.10196,
    appendix A.1, keep such an average with 0.999; the warm-up is that of TensorFlow's
    ExponentialMovingAverage). Whole numbers, such as batch norm's counters, are copied.

    Args:
        network: The network; it is not touched.
    """

    def __init__(self, network: nn.Module) -> None:
        self.network = copy.deepcopy(network).requires_grad_(False)

    @torch.no_grad()
    def update(self, network: nn.Module, step: int) -> None:
        """Move towards `network`, of which `step` steps were made, this one included."""
        share = 1 - min(DECAY, (1 + step) / (10 + step))
        live = network.state_dict()
        for name, value in self.network.state_dict().items():
            if value.is_floating_point():
                value.lerp_(live[name], share)
            else:
                value.copy_(live[name])
