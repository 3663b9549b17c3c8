"""Several discriminators in a list, trained by helpers with parameters of their own names."""

import torch
from closing import close
from torch import nn


def train_discriminator(net, opt, real, fake):
    opt.zero_grad()
    d_loss = (net(real) - 1).square().mean() + net(fake).square().mean()
    d_loss.backward()
    opt.step()
    return d_loss.item()


def train_generator(net, judges, optimizer, z):
    optimizer.zero_grad()
    g_loss = sum((judge(net(z)) - 1).square().mean() for judge in judges)
    g_loss.backward()
    optimizer.step()
    return g_loss.item()


torch.manual_seed(0)
generator = nn.Linear(4, 6)
discriminators = [nn.Linear(6, 1), nn.Linear(6, 1)]
optimizers = {
    "generator": torch.optim.Adam(generator.parameters(), lr=0.01),
    "discriminators": [torch.optim.Adam(each.parameters(), lr=0.01) for each in discriminators],
}
for turn in range(4):
    losses = []
    for D, optimizer in zip(discriminators, optimizers["discriminators"], strict=True):
        fake = generator(torch.randn(5, 4)).detach()
        losses.append(train_discriminator(D, optimizer, torch.randn(5, 6), fake))
    losses.append(
        train_generator(generator, discriminators, optimizers["generator"], torch.randn(5, 4))
    )
    print(turn, *losses)

networks = (generator, *discriminators)
close(*(weight for network in networks for weight in network.parameters()))
