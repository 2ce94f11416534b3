"""Requests, bytes and time of a first and a second visit: python -m benchmarks.visits

Chromium opens the page through a proxy that delays and slows what passes, to the speeds of its
developer tools; it is started anew for each visit, with the same profile. Painted: the first
content is on the screen. Usable: all scripts have run. Requests and bytes: all that the browser
sent and received until it was idle, headers included.
"""

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from tempfile import TemporaryDirectory

from tests.browser.page import Page
from tests.served import served

# Milliseconds of a round trip, and bytes per second.
NETWORKS = {"unlimited": (0, 1e9), "fast 3G": (562.5, 180_000), "slow 3G": (2000, 50_000)}
IDLE = 6  # seconds without a byte, after which the visit is over
TIMES = """
const [navigation] = performance.getEntriesByType("navigation");
const [paint] = performance.getEntriesByName("first-contentful-paint");
return [paint?.startTime, navigation.domContentLoadedEventEnd];
"""


@dataclass
class Link:
    """A network between the browser and the server, with what has passed."""

    server: int  # port
    milliseconds: float
    rate: float  # bytes per second
    requests: int = 0
    received: int = 0
    last: float = 0  # time of the last byte
    free: float = 0  # when the next byte can be received

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        from_server, to_server = await asyncio.open_connection("127.0.0.1", self.server)
        with suppress(OSError):
            await asyncio.gather(
                self.carry(reader, to_server, down=False),
                self.carry(from_server, writer, down=True),
            )

    async def carry(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, down: bool
    ) -> None:
        """Deliver after half a round trip, and answers no faster than the rate."""
        deliveries: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()
        delivering = asyncio.ensure_future(deliver(deliveries, writer))
        while chunk := await reader.read(1400):
            self.last = time.monotonic()
            if down:
                self.received += len(chunk)
                self.free = max(self.free, self.last) + len(chunk) / self.rate
            else:
                self.requests += chunk.count(b" HTTP/1.1\r\n")
            start = self.free if down else self.last
            deliveries.put_nowait((start + self.milliseconds / 2000, chunk))
        deliveries.put_nowait((0, b""))
        await delivering


async def deliver(
    deliveries: asyncio.Queue[tuple[float, bytes]], writer: asyncio.StreamWriter
) -> None:
    while True:
        due, chunk = await deliveries.get()
        if not chunk:
            writer.close()
            return
        await asyncio.sleep(due - time.monotonic())
        writer.write(chunk)


@contextmanager
def through(link: Link) -> Iterator[int]:
    """Carry connections in a thread; the port to connect to."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    start = asyncio.start_server(link.accept, "127.0.0.1", 0)
    listener = asyncio.run_coroutine_threadsafe(start, loop).result()
    yield listener.sockets[0].getsockname()[1]
    loop.call_soon_threadsafe(loop.stop)


def visit(link: Link, port: int, profile: str) -> None:
    """Open the page, and print what that took."""
    link.requests = link.received = 0
    url = f"http://127.0.0.1:{port}/"
    with Page(url, 390, 844, phone=True, arguments=[f"--user-data-dir={profile}"]) as page:
        page.driver.get("about:blank")
        page.driver.get(url)
        painted, usable = page.driver.execute_script(TIMES)
        while time.monotonic() < link.last + IDLE:
            time.sleep(0.1)
    print(f"{painted / 1000:7.2f} s painted {usable / 1000:7.2f} s usable", end="")
    print(f"{link.requests:5} requests {link.received:8,} bytes", flush=True)


def main() -> None:
    with served() as server:
        for name, (milliseconds, rate) in NETWORKS.items():
            link = Link(server.port, milliseconds, rate)
            with TemporaryDirectory() as profile, through(link) as port:
                for number in ("first", "second", "third"):
                    print(f"{name:>10}, {number:6} visit:", end="")
                    visit(link, port, profile)


if __name__ == "__main__":
    main()
