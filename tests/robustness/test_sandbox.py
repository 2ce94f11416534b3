"""The sandbox detects harm, even if its exception is caught."""

import pickle
import socket
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from tests.robustness import sandbox
from tests.robustness.sandbox import harmless


def spin(_: Path) -> None:
    while True:
        pass


HARM: dict[str, Callable[[Path], object]] = {
    "write": lambda folder: (folder / "boom").write_bytes(b"!"),
    "remove": lambda folder: (folder / "there").unlink(),
    "execute": lambda _: subprocess.run([sys.executable, "-c", ""]),
    "fetch": lambda _: socket.create_connection(("192.0.2.1", 80), timeout=1),
    "unpickle": lambda _: pickle.loads(pickle.dumps(print)),
    "fill": lambda _: bytearray(b"x") * (sandbox.MEGABYTES + 50 << 20),
    "spin": spin,
}


@pytest.mark.parametrize("harm", HARM)
def test_sandbox_detects_harm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, harm: str) -> None:
    monkeypatch.setattr(sandbox, "SECONDS", 0.1 if harm == "spin" else 60)
    (tmp_path / "there").touch()
    with pytest.raises(AssertionError, match="harm"), harmless("harm"), suppress(AssertionError):
        HARM[harm](tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["there"]
