"""Learning rates follow schedules, and an average of the generator makes the samples."""

import copy

import torch
from closing import close
from torch import nn
from torch.optim.lr_scheduler import ExponentialLR

torch.manual_seed(0)
generator = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 6))
discriminator = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 1))
ema = copy.deepcopy(generator).eval().requires_grad_(False)
g_optimizer = torch.optim.Adam(generator.parameters(), lr=0.01)
d_optimizer = torch.optim.Adam(discriminator.parameters(), lr=0.04)
schedules = [ExponentialLR(each, gamma=0.5) for each in (g_optimizer, d_optimizer)]


def hinge_d(real, fake):
    return torch.relu(1 - real).mean() + torch.relu(1 + fake).mean()


for turn in range(4):
    fake = generator(torch.randn(5, 4))
    d_optimizer.zero_grad()
    d_loss = hinge_d(discriminator(torch.randn(5, 6)), discriminator(fake.detach()))
    d_loss.backward()
    d_optimizer.step()
    g_optimizer.zero_grad()
    g_loss = -discriminator(fake).mean()
    g_loss.backward()
    g_optimizer.step()
    for schedule in schedules:
        schedule.step()
    with torch.no_grad():
        for mine, new in zip(ema.parameters(), generator.parameters(), strict=True):
            mine.lerp_(new, 0.1)
        sample = ema(torch.randn(2, 4))
    print(turn, d_loss.item(), g_loss.item(), sample.sum().item())

close(*generator.parameters(), *discriminator.parameters(), *ema.parameters())
