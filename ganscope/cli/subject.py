"""A target on the command line as a live network with its inputs on its device."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ganscope.cli import options
from ganscope.cli.of_run import Look, look
from ganscope.cli.output import remark
from ganscope.errors import InputError, UsageError, nearest

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from ganscope.subjects.locate import Subject


@dataclass(frozen=True, slots=True)
class Request:
    """What the flags ask for; see `options` for each."""

    target: str
    model: str | None
    arguments: list[str] | None
    inputs: list[str] | None
    batch: int | None
    seed: int
    device: str
    weights: Path | None = None
    data: str | None = None
    on: str | None = None
    evaluation: bool = False
    threads: int | None = None
    quiet: bool = False


@dataclass(frozen=True, slots=True)
class Prepared:
    """A network, ready to run."""

    subject: Subject
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    notes: tuple[str, ...]


def prepare(request: Request) -> Prepared:
    """Find the network, load its weights, make its inputs.

    Raises:
        GanscopeError: Something of it cannot be done; one line says what.
    """
    batch = options.read_batch(request.batch)
    seed = options.read_seed(request.seed)
    _check_combination(request)
    arguments = options.read_arguments(request.arguments)
    from ganscope.subjects.locate import NETWORKS, locate

    device = options.read_device(request.device)
    seen = Look(request.model, dict(arguments))
    if request.target in NETWORKS:
        seen = look(request.weights, request.model, arguments)
    model = seen.model or options.DEFAULT_MODEL
    subject = locate(request.target, model=model, arguments=seen.arguments, seed=seed)
    _require_built_in(request, subject)
    options.set_threads(request.threads, built_in=subject.gan is not None)
    notes: list[str] = []
    if request.weights is not None:
        from ganscope.subjects.weights import load_weights

        notes += load_weights(subject.module, request.weights, name=subject.name)
    subject.module.train(not request.evaluation)
    if str(device) != "cpu":
        subject.module.to(device)
    args, kwargs, remarks = _inputs(request, subject, batch, device)
    notes += remarks
    for note in notes:
        remark(note, quiet=request.quiet)
    return Prepared(subject, args, kwargs, tuple(notes))


def _require_built_in(request: Request, subject: Subject) -> None:
    """Refuse what only a built-in GAN has, and weights that hold no numbers."""
    if request.model is not None and subject.gan is None:
        raise UsageError(
            f"--model is for the built-in generator and discriminator, not {request.target}; "
            "leave it out"
        )
    if any(parameter.is_meta for parameter in subject.module.parameters()):
        raise UsageError(
            f"{request.target} has weights on the device meta, which hold no numbers; build it "
            "on the cpu"
        )


def _check_combination(request: Request) -> None:
    if request.inputs and request.batch is not None:
        raise InputError("--batch and --input both give the batch's size; leave one out")
    if request.on is not None and request.on not in ("real", "fake"):
        raise UsageError(
            f"--on {request.on}: a discriminator is shown real or fake images"
            + nearest(request.on, ("real", "fake"))
        )
    for flag, value in (("--on", request.on), ("--data", request.data)):
        if value is None:
            continue
        if request.target != "discriminator":
            raise UsageError(f"{flag} is for the built-in discriminator; give inputs with --input")
        if request.inputs:
            raise UsageError(f"{flag} and --input both say what goes in; leave one out")
    if request.on == "fake" and request.data is not None:
        raise UsageError(
            "--on fake shows the generator's images, so --data has no say; leave it out"
        )


def _inputs(
    request: Request, subject: Subject, batch: int, device: torch.device
) -> tuple[tuple[Any, ...], dict[str, Any], list[str]]:
    from ganscope.subjects import inputs

    if request.inputs:
        args, kwargs = inputs.make_all(
            request.inputs, subject.module, seed=request.seed, device=device
        )
        return args, kwargs, []
    if subject.gan is None:
        from ganscope.subjects.inference import infer, takes_input

        if not takes_input(subject.module):
            return (), {}, []
        inferred = infer(subject.module, batch=batch, seed=request.seed)
        return (inferred.tensor.to(device),), {}, [inferred.note]
    if subject.role == "generator":
        return (_noise(subject, batch, request.seed).to(device),), {}, []
    if request.on == "fake":
        return (_fakes(subject, batch, request).to(device),), {}, []
    from ganscope.training.data import real_images

    images = real_images(request.data, batch, subject.gan.image_shape, seed=request.seed)
    return (images.to(device),), {}, []


def _noise(subject: Subject, batch: int, seed: int) -> Tensor:
    """(batch, *latent_shape), standard normal, from a generator of its own."""
    from ganscope.subjects.inputs import normal

    assert subject.gan is not None
    return normal((batch, *subject.gan.latent_shape), seed=seed)


def _fakes(subject: Subject, batch: int, request: Request) -> Tensor:
    """What the generator beside this discriminator makes of noise."""
    import torch

    assert subject.gan is not None
    generator = subject.gan.generator.train(not request.evaluation)
    if not request.evaluation and batch == 1:
        raise InputError(
            "--on fake --batch 1: the generator's BatchNorm needs a batch of at least 2 in train "
            "mode; give a larger batch, or --eval"
        )
    with torch.no_grad():
        images: Tensor = generator(_noise(subject, batch, request.seed))
    return images
