"""Damaged and hostile IDX files."""

import gzip
import struct
import zlib

import numpy as np
import pytest

from digits.data import fetch, mnist
from digits.errors import DataError
from tests.robustness import corpus, specimens
from tests.robustness.sandbox import harmless


def assert_parsed_or_refused(name: str, raw: bytes) -> None:
    """Parse the bytes, raw and gunzipped; only DataError may be raised."""
    for unpacked in (False, True):
        with harmless(name):
            try:
                plain = fetch.gunzip(raw, name) if unpacked else raw
                parsed = mnist.parse_idx(plain, name)
            except DataError as error:
                assert str(error).startswith(name)
            else:
                assert plain.endswith(parsed.tobytes())
                assert parsed.dtype == np.uint8 and parsed.nbytes == len(plain) - 4 - 4 * plain[3]


def test_mutated_idx_files() -> None:
    files = specimens.idx()
    for name, raw in corpus.all_mutants(files, 500):
        assert_parsed_or_refused(name, raw)
    for name, raw in corpus.all_mutants({"labels": files["labels"]}, 500):
        assert_parsed_or_refused(name, gzip.compress(raw, mtime=0))


@pytest.mark.parametrize(
    "shape",
    [
        (0,) * 255,
        (0,) * 65,
        (0, 2**32 - 1, 2**32 - 1),
        (2**32 - 1, 2**32 - 1, 0),
        (2**32 - 1,) * 64,
        (2**31, 2**31, 2**2),  # 2**64, which is 0 in 64 bits
    ],
)
def test_impossible_shape_is_refused(shape: tuple[int, ...]) -> None:
    """With a length of 0, NumPy's own error was once raised."""
    raw = bytes([0, 0, 8, len(shape)]) + struct.pack(f">{len(shape)}I", *shape)
    with harmless("shape"), pytest.raises(DataError, match="^shape "):
        mnist.parse_idx(raw, "shape")


@pytest.mark.parametrize(
    "packed",
    [
        gzip.compress(gzip.compress(bytes(64 << 20))),  # nested
        gzip.compress(b"\0\0\x08\1" + bytes(4)) + gzip.compress(bytes(100 << 20)),  # a second one
        b"\x1f\x8b\x08\x08" + bytes(6) + b"name" * 1_000_000,  # an unterminated name
        b"\x1f\x8b\x08\x04" + bytes(6) + b"\xff\xff" + bytes(65535),  # only extra fields
        zlib.compress(b"\0\0\x08\1" + bytes(4)),  # without gzip around it
    ],
    ids=["nested", "two", "name", "extra", "zlib"],
)
def test_unusual_gzip(packed: bytes) -> None:
    assert_parsed_or_refused("packed", packed)
