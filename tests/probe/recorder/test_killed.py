"""A recorded loop that is killed: its file opens, and holds every step that had ended."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

import pytest

import ganscope

LOOP = """
import sys
import torch
from torch import nn
import ganscope

torch.set_num_threads(1)
generator = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 6))
discriminator = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 1))
opt_G = torch.optim.Adam(generator.parameters())
opt_D = torch.optim.Adam(discriminator.parameters())
loss = nn.BCEWithLogitsLoss()
with ganscope.record(sys.argv[1]):
    for i in range(100_000):
        for _ in range(int(sys.argv[2])):
            opt_D.zero_grad()
            fake = generator(torch.randn(8, 4))
            d_loss = loss(discriminator(torch.randn(8, 6)), torch.ones(8, 1))
            d_loss = d_loss + loss(discriminator(fake.detach()), torch.zeros(8, 1))
            d_loss.backward()
            opt_D.step()
        opt_G.zero_grad()
        g_loss = loss(discriminator(generator(torch.randn(8, 4))), torch.ones(8, 1))
        g_loss.backward()
        opt_G.step()
        print(i, flush=True)
"""


def killed_after(path: Path, lines: int, critics: int) -> int:
    """Kill the loop a moment after it has told of so many iterations; returns how many it told."""
    command = [sys.executable, "-c", LOOP, str(path), str(critics)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for _ in range(lines):
            assert process.stdout.readline()
        process.kill()
        return lines + len(process.stdout.readlines())


def check(tmp_path: Path, lines: int, critics: int) -> None:
    path = tmp_path / f"{lines}-{critics}.gscope"
    told = killed_after(path, lines, critics)
    trace = ganscope.load(path)
    updates = [len(step.updates) for step in trace.steps]
    if critics == 1 or told > 2:  # two rounds tell how many updates make a step
        assert told <= len(updates) <= told + 1
        assert set(updates[:told]) == {critics + 1}
    assert sum(updates) >= told * (critics + 1)


@pytest.mark.parametrize(("lines", "critics"), [(1, 1), (2, 3), (40, 1)])
def test_every_ended_step_is_kept(tmp_path: Path, lines: int, critics: int) -> None:
    check(tmp_path, lines, critics)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100))
def test_every_ended_step_is_kept_at_any_moment(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    check(tmp_path, chance.randint(1, 250), chance.choice([1, 1, 5]))
