"""A critic with weight clipping: the generator steps in every second turn; a main function."""

import torch
from torch import nn


def main() -> None:
    torch.manual_seed(0)
    nets = {"G": nn.Linear(4, 6), "C": nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 1))}
    opt_c = torch.optim.RMSprop(nets["C"].parameters(), lr=0.01)
    opt_g = torch.optim.RMSprop(nets["G"].parameters(), lr=0.01)
    for turn in range(12):
        real = torch.randn(8, 6)
        fake = nets["G"](torch.randn(8, 4)).detach()
        opt_c.zero_grad()
        loss_c = nets["C"](fake).mean() - nets["C"](real).mean()
        loss_c.backward()
        opt_c.step()
        for parameter in nets["C"].parameters():
            parameter.data.clamp_(-0.05, 0.05)
        if turn % 2 == 1:
            opt_g.zero_grad()
            loss_g = -nets["C"](nets["G"](torch.randn(8, 4))).mean()
            loss_g.backward()
            opt_g.step()
    print(sum(p.double().abs().sum().item() for net in nets.values() for p in net.parameters()))


if __name__ == "__main__":
    main()
