"""What the other tests here rely on: harm is noticed, also where an exception of it is caught."""

import pickle
import socket
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from tests.robustness import corpus, sandbox
from tests.robustness.sandbox import harmless


def write(folder: Path) -> None:
    (folder / "boom").write_bytes(b"!")


def remove(folder: Path) -> None:
    (folder / "there").unlink()


def execute(_: Path) -> None:
    subprocess.run([sys.executable, "-c", ""])


def fetch(_: Path) -> None:
    socket.create_connection(("192.0.2.1", 80), timeout=1)


def unpickle(_: Path) -> None:
    pickle.loads(pickle.dumps(print))


def fill(_: Path) -> None:
    bytearray(b"x") * (sandbox.MEGABYTES + 50 << 20)


@pytest.mark.parametrize("harm", [write, remove, execute, fetch, unpickle, fill])
def test_harm_is_noticed(tmp_path: Path, harm: Callable[[Path], None]) -> None:
    (tmp_path / "there").touch()
    with (
        pytest.raises(AssertionError, match="harm"),
        harmless("harm"),
        suppress(AssertionError),
    ):
        harm(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["there"]


def test_writing_is_allowed_in_one_folder(tmp_path: Path) -> None:
    with harmless("inside", tmp_path):
        write(tmp_path)
    with (
        pytest.raises(AssertionError, match="outside"),
        harmless("outside", tmp_path / "below"),
        suppress(AssertionError),
    ):
        write(tmp_path)


def test_mutants_are_the_same_each_time_and_differ() -> None:
    first, second = (list(corpus.mutants(bytes(range(200)), 100, "a")) for _ in range(2))
    assert first == second
    assert len(set(first)) > 0.9 * len(first)
    assert set(first).isdisjoint(corpus.mutants(bytes(range(100, 200)), 100, "b"))
