"""One optimizer owns both networks; a sign decides who gains from the loss."""

import torch
from closing import close
from torch import nn

torch.manual_seed(0)
generator = nn.Linear(4, 6)
discriminator = nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 1))
optimizer = torch.optim.Adam([*generator.parameters(), *discriminator.parameters()], lr=0.01)

for turn in range(4):
    optimizer.zero_grad()
    value = (
        discriminator(torch.randn(5, 6)).mean() - discriminator(generator(torch.randn(5, 4))).mean()
    )
    (-value).backward()
    for parameter in generator.parameters():
        parameter.grad.neg_()
    optimizer.step()
    print(turn, value.item())

close(*generator.parameters(), *discriminator.parameters())
