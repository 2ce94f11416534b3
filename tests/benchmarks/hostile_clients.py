"""`digits serve` while clients attack it in every way at once.

    python -m tests.benchmarks.hostile_clients [SECONDS]

Each attack runs again and again in a thread of its own, on 127.0.0.1; an honest client, on
127.0.0.2, asks for health and sends pictures. Prints how long the answers took, the longest that
any function held the event loop, and the memory before, during and after.
"""

import io
import multiprocessing
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from tempfile import NamedTemporaryFile

import numpy as np
from PIL import Image
from tests.conftest import PICTURES
from tests.served import Served, _port, _resident_bytes

# Prints each new longest hold, in seconds of the thread's CPU time: others share its cores.
SERVER = """
import asyncio, sys, time
run, longest = asyncio.Handle._run, 0.02
def timed(self):
    global longest
    begun = time.thread_time()
    run(self)
    taken = time.thread_time() - begun
    if taken > longest:
        longest = taken
        print(f"held {taken:.3f} s: {self!r:.200}", file=sys.stderr, flush=True)
asyncio.Handle._run = timed
sys.argv = ["digits", "serve", "--port", "0"]
from digits.__main__ import main
main()
"""
INFER = b"/v2/models/lenet5/infer"
FORM = b"content-type: multipart/form-data; boundary=x"
PART = b'--x\r\nContent-Disposition: form-data; name="f"; filename="a"\r\n\r\n'


def post(path: bytes, body: bytes, *headers: bytes) -> bytes:
    lines = [b"POST " + path + b" HTTP/1.1", b"host: localhost", b"connection: close", *headers]
    return b"\r\n".join([*lines, b"content-length: %d" % len(body), b"", body])


def ask(port: int, request: bytes, address: str = "127.0.0.1") -> bytes:
    """Send a request; return what is received."""
    received = b""
    with (
        suppress(OSError),
        socket.create_connection(("127.0.0.1", port), 30, (address, 0)) as client,
    ):
        client.sendall(request)
        while part := client.recv(65536):
            received += part
    return received


def noise() -> bytes:
    """A page of 4,000 single pixels, as a PNG."""
    random = np.random.default_rng(0)
    pixels = np.full((2048, 2048), 127, np.uint8)
    pixels[random.permutation(2048), random.integers(0, 2048, 2048)] = 0
    pixels[random.permutation(2048), random.integers(0, 2048, 2048)] = 255
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def connections(port: int) -> None:
    """Hold as many connections as there may be, each with half a request, for some seconds."""
    with ExitStack() as opened, suppress(OSError):
        for _ in range(1000):
            client = opened.enter_context(socket.create_connection(("127.0.0.1", port), 5))
            client.sendall(b"GET / HTTP/1.1\r\nx: ")
        time.sleep(5)


def attacks() -> list[bytes | Callable[[int], None]]:
    """Requests to repeat, and functions to call, with the port."""
    near = PART + b"\r\n--x y" * (2 << 20)
    chunks = b"1\r\nx\r\n" * (1 << 20)
    chunked = post(INFER, b"").replace(b"content-length: 0", b"transfer-encoding: chunked")
    megabytes = 2 << 20
    return [
        connections,
        post(b"/predict", near, FORM),
        post(b"/predict", PART + bytes(16 << 20) + b"\r\n--x--", FORM),
        post(b"/predict", b"--x--", FORM + b"; charset=" + b"a" * 30_000),
        post(b"/predict", b"--x--", FORM + b";" * 30_000),
        post(INFER, b"[" + b"{}," * (megabytes // 3 - 1) + b"1]"),
        post(INFER, b"[" + b"1e1," * (megabytes // 4 - 1) + b"1]"),
        post(INFER, b"[" + (b"9" * 4300 + b",") * (megabytes // 4301 - 1) + b"1]"),
        post(INFER, b"[" + b"1," * 200_000 + b"[]," * 10_000 + b"1]"),
        post(INFER, b'"' + b"\xed\xa0\x80" * (megabytes // 3 - 1) + b'"'),
        chunked + chunks,
        post(b"/read", noise()),
        post(b"/predict?" + b"%41=&" * 6000, b""),
        b"GET /" + b"%ff" * 10_000 + b" HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n",
        b"GET /v2 HTTP/1.0\r\n" + b"a:\r\n" * 7000 + b"host: " + b"a" * 900 + b"\r\n\r\n",
        b"GET /v2 HTTP/1.1\r\nhost: localhost\r\nconnection: upgrade\r\nupgrade: h2c\r\n\r\n" * 200,
    ]


def attack(port: int, seconds: float) -> None:
    """Send all of them for so long, or once each for 0 seconds."""

    def repeat(what: bytes | Callable[[int], None]) -> None:
        until = time.monotonic() + seconds
        while True:
            if isinstance(what, bytes):
                ask(port, what)
            else:
                what(port)
            if time.monotonic() >= until:
                return

    threads = [threading.Thread(target=repeat, args=(what,)) for what in attacks()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def measure(port: int, request: bytes, until: float) -> tuple[Sequence[float], int]:
    """Ask again and again. Returns how long the answers took, and how many weren't 200."""
    seconds, failed = [], 0
    while time.monotonic() < until:
        begun = time.monotonic()
        failed += not ask(port, request, "127.0.0.2").startswith(b"HTTP/1.1 200")
        seconds.append(time.monotonic() - begun)
        time.sleep(0.05)
    return seconds, failed


def show(name: str, seconds: Sequence[float], failed: int) -> None:
    middle, late, most = 1000 * np.quantile(seconds, [0.5, 0.99, 1])
    print(f"{name:8} n {len(seconds):4}   failed {failed}   p50 {middle:.0f} ms", end="   ")
    print(f"p99 {late:.0f} ms   longest {most:.0f} ms")


def memory(server: Served) -> str:
    own = _resident_bytes(str(server.process.pid))
    return f"{own / 1e6:.0f} + {(server.resident - own) / 1e6:.0f} MB"


def run(server: Served, seconds: float) -> None:
    """Attack, and print the figures."""
    port = server.port
    health = b"GET /v2/health/ready HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n"
    honest = post(b"/predict", (PICTURES / "7.jpg").read_bytes())
    show("quiet", *measure(port, health, time.monotonic() + 3))
    attack(port, 0)  # so that all processes run, and caches are full
    time.sleep(5)
    before, until = memory(server), time.monotonic() + seconds
    # In processes of their own, as a thread here would wait for the others.
    attacker = multiprocessing.Process(target=attack, args=(port, seconds))
    attacker.start()
    pictures: list[tuple[Sequence[float], int]] = []
    other = threading.Thread(target=lambda: pictures.append(measure(port, honest, until)))
    other.start()
    show("health", *measure(port, health, until))
    attacker.join()
    other.join()
    show("pictures", *pictures[0])
    time.sleep(5)
    print(f"memory of the server and its processes: {before}, then {memory(server)}")
    print(server.written())


def main() -> None:
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 300.0
    with (
        NamedTemporaryFile("w") as file,
        Path(file.name).open() as log,
        subprocess.Popen([sys.executable, "-c", SERVER], stderr=file, text=True) as process,
    ):
        try:
            run(Served(process, _port(process, log), log), seconds)
        finally:
            process.kill()


if __name__ == "__main__":
    main()
