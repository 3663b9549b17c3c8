"""Two domains: six networks and four optimizers, all attributes of one object."""

import itertools

import torch
from closing import close
from torch import nn


class Translation:
    def __init__(self):
        self.E_A, self.E_B = nn.Linear(6, 3), nn.Linear(6, 3)
        self.G_A, self.G_B = nn.Linear(3, 6), nn.Linear(3, 6)
        self.D_A, self.D_B = nn.Linear(6, 1), nn.Linear(6, 1)
        self.optimizer_E = self.adam(self.E_A, self.E_B)
        self.optimizer_G = self.adam(self.G_A, self.G_B)
        self.optimizer_D_A, self.optimizer_D_B = self.adam(self.D_A), self.adam(self.D_B)

    def adam(self, *networks):
        parameters = itertools.chain(*(network.parameters() for network in networks))
        return torch.optim.Adam(parameters, lr=0.01)

    def networks(self):
        return self.E_A, self.E_B, self.G_A, self.G_B, self.D_A, self.D_B

    def backward_D(self, judge, real, fake):
        loss_D = (judge(real) - 1).square().mean() + judge(fake.detach()).square().mean()
        loss_D.backward()
        return loss_D

    def step(self, in_a, in_b):
        fake_B, fake_A = self.G_B(self.E_A(in_a)), self.G_A(self.E_B(in_b))
        self.optimizer_E.zero_grad()
        self.optimizer_G.zero_grad()
        loss_GAN = (self.D_A(fake_A) - 1).square().mean() + (self.D_B(fake_B) - 1).square().mean()
        loss_cycle = (self.G_A(self.E_B(fake_B)) - in_a).abs().mean()
        loss_G = loss_GAN + 10 * loss_cycle
        loss_G.backward()
        self.optimizer_E.step()
        self.optimizer_G.step()
        self.optimizer_D_A.zero_grad()
        loss_D_A = self.backward_D(self.D_A, in_a, fake_A)
        self.optimizer_D_A.step()
        self.optimizer_D_B.zero_grad()
        loss_D_B = self.backward_D(self.D_B, in_b, fake_B)
        self.optimizer_D_B.step()
        return loss_G.item(), loss_D_A.item(), loss_D_B.item()


torch.manual_seed(0)
model = Translation()
for turn in range(4):
    print(turn, *model.step(torch.randn(5, 6), torch.randn(5, 6)))
close(*(weight for network in model.networks() for weight in network.parameters()))
