"""Networks run, and nothing is trained."""

import torch
from torch import nn

net = nn.Linear(3, 3)
print(net(torch.ones(2, 3)).shape)
