"""Runs public scripts under python and under ``ganscope run``, and compares the two.

``python tests/compatibility/try_scripts.py IMPLEMENTATIONS DATA WORK [NAME…]`` takes the folder of
the scripts, the folder that they are to find as ``../../data``, and one for all that is written.
It prints the rows of docs/compatibility.md; where anything differs, it says so and exits with 1.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ganscope
from ganscope.traces import Trace

HERE = Path(__file__).parent
PATIENCE = 900.0
"""Seconds that a script may take."""

WATCHED = ["-m", "ganscope", "run", "--steps", "50", "-o", "run.gscope", "--report", "report.txt"]

VARIES = re.compile(
    r"\d+%\|.*?\]|\d+\.\d+ ?[kM]?B/s|Time.*|ETA: .*|\d+:\d\d:\d\d(\.\d+)?|0x[0-9a-f]+"
    r"|\(\d+\.\d+ sec.*"
)
"""Times, progress bars and addresses, which differ between any two runs."""


@dataclass(frozen=True)
class Done:
    """How one run ended."""

    folder: Path
    code: int
    out: str
    err: str
    steps: dict[str, Any] | None
    """What was written down at the last optimizer step; None where it did not get there."""


def run(entry: dict[str, Any], how: str, scripts: Path, data: Path, work: Path) -> Done:
    root = work / entry["name"] / how
    shutil.rmtree(root, ignore_errors=True)
    script, folder = scripts / entry["script"], root / "implementations" / "script"
    shutil.copytree(script.parent, folder)
    (root / "data").symlink_to(data)
    steps = root / "steps.json"
    home = root / "none" if "no_vgg" in entry["name"] else data / "torch_home"
    paths = [str(HERE / "limit"), str(HERE.parents[1]), os.environ.get("PYTHONPATH", "")]
    process = subprocess.run(
        [sys.executable, *(WATCHED if how == "watched" else []), script.name, *entry["arguments"]],
        check=False,
        cwd=folder,
        env=os.environ
        | {
            "STEPS_WANTED": str(entry["optimizer_steps"]),
            "STEPS_FILE": str(steps),
            "TORCH_HOME": str(home),
            "PYTHONPATH": os.pathsep.join(filter(None, paths)),
            "OMP_NUM_THREADS": "1",
            "MPLBACKEND": "agg",
        },
        capture_output=True,
        encoding="utf-8",
        timeout=PATIENCE,
    )
    found = json.loads(steps.read_text()) if steps.exists() else None
    out, err = (_settled(text, root) for text in (process.stdout, process.stderr))
    return Done(folder, process.returncode, out, err, found)


def _settled(text: str, root: Path) -> str:
    lines = [line for line in text.splitlines() if not line.startswith("ganscope: wrote")]
    return VARIES.sub("#", "\n".join(lines).replace(str(root), "")).rstrip()


def differences(plain: Done, watched: Done, trace: Trace | None) -> Iterator[str]:
    """What is not as it was under python."""
    for what in ("code", "out", "err", "steps"):
        if getattr(plain, what) != getattr(watched, what):
            yield f"{what} differs"
    if trace is None or plain.steps is None:
        return
    # The recording, against what plain hooks of torch saw.
    updates = [update for step in trace.steps for update in step.updates]
    seen = [one.name for update in updates for one in update.optimizers]
    names: dict[int, str] = {}
    for place, name in zip(plain.steps["steps"], seen, strict=False):
        if names.setdefault(place, name) != name:
            yield f"step of {names[place]} recorded as one of {name}"
    # The one in which the script ends has no boundary behind it.
    if not len(plain.steps["steps"]) - 1 <= len(seen) <= len(plain.steps["steps"]):
        yield f"{len(plain.steps['steps'])} optimizer steps, {len(seen)} recorded"
    for place, name in names.items():
        kind, count = plain.steps["optimizers"][place]
        one = next(each for u in updates for each in u.optimizers if each.name == name)
        told = {p.name for u in updates for p in u.parameters if p.optimizer == name}
        if (one.type, len(told)) != (kind, count):
            yield f"{name} is {kind} with {count} tensors, recorded {one.type} with {len(told)}"


def row(entry: dict[str, Any], plain: Done, trace: Trace | None, wrong: list[str]) -> str:
    """One line of the table."""
    networks = optimizers = updates = ""
    remarks = list(wrong)
    if trace is not None:
        networks = ", ".join(f"{each.name} ({each.role})" for each in trace.networks)
        every = [one for step in trace.steps for u in step.updates for one in u.optimizers]
        kinds = {one.name: one.type for one in every}
        optimizers = ", ".join(f"{name} ({kind})" for name, kind in kinds.items())
        whole = trace.steps[:-1] or trace.steps
        counts = {sum(len(u.optimizers) for u in step.updates) for step in whole}
        updates = ", ".join(map(str, sorted(counts)))
    if plain.code:
        error = plain.err.splitlines()[-1].partition(":")[0]
        before = ", before it trains" if trace is None else ""
        remarks.append(f"fails under python too{before}: `{error}`")
    return f"| {entry['name']} | {networks} | {optimizers} | {updates} | {'; '.join(remarks)} |"


def main() -> int:
    scripts, data, work = (Path(argument).resolve() for argument in sys.argv[1:4])
    entries = json.loads((HERE / "scripts.json").read_text())
    failed = 0
    for entry in entries:
        if sys.argv[4:] and entry["name"] not in sys.argv[4:]:
            continue
        plain, watched = (run(entry, how, scripts, data, work) for how in ("plain", "watched"))
        file = watched.folder / "run.gscope"
        trace = ganscope.load(file) if file.exists() else None
        wrong = list(differences(plain, watched, trace))
        failed += bool(wrong)
        print(row(entry, plain, trace, wrong), flush=True)
    print(f"\n{failed} differ" if failed else "\nnone differs", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
