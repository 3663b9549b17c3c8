"""Images from folders that the tests paint themselves."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from ganscope.errors import DataError
from ganscope.training import load_images, real_images
from ganscope.training.folder import read_image


def paint(path: Path, mode: str, colour: object, size: tuple[int, int] = (4, 4)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, colour).save(path)  # type: ignore[arg-type]
    return path


def message(folder: Path, **keywords: object) -> str:
    with pytest.raises(DataError) as caught:
        load_images(str(folder), (1, 4, 4), **keywords)  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)
    return str(caught.value)


def levels(folder: Path, **keywords: object) -> list[int]:
    """The grey level of each image, in order."""
    images = load_images(folder, (1, 4, 4), **keywords)  # type: ignore[arg-type]
    return images.pixels[:, 0, 0, 0].tolist()


def test_recursive_sorted_and_without_what_is_hidden(tmp_path: Path) -> None:
    paint(tmp_path / "b.PNG", "L", 20)
    paint(tmp_path / "a" / "z.bmp", "L", 10)
    paint(tmp_path / "c" / "a.webp", "RGB", (30, 30, 30))
    paint(tmp_path / "c" / "d" / "e.png", "L", 40)
    paint(tmp_path / ".hidden.png", "L", 99)
    paint(tmp_path / ".cache" / "a.png", "L", 99)
    (tmp_path / "notes.txt").write_text("no image")
    (tmp_path / "folder.png").mkdir()
    assert levels(tmp_path) == [10, 20, pytest.approx(30, abs=2), 40]


def test_a_folder_below_a_hidden_one_is_read(tmp_path: Path) -> None:
    paint(tmp_path / ".data" / "faces" / "a.png", "L", 7)
    assert levels(tmp_path / ".data" / "faces") == [7]


def test_count_and_seed(tmp_path: Path) -> None:
    for level in range(8):
        paint(tmp_path / f"{level}.png", "L", level)
    assert levels(tmp_path, count=3) == [0, 1, 2]
    drawn = levels(tmp_path, seed=0)
    assert drawn != sorted(drawn)
    assert sorted(drawn) == list(range(8))
    assert levels(tmp_path, seed=0, count=4) == drawn[:4]
    assert message(tmp_path, count=9) == (
        f"9 real images were asked for, but the folder '{tmp_path}' has 8; expected 1 to 8"
    )


def test_only_as_many_files_as_asked_for_are_read(tmp_path: Path) -> None:
    paint(tmp_path / "a.png", "L", 1)
    (tmp_path / "b.png").write_bytes(b"broken")
    assert levels(tmp_path, count=1) == [1]


def test_different_sizes_and_modes_become_one_shape(tmp_path: Path) -> None:
    paint(tmp_path / "a.png", "L", 255, (9, 5))
    paint(tmp_path / "b.png", "RGB", (255, 0, 0), (3, 3))
    paint(tmp_path / "c.jpg", "L", 0, (64, 64))
    images = real_images(str(tmp_path), 3, (3, 8, 8), seed=None)
    assert images.shape == (3, 3, 8, 8)
    assert images[:, :, 4, 4].tolist() == [[1, 1, 1], [1, -1, -1], [-1, -1, -1]]
    assert load_images(tmp_path, (3, 8, 8)).labels is None


@pytest.mark.parametrize(
    "mode, colour, expected",
    [
        ("1", 1, [255]),
        ("L", 100, [100]),
        ("LA", (100, 0), [100]),
        ("RGB", (1, 2, 3), [1, 2, 3]),
        ("RGBA", (1, 2, 3, 0), [1, 2, 3]),
        ("I;16", 65_535, [255]),
        ("I;16", 257 * 100, [100]),
    ],
)
def test_modes(tmp_path: Path, mode: str, colour: object, expected: list[int]) -> None:
    pixels = read_image(paint(tmp_path / "a.png", mode, colour, (5, 3)))
    assert (pixels.dtype, pixels.shape) == (torch.uint8, (len(expected), 3, 5))
    assert pixels[:, 0, 0].tolist() == expected


def test_a_palette_with_a_transparent_entry(tmp_path: Path) -> None:
    image = Image.new("P", (2, 2), 1)
    image.putpalette([0, 0, 0, 10, 20, 30])
    image.save(tmp_path / "a.png", transparency=b"\x00\x80")
    assert read_image(tmp_path / "a.png")[:, 0, 0].tolist() == [10, 20, 30]


def test_pixels_keep_their_places(tmp_path: Path) -> None:
    expected = np.arange(4 * 3 * 3, dtype=np.uint8).reshape(4, 3, 3)  # (H, W, C)
    Image.fromarray(expected).save(tmp_path / "a.png")
    assert np.array_equal(read_image(tmp_path / "a.png").permute(1, 2, 0).numpy(), expected)


def test_a_camera_held_upright(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # orientation: turn by 90 degrees to show
    Image.new("L", (6, 2)).save(tmp_path / "a.jpg", exif=exif)
    assert read_image(tmp_path / "a.jpg").shape == (1, 6, 2)


def test_a_file_that_is_no_image(tmp_path: Path) -> None:
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"broken")
    assert message(tmp_path) == (
        f"'{broken}' cannot be read as an image (cannot identify image file 'broken.png'); "
        "mend the file or take it out of the folder"
    )


@pytest.mark.parametrize("suffix", ["png", "jpg", "bmp", "webp"])
def test_a_file_that_was_cut_off(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"cut.{suffix}"
    noise = np.random.default_rng(0).integers(0, 256, (40, 40, 3), dtype=np.uint8)
    Image.fromarray(noise).save(path)
    path.write_bytes(path.read_bytes()[:-600])
    assert message(tmp_path).startswith(f"'{path}' cannot be read as an image (")


def test_no_images(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()
    assert message(tmp_path) == (
        f"no images in the folder '{tmp_path}'; expected files ending in png, jpg, jpeg, bmp, "
        "webp; try another folder, or 'digits' for the built-in images"
    )
