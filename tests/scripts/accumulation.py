"""Gradients of two batches are added up before the discriminator steps."""

import torch
from closing import close
from torch import nn

torch.manual_seed(0)
generator = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 6))
discriminator = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 1))
loss = nn.BCEWithLogitsLoss()
opt_g = torch.optim.SGD(generator.parameters(), lr=0.05)
opt_d = torch.optim.SGD(discriminator.parameters(), lr=0.05)

for turn in range(4):
    opt_d.zero_grad()
    for _ in range(2):
        real, fake = torch.randn(3, 6), generator(torch.randn(3, 4)).detach()
        d_loss = loss(discriminator(real), torch.ones(3, 1)) / 2
        d_loss = d_loss + loss(discriminator(fake), torch.zeros(3, 1)) / 2
        d_loss.backward()
    opt_d.step()
    opt_g.zero_grad()
    g_loss = loss(discriminator(generator(torch.randn(3, 4))), torch.ones(3, 1))
    g_loss.backward()
    opt_g.step()
    print(turn, d_loss.item(), g_loss.item())

close(*generator.parameters(), *discriminator.parameters())
