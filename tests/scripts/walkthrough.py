"""One file, arguments parsed at the top, training at import: as the walkthrough's script."""

import argparse

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

parser = argparse.ArgumentParser()
parser.add_argument("--batch_size", type=int, default=8)
parser.add_argument("--batches", type=int, default=6)
parser.add_argument("--lr", type=float, default=0.01)
parser.add_argument("--workers", type=int, default=0)
parser.add_argument("--fail", default="", help="where to fail, in batch 4")
parser.add_argument("--save", default="")
opt = parser.parse_args()
torch.manual_seed(0)


class Generator(nn.Module):
    def __init__(self):
        super().__init__()
        self.model = nn.Sequential(
            nn.Linear(6, 16), nn.BatchNorm1d(16), nn.LeakyReLU(0.2, inplace=True),
            nn.Dropout(0.1), nn.Linear(16, 16), nn.Tanh(),
        )  # fmt: skip

    def forward(self, z):
        img = self.model(z)
        if opt.fail == "layer" and i == 4:
            img = F.relu(self.model[4](img[:, :3]))
        return img.view(img.size(0), 1, 4, 4)


class Discriminator(nn.Module):
    def __init__(self):
        super().__init__()
        self.model = nn.Sequential(
            nn.Linear(16, 8), nn.LeakyReLU(0.2), nn.Linear(8, 1), nn.Sigmoid()
        )

    def forward(self, img):
        return self.model(img.view(img.size(0), -1))


adversarial_loss = torch.nn.BCELoss()
generator = Generator()
discriminator = Discriminator()
data = TensorDataset(torch.randn(opt.batch_size * opt.batches, 1, 4, 4))
dataloader = DataLoader(data, batch_size=opt.batch_size, shuffle=True, num_workers=opt.workers)
optimizer_G = torch.optim.Adam(generator.parameters(), lr=opt.lr, betas=(0.5, 0.999))
optimizer_D = torch.optim.Adam(discriminator.parameters(), lr=opt.lr, betas=(0.5, 0.999))

for i, (imgs,) in enumerate(dataloader):
    valid = torch.ones(imgs.size(0), 1)
    fake = torch.zeros(imgs.size(0), 1)

    optimizer_G.zero_grad()
    z = torch.randn(imgs.shape[0], 6)
    gen_imgs = generator(z)
    g_loss = adversarial_loss(discriminator(gen_imgs), valid)
    g_loss.backward()
    if opt.fail == "interrupt" and i == 4:
        raise KeyboardInterrupt
    if opt.fail == "exit" and i == 4:
        raise SystemExit(3)
    optimizer_G.step()

    optimizer_D.zero_grad()
    if opt.fail == "operation" and i == 4:
        F.mse_loss(gen_imgs, torch.zeros(3, 5, 7))
    real_loss = adversarial_loss(discriminator(imgs), valid)
    fake_loss = adversarial_loss(discriminator(gen_imgs.detach()), fake)
    d_loss = (real_loss + fake_loss) / 2
    d_loss.backward()
    if opt.fail == "twice" and i == 4:
        d_loss.backward()
    optimizer_D.step()

    print(f"[Batch {i}/{len(dataloader)}] [D loss: {d_loss.item()}] [G loss: {g_loss.item()}]")

if opt.save:
    torch.save([generator.state_dict(), discriminator.state_dict(), torch.randn(3)], opt.save)
print("done")
