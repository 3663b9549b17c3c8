"""Two real processes on the CPU, against each other and against one with the same batches."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

import ganscope
from tests.training import two_processes

ROOT = Path(__file__).parents[2]


def torchrun(*words: str, cwd: Path) -> str:
    done = subprocess.run(
        [
            sys.executable,
            *("-W", "ignore", "-m", "torch.distributed.run"),
            *("--standalone", "--nproc-per-node", "2", *words),
        ],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def test_two_ranks_come_to_the_weights_of_one_process(tmp_path: Path) -> None:
    torchrun(two_processes.__file__, str(tmp_path), "50", "8", cwd=tmp_path)
    threads = torch.get_num_threads()
    try:
        two_processes.main(tmp_path, 50, 16)
    finally:
        torch.set_default_dtype(torch.float32)
        torch.set_num_threads(threads)
    first, second, alone = (torch.load(tmp_path / f"{name}.pt") for name in ("2-0", "2-1", "1-0"))
    assert torch.equal(first, second)
    assert float((first - alone).norm() / alone.norm()) < 1e-10


def test_the_first_rank_writes_and_each_is_recorded(tmp_path: Path) -> None:
    words = "--steps 13 --batch 4 --arg image_size=8 --objective wgan-gp --d-steps 1 -o run"
    said = torchrun(
        *("-m", "ganscope", "train", *words.split()),
        *("--record", "run.gscope", "--every", "6"),
        cwd=tmp_path,
    )
    assert said.count("[Epoch 0/1] [Batch 12/1250]") == 1
    assert said.count("Wrote run:") == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "run",
        "run-rank0.gscope",
        "run-rank1.gscope",
    ]
    assert len((tmp_path / "run" / "metrics.csv").read_text().splitlines()) == 14
    kept = load_file(tmp_path / "run" / "checkpoint.safetensors")
    assert not [name for name in kept if "module." in name]
    traces = [ganscope.load(tmp_path / f"run-rank{rank}.gscope") for rank in (0, 1)]
    assert [[step.index for step in trace.steps] for trace in traces] == [[0, 6, 12]] * 2
    assert traces[0].meta.completeness == traces[1].meta.completeness == "complete"
    for steps in zip(*(trace.steps for trace in traces), strict=True):
        moved = [
            [[each.weight_norm for each in update.parameters] for update in step.updates]
            for step in steps
        ]
        assert moved[0] == moved[1]
        losses = [[update.losses[0].value for update in step.updates] for step in steps]
        assert losses[0] != losses[1]  # each is of the rank's own share
        assert [update.networks for update in steps[0].updates] == [
            ("generator",),
            ("discriminator",),
        ]


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, (0, 1)),
        ({"RANK": "0", "WORLD_SIZE": "1"}, (0, 1)),
        ({"RANK": "1", "WORLD_SIZE": "3"}, (1, 3)),
        ({"RANK": "x", "WORLD_SIZE": "3"}, (0, 1)),
    ],
)
def test_which_process_this_is(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], expected: tuple[int, int]
) -> None:
    from ganscope.training.processes import processes_here

    for name in ("RANK", "WORLD_SIZE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    here = processes_here()
    assert (here.rank, here.count) == expected
