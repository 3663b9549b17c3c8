"""Several processes that train one GAN together, as ``torchrun`` starts them."""

from __future__ import annotations

import contextlib
import inspect
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from ganscope.zoo import GAN


@dataclass(frozen=True, slots=True)
class Processes:
    """This process among the others.

    Attributes:
        rank: Which one it is, from 0; the first one writes files.
        count: How many there are.
    """

    rank: int = 0
    count: int = 1

    @property
    def is_first(self) -> bool:
        """Whether this one writes."""
        return self.rank == 0

    def mean(self, values: Tensor) -> Tensor:
        """The mean of `values` over all processes, in each of them. Any shape."""
        if self.count == 1:
            return values
        total = values.clone()
        torch.distributed.all_reduce(total)
        return total / self.count

    def wait(self) -> None:
        """Wait for all others to come to here."""
        if self.count > 1:
            torch.distributed.barrier()

    def share(self, gan: GAN) -> GAN:
        """`gan`, with both networks' gradients averaged over all processes.

        Buffers stay each process's own: batch norm's statistics are of its share of the batch,
        and those of the first are kept.
        """
        if self.count == 1:
            return gan
        return replace(
            gan,
            generator=_distributed(gan.generator),
            discriminator=_distributed(gan.discriminator),
        )


def processes_here() -> Processes:
    """Which process this is, as its environment says."""
    rank, count = os.environ.get("RANK", ""), os.environ.get("WORLD_SIZE", "")
    if not (rank.isdecimal() and count.isdecimal()) or int(count) < 2:
        return Processes()
    return Processes(int(rank), int(count))


def own_device(device: torch.device) -> torch.device:
    """The GPU of this process, where several processes take one each."""
    local = os.environ.get("LOCAL_RANK", "")
    if device.type == "cuda" and device.index is None and local.isdecimal():
        return torch.device("cuda", int(local) % max(1, torch.cuda.device_count()))
    return device


@contextlib.contextmanager
def joined(processes: Processes, device: torch.device) -> Iterator[Processes]:
    """Have the processes speak to each other inside the block: nccl on GPUs, gloo elsewhere."""
    if processes.count == 1:
        yield processes
        return
    if device.type == "cuda":
        torch.cuda.set_device(device)
    torch.distributed.init_process_group("nccl" if device.type == "cuda" else "gloo")
    try:
        yield processes
    finally:
        torch.distributed.destroy_process_group()


def _distributed(network: nn.Module) -> DistributedDataParallel:
    known = inspect.signature(DistributedDataParallel).parameters  # torch 2.14 renames the flag
    flag = "forward_sync_buffers" if "forward_sync_buffers" in known else "broadcast_buffers"
    own_buffers: dict[str, Any] = {flag: False}
    return DistributedDataParallel(network, **own_buffers)
