"""Small valid files of all formats that digits reads, to be mutated."""

import gzip
import io
import struct
import zlib
from typing import Any

from PIL import Image, ImageDraw

_SIZE = (40, 48)
_ORIENTATION = 0x0112


def pictures() -> dict[str, bytes]:
    """Return a 7 in all formats, depths and compressions. Names begin with the format."""
    return {**_png(), **_jpeg(), **_gif(), **_bmp(), **_tiff(), **_webp(), **_ppm()}


def idx() -> dict[str, bytes]:
    """Return four images and labels in MNIST's format, raw and gzipped."""
    files = {
        "images": b"\0\0\x08\3" + struct.pack(">3I", 4, 28, 28) + bytes(4 * 28 * 28),
        "labels": b"\0\0\x08\1" + struct.pack(">I", 4) + bytes([7, 2, 1, 0]),
    }
    packed = {f"{name}.gz": gzip.compress(raw, mtime=0) for name, raw in files.items()}
    return files | packed


def chunk(kind: bytes, content: bytes) -> bytes:
    """Build a chunk of a PNG, with its length and checksum."""
    return struct.pack(">I", len(content)) + kind + content + _crc(kind + content)


def with_checksums(png: bytes) -> bytes:
    """Correct the checksums of a mutated PNG, so that decoders read its contents."""
    raw, place = bytearray(png), 8
    while place + 12 <= len(raw):
        [length] = struct.unpack_from(">I", raw, place)
        end = place + 8 + length
        if end + 4 > len(raw):
            break
        raw[end : end + 4] = _crc(bytes(raw[place + 4 : end]))
        place = end + 4
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


def _frames() -> dict[str, Any]:
    return {"save_all": True, "append_images": [_seven(shift=2), _seven(shift=4)], "duration": 40}


def _rotated(format: str) -> bytes:
    """Encode a sideways image with the EXIF orientation that turns it upright."""
    exif = Image.Exif()
    exif[_ORIENTATION] = 6
    return encoded(_seven("RGB").transpose(Image.Transpose.ROTATE_90), format, exif=exif)


def _png() -> dict[str, bytes]:
    plain = {mode: encoded(_seven(mode), "PNG") for mode in ("1", "L", "P", "RGB", "LA", "I;16")}
    head, tail = plain["L"][:33], plain["L"][33:]
    text = chunk(b"zTXt", b"a\0\0" + zlib.compress(b"text" * 50))
    profile = chunk(b"iCCP", b"a\0\0" + zlib.compress(bytes(200)))
    return {f"PNG {mode}": raw for mode, raw in plain.items()} | {
        "PNG palette transparent": encoded(_seven("P"), "PNG", transparency=3),
        "PNG grey transparent": encoded(_seven(), "PNG", transparency=230),
        "PNG animated": encoded(_seven(), "PNG", **_frames()),
        "PNG turned": _rotated("PNG"),
        "PNG with texts": head + text + profile + tail,
    }


def _jpeg() -> dict[str, bytes]:
    return {
        **{f"JPEG {mode}": encoded(_seven(mode), "JPEG") for mode in ("L", "RGB", "CMYK")},
        "JPEG progressive": encoded(_seven("RGB"), "JPEG", progressive=True),
        "JPEG turned": _rotated("JPEG"),
        "JPEG of several": encoded(_seven("RGB"), "MPO", **_frames()),
    }


def _gif() -> dict[str, bytes]:
    return {
        "GIF": encoded(_seven(), "GIF"),
        "GIF animated": encoded(_seven(), "GIF", **_frames(), disposal=2, loop=0),
        "GIF transparent": encoded(_seven("P"), "GIF", transparency=3),
    }


def _bmp() -> dict[str, bytes]:
    modes = ("1", "L", "P", "RGB", "RGBA")
    found = {f"BMP {mode}": encoded(_seven(mode), "BMP") for mode in modes}
    # Run-length encoding (compression 1), which Pillow reads but doesn't write.
    raw = found["BMP L"]
    [start] = struct.unpack_from("<I", raw, 10)
    rows = [raw[place : place + _SIZE[0]] for place in range(start, len(raw), _SIZE[0])]
    runs = b"".join(bytes(byte for value in row for byte in (1, value)) + b"\0\0" for row in rows)
    found["BMP in runs"] = raw[:30] + struct.pack("<I", 1) + raw[34:start] + runs + b"\0\1"
    return found


def _tiff() -> dict[str, bytes]:
    modes = ("1", "L", "P", "RGB", "RGBA", "CMYK", "I;16", "I", "F")
    found = {f"TIFF {mode}": encoded(_seven(mode), "TIFF") for mode in modes}
    for kind in ("tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg", "zstd"):
        found[f"TIFF {kind}"] = encoded(_seven("RGB"), "TIFF", compression=kind)
    for kind in ("group3", "group4"):
        found[f"TIFF {kind}"] = encoded(_seven("1"), "TIFF", compression=kind)
    several = {"save_all": True, "append_images": [_seven(shift=2)]}
    found["TIFF of several"] = encoded(_seven(), "TIFF", **several)
    found["TIFF turned"] = _rotated("TIFF")
    found["TIFF big"] = encoded(_seven(), "TIFF", big_tiff=True)
    return found


def _webp() -> dict[str, bytes]:
    return {
        "WEBP": encoded(_seven("RGB"), "WEBP"),
        "WEBP lossless": encoded(_seven("RGB"), "WEBP", lossless=True),
        "WEBP transparent": encoded(_seven("RGBA"), "WEBP"),
        "WEBP animated": encoded(_seven("RGB"), "WEBP", **_frames()),
        "WEBP turned": _rotated("WEBP"),
    }


def _ppm() -> dict[str, bytes]:
    grey = _seven().tobytes()
    letters = b" ".join(b"%d" % value for value in grey)
    bits = b" ".join(b"%d" % (value < 128) for value in grey)
    size = b"%d %d\n" % _SIZE
    wide = _seven("I").point(lambda value: value * 257)
    return {
        **{f"PPM {mode}": encoded(_seven(mode), "PPM") for mode in ("1", "L", "RGB", "F")},
        "PPM deep": encoded(wide, "PPM"),
        "PPM grey in letters": b"P2\n# seven\n" + size + b"255\n" + letters,
        "PPM bits in letters": b"P1\n" + size + bits,
    }
