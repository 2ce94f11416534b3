"""Small valid files of all formats that digits reads, and reproducible random mutants of files."""

import io
import os
import random
import re
import struct
import zlib
from collections.abc import Iterator, Mapping
from typing import Any

import pillow_heif
from PIL import Image, ImageDraw

_SIZE = (40, 48)
_ORIENTATION = 0x0112


def chunk(kind: bytes, content: bytes) -> bytes:
    """Build a chunk of a PNG, with its length and checksum."""
    crc = zlib.crc32(kind + content)
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", crc)


def encoded(image: Image.Image, format: str, **options: Any) -> bytes:
    """Encode an image as the bytes of a file."""
    file = io.BytesIO()
    if format == "HEIC":
        pillow_heif.from_pillow(image).save(file, **options)
    else:
        image.save(file, format, **options)
    return file.getvalue()


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
    for format in ("PNG", "JPEG", "TIFF", "WEBP", "AVIF"):  # AVIF empties the EXIF
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
    "AVIF": ("L", "RGBA"),
    "HEIC": ("RGB", "RGBA"),
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


# Multiplies the number of mutants, for long runs: DIGITS_HOSTILE=20.
FACTOR = float(os.environ.get("DIGITS_HOSTILE", "1"))

_HEADER_BYTES = 128  # where most formats have their sizes and counts
_MAX_MUTATIONS = 4  # of one mutant
# Edge cases of lengths and counts.
_INTEGERS = (0, 1, -1, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 2**63 - 1)
_DECIMALS = (b"0", b"-1", b"1e9", b"65536", b"99999999999999999999", b"\xd9\xa3", b"")


def mutants(specimens: Mapping[str, bytes], count: float) -> Iterator[tuple[str, bytes]]:
    """Yield `count` times DIGITS_HOSTILE mutants of each specimen, with their names."""
    for name, specimen in specimens.items():
        for number in range(max(1, round(count * FACTOR))):
            rng = random.Random(f"{name} {number}")
            mutant = bytearray(specimen)
            for _ in range(rng.randint(1, _MAX_MUTATIONS)):
                if mutant:
                    _mutate(rng, mutant)
            yield f"{name}, mutant {number}", bytes(mutant)


def _mutate(rng: random.Random, raw: bytearray) -> None:
    """Change a part, mostly a short one; in half of the cases, in the header."""
    start, target = (
        rng.randrange(min(len(raw), _HEADER_BYTES) if rng.random() < 0.5 else len(raw))
        for _ in range(2)
    )
    length = rng.choice((1, 2, 4, rng.randint(1, 64), rng.randint(1, len(raw))))
    match rng.choice(("flip", "overwrite", "delete", "copy", "cut", "count", "count", "decimal")):
        case "flip":
            raw[start] ^= 1 << rng.randrange(8)
        case "overwrite":
            raw[start : start + 8] = rng.randbytes(rng.randint(1, 8))
        case "delete":
            del raw[start : start + length]
        case "copy":
            raw[target:target] = raw[start : start + length]
        case "cut":
            del raw[start:]
        case "count":  # of 1, 2, 4 or 8 bytes in either byte order
            size = rng.choice((1, 2, 4, 8))
            number = rng.choice(_INTEGERS) % (1 << 8 * size)
            raw[start : start + size] = number.to_bytes(size, rng.choice(("little", "big")))
        case "decimal":  # as in the headers of PPM, tar, JSON and HTTP
            numbers = [match.span() for match in re.finditer(rb"\d+", raw[:4096])]
            if numbers:
                start, end = rng.choice(numbers)
                raw[start:end] = rng.choice(_DECIMALS)
