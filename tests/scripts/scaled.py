"""A GradScaler for each network; the second update of the generator overflows."""

import torch
from closing import close
from torch import nn

torch.manual_seed(0)
generator = nn.Linear(4, 6)
discriminator = nn.Linear(6, 1)
criterion = nn.BCEWithLogitsLoss()
optimizer_g = torch.optim.SGD(generator.parameters(), lr=0.05)
optimizer_d = torch.optim.SGD(discriminator.parameters(), lr=0.05)
scaler_g = torch.amp.GradScaler("cpu", init_scale=64.0)
scaler_d = torch.amp.GradScaler("cpu", init_scale=32.0)

for turn in range(4):
    optimizer_d.zero_grad()
    fake = generator(torch.randn(5, 4))
    loss_d = criterion(discriminator(torch.randn(5, 6)), torch.ones(5, 1))
    loss_d = loss_d + criterion(discriminator(fake.detach()), torch.zeros(5, 1))
    scaler_d.scale(loss_d).backward()
    scaler_d.step(optimizer_d)
    scaler_d.update()

    optimizer_g.zero_grad()
    loss_g = criterion(discriminator(fake), torch.ones(5, 1))
    scaler_g.scale(loss_g * (float("inf") if turn == 1 else 1.0)).backward()
    scaler_g.step(optimizer_g)
    scaler_g.update()
    print(turn, loss_d.item(), loss_g.item(), scaler_g.get_scale())

close(*generator.parameters(), *discriminator.parameters())
