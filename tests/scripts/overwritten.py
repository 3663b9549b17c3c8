"""The generator's loss is made before the discriminator steps, and goes backward after it."""

import torch
from torch import nn

torch.manual_seed(0)
G = nn.Linear(4, 6)
D = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 1))
opt_G = torch.optim.Adam(G.parameters())
opt_D = torch.optim.Adam(D.parameters())
for turn in range(4):
    fake = G(torch.randn(5, 4))
    g_loss = -D(fake).mean()
    d_loss = D(fake.detach()).mean() - D(torch.randn(5, 6)).mean()
    if turn < 2:
        opt_G.zero_grad()
        g_loss.backward(inputs=list(G.parameters()))
        opt_G.step()
    opt_D.zero_grad()
    d_loss.backward()
    opt_D.step()
    if turn >= 2:
        g_loss.backward()
