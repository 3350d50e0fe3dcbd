"""A person's own digit comes out as MNIST's digits are."""

import io
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from cnn_experiment import UserError, load_pixels, preset
from cnn_experiment.look.own_digit import as_mnist
from cnn_experiment.look.picture_file import read_grey

Grey = NDArray[np.uint8]
Floats = NDArray[np.float64]


@pytest.fixture(scope="module")
def digits() -> Grey:
    return load_pixels(preset("article-2")).test_images[:100]


def centre_of_mass(image: Grey) -> NDArray[np.float64]:
    return np.array([np.average(axis, weights=image) for axis in np.indices(image.shape)])


def box(image: Grey) -> tuple[int, int]:
    rows, columns = (np.flatnonzero(image.any(axis=axis)) for axis in (1, 0))
    return int(rows[-1] - rows[0] + 1), int(columns[-1] - columns[0] + 1)


def enlarged(image: Grey, size: int = 280) -> Grey:
    return np.asarray(Image.fromarray(image).resize((size, size), Image.Resampling.BICUBIC))


def test_mnists_own_digits_stay_as_they_are(digits: Grey) -> None:
    """All of MNIST: the longer side is 20, the centre of mass within a pixel of (14, 14)."""
    for digit in digits:
        ours = as_mnist(digit)
        assert max(box(ours)) == max(box(digit)) == 20
        assert np.abs(centre_of_mass(ours) - 14).max() < 1
        assert np.abs(centre_of_mass(digit) - 14).max() < 1
    far = [np.abs(as_mnist(digit).astype(int) - digit).mean() for digit in digits]
    assert np.mean(far) < 0.2 * digits.mean()


def apart(ours: Grey, theirs: Grey) -> float:
    """Mean difference of a pixel, where one of the digits may be moved by a pixel."""
    moves = [(down, right) for down in (-1, 0, 1) for right in (-1, 0, 1)]
    moved = [np.roll(ours, by, axis=(0, 1)).astype(int) for by in moves]
    return min(float(np.abs(one - theirs).mean()) for one in moved)


@pytest.mark.parametrize("size", [40, 280, 1500])
def test_size_place_and_sign_make_no_difference(size: int, digits: Grey) -> None:
    large = enlarged(digits[0], size)
    field = np.zeros((3 * size, 2 * size), np.uint8)
    field[size : 2 * size, size // 3 : size // 3 + size] = large
    found = as_mnist(field)
    assert apart(found, as_mnist(large)) < 3
    assert apart(as_mnist(255 - field), found) < 1
    assert apart(as_mnist((60 + field // 3).astype(np.uint8)), found) < 3


PAGE = 400
DOWN, RIGHT = np.mgrid[-1 : 1 : PAGE * 1j, -1 : 1 : PAGE * 1j]
PHOTOGRAPHS: dict[str, Callable[[Floats, np.random.RandomState], Floats]] = {
    "noise": lambda ink, source: 230 - 180 * ink + 20 * source.randn(PAGE, PAGE),
    "pencil": lambda ink, source: 220 - 60 * ink + 5 * source.randn(PAGE, PAGE),
    "shadow": lambda ink, _: 180 - 50 * RIGHT - 100 * ink,
    "vignette": lambda ink, _: (230 - 180 * ink) * (1 - 0.25 * (DOWN**2 + RIGHT**2)),
    "dust": lambda ink, _: np.where((DOWN > 0.9) & (RIGHT > 0.98), 90, 230 - 200 * ink),
    "chalk": lambda ink, _: 40 + 20 * DOWN + 150 * ink,
}


@pytest.fixture(scope="module")
def scans(digits: Grey) -> list[tuple[Grey, Grey]]:
    """Twenty digits on a page each, and what is read there."""
    found = []
    for digit in digits[:20]:
        page = np.zeros((PAGE, PAGE), np.uint8)
        page[60:340, 60:340] = enlarged(digit)
        found.append((page, as_mnist(page)))
    return found


@pytest.mark.parametrize("name", PHOTOGRAPHS)
def test_a_photograph_is_as_good_as_a_scan(name: str, scans: list[tuple[Grey, Grey]]) -> None:
    source = np.random.RandomState(0)
    found = []
    for page, theirs in scans:
        photograph = PHOTOGRAPHS[name](page / 255, source)
        ours = as_mnist(photograph.round().clip(0, 255).astype(np.uint8))
        found.append(apart(ours, theirs))
    assert np.mean(found) < 3, np.mean(found)
    assert np.max(found) < 12, np.max(found)


def saved(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def test_every_kind_of_pixel_is_read(digits: Grey, tmp_path: Path) -> None:
    digit = enlarged(digits[0], 56)
    grey = Image.fromarray(digit)
    black = Image.new("L", grey.size, 0)
    files = {
        "grey": saved(grey),
        "colour": saved(grey.convert("RGB")),
        "palette": saved(grey.convert("RGB").quantize(256)),
        "16 bit": saved(Image.fromarray(digit.astype(np.uint16) * 257)),
        "black on nothing": saved(Image.merge("LA", (black, grey))),
        "white on nothing": saved(Image.merge("LA", (Image.new("L", grey.size, 255), grey))),
        "jpeg": saved(grey, "JPEG", quality=95),
    }
    expected = as_mnist(digit)
    for name, content in files.items():
        file = tmp_path / name
        file.write_bytes(content)
        found = as_mnist(read_grey(file))
        assert np.abs(found.astype(int) - expected).mean() < 3, name


def test_a_photograph_is_turned_as_its_camera_was(digits: Grey, tmp_path: Path) -> None:
    turned = Image.fromarray(np.rot90(digits[0]))
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees to the right
    file = tmp_path / "photo.jpg"
    turned.save(file, exif=exif, quality=95)
    assert np.abs(read_grey(file).astype(int) - digits[0]).mean() < 3


def png_that_claims(width: int, height: int) -> bytes:
    def chunk(kind: bytes, content: bytes) -> bytes:
        check = zlib.crc32(kind + content)
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", check)

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    rows = chunk(b"IDAT", zlib.compress(bytes(100)))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + rows + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"a digit", "it cannot be read as a picture; accepted: a PNG or JPEG"),
        (b"", "it cannot be read as a picture; accepted: a PNG or JPEG"),
        (saved(Image.new("L", (9, 9)), "GIF"), "it cannot be read as a picture"),
        (saved(Image.new("L", (99, 99)))[:60], "it cannot be read as a picture"),
        (png_that_claims(100_000, 100_000), "it cannot be read as a picture"),
        (png_that_claims(6_000, 6_000), "6000x6000 pixels; accepted: at most 30,000,000"),
        (bytes(20_000_001), "20,000,001 bytes; accepted: at most 20,000,000"),
    ],
    ids=["text", "empty", "gif", "cut off", "bomb", "too many pixels", "too many bytes"],
)
def test_what_is_no_picture_is_refused(content: bytes, sentence: str, tmp_path: Path) -> None:
    file = tmp_path / "file.png"
    file.write_bytes(content)
    with pytest.raises(UserError) as error:
        read_grey(file)
    assert f"image = {file}: " in str(error.value)
    assert sentence in str(error.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="it is not a file; accepted: a PNG or JPEG"):
        read_grey(tmp_path / "nowhere.png")


def test_an_empty_page_is_refused() -> None:
    page = np.full((50, 40), 200, np.uint8)
    page[3, 3] = 190
    with pytest.raises(UserError, match="there is nothing drawn in the picture"):
        as_mnist(page)
    with pytest.raises(UserError, match="there is nothing drawn in the picture"):
        as_mnist(np.zeros((1, 1), np.uint8))
