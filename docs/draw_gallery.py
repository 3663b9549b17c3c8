"""Draw the gallery's pictures anew, with the commands that stand in docs/gallery.md.

Run it with ``python docs/draw_gallery.py``. Chinese needs a font such as Noto Sans CJK.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from PIL import Image

from ganscope.cli.app import run

DOCS = Path(__file__).resolve().parent
PAGE, PICTURES = DOCS / "gallery.md", DOCS / "gallery"
_COMMAND = re.compile(r"^ganscope (.+)$", re.MULTILINE)
_PICTURE = re.compile(r"\]\(gallery/([^)]+)\)")


def main() -> int:
    """Run every command of the page and keep the pictures that the page shows."""
    page = PAGE.read_text(encoding="utf-8")
    PICTURES.mkdir(exist_ok=True)
    with TemporaryDirectory() as folder:
        os.chdir(folder)
        Path("examples").symlink_to(DOCS.parent / "examples", target_is_directory=True)
        for words in map(shlex.split, _COMMAND.findall(page)):
            sys.argv = ["ganscope", *words]
            if run(words):
                return 1
        for name in _PICTURE.findall(page):
            keep(Path(name))
    return 0


def keep(picture: Path) -> None:
    """Put a picture into the gallery, pixel by pixel the same in fewer bytes."""
    if picture.suffix != ".png":
        shutil.copyfile(picture, PICTURES / picture)
        return
    with Image.open(picture) as image:
        plain = image.convert("RGB")
    red, green, blue = plain.split()
    is_grey = red.tobytes() == green.tobytes() == blue.tobytes()
    (plain.convert("L") if is_grey else plain).save(PICTURES / picture, optimize=True)


if __name__ == "__main__":
    sys.exit(main())
