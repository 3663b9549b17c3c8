"""Weights that belong to no module, and losses that are functions."""

import torch
import torch.nn.functional as F
from closing import close

torch.manual_seed(0)
g_weight = torch.randn(6, 4, requires_grad=True)
d_weight = torch.randn(1, 6, requires_grad=True)
g_optimizer = torch.optim.SGD([g_weight], lr=0.1)
d_optimizer = torch.optim.SGD([d_weight], lr=0.1)


def generate(z):
    return torch.tanh(F.linear(z, g_weight))


def judge(x):
    return F.linear(x, d_weight)


for turn in range(4):
    fake = generate(torch.randn(5, 4))
    d_optimizer.zero_grad()
    d_loss = F.softplus(-judge(torch.randn(5, 6))).mean() + F.softplus(judge(fake.detach())).mean()
    d_loss.backward()
    d_optimizer.step()
    g_optimizer.zero_grad()
    g_loss = F.softplus(-judge(fake)).mean()
    g_loss.backward()
    g_optimizer.step()
    print(turn, d_loss.item(), g_loss.item())

close(g_weight, d_weight)
