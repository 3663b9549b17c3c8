"""Networks as attributes, the discriminator first, data from workers that are spawned."""

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset


class Noise(Dataset):
    def __len__(self):
        return 24

    def __getitem__(self, index):
        return torch.full((6,), float(index))


class Trainer:
    def __init__(self):
        self.netG = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 6))
        self.netD = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 1))
        self.optimizerD = torch.optim.SGD(self.netD.parameters(), lr=0.01)
        self.optimizerG = torch.optim.SGD(self.netG.parameters(), lr=0.01)
        self.criterion = nn.BCEWithLogitsLoss()

    def step(self, real):
        ones, zeros = torch.ones(len(real), 1), torch.zeros(len(real), 1)
        self.netD.zero_grad()
        errD_real = self.criterion(self.netD(real), ones)
        errD_real.backward()
        fake = self.netG(torch.randn(len(real), 4))
        errD_fake = self.criterion(self.netD(fake.detach()), zeros)
        errD_fake.backward()
        self.optimizerD.step()
        self.netG.zero_grad()
        errG = self.criterion(self.netD(fake), ones)
        errG.backward()
        self.optimizerG.step()
        return errG.item()


if __name__ == "__main__":
    torch.manual_seed(0)
    trainer = Trainer()
    loader = DataLoader(Noise(), batch_size=4, num_workers=1, multiprocessing_context="spawn")
    for batch in loader:
        print(trainer.step(batch))
