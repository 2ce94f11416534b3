"""The sandbox detects harm, even if its exception is caught, and mutants are reproducible."""

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


def spin(_: Path) -> None:
    while True:
        pass


HARM: dict[str, Callable[[Path], object]] = {
    "write": write,
    "remove": lambda folder: (folder / "there").unlink(),
    "execute": lambda _: subprocess.run([sys.executable, "-c", ""]),
    "fetch": lambda _: socket.create_connection(("192.0.2.1", 80), timeout=1),
    "unpickle": lambda _: pickle.loads(pickle.dumps(print)),
    "fill": lambda _: bytearray(b"x") * (sandbox.MEGABYTES + 50 << 20),
    "spin": spin,
}


@pytest.mark.parametrize("harm", HARM)
def test_sandbox_detects_harm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, harm: str) -> None:
    if harm == "spin":
        monkeypatch.setattr(sandbox, "SECONDS", 0.1)
    (tmp_path / "there").touch()
    with pytest.raises(AssertionError, match="harm"), harmless("harm"), suppress(AssertionError):
        HARM[harm](tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["there"]


def test_sandbox_allows_writes_in_given_folder(tmp_path: Path) -> None:
    with harmless("inside", tmp_path):
        write(tmp_path)
    with (
        pytest.raises(AssertionError, match="outside"),
        harmless("outside", tmp_path / "below"),
        suppress(AssertionError),
    ):
        write(tmp_path)


def test_mutants_are_reproducible_and_distinct() -> None:
    first, second = (list(corpus.mutants(bytes(range(200)), 100, "a")) for _ in range(2))
    assert first == second
    assert len(set(first)) > 0.9 * len(first)
    assert set(first).isdisjoint(corpus.mutants(bytes(range(100, 200)), 100, "b"))
