"""A stopped, hung, restarted, slow or busy server."""

import signal
from collections.abc import Iterator

import pytest

from tests.browser.fakes import fake_read, hasten, reading, recorded
from tests.browser.page import SEVEN, Page
from tests.served import Served, served

LOST = "The server can't be reached. Trying again"


@pytest.fixture
def server(chromium: None) -> Iterator[Served]:
    """One that the test may stop."""
    with served(complains=True) as server:
        yield server


def test_server_restart(desktop: Page, server: Served) -> None:
    """Drawings, and examples that the browser has kept, are read as soon as the server is back."""
    desktop.open(url=server.url)
    hasten(desktop)
    [example, *_] = desktop.select("#examples img")
    desktop.wait(lambda: desktop.script("return arguments[0].complete", example))
    server.process.terminate()
    assert server.process.wait(60) == 0
    desktop.draw(SEVEN)
    desktop.wait_for_status(LOST)
    assert not desktop.settled
    example.click()
    desktop.wait_for_status(LOST)
    with served("--port", str(server.port)):
        desktop.wait_for_text("5")
        desktop.draw(SEVEN)
        desktop.wait_for_text("7")
    assert desktop.complaints()


def test_server_hang(desktop: Page, server: Served) -> None:
    desktop.open(url=server.url)
    hasten(desktop)
    server.process.send_signal(signal.SIGSTOP)
    try:
        desktop.draw(SEVEN)
        desktop.wait_for_status("doesn't answer")  # after the timeout of a request
    finally:
        server.process.send_signal(signal.SIGCONT)
    desktop.wait_for_text("7")


@pytest.mark.parametrize(
    ("status", "words"),
    [(429, "is busy"), (503, "is busy"), (502, "can't be reached"), (504, "can't be reached")],
)
def test_temporary_error_is_retried(desktop: Page, status: int, words: str) -> None:
    fake_read(desktop, reading("7"), statuses=[status])
    hasten(desktop)
    desktop.draw(SEVEN)
    desktop.wait_for_text("7")
    assert f"The server {words}. Trying again …" in recorded(desktop, "said")
    assert len(recorded(desktop, "asked")) == 2


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (413, "too large"),
        (414, "Not read: the list is too long."),
        (422, "damaged"),
        (431, "Not read: the list is too long."),
        (500, "failed on this picture"),
        (507, "has no room"),
    ],
)
def test_refusals_show_plain_messages(desktop: Page, status: int, words: str) -> None:
    fake_read(desktop, {"error": "chunk IHDR"}, statuses=[status])
    desktop.draw(SEVEN)
    desktop.wait_for_status(words)
    assert desktop.settled and "chunk" not in desktop.status
