"""Data from two workers; ``--fail`` lets one of them raise in the fifth batch."""

import sys

import torch
from closing import close
from torch import nn
from torch.utils.data import DataLoader, Dataset


class Numbers(Dataset):
    def __len__(self):
        return 24

    def __getitem__(self, index):
        if index == 17 and "--fail" in sys.argv:
            torch.stack([torch.zeros(2), torch.zeros(3)])
        return torch.full((6,), float(index))


torch.manual_seed(0)
G, D = nn.Linear(4, 6), nn.Linear(6, 1)
optimizer_G = torch.optim.SGD(G.parameters(), lr=0.01)
optimizer_D = torch.optim.SGD(D.parameters(), lr=0.01)
for real in DataLoader(Numbers(), batch_size=4, num_workers=2):
    fake = G(torch.randn(4, 4))
    optimizer_D.zero_grad()
    d_loss = D(fake.detach()).mean() - D(real).mean()
    d_loss.backward()
    optimizer_D.step()
    optimizer_G.zero_grad()
    g_loss = -D(fake).mean()
    g_loss.backward()
    optimizer_G.step()
    print(d_loss.item())
close(*G.parameters(), *D.parameters())
