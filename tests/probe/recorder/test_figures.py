"""Every figure of a step against an independent run in plain PyTorch, with clones."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import ganscope
from ganscope import zoo
from ganscope.traces import Step, TensorStats
from ganscope.training.data import real_images

RELATIVE = 1e-6


@dataclass
class Plain:
    """What a plain step leaves in clones."""

    losses: dict[str, float] = field(default_factory=dict)
    gradients: dict[tuple[str, int], list[Tensor]] = field(default_factory=dict)
    """At the output of each module's nth call, in the order of arrival."""
    parameters: dict[str, tuple[Tensor, Tensor, Tensor]] = field(default_factory=dict)
    """Gradient as the optimizer saw it, weight before, weight after."""


class Clones:
    """Hooks that clone; plain PyTorch."""

    def __init__(self, networks: dict[str, nn.Module]) -> None:
        self.networks = networks
        self.steps: list[Plain] = []
        self.counts: dict[str, int] = {}
        self.handles: list[Any] = []
        for name, network in networks.items():
            for path, module in network.named_modules():
                full = f"{name}.{path}" if path else name
                if not isinstance(module, nn.Sequential):
                    self.handles.append(module.register_forward_hook(self._hook(full)))

    def begin(self) -> Plain:
        self.counts = {}
        self.steps.append(Plain())
        return self.steps[-1]

    def _hook(self, path: str) -> Callable[..., None]:
        def hook(module: nn.Module, args: Any, output: Tensor) -> None:
            nth = self.counts[path] = self.counts.get(path, 0) + 1
            arrived = self.steps[-1].gradients.setdefault((path, nth), [])
            if output.requires_grad:
                # On the node: an in-place activation changes what the tensor's own hook is told.
                node, place = output.grad_fn, output.output_nr
                assert node is not None
                node.register_prehook(lambda gradients: _keep(arrived, gradients[place]))

        return hook

    def step(
        self,
        optimizer: torch.optim.Optimizer,
        plain: Plain,
        scaler: torch.amp.GradScaler | None = None,
    ) -> None:
        moved = {id(each) for group in optimizer.param_groups for each in group["params"]}
        before = {
            f"{name}.{path}": (each, each.grad.clone(), each.detach().clone())
            for name, network in self.networks.items()
            for path, each in network.named_parameters()
            if id(each) in moved and each.grad is not None
        }
        scaler.step(optimizer) if scaler else optimizer.step()
        for path, (each, gradient, weight) in before.items():
            plain.parameters[path] = (gradient, weight, each.detach().clone())


def _keep(arrived: list[Tensor], gradient: Tensor | None) -> None:
    if gradient is not None:
        arrived.append(gradient.detach().clone())


def _close(found: float | None, expected: float, scale: float = 0.0) -> bool:
    assert found is not None
    return math.isclose(found, expected, rel_tol=RELATIVE, abs_tol=RELATIVE * scale)


def assert_stats(stats: TensorStats | None, tensor: Tensor) -> None:
    assert stats is not None
    exact = tensor.double()
    rms = float(exact.square().mean().sqrt())
    assert stats.count == exact.numel()
    assert _close(stats.norm, float(exact.norm()))
    assert _close(stats.mean, float(exact.mean()), rms)
    assert _close(stats.std, float(exact.std(correction=0)), rms)
    assert (stats.min, stats.max) == (float(exact.min()), float(exact.max()))
    assert stats.nonfinite == 0


def compare(step: Step, plain: Plain, *, gradients: bool = True) -> None:
    losses = {loss.name: loss.value for update in step.updates for loss in update.losses}
    assert losses.keys() == plain.losses.keys()
    for name, value in plain.losses.items():
        assert _close(losses[name], value), name
    updates = {each.name: each for update in step.updates for each in update.parameters}
    assert updates.keys() == plain.parameters.keys()
    for path, (gradient, before, after) in plain.parameters.items():
        found = updates[path]
        assert_stats(found.gradient, gradient)
        weight, update = before.double().norm(), (after.double() - before.double()).norm()
        assert _close(found.weight_norm, float(weight)), path
        assert _close(found.update_norm, float(update)), path
        if float(weight):
            assert _close(found.update_ratio, float(update / weight))
    if gradients:
        calls = {(call.path, call.nth): call for call in step.calls if call.kind == "module"}
        checked = 0
        for key, arrived in plain.gradients.items():
            call = calls[key]
            assert len(call.gradients) == len(arrived), key
            for found_gradient, expected in zip(call.gradients, arrived, strict=True):
                assert_stats(found_gradient.stats, expected)
                checked += 1
        assert checked


@pytest.fixture(params=[torch.float32, torch.float64], ids=["float32", "float64"])
def dtype(request: pytest.FixtureRequest) -> Iterator[torch.dtype]:
    torch.set_default_dtype(request.param)
    yield request.param
    torch.set_default_dtype(torch.float32)


def _networks() -> tuple[nn.Module, nn.Module]:
    torch.manual_seed(0)
    generator = nn.Sequential(
        nn.Linear(6, 24),
        nn.BatchNorm1d(24),
        nn.LeakyReLU(0.2, inplace=True),
        nn.Linear(24, 8),
        nn.Tanh(),
    )
    discriminator = nn.Sequential(
        nn.Linear(8, 24), nn.LeakyReLU(0.2, inplace=True), nn.Linear(24, 1), nn.Sigmoid()
    )
    return generator, discriminator


def test_a_gan_step(dtype: torch.dtype) -> None:
    def train(generator: nn.Module, discriminator: nn.Module, clones: Clones | None) -> None:
        optimizer_G = torch.optim.Adam(generator.parameters(), lr=2e-4, betas=(0.5, 0.999))
        optimizer_D = torch.optim.Adam(discriminator.parameters(), lr=2e-4, betas=(0.5, 0.999))
        loss = nn.BCELoss()
        for _ in range(3):
            plain = clones.begin() if clones else None
            valid, fake = torch.ones(5, 1), torch.zeros(5, 1)
            optimizer_G.zero_grad()
            images = generator(torch.randn(5, 6))
            g_loss = loss(discriminator(images), valid)
            g_loss.backward()
            clones.step(optimizer_G, plain) if clones and plain else optimizer_G.step()
            optimizer_D.zero_grad()
            real_loss = loss(discriminator(torch.randn(5, 8)), valid)
            fake_loss = loss(discriminator(images.detach()), fake)
            d_loss = (real_loss + fake_loss) / 2
            d_loss.backward()
            clones.step(optimizer_D, plain) if clones and plain else optimizer_D.step()
            if plain:
                plain.losses = {"g_loss": g_loss.item(), "d_loss": d_loss.item()}

    generator, discriminator = _networks()
    clones = Clones({"generator": generator, "discriminator": discriminator})
    train(generator, discriminator, clones)
    with ganscope.record() as recording:
        train(*_networks(), None)
    assert len(recording.trace.steps) == 3
    for step, plain in zip(recording.trace.steps, clones.steps, strict=True):
        compare(step, plain)


def test_a_gradient_penalty_whose_double_backward_passes_every_layer_again() -> None:
    def networks() -> tuple[nn.Module, nn.Module]:
        torch.manual_seed(0)
        critic = nn.Sequential(nn.Linear(8, 24), nn.Tanh(), nn.Linear(24, 1))
        return nn.Sequential(nn.Linear(6, 8), nn.Tanh()), critic

    def train(generator: nn.Module, critic: nn.Module, clones: Clones | None) -> None:
        optimizer_C = torch.optim.SGD(critic.parameters(), lr=0.1)
        optimizer_G = torch.optim.SGD(generator.parameters(), lr=0.1)
        for _ in range(3):
            plain = clones.begin() if clones else None
            optimizer_C.zero_grad()
            real, fake = torch.randn(5, 8), generator(torch.randn(5, 6)).detach()
            mixed = torch.lerp(real, fake, torch.rand(5, 1)).requires_grad_()
            scores = critic(mixed)
            (slopes,) = torch.autograd.grad(scores.sum(), mixed, create_graph=True)
            penalty = (slopes.norm(dim=1) - 1).square().mean()
            c_loss = critic(fake).mean() - critic(real).mean() + 10 * penalty
            c_loss.backward()
            clones.step(optimizer_C, plain) if clones and plain else optimizer_C.step()
            optimizer_G.zero_grad()
            g_loss = -critic(generator(torch.randn(5, 6))).mean()
            g_loss.backward()
            clones.step(optimizer_G, plain) if clones and plain else optimizer_G.step()
            if plain:
                plain.losses = {"c_loss": c_loss.item(), "g_loss": g_loss.item()}

    generator, critic = networks()
    clones = Clones({"generator": generator, "critic": critic})
    train(generator, critic, clones)
    with ganscope.record() as recording:
        train(*networks(), None)
    for step, plain in zip(recording.trace.steps, clones.steps, strict=True):
        compare(step, plain)
        first = next(call for call in step.calls if call.path == "critic.0")
        runs = [each.id for each in step.updates[0].backwards]
        assert [each.backward for each in first.gradients] == runs[:2]


def test_clipped_accumulated_and_unscaled_gradients_are_what_the_optimizer_saw() -> None:
    def network() -> nn.Module:
        torch.manual_seed(0)
        return nn.Sequential(nn.Linear(8, 24), nn.Tanh(), nn.Linear(24, 1))

    def train(model: nn.Module, clones: Clones | None) -> None:
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
        scaler = torch.amp.GradScaler("cpu", init_scale=256.0)
        for _ in range(3):
            plain = clones.begin() if clones else None
            optimizer.zero_grad(set_to_none=False)
            for _ in range(2):
                loss = model(torch.randn(5, 8)).square().mean()
                scaler.scale(loss).backward()
            scaler.unscale_(optimizer)
            nn.utils.clip_grad_norm_(model.parameters(), 1e-2)
            if clones and plain:
                clones.step(optimizer, plain, scaler)
                plain.losses = {"loss": loss.item()}
            else:
                scaler.step(optimizer)
            scaler.update()

    model = network()
    clones = Clones({"model": model})
    train(model, clones)
    with ganscope.record() as recording:
        train(network(), None)
    for step, plain in zip(recording.trace.steps, clones.steps, strict=True):
        compare(step, plain, gradients=False)
        assert step.updates[0].gradient_scale == 256.0
        (first, second) = [call for call in step.calls if call.path == "model.2"]
        for call in (first, second):
            (arrived,) = plain.gradients["model.2", call.nth]
            assert_stats(call.gradients[0].stats, arrived / 256)


def test_the_built_in_gan_begins_undecided() -> None:
    torch.manual_seed(0)
    gan = zoo.build("gan")
    generator, discriminator = gan.generator, gan.discriminator
    images = real_images(None, 64, gan.image_shape)
    optimizer_G = torch.optim.Adam(generator.parameters(), lr=2e-4, betas=(0.5, 0.999))
    optimizer_D = torch.optim.Adam(discriminator.parameters(), lr=2e-4, betas=(0.5, 0.999))
    loss = nn.BCELoss()
    with ganscope.record() as recording:
        optimizer_G.zero_grad()
        fake = generator(torch.randn(64, 100))
        g_loss = loss(discriminator(fake), torch.ones(64, 1))
        g_loss.backward()
        optimizer_G.step()
        optimizer_D.zero_grad()
        real_loss = loss(discriminator(images), torch.ones(64, 1))
        fake_loss = loss(discriminator(fake.detach()), torch.zeros(64, 1))
        d_loss = (real_loss + fake_loss) / 2
        d_loss.backward()
        optimizer_D.step()
    (step,) = recording.trace.steps
    values = {each.name: each.value for update in step.updates for each in update.losses}
    assert values == {
        "g_loss": pytest.approx(math.log(2), abs=0.05),
        "d_loss": pytest.approx(math.log(2), abs=0.05),
    }
    judged = next(call for call in step.calls if call.path == "discriminator")
    assert judged.outputs[0].stats is not None
    assert judged.outputs[0].stats.mean == pytest.approx(0.5, abs=0.05)
    assert [dict(each.reached) for update in step.updates for each in update.backwards] == [
        {"generator": 16, "discriminator": 6},
        {"discriminator": 6},
    ]
