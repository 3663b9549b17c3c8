"""What a training run was asked for, and how that stands in its folder as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from ganscope.errors import RunError
from ganscope.files import write_whole
from ganscope.training.objectives import DEFAULT

SCHEMA = "ganscope.run/1"
FILE = "run.json"


@dataclass(frozen=True, slots=True)
class Settings:
    """All that decides what a run comes to; none of it changes when it is gone on with, but
    its length.

    Attributes:
        model: A built-in GAN.
        arguments: What it is built with.
        objective: The losses.
        data: Where the real images come from, as the user named it; None for the digits.
        images: How many real images there are.
        digest: Of their pixels.
        batch: Images in a batch of one process.
        processes: How many of them train together.
        epochs: How often all images are seen.
        steps: The run ends after so many steps, if that is sooner; None for no such end.
        d_steps: Updates of the discriminator in a step.
        generator_first: Whether the generator's update comes first.
        learning_rate: Of both optimizers.
        betas: Adam's; None for RMSprop.
        seed: Of weights, noise and data order.
        sample_interval: Steps between two grids of samples; 0 for none.
        threads: Threads of one process.
        amp: Whether forwards run in lower precision.
        compile: Whether the networks are compiled.
        ema: Whether an average of the generator is kept.
    """

    model: str = "gan"
    arguments: Mapping[str, object] = field(default_factory=dict)
    objective: str = DEFAULT
    data: str | None = None
    images: int = 0
    digest: str = ""
    batch: int = 64
    processes: int = 1
    epochs: int = 200
    steps: int | None = None
    d_steps: int = 1
    generator_first: bool = True
    learning_rate: float = 2e-4
    betas: tuple[float, float] | None = (0.5, 0.999)
    seed: int = 0
    sample_interval: int = 400
    threads: int = 1
    amp: bool = False
    compile: bool = False
    ema: bool = False

    @property
    def images_in_a_step(self) -> int:
        """Real images that a step takes, in all processes."""
        return self.batch * self.processes * self.d_steps

    def total(self, steps_per_epoch: int) -> int:
        """Steps of the whole run."""
        whole = self.epochs * steps_per_epoch
        return whole if self.steps is None else min(whole, self.steps)


def write_settings(folder: Path, settings: Settings, about: Mapping[str, object]) -> None:
    """Write ``run.json`` into a run's folder.

    Args:
        folder: The run's.
        settings: Its settings.
        about: What else is worth knowing: versions, the command.

    Raises:
        OSError: It cannot be written.
    """
    content = {"schema": SCHEMA, **about, "settings": asdict(settings)}
    text = json.dumps(content, indent=2, ensure_ascii=False) + "\n"
    write_whole(folder / FILE, (text.encode("utf-8"),), durable=True)


def change_settings(folder: Path, settings: Settings) -> None:
    """Replace the settings in a run's ``run.json``; what else stands in it stays.

    Raises:
        RunError: As for `read_settings`.
        OSError: It cannot be written; what was there stays.
    """
    about = {key: value for key, value in _content(folder).items() if key != "settings"}
    write_settings(folder, settings, about)


def is_run(folder: Path) -> bool:
    """Whether a folder holds a run's settings."""
    return (folder / FILE).is_file()


def read_settings(folder: Path) -> Settings:
    """The settings of the run in a folder.

    Raises:
        RunError: It holds no run, or one that is damaged or too new.
    """
    return _settings(_content(folder).get("settings"), folder / FILE)


def _content(folder: Path) -> dict[str, Any]:
    path = folder / FILE
    if not folder.exists():
        raise RunError(f"there is no folder '{folder}'; a run is made by ganscope train -o FOLDER")
    if not folder.is_dir():
        raise RunError(f"'{folder}' is a file; expected the folder that ganscope train wrote")
    if not path.is_file():
        holds = "is empty" if not any(folder.iterdir()) else f"has no {FILE}"
        raise RunError(
            f"'{folder}' holds no training run: it {holds}; expected the folder that ganscope "
            "train wrote"
        )
    try:
        content: Any = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise RunError(f"'{path}' cannot be read: {error.strerror}") from None
    except ValueError:
        raise RunError(f"'{path}' is damaged: it is no JSON; the run cannot be opened") from None
    if not isinstance(content, dict) or content.get("schema") != SCHEMA:
        given = content.get("schema") if isinstance(content, dict) else None
        raise RunError(
            f"'{path}' has the schema {given!r}, expected {SCHEMA!r}; it may come from a newer "
            "ganscope: upgrade"
        )
    return content


_TYPES: dict[str, tuple[type, ...]] = {
    "str": (str,),
    "int": (int,),
    "float": (float, int),
    "bool": (bool,),
    "None": (type(None),),
    "Mapping[str, object]": (dict,),
    "tuple[float, float]": (list,),
}


def _settings(content: object, path: Path) -> Settings:
    if not isinstance(content, dict):
        raise RunError(f"'{path}' is damaged: it holds no settings; the run cannot be opened")
    values: dict[str, Any] = {}
    for each in fields(Settings):
        if each.name not in content:
            raise RunError(f"'{path}' is damaged: {each.name} is missing from the settings")
        value = content[each.name]
        allowed = tuple(kind for part in str(each.type).split(" | ") for kind in _TYPES[part])
        fits = isinstance(value, allowed) and (bool in allowed or not isinstance(value, bool))
        if not fits:
            raise RunError(f"'{path}' is damaged: {each.name} is {value!r}, expected {each.type}")
        values[each.name] = tuple(value) if isinstance(value, list) else value
    return Settings(**values)
