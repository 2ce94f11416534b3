"""Pictures from any source, and those that are refused."""

import io
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from digits.errors import PictureError
from digits.images import picture
from digits.images.formats import FORMATS
from tests.conftest import Run
from tests.robustness import malformed
from tests.robustness.specimens import encoded

# Ten rows and twenty columns: a dark block in the upper left of a light page.
GREY = np.full((10, 20), 230, np.uint8)
GREY[1:6, 2:8] = 30


@pytest.mark.parametrize(
    "source",
    [
        *(Image.fromarray(GREY).convert(mode) for mode in ("L", "RGB", "P", "CMYK", "LA")),
        Image.fromarray(GREY.astype(np.float32) * 100),
        np.dstack([GREY] * 3),
        GREY.astype(np.uint16) * 257,
        *(GREY.astype(dtype) for dtype in (np.int16, np.int64, np.float64)),
        GREY > 100,
    ],
    ids=lambda source: getattr(source, "mode", None) or f"{source.dtype} up to {source.max():.3g}",
)
def test_polarity_of_every_mode_range_and_depth(source: picture.Source) -> None:
    grey = picture.load(source).pixels
    assert grey.dtype == np.uint8 and grey.shape == GREY.shape
    assert grey[3, 4] < 60
    assert int(grey[8, 15]) - int(grey[3, 4]) > 90


@pytest.mark.parametrize("format", FORMATS)
def test_every_format_from_every_source(tmp_path: Path, format: str) -> None:
    image = Image.fromarray(GREY)
    raw = encoded(image.convert("RGB") if format == "HEIC" else image, format)
    (tmp_path / "picture").write_bytes(raw)
    pipe, end = os.pipe()
    os.write(end, raw)
    os.close(end)
    paths = tmp_path / "picture", str(tmp_path / "picture")
    for source in (raw, memoryview(raw), io.BytesIO(raw), os.fdopen(pipe, "rb"), *paths):
        grey = picture.load(source).pixels
        assert np.abs(grey.astype(int) - GREY).mean() < 12
    for length in (0, 1, 20, len(raw) // 2):
        with pytest.raises(PictureError, match="the picture"):
            picture.load(raw[:length])


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation(orientation: int) -> None:
    upright = GREY, GREY[:, ::-1], GREY[::-1, ::-1], GREY[::-1]
    turned = GREY.T, np.rot90(GREY), np.rot90(GREY.T, 2), np.rot90(GREY, -1)
    stored = (*upright, *turned)[orientation - 1]
    exif = Image.Exif()
    exif[0x0112] = orientation
    raw = encoded(Image.fromarray(np.ascontiguousarray(stored)), "PNG", exif=exif)
    np.testing.assert_array_equal(picture.load(raw).pixels, GREY)
    # Decoded at an eighth it is square.
    raw = encoded(Image.new("L", (384, 383)), "JPEG", exif=exif)
    assert picture.load(raw, 64).size == ((384, 383) if orientation < 5 else (383, 384))


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        (b"", "the picture is empty"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EOF\n", "not a picture"),
        (Image.new("L", (0, 5)), "has no pixels"),
        (7, "unsupported image type: .*; give a path"),
        (np.zeros(5), "a picture is .height, width"),
        (np.full((4, 4), np.nan), "unsupported array: it holds values that are not finite"),
    ],
)
def test_unsupported_source_is_refused(source: Any, reason: str) -> None:
    with pytest.raises(PictureError, match=reason):
        picture.load(source)


@pytest.mark.unix
@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("missing.png", "No such file"),
        (".", "is a folder"),
        ("pipe", "not a regular file"),
        ("/proc/kmsg", "is empty|No such file"),  # whose end never comes
    ],
)
def test_unreadable_path_is_refused(tmp_path: Path, path: str, reason: str) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(PictureError, match=reason):
        picture.load(tmp_path / path)


@pytest.mark.parametrize(
    ("format", "shape", "factor", "error"),
    [("PNG", (300, 600), 5, 0), ("JPEG", (188, 375), 8, 60)],  # decoded at a quarter
)
def test_reduced_pictures(format: str, shape: tuple[int, int], factor: int, error: int) -> None:
    large = Image.fromarray(GREY).resize((3000, 1500), Image.Resampling.NEAREST)
    raw = encoded(large, format)
    loaded = picture.load(raw)
    assert (loaded.pixels.shape, loaded.downscale) == (shape, factor)
    assert loaded.size == (3000, 1500)
    np.testing.assert_allclose(loaded.pixels, np.asarray(large.reduce(factor)), atol=error)
    again = picture.reduce(picture.load(raw, picture.PAGE_MAX_SIDE), picture.DIGIT_MAX_SIDE)
    assert (again.pixels.shape, again.downscale) == ((250, 500), 6)
    assert picture.load(again, 500) is again


def test_transparent_pixels_show_paper_that_contrasts_with_the_ink() -> None:
    for pen, paper in ((255, 0), (0, 255)):
        grey = picture.load(np.dstack([np.full_like(GREY, pen)] * 3 + [(GREY < 100) * 255]))
        assert (grey.pixels[3, 4], grey.pixels[8, 15]) == (pen, paper)
    assert (picture.load(Image.new("RGBA", (9, 9))).pixels == 255).all()


def test_transparent_border_gets_colour_of_sheet() -> None:
    image = Image.new("RGBA", (44, 44))
    image.paste("darkgrey", (2, 2, 42, 42))
    image.paste("black", (17, 10, 21, 34))
    grey = picture.load(image).pixels
    assert (grey[0, 0], grey[4, 4], grey[22, 18]) == (169, 169, 0)


def small(format: str) -> bytes:
    return encoded(Image.new("L", (9, 9)), format)


def test_further_pages_are_left_with_a_warning(tmp_path: Path, run: Run) -> None:
    first, path = Image.fromarray(GREY), tmp_path / "scan.tif"
    path.write_bytes(encoded(first, "TIFF", save_all=True, append_images=[first] * 2))
    with pytest.warns(UserWarning, match="^the picture has several pages; only the first is read$"):
        assert picture.load(path.read_bytes()).size == first.size
    shutil.copy(path, tmp_path / "nameless")
    _, _, err = run("predict", tmp_path / "nameless")
    warning = f"warning: {tmp_path / 'nameless'} has several pages; only the first is read\n"
    assert err.startswith(warning)
    for format in ("GIF", "PNG", "WEBP"):
        frames = encoded(first, format, save_all=True, append_images=[first.rotate(90)])
        with pytest.warns(UserWarning, match="several frames; only the first is read"):
            picture.load(frames)
    path.write_bytes(malformed.grey_tiff(9, 9, (273, 4, 1, 8), following=8))  # itself
    assert "warning" not in run("predict", path)[2]
