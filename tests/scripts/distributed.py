"""Two processes train one GAN, each on data of its own."""

import torch
import torch.distributed as dist
from closing import close
from torch import nn
from torch.nn.parallel import DistributedDataParallel

dist.init_process_group("gloo")
torch.manual_seed(0)
G = DistributedDataParallel(nn.Linear(4, 6))
D = DistributedDataParallel(nn.Linear(6, 1))
optimizer_G = torch.optim.SGD(G.parameters(), lr=0.1)
optimizer_D = torch.optim.SGD(D.parameters(), lr=0.1)
torch.manual_seed(dist.get_rank())
for _ in range(4):
    fake = G(torch.randn(4, 4))
    optimizer_D.zero_grad()
    d_loss = D(fake.detach()).mean() - D(torch.randn(4, 6)).mean()
    d_loss.backward()
    optimizer_D.step()
    optimizer_G.zero_grad()
    g_loss = -D(fake).mean()
    g_loss.backward()
    optimizer_G.step()
if dist.get_rank() == 0:
    close(*G.parameters(), *D.parameters())
dist.destroy_process_group()
