"""A gradient penalty: a backward through a backward."""

import torch
from closing import close
from torch import autograd, nn

torch.manual_seed(0)
G = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 6))
D = nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 1))
optimizer_G = torch.optim.Adam(G.parameters(), lr=0.01)
optimizer_D = torch.optim.Adam(D.parameters(), lr=0.01)


def gradient_penalty(critic, real, fake):
    alpha = torch.rand(len(real), 1)
    between = (alpha * real + (1 - alpha) * fake).requires_grad_(True)
    scores = critic(between)
    gradients = autograd.grad(scores, between, torch.ones_like(scores), create_graph=True)[0]
    return ((gradients.norm(2, dim=1) - 1) ** 2).mean()


for turn in range(4):
    real, fake = torch.randn(5, 6), G(torch.randn(5, 4)).detach()
    optimizer_D.zero_grad()
    d_loss = D(fake).mean() - D(real).mean() + 10 * gradient_penalty(D, real, fake)
    d_loss.backward()
    optimizer_D.step()
    optimizer_G.zero_grad()
    g_loss = -D(G(torch.randn(5, 4))).mean()
    g_loss.backward()
    optimizer_G.step()
    print(turn, d_loss.item(), g_loss.item())

close(*G.parameters(), *D.parameters())
