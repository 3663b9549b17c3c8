"""Forwards are called directly, around every hook; the discriminator judges at two scales."""

import torch
from closing import close
from torch import nn


class Generator(nn.Module):
    def __init__(self):
        super().__init__()
        self.model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 6))

    def forward(self, z):
        return self.model(z)


class MultiScale(nn.Module):
    def __init__(self):
        super().__init__()
        self.models = nn.ModuleList([nn.Linear(6, 1), nn.Linear(3, 1)])

    def forward(self, x):
        return [model(part) for model, part in zip(self.models, (x, x[:, ::2]), strict=True)]

    def compute_loss(self, x, truth):
        return sum((output - truth).square().mean() for output in self.forward(x))


def main():
    torch.manual_seed(0)
    G, D = Generator(), MultiScale()
    optimizer_G = torch.optim.Adam(G.parameters(), lr=0.01)
    optimizer_D = torch.optim.Adam(D.parameters(), lr=0.01)
    for turn in range(4):
        fake = G.forward(torch.randn(5, 4))
        optimizer_G.zero_grad()
        loss_G = D.compute_loss(fake, 1)
        loss_G.backward()
        optimizer_G.step()
        optimizer_D.zero_grad()
        loss_D = D.compute_loss(torch.randn(5, 6), 1) + D.compute_loss(fake.detach(), 0)
        loss_D.backward()
        optimizer_D.step()
        print(turn, loss_G.item(), loss_D.item())
    close(*G.parameters(), *D.parameters())


main()
