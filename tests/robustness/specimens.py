"""Small valid files of all formats that digits reads, to be mutated."""

import io
import struct
import zlib
from typing import Any

from PIL import Image, ImageDraw

_SIZE = (40, 48)
_ORIENTATION = 0x0112


def chunk(kind: bytes, content: bytes) -> bytes:
    """Build a chunk of a PNG, with its length and checksum."""
    return struct.pack(">I", len(content)) + kind + content + _crc(kind + content)


def with_checksums(png: bytes) -> bytes:
    """Correct the checksums of a mutated PNG, so that decoders read its contents."""
    raw, start = bytearray(png), 8
    while start + 12 <= len(raw):
        [length] = struct.unpack_from(">I", raw, start)
        end = start + 8 + length
        if end + 4 > len(raw):
            break
        raw[end : end + 4] = _crc(bytes(raw[start + 4 : end]))
        start = end + 4
    return bytes(raw)


def encoded(image: Image.Image, format: str, **options: Any) -> bytes:
    """Encode an image as the bytes of a file."""
    file = io.BytesIO()
    image.save(file, format, **options)
    return file.getvalue()


def _crc(content: bytes) -> bytes:
    return struct.pack(">I", zlib.crc32(content))


def _seven(mode: str = "L", shift: int = 0) -> Image.Image:
    grey = Image.new("L", _SIZE, 230)
    points = [(10 + shift, 10), (28 + shift, 10), (18 + shift, 38)]
    ImageDraw.Draw(grey).line(points, fill=20, width=4)
    if mode == "LA":
        grey.putalpha(grey.point(lambda value: 255 - value))
        return grey
    if mode == "RGBA":
        return _seven("LA").convert("RGBA")
    if mode == "I;16":
        return Image.frombytes("I;16", _SIZE, b"".join(b"\0" + bytes([v]) for v in grey.tobytes()))
    return grey.convert(mode)


def pictures() -> dict[str, bytes]:
    """Return a 7 in all formats, depths and compressions. Names begin with the format."""
    exif = Image.Exif()
    exif[_ORIENTATION] = 6
    deep = _seven("I").point(lambda value: value * 257)
    files: list[tuple[str, Image.Image, dict[str, Any]]] = [
        *((f"{format} {mode}", _seven(mode), {}) for format in _MODES for mode in _MODES[format]),
        ("PNG palette transparent", _seven("P"), {"transparency": 3}),
        ("JPEG progressive", _seven("RGB"), {"progressive": True}),
        ("WEBP lossless", _seven("RGB"), {"lossless": True}),
        ("PPM deep", deep, {}),
    ]
    for format in ("PNG", "GIF", "TIFF", "WEBP", "MPO"):
        # New images for each file: Pillow leaves a format's settings in them.
        frames = [_seven("RGB", shift=2), _seven("RGB", shift=4)]
        files.append((f"{format} animated", _seven(), {"save_all": True, "append_images": frames}))
    for format in ("PNG", "JPEG", "TIFF", "WEBP"):
        sideways = _seven("RGB").transpose(Image.Transpose.ROTATE_90)
        files.append((f"{format} turned", sideways, {"exif": exif}))
    for kind in ("tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg", "zstd", "group4"):
        mode = "1" if kind == "group4" else "RGB"
        files.append((f"TIFF {kind}", _seven(mode), {"compression": kind}))
    made = {
        name.replace("MPO", "JPEG"): encoded(image, name.partition(" ")[0], **options)
        for name, image, options in files
    }
    return made | _written_by_hand()


_MODES = {
    "PNG": ("1", "L", "P", "RGB", "LA", "I;16"),
    "JPEG": ("L", "RGB", "CMYK"),
    "GIF": ("L",),
    "BMP": ("1", "P", "RGB"),
    "TIFF": ("1", "L", "P", "RGB", "CMYK", "I;16", "F"),
    "WEBP": ("RGB", "RGBA"),
    "PPM": ("1", "L", "RGB", "F"),
}


def _written_by_hand() -> dict[str, bytes]:
    """Return what Pillow reads but doesn't write."""
    png, grey = encoded(_seven(), "PNG"), _seven().tobytes()
    text = chunk(b"zTXt", b"a\0\0" + zlib.compress(b"text" * 50))
    profile = chunk(b"iCCP", b"a\0\0" + zlib.compress(bytes(200)))
    head = b"%d %d\n" % _SIZE
    letters = b" ".join(b"%d" % value for value in grey)
    bits = b" ".join(b"%d" % (value < 128) for value in grey)
    return {
        "PNG with texts": png[:33] + text + profile + png[33:],
        "PPM grey in letters": b"P2\n# seven\n" + head + b"255\n" + letters,
        "PPM bits in letters": b"P1\n" + head + bits,
    }
