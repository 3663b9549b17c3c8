"""Record a training loop: nothing in it changes, and afterwards every step can be looked into.

Run it with ``python examples/record_a_training_loop.py``; it takes a few seconds and no download.
A WGAN with weight clipping (Arjovsky et al. 2017, arXiv:1701.07875), two updates of the critic to
one of the generator.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from torch import nn

import ganscope
from ganscope.training import real_images

CRITIC_UPDATES = 2
CLIP = 0.01


def train(generator: nn.Module, critic: nn.Module, images: torch.Tensor, steps: int) -> None:
    """The loop, as anybody would write it: it knows nothing of ganscope."""
    optimizer_g = torch.optim.RMSprop(generator.parameters(), lr=5e-5)
    optimizer_c = torch.optim.RMSprop(critic.parameters(), lr=5e-5)
    for step in range(steps):
        for _ in range(CRITIC_UPDATES):
            real = images[torch.randint(len(images), (64,))]
            optimizer_c.zero_grad()
            fake = generator(torch.randn(64, 16)).detach()
            critic_loss = critic(fake).mean() - critic(real).mean()
            critic_loss.backward()
            optimizer_c.step()
            for weight in critic.parameters():
                weight.data.clamp_(-CLIP, CLIP)
        optimizer_g.zero_grad()
        generator_loss = -critic(generator(torch.randn(64, 16))).mean()
        generator_loss.backward()
        optimizer_g.step()
        if step % 4 == 0:
            print(f"step {step}: critic {critic_loss.item():.4f}")


def main() -> None:
    """Record eight steps, then read figures out of the recording."""
    torch.manual_seed(0)
    torch.set_num_threads(1)
    generator = nn.Sequential(nn.Linear(16, 64), nn.ReLU(), nn.Linear(64, 784), nn.Tanh())
    critic = nn.Sequential(nn.Linear(784, 64), nn.LeakyReLU(0.2), nn.Linear(64, 1))
    images = real_images(None, 512, (1, 28, 28)).flatten(1)  # (512, 784)

    with TemporaryDirectory() as folder:
        path = Path(folder, "wgan.gscope")
        with ganscope.record(path):
            train(generator, critic, images, steps=8)

        trace = ganscope.load(path)  # as another process would, without torch
        print(
            f"\n{len(trace.steps)} steps, {path.stat().st_size / len(trace.steps):,.0f} bytes each"
        )
        for network in trace.networks:
            print(f"  {network.name}: {network.role}, {network.parameters:,} parameters")

        step = trace.steps[-1]
        for update in step.updates:
            names = ", ".join(optimizer.name for optimizer in update.optimizers)
            print(f"\n{names} moved {', '.join(update.networks)}")
            for change in update.parameters:
                assert change.gradient is not None
                assert change.update_ratio is not None
                print(
                    f"  {change.name:20} gradient {change.gradient.norm:.2e}   "
                    f"update/weight {change.update_ratio:.2e}"
                )
        print("\nWhat became of the gradients:")
        for entry in step.ledger:
            print(f"  {entry.tensors} of {entry.network}: {entry.fate}")
        for note in trace.meta.notes:
            print(f"\nNoted: {note}")


if __name__ == "__main__":
    main()
