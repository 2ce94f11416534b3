import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.robustness.sandbox import harmless


@pytest.mark.linux
@pytest.mark.parametrize(
    "harm",
    [
        lambda folder: (folder / "../outside").touch(),
        lambda folder: (folder / "inside").rename(folder / "../outside"),
        lambda folder: (folder / "..").chmod(0o777),
        lambda _: os.system("true"),
        lambda _: socket.create_connection(("127.0.0.1", 9)),
        lambda _: b"1" * 700_000_000,
    ],
)
def test_harm_is_noticed(tmp_path: Path, harm: Callable[[Path], object]) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    with harmless("", folder):
        (folder / "inside").touch()
    with pytest.raises(AssertionError), harmless("", folder):
        harm(folder)
