"""What is to be looked at, where weights come from a training run: the run says what it is."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ganscope.errors import RunError

if TYPE_CHECKING:
    from ganscope.training.settings import Settings


@dataclass(frozen=True, slots=True)
class Look:
    """A built-in GAN to be looked at.

    Attributes:
        model: Its name; None where none was given.
        arguments: What it is built with.
        settings: Those of the run that its weights come from; None where they do not.
    """

    model: str | None
    arguments: dict[str, object]
    settings: Settings | None = None


def look(weights: Path | None, model: str | None, arguments: dict[str, str]) -> Look:
    """What a run in the folder `weights` was trained as, where that is one.

    Args:
        weights: What ``--weights`` names.
        model: What ``--model`` names.
        arguments: Given by ``--arg``; they go before those of the run.

    Raises:
        RunError: The run is damaged, or of another model.
    """
    if weights is None or not weights.is_dir():
        return Look(model, dict(arguments))
    from ganscope.training.objectives import find_objective
    from ganscope.training.settings import is_run, read_settings
    from ganscope.training.setup import arguments_for

    if not is_run(weights):
        return Look(model, dict(arguments))
    settings = read_settings(weights)
    if model is not None and model != settings.model:
        raise RunError(
            f"'{weights}' is a run of --model {settings.model}, not {model}; leave --model out"
        )
    built = arguments_for(find_objective(settings.objective), settings.model, settings.arguments)
    return Look(settings.model, {**built, **arguments}, settings)
