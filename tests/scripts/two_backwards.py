"""The discriminator first, with two backward calls before its one step; no data loader."""

import torch
from closing import close
from torch import nn

torch.manual_seed(0)
netG = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 6))
netD = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 1))
criterion = nn.BCEWithLogitsLoss()
optimizerD = torch.optim.Adam(netD.parameters(), lr=0.01)
optimizerG = torch.optim.Adam(netG.parameters(), lr=0.01)

for turn in range(4):
    netD.zero_grad()
    errD_real = criterion(netD(torch.randn(5, 6)), torch.ones(5, 1))
    errD_real.backward()
    fake = netG(torch.randn(5, 4))
    errD_fake = criterion(netD(fake.detach()), torch.zeros(5, 1))
    errD_fake.backward()
    optimizerD.step()

    netG.zero_grad()
    errG = criterion(netD(fake), torch.ones(5, 1))
    errG.backward()
    optimizerG.step()
    print(turn, errD_real.item(), errD_fake.item(), errG.item())

close(*netG.parameters(), *netD.parameters())
