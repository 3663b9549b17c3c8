"""A trainer that runs whatever module it is given, with closures, as frameworks do."""

import torch
from closing import close
from torch import nn


class GAN(nn.Module):
    def __init__(self):
        super().__init__()
        self.generator = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 6))
        self.discriminator = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 1))
        self.loss = nn.BCEWithLogitsLoss()

    def configure_optimizers(self):
        parts = (self.discriminator, self.generator)
        return [torch.optim.Adam(part.parameters(), lr=0.01) for part in parts]

    def training_step(self, batch, which):
        fake = self.generator(torch.randn(len(batch), 4))
        if which == 1:
            return self.loss(self.discriminator(fake), torch.ones(len(batch), 1))
        real = self.loss(self.discriminator(batch), torch.ones(len(batch), 1))
        return real + self.loss(self.discriminator(fake.detach()), torch.zeros(len(batch), 1))


class Trainer:
    def fit(self, model, batches):
        self.optimizers = model.configure_optimizers()
        for batch in batches:
            for which, optimizer in enumerate(self.optimizers):

                def closure(which=which, optimizer=optimizer, batch=batch):
                    optimizer.zero_grad()
                    loss = model.training_step(batch, which)
                    loss.backward()
                    return loss

                print(which, optimizer.step(closure).item())


torch.manual_seed(0)
gan = GAN()
Trainer().fit(gan, torch.randn(4, 5, 6))
close(*gan.parameters())
