"""A small GAN on digits, written as anybody would write it: it knows nothing of being watched.

Run it by itself, or let ganscope record it and draw what happened:

    ganscope run --steps 20 --every 20 --keep-samples -o run.gscope examples/train_a_small_gan.py
    ganscope diagram run.gscope --kind training -o training.png
    ganscope diagram run.gscope --animate learning.gif
"""

from __future__ import annotations

import argparse

import torch
from torch import nn

from ganscope.training import real_images

parser = argparse.ArgumentParser()
parser.add_argument("--steps", type=int, default=400)
parser.add_argument("--batch_size", type=int, default=32)
opt = parser.parse_args()

torch.manual_seed(0)
torch.set_num_threads(1)

generator = nn.Sequential(
    nn.Linear(32, 128),  # (B, 32) → (B, 128)
    nn.LeakyReLU(0.2),
    nn.Linear(128, 256),
    nn.BatchNorm1d(256),
    nn.LeakyReLU(0.2),
    nn.Linear(256, 784),
    nn.Tanh(),
    nn.Unflatten(1, (1, 28, 28)),  # (B, 784) → (B, 1, 28, 28)
)
discriminator = nn.Sequential(
    nn.Flatten(),  # (B, 1, 28, 28) → (B, 784)
    nn.Linear(784, 256),
    nn.LeakyReLU(0.2),
    nn.Linear(256, 1),
    nn.Sigmoid(),
)
adversarial_loss = nn.BCELoss()
optimizer_g = torch.optim.Adam(generator.parameters(), lr=1e-3, betas=(0.5, 0.999))
optimizer_d = torch.optim.Adam(discriminator.parameters(), lr=4e-4, betas=(0.5, 0.999))

images = real_images(None, 4096, (1, 28, 28))
valid, fake = torch.ones(opt.batch_size, 1), torch.zeros(opt.batch_size, 1)
z = torch.randn(opt.batch_size, 32)  # the same noise all along, so that one image can be followed

for step in range(opt.steps):
    real_imgs = images[torch.randint(len(images), (opt.batch_size,))]

    optimizer_g.zero_grad()
    noise = torch.cat([z[:8], torch.randn(opt.batch_size - 8, 32)])
    gen_imgs = generator(noise)
    g_loss = adversarial_loss(discriminator(gen_imgs), valid)
    g_loss.backward()
    optimizer_g.step()

    optimizer_d.zero_grad()
    real_loss = adversarial_loss(discriminator(real_imgs), valid)
    fake_loss = adversarial_loss(discriminator(gen_imgs.detach()), fake)
    d_loss = (real_loss + fake_loss) / 2
    d_loss.backward()
    optimizer_d.step()

    if step % 100 == 0:
        print(f"[Step {step}] [D loss: {d_loss.item():.4f}] [G loss: {g_loss.item():.4f}]")
