import gzip
import hashlib
import os
import struct
import zlib
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pytest

from digits.data import fetch, mnist
from digits.errors import DataError
from tests.robustness.sandbox import measured

LABELS = "t10k-labels-idx1-ubyte"

Files = dict[str, bytes]


def idx(values: np.ndarray) -> bytes:
    shape = struct.pack(f">{values.ndim}I", *values.shape)
    return bytes([0, 0, 8, values.ndim]) + shape + values.tobytes()


@pytest.fixture
def files(monkeypatch: pytest.MonkeyPatch) -> Files:
    """Four small files with matching checksums."""
    random = np.random.default_rng(0)
    made = {}
    for prefix, count in (("train", 10_003), ("t10k", 5)):
        made[f"{prefix}-images-idx3-ubyte"] = idx(random.integers(0, 256, (count, 2, 2), np.uint8))
        made[f"{prefix}-labels-idx1-ubyte"] = idx(random.integers(0, 10, count, np.uint8))
    sums = {name: hashlib.sha256(raw).hexdigest() for name, raw in made.items()}
    monkeypatch.setattr(mnist, "SHA256", sums)
    return made


@pytest.fixture
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setattr(fetch, "cache_folder", lambda: tmp_path / "cache")
    monkeypatch.delenv("DIGITS_DATA", raising=False)
    return tmp_path / "cache"


@pytest.fixture
def download(monkeypatch: pytest.MonkeyPatch) -> Mock:
    """In place of what downloads from three sources."""
    replaced = Mock()
    monkeypatch.setattr(fetch, "SOURCES", ("first", "second", "third"))
    monkeypatch.setattr(fetch, "mnist_files", replaced)
    return replaced


def write_files(folder: Path, files: Files) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, raw in files.items():
        (folder / name).write_bytes(raw)


@pytest.mark.parametrize(
    "packed",
    [
        gzip.compress(bytes(100 << 20)),
        gzip.compress(b"\0\0\x08\1" + bytes(4)) + gzip.compress(bytes(100 << 20)),  # a second one
        b"\x1f\x8b\x08\x08" + bytes(6) + b"name" * 1_000_000,  # an unterminated name
        zlib.compress(b"\0\0\x08\1" + bytes(4)),  # without gzip around it
    ],
    ids=["bomb", "two", "name", "zlib"],
)
def test_unusual_gzip_is_refused(files: Files, tmp_path: Path, packed: bytes) -> None:
    del files[LABELS]
    write_files(tmp_path, files | {f"{LABELS}.gz": packed})
    with measured() as usage, pytest.raises(DataError, match=f"{LABELS}.gz is (damaged|trunc)"):
        mnist.load("test", tmp_path)
    assert usage.megabytes < 150


@pytest.mark.parametrize(("inner", "suffix"), [(".", ""), ("MNIST/raw", ".gz")])
def test_load_from_folder(
    files: Files, tmp_path: Path, inner: str, suffix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    pack = gzip.compress if suffix else bytes
    data = tmp_path / "data"
    write_files(data / inner, {f"{name}{suffix}": pack(raw) for name, raw in files.items()})
    monkeypatch.setenv("DIGITS_DATA", str(data))
    assert len(mnist.load("test")) == 5
    for folder in ("gone", tmp_path):
        monkeypatch.setenv("DIGITS_DATA", str(folder))
        reason = r"\(\$DIGITS_DATA\) is missing, or has no train-images"
        with pytest.raises(DataError, match=f"^{folder} {reason}"):
            mnist.load("test")
    train, validation, test = mnist.load_all(data).values()
    assert [*map(len, (train, validation, test))] == [3, 10_000, 5]
    images = mnist.concat(train, validation).images
    assert (images == mnist.parse_idx(files["train-images-idx3-ubyte"])).all()


def test_damaged_or_huge_file_in_folder_is_an_error_and_kept(files: Files, tmp_path: Path) -> None:
    write_files(tmp_path, files | {LABELS: b"damaged"})
    for size in (7, 1 << 40):
        os.truncate(tmp_path / LABELS, size)
        with measured() as usage, pytest.raises(DataError, match=f"{LABELS} is damaged"):
            mnist.load("test", tmp_path)
        assert usage.megabytes < 100 and os.path.getsize(tmp_path / LABELS) == size


def test_download_is_cached_until_it_is_damaged(
    files: Files, cache: Path, download: Mock, capsys: pytest.CaptureFixture[str]
) -> None:
    write_files(cache, {".train-images-idx3-ubyte.tmp": b"half"})  # of a killed one
    download.return_value = files
    assert len(mnist.load("train")) == len(mnist.load("train")) == 3
    assert download.call_count == 1
    assert {file.name for file in cache.iterdir()} == set(files)
    (cache / LABELS).write_bytes(files[LABELS][:-1] + b"!")
    assert len(mnist.load("test")) == 5
    assert capsys.readouterr().err == "downloading MNIST from first\n" * 2
    assert (cache / LABELS).read_bytes() == files[LABELS]


def test_failed_or_forged_source_falls_back_to_the_next(
    files: Files, cache: Path, download: Mock, capsys: pytest.CaptureFixture[str]
) -> None:
    cache.write_text("a file where the folder should be")
    forged = files | {LABELS: idx(np.zeros(5, np.uint8))}
    download.side_effect = [DataError("mirror: down"), forged, files]
    assert mnist.load("test").labels.any()
    assert [call.args[0] for call in download.call_args_list] == ["first", "second", "third"]
    assert f"warning: can't write {cache}/" in capsys.readouterr().err


def test_error_without_network_lists_what_was_tried(
    files: Files, cache: Path, download: Mock
) -> None:
    download.side_effect = [DataError(f"{source}: no route") for source in fetch.SOURCES]
    tried = f"Tried: {cache} has no train-.*; first: no route; second: no .*--data"
    with pytest.raises(DataError, match=tried):
        mnist.load("train")
