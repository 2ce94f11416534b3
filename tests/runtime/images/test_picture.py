import contextlib
import io
import os
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from digits.errors import PictureError
from digits.images import picture
from digits.images.grey import to_grey

# Ten rows and twenty columns: a dark block in the upper left of a light page.
GREY = np.full((10, 20), 230, np.uint8)
GREY[1:6, 2:8] = 30


def encoded(image: Image.Image, format: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "P", "CMYK", "I", "F", "I;16", "LA"])
def test_polarity_of_every_mode(mode: str) -> None:
    image = Image.fromarray(GREY)
    if mode == "I;16":
        image = Image.fromarray(GREY.astype(np.uint16) * 257)
    elif mode in ("I", "F"):
        image = Image.fromarray(GREY.astype(np.int32 if mode == "I" else np.float32) * 100)
    else:
        image = image.convert(mode)
    grey = picture.load(image).pixels
    assert grey.dtype == np.uint8
    assert grey.shape == GREY.shape
    assert grey[3, 4] < 60
    assert grey[8, 15] > 200


@pytest.mark.parametrize("format", ["PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP", "PPM"])
def test_every_format_from_path_bytes_and_file(tmp_path: Path, format: str) -> None:
    raw = encoded(Image.fromarray(GREY), format)
    (tmp_path / "picture").write_bytes(raw)
    for source in (raw, io.BytesIO(raw), tmp_path / "picture", str(tmp_path / "picture")):
        grey = picture.load(source).pixels
        assert np.abs(grey.astype(int) - GREY).mean() < 12


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
    raw = encoded(Image.fromarray(np.ascontiguousarray(stored)), exif=exif)
    np.testing.assert_array_equal(picture.load(raw).pixels, GREY)


def test_exif_orientation_nearly_square() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    raw = encoded(Image.new("L", (384, 383)), "JPEG", exif=exif)
    assert picture.load(raw, 64).size == (383, 384)  # decoded at an eighth it is square


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP"])
def test_junk_in_exif_says_nothing(format: str) -> None:
    raw = encoded(Image.new("L", (9, 5)), format, exif=b"Exif\0\0" + b"junk" * 50)
    assert picture.load(raw).size == (9, 5)


@pytest.mark.parametrize("factor", [1, 3, 7])
@pytest.mark.parametrize("mode", ["RGB", "RGBA", "F"])
def test_wide_picture_is_reduced_as_a_tall_one(mode: str, factor: int) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (11, 1303, 4), dtype=np.uint8)
    image = Image.fromarray(noise[..., 0].astype(np.float32)) if mode == "F" else None
    image = image or Image.fromarray(noise[..., : len(mode)])
    tall = to_grey(image.transpose(Image.Transpose.TRANSPOSE), factor)
    np.testing.assert_array_equal(to_grey(image, factor), tall.T)


@pytest.mark.parametrize("source", [b"", io.BytesIO()])
def test_empty_source_is_refused(source: picture.Source) -> None:
    with pytest.raises(PictureError, match="the picture is empty"):
        picture.load(source)


def test_closed_file_is_refused() -> None:
    file = io.BytesIO(encoded(Image.fromarray(GREY)))
    file.close()
    with pytest.raises(PictureError, match="closed file"):
        picture.load(file)


@pytest.mark.parametrize(("pen", "paper"), [(0, 255), (255, 0)])
def test_transparency_on_contrasting_paper(pen: int, paper: int) -> None:
    alpha = np.where(GREY < 100, 255, 0).astype(np.uint8)
    image = Image.fromarray(np.dstack([np.full_like(alpha, pen)] * 3 + [alpha]))
    grey = picture.load(image).pixels
    assert grey[3, 4] == pen
    assert grey[8, 15] == paper


def test_first_frame_of_animation() -> None:
    frames = [Image.fromarray(GREY), Image.fromarray(255 - GREY)]
    raw = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert picture.load(raw).pixels[3, 4] < 60


@pytest.mark.parametrize(
    "array",
    [
        GREY,
        GREY[..., None],
        np.dstack([GREY] * 3),
        GREY.astype(np.uint16) * 257,
        GREY.astype(np.float64),
        GREY.astype(np.float32) / 255,
        GREY.astype(np.float32) / 200,  # slightly above 1, as after interpolation
        GREY > 100,
        GREY.astype(np.float64) * 1e300,
        GREY / 127.5 - 1,  # -1 to 1
        GREY.astype(np.uint16) * 16,  # 12 bits
    ],
)
def test_array_of_any_range_and_depth(array: np.ndarray) -> None:
    grey = picture.load(array).pixels
    assert grey[3, 4] < 60
    assert grey[8, 15] > 200


@pytest.mark.parametrize(
    "array",
    [
        np.zeros(5),
        np.zeros((0, 5)),
        np.zeros((2, 2, 2), np.uint8),
        np.zeros((2, 2, 2, 2), np.uint8),
        np.full((4, 4), np.nan),
        np.full((4, 4), "x"),
        np.zeros((4, 4), complex),
    ],
)
def test_unsupported_array_is_refused(array: np.ndarray) -> None:
    with pytest.raises(PictureError, match="array|picture"):
        picture.load(array)


@pytest.mark.parametrize("format", ["PNG", "JPEG"])
def test_large_pictures_are_reduced(format: str) -> None:
    large = Image.fromarray(GREY).resize((3000, 1500), Image.Resampling.NEAREST)
    loaded = picture.load(encoded(large, format))
    assert max(loaded.pixels.shape) <= picture.DIGIT_MAX_SIDE
    assert loaded.pixels.shape[1] * loaded.downscale == pytest.approx(3000, rel=0.01)


@pytest.mark.slow
def test_50_megapixel_photo_and_bomb() -> None:
    raw = encoded(Image.new("L", (8200, 6100), 255))
    assert max(picture.load(raw).pixels.shape) <= picture.DIGIT_MAX_SIDE
    for side in (12_000, 30_000):
        bomb = encoded(Image.new("1", (side, side)), compress_level=1)
        with pytest.raises(PictureError, match="pixels|too large"):
            picture.load(bomb)


def test_truncated_files_are_refused(pictures: list[Path]) -> None:
    for path in pictures:
        raw = path.read_bytes()
        for length in (0, 1, 20, len(raw) // 2):
            with pytest.raises(PictureError, match="the picture"):
                picture.load(raw[:length])


@pytest.mark.unix
def test_unreadable_paths(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path, message in (
        (tmp_path / "missing.png", "No such file"),
        (tmp_path, "is a folder"),
        (Path(os.devnull), "not a regular file"),
        (tmp_path / "pipe", "not a regular file"),
        (Path("nul\0byte"), "can't open"),
        (Path("/proc/kmsg"), "is empty|No such file"),  # whose end never comes
    ):
        with pytest.raises(PictureError, match=message):
            picture.load(path)


@pytest.mark.unix
def test_file_without_read_permission_is_refused(tmp_path: Path) -> None:
    (tmp_path / "secret.png").write_bytes(encoded(Image.fromarray(GREY)))
    (tmp_path / "secret.png").chmod(stat.S_IWUSR)
    root = os.geteuid() == 0  # root may read everything, so become nobody for a moment
    if root:
        os.seteuid(65534)
    try:
        with pytest.raises(PictureError, match="Permission denied"):
            picture.load(tmp_path / "secret.png")
    finally:
        if root:
            os.seteuid(0)


def test_postscript_is_refused() -> None:
    with pytest.raises(PictureError, match="not a picture"):
        picture.load(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EOF\n")


@given(st.binary(max_size=300))
def test_noise_is_refused(noise: bytes) -> None:
    with pytest.raises(PictureError):
        picture.load(noise)


SAMPLES = sorted(path for path in (Path(__file__).parents[2] / "pictures").glob("[0-9].*"))


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.name)
def test_pipe_is_read_like_file(path: Path) -> None:
    with subprocess.Popen(["cat", path], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        piped = picture.load(cast(BinaryIO, process.stdout))
    assert np.array_equal(piped.pixels, picture.load(path).pixels)


def test_reason_is_text_even_if_pillow_gives_bytes() -> None:
    with pytest.raises(PictureError, match="unsupported: Token too long"):
        picture.load(b"P6\n99999999999 1\n255\n" + bytes(9))


def test_ppm_header_comments() -> None:
    pixels = bytes(range(100))
    for head in (b"P5 10 10 255\n", b"P5\n# a\n#b\r  10\t10\n#c\n255\n"):
        assert np.array_equal(picture.load(head + pixels).pixels.ravel(), list(pixels))
    large = b"P5 #" + b"x" * 60_000 + b"\n300 300 255\n" + bytes(90_000)
    assert picture.load(large).size == (300, 300)
    with pytest.raises(PictureError, match="its header doesn't end"):
        picture.load(large.replace(b"x", b"xx"))


@given(st.data())
def test_damaged_file_is_read_or_refused(data: st.DataObject) -> None:
    raw = bytearray(data.draw(st.sampled_from(SAMPLES)).read_bytes())
    for position in data.draw(st.lists(st.integers(0, len(raw) - 1), min_size=1, max_size=8)):
        raw[position] = data.draw(st.integers(0, 255))
    try:
        assert picture.load(bytes(raw)).pixels.dtype == np.uint8
    except PictureError as error:
        assert "the picture" in str(error)


@given(
    hnp.arrays(
        st.one_of(hnp.scalar_dtypes(), hnp.unicode_string_dtypes()),
        hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=6),
    )
)
def test_any_array_is_read_or_refused(array: np.ndarray) -> None:
    with contextlib.suppress(PictureError):
        assert picture.load(array).pixels.ndim == 2


@pytest.mark.parametrize("paper", ["white", "darkgreen"])
@pytest.mark.parametrize("margin", [2, 20])
def test_transparent_border_gets_colour_of_sheet(paper: str, margin: int) -> None:
    """A screenshot's transparent border was once read as the digit."""
    pen = "black" if paper == "white" else "white"
    sheet = Image.new("RGBA", (40, 40), paper)
    sheet.paste(pen, (15, 8, 19, 32))
    image = Image.new("RGBA", (40 + 2 * margin, 40 + 2 * margin))
    image.paste(sheet, (margin, margin))
    grey = picture.load(image).pixels
    assert abs(int(grey[0, 0]) - int(grey[margin + 2, margin + 2])) < 3
    assert abs(int(grey[margin + 20, margin + 16]) - int(grey[0, 0])) > 100


def test_fully_transparent_picture_is_blank() -> None:
    assert (picture.load(Image.new("RGBA", (9, 9))).pixels == 255).all()


@pytest.mark.parametrize("dtype", [np.uint16, np.int32, np.float32])
@pytest.mark.parametrize("most", [1, 255, 300, 4095, 65535])
def test_high_depth_tiff_equals_array(dtype: type[np.generic], most: int) -> None:
    array = (GREY / 230 * most).astype(dtype)
    raw = encoded(Image.fromarray(array), "TIFF")
    np.testing.assert_array_equal(picture.load(raw).pixels, picture.load(array).pixels)


@pytest.mark.parametrize("dtype", [np.int8, np.int16, np.uint16, np.int32, np.int64])
def test_wide_integers_up_to_255_keep_contrast(dtype: type[np.generic]) -> None:
    array = (GREY // 2).astype(dtype)
    grey = picture.load(array).pixels
    assert int(grey[8, 15]) - int(grey[3, 4]) > 90


@pytest.mark.parametrize("kind", [bytearray, memoryview])
def test_bytearray_and_memoryview_are_read(kind: type[bytearray] | type[memoryview]) -> None:
    assert picture.load(kind(encoded(Image.fromarray(GREY)))).pixels.shape == GREY.shape


@pytest.mark.parametrize("source", [None, 7, [1, 2]])
def test_unsupported_source_type_is_refused(source: Any) -> None:
    with pytest.raises(PictureError, match="unsupported image type: .*; give a path"):
        picture.load(source)


@pytest.mark.parametrize("size", [(0, 0), (0, 5), (5, 0)])
def test_picture_without_pixels_is_refused(size: tuple[int, int]) -> None:
    with pytest.raises(PictureError, match="has no pixels"):
        picture.load(Image.new("L", size))


def test_path_as_bytes_is_read() -> None:
    class BytesPath:
        def __fspath__(self) -> bytes:
            return os.fsencode(SAMPLES[0])

    assert picture.load(BytesPath()).pixels.shape == (28, 28)  # type: ignore[arg-type]


@pytest.mark.slow
@pytest.mark.linux
def test_memory_of_large_picture() -> None:
    # Not getrusage, whose peak begins at that of the process which started this one.
    code = """
import numpy as np
from digits.images import picture
from digits.images.grey import to_grey

def peak():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))

{prepare}
before = peak()
picture.load(source)
print(peak() - before)
"""
    for prepare, megabytes in (
        ("source = np.zeros((6000, 6000, 3), np.uint8)", 400),
        ("from PIL import Image; source = Image.new('RGBA', (6000, 6000))", 400),
        ("source = np.zeros((6000, 6000), np.uint16)", 400),
    ):
        done = subprocess.run(
            [sys.executable, "-c", code.format(prepare=prepare)], capture_output=True, check=True
        )
        assert int(done.stdout) / 1024 < megabytes, prepare


def test_truncated_gif_is_refused(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (60, 60), np.uint8)
    Image.fromarray(noise).save(tmp_path / "whole.gif")
    whole = (tmp_path / "whole.gif").read_bytes()
    assert picture.load(whole + bytes(100)).size == (60, 60)  # some cameras pad files
    for share in (0.5, 0.9, 0.999):
        with pytest.raises(PictureError, match="damaged"):
            picture.load(whole[: int(share * len(whole))])
