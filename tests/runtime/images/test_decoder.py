import io
import subprocess
import sys

import pytest
from PIL import Image

from digits.errors import PictureError
from digits.images import decoder, picture
from digits.images.formats import FORMATS

OPEN = """
import io, sys
from digits.images import decoder
decoder.open_image("it", io.BytesIO(sys.stdin.buffer.read())).load()
print(*(name for name in sys.modules if name.startswith("PIL.") and name.endswith("Plugin")))
"""


def encoded(format: str) -> bytes:
    file = io.BytesIO()
    Image.new("L", (3, 3), 200).save(file, format)
    return file.getvalue()


@pytest.mark.parametrize("format", FORMATS)
def test_only_needed_decoder_is_imported(format: str) -> None:
    done = subprocess.run([sys.executable, "-c", OPEN], input=encoded(format), capture_output=True)
    plugins = set(done.stdout.decode().split())
    needed = Image.OPEN[format][0].__module__
    assert needed in plugins, done.stderr
    assert plugins <= {needed, "PIL.TiffImagePlugin"}  # which defines the EXIF tags


@pytest.mark.parametrize("raw", [b"%!PS-Adobe-3.0 EPSF-3.0\n", b"\0\0\1\0", b"P"])
def test_other_pillow_formats_are_refused(raw: bytes) -> None:
    with pytest.raises(PictureError, match="not a picture in a supported format"):
        decoder.open_image("it", io.BytesIO(raw))


def test_pillow_without_webp_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = encoded("WEBP")
    factory, _ = Image.OPEN["WEBP"]
    monkeypatch.setitem(Image.OPEN, "WEBP", (factory, lambda prefix: "no WEBP here"))
    with pytest.raises(PictureError, match="it: no WEBP here"):
        decoder.open_image("it", io.BytesIO(raw))


def test_out_of_memory_is_not_reported_as_damage(monkeypatch: pytest.MonkeyPatch) -> None:
    def run_out_of_memory(image: Image.Image, factor: int) -> None:
        raise MemoryError

    monkeypatch.setattr(picture, "to_grey", run_out_of_memory)
    with pytest.raises(PictureError, match="the picture takes more memory than is free"):
        picture.load(encoded("PNG"))
