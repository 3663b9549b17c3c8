"""Draw the pictures of a whole lecture on GANs into a folder, for slides.

Run it with ``python examples/draw_a_lecture.py [FOLDER]``; it takes about a minute and no download.
The same can be had from the command line, picture by picture: see docs/gallery.md.
"""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

import ganscope
from ganscope import zoo
from ganscope.training import real_images

LATENT = 100
BATCH = 16


def train(steps: int) -> None:
    """The loop of the walkthrough: the generator's update, then the discriminator's."""
    gan = zoo.build("gan")
    generator, discriminator = gan.generator, gan.discriminator
    adversarial_loss = torch.nn.BCELoss()
    optimizer_g = torch.optim.Adam(generator.parameters(), lr=2e-4, betas=(0.5, 0.999))
    optimizer_d = torch.optim.Adam(discriminator.parameters(), lr=2e-4, betas=(0.5, 0.999))
    images = real_images(None, 512, (1, 28, 28))
    valid, fake = torch.ones(BATCH, 1), torch.zeros(BATCH, 1)
    for _ in range(steps):
        real_imgs = images[torch.randint(len(images), (BATCH,))]
        optimizer_g.zero_grad()
        gen_imgs = generator(torch.randn(BATCH, LATENT))
        g_loss = adversarial_loss(discriminator(gen_imgs), valid)
        g_loss.backward()
        optimizer_g.step()
        optimizer_d.zero_grad()
        real_loss = adversarial_loss(discriminator(real_imgs), valid)
        fake_loss = adversarial_loss(discriminator(gen_imgs.detach()), fake)
        d_loss = (real_loss + fake_loss) / 2
        d_loss.backward()
        optimizer_d.step()


def main() -> None:
    """Six pictures, in the order in which a lecture needs them."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "lecture")
    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(0)
    torch.set_num_threads(1)

    with TemporaryDirectory() as place:
        path = Path(place, "gan.gscope")
        with ganscope.record(path, samples=True):
            train(steps=12)
        trace = ganscope.load(path)

        pictures = {
            "1-generator": trace.diagram("flow", step=0, title="From noise to a picture"),
            "2-discriminator": trace.diagram("flow", step=0, network="discriminator"),
            "3-one-step": trace.diagram("step", step=0),
            "4-depth": trace.diagram("stats", step=0),
            "5-training": trace.diagram("training"),
            "6-generator-later": trace.diagram("flow", sample=3),
        }
        for name, picture in pictures.items():
            picture.savefig(folder / f"{name}.png")
            print(f"Wrote {folder / name}.png")


if __name__ == "__main__":
    main()
