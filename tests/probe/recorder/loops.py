"""Training loops as people write them. They know nothing of ganscope.

Each takes a context manager to run its iterations in, and gives back what it trained and its
losses. `state` turns everything that a watcher could have touched into plain bytes.
"""

from __future__ import annotations

import contextlib
import copy
import itertools
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint
from torch.utils.data import DataLoader, Dataset

import ganscope
from ganscope.probe import modules
from ganscope.traces import EARLIER, Step, Trace

Watch = contextlib.AbstractContextManager[Any]
STEPS = 4


@dataclass
class Result:
    """What a loop leaves behind."""

    networks: dict[str, nn.Module]
    losses: list[Tensor] = field(default_factory=list)
    optimizers: list[Any] = field(default_factory=list)


Loop = Callable[[Watch], Result]


def make_generator(*extra: nn.Module) -> nn.Module:
    return nn.Sequential(
        nn.Linear(6, 16),
        nn.BatchNorm1d(16),
        nn.LeakyReLU(0.2, inplace=True),
        *extra,
        nn.Linear(16, 8),
        nn.Tanh(),
    )


def make_discriminator(*extra: nn.Module) -> nn.Module:
    return nn.Sequential(
        nn.Linear(8, 16), nn.LeakyReLU(0.2, inplace=True), *extra, nn.Linear(16, 1), nn.Sigmoid()
    )


def make_critic() -> nn.Module:
    return nn.Sequential(nn.Linear(8, 16), nn.LeakyReLU(0.2), nn.Linear(16, 1))


def state(result: Result) -> dict[str, Any]:
    """Everything, as bytes: weights, buffers, gradients, losses, optimizers, random states."""
    seen: dict[str, Any] = {}
    for name, network in result.networks.items():
        for path, tensor in network.state_dict().items():
            seen[f"{name}.{path}"] = _bytes(tensor)
        for path, parameter in network.named_parameters():
            seen[f"{name}.{path}.grad"] = None if parameter.grad is None else _bytes(parameter.grad)
        seen[f"{name}.training"] = [part.training for part in network.modules()]
        hooks = "_forward_hooks", "_forward_pre_hooks", "_backward_hooks"
        seen[f"{name}.hooks"] = [
            len(getattr(part, each)) for part in network.modules() for each in hooks
        ]
    seen["losses"] = [_bytes(loss) for loss in result.losses]
    for index, optimizer in enumerate(result.optimizers):
        for key, values in optimizer.state_dict()["state"].items():
            for name, value in values.items():
                plain = _bytes(value) if isinstance(value, Tensor) else repr(value)
                seen[f"optimizer {index} {key} {name}"] = plain
    seen["torch"] = _bytes(torch.get_rng_state())
    seen["numpy"] = repr(np.random.get_state()[1].tolist()) + repr(np.random.get_state()[2:])
    seen["python"] = random.getstate()
    return seen


def _bytes(tensor: Tensor) -> bytes:
    tensor = tensor.detach().contiguous().reshape(-1)
    return bytes(tensor.view(torch.uint8).numpy()) if tensor.numel() else b""


def run(loop: Loop, watch: Watch | None = None) -> dict[str, Any]:
    """Run `loop` from the same random states each time."""
    torch.manual_seed(0)
    np.random.seed(0)
    random.seed(0)
    return state(loop(contextlib.nullcontext() if watch is None else watch))


def recorded(loop: Loop, **settings: Any) -> Trace:
    """The trace of `loop`, which must have run as if nobody had watched."""
    bare = run(loop)
    recording = ganscope.record(**settings)
    watched = run(loop, recording)
    different = [key for key in bare.keys() | watched.keys() if bare.get(key) != watched.get(key)]
    assert not different
    assert_gone()
    return recording.trace


def assert_gone(*, optimizers: int = 0) -> None:
    """No hook, mode or patch is left; `optimizers`: hooks on optimizers that may stay."""
    from torch.nn.modules import module
    from torch.optim import optimizer

    assert not module._global_forward_hooks
    assert not module._global_forward_pre_hooks
    assert not module._global_backward_hooks
    assert not module._global_forward_hooks_always_called
    assert len(optimizer._global_optimizer_pre_hooks) == optimizers
    assert len(optimizer._global_optimizer_post_hooks) == optimizers
    assert torch._C._len_torch_function_stack() == 0
    assert _is_torchs(torch.autograd._engine_run_backward)
    assert _is_torchs(torch.amp.GradScaler.step)
    assert _is_torchs(torch.utils.data.dataloader._BaseDataLoaderIter.__next__)
    assert not hasattr(torch.compile, "__wrapped__")
    wrapper = modules.optimized_module()
    assert wrapper is None or _is_torchs(wrapper.__call__)


def _is_torchs(function: Any) -> bool:
    return Path(function.__code__.co_filename).is_relative_to(Path(torch.__file__).parent)


def optimizers_of(trace: Trace) -> list[list[str]]:
    """By step, the optimizers in the order in which they stepped; sharing ones as ``a+b``."""
    return [_names(step) for step in trace.steps]


def _names(step: Step) -> list[str]:
    return ["+".join(each.name for each in update.optimizers) for update in step.updates]


def roles_of(trace: Trace) -> dict[str, str]:
    return {network.name: network.role for network in trace.networks}


def ranks_of(step: Step) -> dict[int, int]:
    """Of each backward of a step, by its id: how many ran before it there."""
    told = {each.id for update in step.updates for each in update.backwards}
    left = {entry.backward for entry in step.ledger if entry.backward != EARLIER}
    return {EARLIER: EARLIER} | {ident: rank for rank, ident in enumerate(sorted(told | left))}


def ledger_of(step: Step) -> set[tuple[str, int, int, str, int | None]]:
    """The ledger, its backwards by their ranks."""
    ranks = ranks_of(step)
    return {
        (entry.network, ranks[entry.backward], entry.tensors, entry.fate, entry.update)
        for entry in step.ledger
    }


def generator_first(watch: Watch) -> Result:
    generator, discriminator = make_generator(), make_discriminator()
    adversarial_loss = nn.BCELoss()
    optimizer_G = torch.optim.Adam(generator.parameters(), lr=2e-3, betas=(0.5, 0.999))
    optimizer_D = torch.optim.Adam(discriminator.parameters(), lr=1e-3, betas=(0.5, 0.999))
    losses = []
    with watch:
        for _ in range(STEPS):
            real = torch.randn(5, 8)
            valid, fake = torch.ones(5, 1), torch.zeros(5, 1)
            optimizer_G.zero_grad()
            gen_imgs = generator(torch.randn(5, 6))
            g_loss = adversarial_loss(discriminator(gen_imgs), valid)
            g_loss.backward()
            optimizer_G.step()
            optimizer_D.zero_grad()
            real_loss = adversarial_loss(discriminator(real), valid)
            fake_loss = adversarial_loss(discriminator(gen_imgs.detach()), fake)
            d_loss = (real_loss + fake_loss) / 2
            d_loss.backward()
            optimizer_D.step()
            losses += [g_loss.detach(), d_loss.detach()]
    return Result({"g": generator, "d": discriminator}, losses, [optimizer_G, optimizer_D])


def discriminator_first(watch: Watch) -> Result:
    """DCGAN's example: two backwards toward one update, functional losses, gradients kept."""
    netG, netD = make_generator(), make_discriminator(nn.BatchNorm1d(16))
    optimizerD = torch.optim.RMSprop(netD.parameters(), lr=1e-3)
    optimizerG = torch.optim.SGD(netG.parameters(), lr=1e-2, momentum=0.9)
    losses = []
    with watch:
        for _ in range(STEPS):
            netD.zero_grad(set_to_none=False)
            label = torch.full((5,), 1.0)
            output = netD(torch.randn(5, 8)).view(-1)
            errD_real = F.binary_cross_entropy(output, label)
            errD_real.backward()
            fake = netG(torch.randn(5, 6))
            label.fill_(0.0)
            output = netD(fake.detach()).view(-1)
            errD_fake = F.binary_cross_entropy(output, label)
            errD_fake.backward()
            optimizerD.step()
            netG.zero_grad(set_to_none=False)
            label.fill_(1.0)
            output = netD(fake).view(-1)
            errG = F.binary_cross_entropy(output, label)
            errG.backward()
            optimizerG.step()
            losses += [errD_real.detach(), errD_fake.detach(), errG.detach()]
    return Result({"g": netG, "d": netD}, losses, [optimizerD, optimizerG])


def clip(critic: nn.Module) -> None:
    for p in critic.parameters():
        p.data.clamp_(-0.05, 0.05)


def critic_every_turn(watch: Watch) -> Result:
    """WGAN: weights clipped, the generator on every third turn, a batch for each turn."""
    generator, critic = make_generator(), make_critic()
    opt_g = torch.optim.RMSprop(generator.parameters(), lr=1e-3)
    opt_c = torch.optim.RMSprop(critic.parameters(), lr=1e-3)
    losses = []
    with watch:
        for i in range(3 * STEPS + 1):
            opt_c.zero_grad()
            fake = generator(torch.randn(5, 6)).detach()
            loss_c = -torch.mean(critic(torch.randn(5, 8))) + torch.mean(critic(fake))
            loss_c.backward()
            opt_c.step()
            clip(critic)
            if i % 3 == 0:
                opt_g.zero_grad()
                loss_g = -torch.mean(critic(generator(torch.randn(5, 6))))
                loss_g.backward()
                opt_g.step()
                losses.append(loss_g.detach())
            losses.append(loss_c.detach())
    return Result({"g": generator, "c": critic}, losses, [opt_g, opt_c])


def penalty_of(critic: nn.Module, real: Tensor, fake: Tensor) -> Tensor:
    alpha = torch.tensor(np.random.random((real.size(0), 1)), dtype=torch.float32)
    interpolates = (alpha * real + (1 - alpha) * fake).requires_grad_(True)
    scores = critic(interpolates)
    gradients = torch.autograd.grad(
        outputs=scores,
        inputs=interpolates,
        grad_outputs=torch.ones_like(scores),
        create_graph=True,
        retain_graph=True,
    )[0]
    return ((gradients.view(5, -1).norm(2, dim=1) - 1) ** 2).mean()


def gradient_penalty(watch: Watch) -> Result:
    """WGAN-GP: an inner loop of critic updates, double backward, `.data` in between."""
    generator, critic = make_generator(), make_critic()
    opt_g = torch.optim.Adam(generator.parameters(), lr=1e-3)
    opt_c = torch.optim.Adam(critic.parameters(), lr=1e-3)
    losses = []
    with watch:
        for _ in range(STEPS):
            for _ in range(2):
                opt_c.zero_grad()
                real, fake = torch.randn(5, 8), generator(torch.randn(5, 6))
                score = critic(real).mean() - critic(fake).mean()
                penalty = penalty_of(critic, real.data, fake.data)
                c_loss = -score + 10 * penalty
                c_loss.backward()
                opt_c.step()
                losses.append(c_loss.detach())
            opt_g.zero_grad()
            g_loss = -critic(generator(torch.randn(5, 6))).mean()
            g_loss.backward()
            opt_g.step()
            losses.append(g_loss.detach())
    return Result({"g": generator, "c": critic}, losses, [opt_g, opt_c])


def one_optimizer(watch: Watch) -> Result:
    """A gradient reversal: one optimizer moves both networks, dropout in both."""
    generator = make_generator(nn.Dropout(0.3))
    discriminator = make_discriminator(nn.Dropout(0.3))
    both = [*generator.parameters(), *discriminator.parameters()]
    optimizer = torch.optim.AdamW(both, lr=1e-3, weight_decay=0.1)
    losses = []
    with watch:
        for _ in range(STEPS):
            optimizer.zero_grad()
            fake = generator(torch.randn(5, 6))
            loss = F.softplus(-discriminator(torch.randn(5, 8))).mean()
            loss = loss + F.softplus(discriminator(fake)).mean()
            loss.backward()
            optimizer.step()
            losses.append(loss.detach())
    return Result({"g": generator, "d": discriminator}, losses, [optimizer])


def accumulation(watch: Watch) -> Result:
    """Gradients of three batches before each update."""
    generator, discriminator = make_generator(), make_discriminator()
    bce = nn.BCELoss(reduction="sum")
    g_optim = torch.optim.Adam(generator.parameters())
    d_optim = torch.optim.Adam(discriminator.parameters())
    losses = []
    with watch:
        for _ in range(STEPS):
            d_optim.zero_grad()
            for _ in range(3):
                fake = generator(torch.randn(4, 6)).detach()
                both = discriminator(torch.cat([torch.rand(4, 8), fake]))
                d_loss = bce(both, torch.cat([torch.ones(4, 1), torch.zeros(4, 1)])) / 3
                d_loss.backward()
            d_optim.step()
            g_optim.zero_grad()
            for _ in range(3):
                g_loss = bce(discriminator(generator(torch.randn(4, 6))), torch.ones(4, 1)) / 3
                g_loss.backward()
            torch.nn.utils.clip_grad_norm_(generator.parameters(), 0.1)
            g_optim.step()
            losses += [d_loss.detach(), g_loss.detach()]
    return Result({"g": generator, "d": discriminator}, losses, [g_optim, d_optim])


def spectral(watch: Watch) -> Result:
    """Spectral norm of both makes, hinge loss, learning rates on a schedule."""
    generator = make_generator()
    discriminator = nn.Sequential(
        nn.utils.spectral_norm(nn.Linear(8, 16)),
        nn.ReLU(inplace=True),
        nn.utils.parametrizations.spectral_norm(nn.Linear(16, 1)),
    )
    opt_G = torch.optim.Adam(generator.parameters(), lr=1e-2)
    opt_D = torch.optim.Adam(discriminator.parameters(), lr=1e-2)
    schedule = torch.optim.lr_scheduler.LambdaLR(opt_G, lambda epoch: 1 / (1 + epoch))
    losses = []
    with watch:
        for _ in range(STEPS):
            fake = generator(torch.randn(5, 6))
            loss_real = F.relu(1 - discriminator(torch.randn(5, 8))).mean()
            loss_fake = F.relu(1 + discriminator(fake.detach())).mean()
            loss_D = loss_real + loss_fake
            opt_D.zero_grad()
            loss_D.backward()
            opt_D.step()
            loss_G = -discriminator(fake).mean()
            opt_G.zero_grad()
            loss_G.backward()
            opt_G.step()
            schedule.step()
            losses += [loss_D.detach(), loss_G.detach()]
    return Result({"g": generator, "d": discriminator}, losses, [opt_G, opt_D])


def half_precision(watch: Watch) -> Result:
    """bfloat16 under autocast with a GradScaler; the third turn overflows on purpose."""
    G, D = make_generator(), make_critic()
    opt_G, opt_D = torch.optim.Adam(G.parameters()), torch.optim.Adam(D.parameters())
    scaler = torch.amp.GradScaler("cpu", init_scale=1024.0, growth_interval=2)
    criterion = nn.BCEWithLogitsLoss()
    losses = []
    with watch:
        for i in range(STEPS):
            opt_D.zero_grad()
            with torch.autocast("cpu", dtype=torch.bfloat16):
                fake = G(torch.randn(5, 6))
                d_real = criterion(D(torch.randn(5, 8)), torch.ones(5, 1))
                d_fake = criterion(D(fake.detach()), torch.zeros(5, 1))
                d_loss = d_real + d_fake
            if i == 2:
                d_loss = d_loss * float("inf")
            scaler.scale(d_loss).backward()
            scaler.step(opt_D)
            opt_G.zero_grad()
            with torch.autocast("cpu", dtype=torch.bfloat16):
                g_loss = criterion(D(fake), torch.ones(5, 1))
            scaler.scale(g_loss).backward()
            scaler.unscale_(opt_G)
            torch.nn.utils.clip_grad_norm_(G.parameters(), 1.0)
            scaler.step(opt_G)
            scaler.update()
            losses += [d_loss.detach(), g_loss.detach()]
    return Result({"g": G, "d": D}, losses, [opt_G, opt_D])


def moving_average(watch: Watch) -> Result:
    """An averaged copy of the generator, made and looked at inside the loop."""
    generator, discriminator = make_generator(), make_discriminator()
    opt_G = torch.optim.Adam(generator.parameters())
    opt_D = torch.optim.Adam(discriminator.parameters())
    average: nn.Module | None = None
    losses = []
    with watch:
        for i in range(STEPS):
            fake = generator(torch.randn(5, 6))
            d_loss = discriminator(fake.detach()).mean() - discriminator(torch.randn(5, 8)).mean()
            opt_D.zero_grad()
            d_loss.backward()
            opt_D.step()
            g_loss = -discriminator(fake).mean()
            opt_G.zero_grad()
            g_loss.backward()
            opt_G.step()
            if average is None:
                average = copy.deepcopy(generator).eval().requires_grad_(False)
            with torch.no_grad():
                for mean, now in zip(average.parameters(), generator.parameters(), strict=True):
                    mean.lerp_(now, 0.1)
                if i == 2:
                    images = average(torch.randn(2, 6))
                    losses.append(images.sum())
            losses += [d_loss.detach(), g_loss.detach()]
    assert average is not None
    networks = {"g": generator, "d": discriminator, "average": average}
    return Result(networks, losses, [opt_G, opt_D])


def closures(watch: Watch) -> Result:
    """Optimizers that call the forward and the backward themselves."""
    generator, discriminator = make_generator(), make_discriminator()
    opt_G = torch.optim.LBFGS(generator.parameters(), lr=0.1, max_iter=2)
    opt_D = torch.optim.SGD(discriminator.parameters(), lr=0.1)
    losses = []
    with watch:
        for _ in range(STEPS):
            z, real = torch.randn(5, 6), torch.randn(5, 8)

            def for_discriminator(z: Tensor = z, real: Tensor = real) -> Tensor:
                opt_D.zero_grad()
                d_loss = (discriminator(generator(z).detach()) - discriminator(real)).mean()
                d_loss.backward()
                return d_loss

            def for_generator(z: Tensor = z) -> Tensor:
                opt_G.zero_grad()
                g_loss = -discriminator(generator(z)).mean()
                g_loss.backward()
                return g_loss

            losses.append(opt_D.step(for_discriminator).detach())
            losses.append(opt_G.step(for_generator).detach())
    return Result({"g": generator, "d": discriminator}, losses, [opt_D])


class CycleGAN:
    """Four networks of two classes in a dictionary, three optimizers, losses by hand."""

    def __init__(self) -> None:
        self.nets = nn.ModuleDict(
            {name: nn.Sequential(nn.Linear(8, 8), nn.Tanh()) for name in ("G_AB", "G_BA")}
        )
        self.nets.update({name: make_critic() for name in ("D_A", "D_B")})
        chained = itertools.chain(self.nets["G_AB"].parameters(), self.nets["G_BA"].parameters())
        self.optimizer_G = torch.optim.Adam(chained, lr=1e-3)
        self.optimizer_D_A = torch.optim.Adam(self.nets["D_A"].parameters(), lr=1e-3)
        self.optimizer_D_B = torch.optim.Adam(self.nets["D_B"].parameters(), lr=1e-3)
        self.mse, self.l1 = nn.MSELoss(), nn.L1Loss()

    def discriminate(self, name: str, optimizer: Any, real: Tensor, fake: Tensor) -> Tensor:
        net_D = self.nets[name]
        optimizer.zero_grad()
        predicted = net_D(real)
        loss_D = self.mse(predicted, torch.ones(5, 1))
        loss_D += self.mse(net_D(fake.detach()), torch.zeros(5, 1))
        loss_D.backward()
        optimizer.step()
        return loss_D.detach()

    def train(self, real_A: Tensor, real_B: Tensor) -> list[Tensor]:  # noqa: N803
        self.optimizer_G.zero_grad()
        fake_B, fake_A = self.nets["G_AB"](real_A), self.nets["G_BA"](real_B)
        loss_GAN = self.mse(self.nets["D_B"](fake_B), torch.ones(5, 1))
        loss_GAN = loss_GAN + self.mse(self.nets["D_A"](fake_A), torch.ones(5, 1))
        loss_cycle = self.l1(self.nets["G_BA"](fake_B), real_A)
        loss_cycle = loss_cycle + self.l1(self.nets["G_AB"](fake_A), real_B)
        loss_G = loss_GAN + 10.0 * loss_cycle
        loss_G.backward()
        self.optimizer_G.step()
        loss_A = self.discriminate("D_A", self.optimizer_D_A, real_A, fake_A)
        loss_B = self.discriminate("D_B", self.optimizer_D_B, real_B, fake_B)
        return [loss_G.detach(), loss_A, loss_B]


def cycle(watch: Watch) -> Result:
    model = CycleGAN()
    losses = []
    with watch:
        for _ in range(STEPS):
            losses += model.train(torch.randn(5, 8), torch.randn(5, 8))
    optimizers = [model.optimizer_G, model.optimizer_D_A, model.optimizer_D_B]
    return Result({"nets": model.nets}, losses, optimizers)


class Noisy(nn.Module):
    """A transform as torchvision makes them."""

    def forward(self, x: Tensor) -> Tensor:
        return x + 0.1 * torch.randn_like(x)


class Points(Dataset[Tensor]):
    def __init__(self) -> None:
        self.transform = nn.Sequential(Noisy(), nn.Identity())

    def __len__(self) -> int:
        return 20

    def __getitem__(self, index: int) -> Tensor:
        result: Tensor = self.transform(torch.full((8,), index / 20))
        return result


def loaded(watch: Watch, workers: int = 0) -> Result:
    """Batches from a DataLoader whose transforms are modules."""
    generator, discriminator = make_generator(), make_discriminator()
    opt_G = torch.optim.Adam(generator.parameters())
    opt_D = torch.optim.Adam(discriminator.parameters())
    losses = []
    with watch:
        loader = DataLoader(Points(), batch_size=5, shuffle=True, num_workers=workers)
        for _ in range(2):
            for imgs in loader:
                fake = generator(torch.randn(5, 6))
                d_loss = discriminator(fake.detach()).mean() - discriminator(imgs).mean()
                opt_D.zero_grad()
                d_loss.backward()
                opt_D.step()
                g_loss = -discriminator(fake).mean()
                opt_G.zero_grad()
                g_loss.backward()
                opt_G.step()
                losses += [d_loss.detach(), g_loss.detach()]
    return Result({"g": generator, "d": discriminator}, losses, [opt_G, opt_D])


class Checkpointed(nn.Module):
    def __init__(self, *, reentrant: bool) -> None:
        super().__init__()
        self.reentrant = reentrant
        self.first = nn.Linear(6, 16)
        self.block = nn.Sequential(nn.Linear(16, 16), nn.Dropout(0.2), nn.ReLU(), nn.Linear(16, 8))

    def forward(self, z: Tensor) -> Tensor:
        hidden = self.first(z)
        result: Tensor = checkpoint(self.block, hidden, use_reentrant=self.reentrant)
        return result


def checkpointed(watch: Watch, *, reentrant: bool = False) -> Result:
    generator, discriminator = Checkpointed(reentrant=reentrant), make_discriminator()
    opt_G = torch.optim.Adam(generator.parameters())
    opt_D = torch.optim.Adam(discriminator.parameters())
    losses = []
    with watch:
        for _ in range(STEPS):
            fake = generator(torch.randn(5, 6))
            g_loss = -discriminator(fake).mean()
            opt_G.zero_grad()
            g_loss.backward()
            opt_G.step()
            d_loss = discriminator(fake.detach()).mean() - discriminator(torch.randn(5, 8)).mean()
            opt_D.zero_grad()
            d_loss.backward()
            opt_D.step()
            losses += [d_loss.detach(), g_loss.detach()]
    return Result({"g": generator, "d": discriminator}, losses, [opt_G, opt_D])


def compiled(watch: Watch, *, inside: bool = False) -> Result:
    """A generator that was compiled before, or while, somebody watches."""
    torch.compiler.reset()
    generator, discriminator = make_generator(), make_discriminator()
    fast: Any = None if inside else torch.compile(generator, backend="aot_eager")
    opt_G = torch.optim.Adam(generator.parameters())
    opt_D = torch.optim.Adam(discriminator.parameters())
    losses = []
    with watch:
        fast = fast or torch.compile(generator, backend="aot_eager")
        for _ in range(STEPS):
            fake = fast(torch.randn(5, 6))
            g_loss = -discriminator(fake).mean()
            opt_G.zero_grad()
            g_loss.backward()
            opt_G.step()
            d_loss = discriminator(fake.detach()).mean() - discriminator(torch.randn(5, 8)).mean()
            opt_D.zero_grad()
            d_loss.backward()
            opt_D.step()
            losses += [d_loss.detach(), g_loss.detach()]
    return Result({"g": generator, "d": discriminator}, losses, [opt_G, opt_D])
