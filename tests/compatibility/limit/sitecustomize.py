"""Ends a script after so many optimizer steps, seeded, and writes down what happened.

Python imports this by itself where the folder is on PYTHONPATH. Without ``STEPS_WANTED`` it does
nothing, as in the worker processes of other tools.
"""

from __future__ import annotations

import hashlib
import importlib.abc
import importlib.util
import json
import os
import random
import sys
from pathlib import Path
from types import ModuleType
from typing import Any


class After(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Calls `work` with a module once that is imported, whoever imports it."""

    def __init__(self, name: str, work: Any) -> None:
        self.name, self.work = name, work

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        if name != self.name:
            return None
        sys.meta_path.remove(self)
        self.spec = importlib.util.find_spec(name)
        assert self.spec is not None
        self.loader = self.spec.loader
        self.spec.loader = self
        return self.spec

    def create_module(self, spec: Any) -> ModuleType | None:
        return self.loader.create_module(spec)  # type: ignore[union-attr]

    def exec_module(self, module: ModuleType) -> None:
        module.__loader__ = module.__spec__.loader = self.loader  # type: ignore[union-attr]
        self.loader.exec_module(module)  # type: ignore[union-attr]
        self.work(module)


def seed(torch: Any) -> None:
    random.seed(0)
    try:
        import numpy
    except ImportError:
        pass
    else:
        numpy.random.seed(0)
    torch.manual_seed(0)


def count_steps(module: Any) -> None:
    """Note each step of an optimizer; at the last, write all down and leave."""
    made: list[Any] = []
    steps: list[int] = []
    construct = module.Optimizer.__init__

    def keep(self: Any, *args: Any, **kwargs: Any) -> None:
        construct(self, *args, **kwargs)
        made.append(self)

    def after(optimizer: Any, *_: Any) -> None:
        steps.append(next(place for place, each in enumerate(made) if each is optimizer))
        if len(steps) == int(os.environ["STEPS_WANTED"]):
            Path(os.environ["STEPS_FILE"]).write_text(json.dumps(told(made, steps)))
            sys.stdout.flush()
            raise SystemExit(0)

    module.Optimizer.__init__ = keep
    module.register_optimizer_step_post_hook(after)


def told(made: list[Any], steps: list[int]) -> dict[str, Any]:
    import torch

    digest = hashlib.sha256()
    parameters = [[each for group in one.param_groups for each in group["params"]] for one in made]
    for each in parameters:
        for parameter in each:
            digest.update(parameter.detach().cpu().numpy().tobytes())
    return {
        "steps": steps,
        "optimizers": [
            [type(one).__name__, len(set(map(id, each)))]
            for one, each in zip(made, parameters, strict=True)
        ],
        "weights": digest.hexdigest(),
        "random state": hashlib.sha256(torch.get_rng_state().numpy().tobytes()).hexdigest(),
    }


if "STEPS_WANTED" in os.environ:
    sys.meta_path.insert(0, After("torch.optim.optimizer", count_steps))
    sys.meta_path.insert(0, After("torch", seed))
