import contextlib
import io
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis.extra import numpy as hnp
from PIL import Image

from digits.errors import PictureError
from digits.images import picture
from digits.images.formats import FORMATS
from digits.images.grey import to_grey
from tests.robustness.specimens import encoded

# Ten rows and twenty columns: a dark block in the upper left of a light page.
GREY = np.full((10, 20), 230, np.uint8)
GREY[1:6, 2:8] = 30
BLOCK = np.where(GREY < 100, 255, 0).astype(np.uint8)


def with_alpha(pen: int) -> Image.Image:
    """The block alone, on nothing."""
    return Image.fromarray(np.dstack([np.full_like(BLOCK, pen)] * 3 + [BLOCK]))


@pytest.mark.parametrize(
    "source",
    [
        *(Image.fromarray(GREY).convert(mode) for mode in ("L", "RGB", "RGBA", "P", "CMYK", "LA")),
        Image.fromarray(GREY.astype(np.float32) * 100),
        with_alpha(0),
        GREY[..., None],
        np.dstack([GREY] * 3),
        GREY.astype(np.uint16) * 257,
        GREY.astype(np.uint16) * 16,  # 12 bits
        (GREY // 2).astype(np.int8),
        *(GREY.astype(dtype) for dtype in (np.int16, np.uint16, np.int32, np.int64, np.float64)),
        GREY.astype(np.float32) / 200,  # slightly above 1, as after interpolation
        GREY > 100,
        GREY.astype(np.float64) * 1e27,
        GREY / 127.5 - 1,  # -1 to 1
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
    class BytesPath:
        def __fspath__(self) -> bytes:
            return os.fsencode(tmp_path / "picture")

    raw = encoded(Image.fromarray(GREY), format)
    (tmp_path / "picture").write_bytes(raw)
    pipe, end = os.pipe()
    os.write(end, raw)
    os.close(end)
    sources: list[Any] = [raw, bytearray(raw), memoryview(raw), io.BytesIO(raw)]
    sources += [os.fdopen(pipe, "rb"), BytesPath(), tmp_path / "picture", str(tmp_path / "picture")]
    for source in sources:
        grey = picture.load(source).pixels
        assert np.abs(grey.astype(int) - GREY).mean() < 12
    for length in (0, 1, 20, len(raw) // 2):
        with pytest.raises(PictureError, match="the picture"):
            picture.load(raw[:length])


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation(orientation: int) -> None:
    stored = {
        1: GREY,
        2: GREY[:, ::-1],
        3: GREY[::-1, ::-1],
        4: GREY[::-1],
        5: GREY.T,
        6: np.rot90(GREY),
        7: np.rot90(GREY.T, 2),
        8: np.rot90(GREY, -1),
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    raw = encoded(Image.fromarray(np.ascontiguousarray(stored)), "PNG", exif=exif)
    np.testing.assert_array_equal(picture.load(raw).pixels, GREY)
    # Decoded at an eighth it is square.
    raw = encoded(Image.new("L", (384, 383)), "JPEG", exif=exif)
    assert picture.load(raw, 64).size == ((384, 383) if orientation < 5 else (383, 384))


def test_junk_in_exif_says_nothing() -> None:
    for format in ("JPEG", "PNG", "WEBP"):
        raw = encoded(Image.new("L", (9, 5)), format, exif=b"Exif\0\0" + b"junk" * 50)
        assert picture.load(raw).size == (9, 5)


@pytest.mark.parametrize("factor", [1, 3, 7])
@pytest.mark.parametrize("mode", ["RGB", "RGBA", "F"])
def test_wide_picture_is_reduced_as_a_tall_one(mode: str, factor: int) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (11, 1303, 4), dtype=np.uint8)
    image = Image.fromarray(noise[..., : len(mode)].squeeze()).convert(mode)
    tall = to_grey(image.transpose(Image.Transpose.TRANSPOSE), factor)
    np.testing.assert_array_equal(to_grey(image, factor), tall.T)


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        (b"", "the picture is empty"),
        (io.BytesIO(), "the picture is empty"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EOF\n", "not a picture"),
        (b"\0\0\1\0", "not a picture in a supported format"),  # an icon
        (b"P6\n99999999999 1\n255\n" + bytes(9), "unsupported: .*Token too long"),
        (Image.new("L", (0, 5)), "has no pixels"),
        (7, "unsupported image type: .*; give a path"),
        (np.zeros(5), "a picture is .height, width"),
        (np.zeros((0, 5)), "unsupported array"),
        (np.zeros((2, 2, 2), np.uint8), "a picture is .height, width"),
        (np.full((4, 4), np.nan), "unsupported array: it holds values that are not finite"),
        (np.full((4, 4), 1e300), "unsupported array: it holds .* above 1e.30"),
        (np.zeros((4, 4), complex), "unsupported array"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
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
        ("nul\0byte", "can't open"),
        ("/proc/kmsg", "is empty|No such file"),  # whose end never comes
    ],
)
def test_unreadable_path_is_refused(tmp_path: Path, path: str, reason: str) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(PictureError, match=reason):
        picture.load(tmp_path / path)


@pytest.mark.parametrize("format", ["PNG", "JPEG"])
def test_large_pictures_are_reduced(format: str) -> None:
    large = Image.fromarray(GREY).resize((3000, 1500), Image.Resampling.NEAREST)
    raw = encoded(large, format)
    loaded = picture.load(raw)
    assert max(loaded.pixels.shape) <= picture.DIGIT_MAX_SIDE
    assert loaded.pixels.shape[1] * loaded.downscale == pytest.approx(3000, rel=0.01)
    assert loaded.size == picture.peek_size(raw) == (3000, 1500)
    again = picture.reduce(picture.load(raw, picture.PAGE_MAX_SIDE), picture.DIGIT_MAX_SIDE)
    assert max(again.pixels.shape) <= picture.DIGIT_MAX_SIDE
    assert picture.reduce(again, picture.DIGIT_MAX_SIDE) is again


def test_ppm_header_comments() -> None:
    pixels = bytes(range(100))
    for head in (b"P5 10 10 255\n", b"P5\n# a\n#b\r  10\t10\n#c\n255\n"):
        assert np.array_equal(picture.load(head + pixels).pixels.ravel(), list(pixels))


def test_pillow_without_webp_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = encoded(Image.new("L", (3, 3)), "WEBP")
    monkeypatch.setattr("PIL.WebPImagePlugin.SUPPORTED", False)
    with pytest.raises(PictureError, match="this Pillow was built without WEBP"):
        picture.load(raw)


def test_out_of_memory_is_not_reported_as_damage(monkeypatch: pytest.MonkeyPatch) -> None:
    def run_out_of_memory(image: Image.Image, factor: int) -> None:
        raise MemoryError

    monkeypatch.setattr(picture, "to_grey", run_out_of_memory)
    with pytest.raises(PictureError, match="the picture takes more memory than is free"):
        picture.load(encoded(Image.new("L", (3, 3)), "PNG"))


@given(
    hnp.arrays(
        hnp.scalar_dtypes(),
        hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=6),
    )
)
def test_any_array_is_read_or_refused(array: np.ndarray) -> None:
    with contextlib.suppress(PictureError):
        assert picture.load(array).pixels.ndim == 2


def test_transparent_pixels_show_paper_that_contrasts_with_the_ink() -> None:
    grey = picture.load(with_alpha(255)).pixels
    assert (grey[3, 4], grey[8, 15]) == (255, 0)
    assert (picture.load(Image.new("RGBA", (9, 9))).pixels == 255).all()


@pytest.mark.parametrize("paper", ["white", "darkgreen"])
@pytest.mark.parametrize("margin", [2, 20])
def test_transparent_border_gets_colour_of_sheet(paper: str, margin: int) -> None:
    """A screenshot's transparent border was once read as the digit."""
    sheet = Image.new("RGBA", (40, 40), paper)
    sheet.paste("black" if paper == "white" else "white", (15, 8, 19, 32))
    image = Image.new("RGBA", (40 + 2 * margin, 40 + 2 * margin))
    image.paste(sheet, (margin, margin))
    grey = picture.load(image).pixels
    assert abs(int(grey[0, 0]) - int(grey[margin + 2, margin + 2])) < 3
    assert abs(int(grey[margin + 20, margin + 16]) - int(grey[0, 0])) > 100
