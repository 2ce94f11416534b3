"""A stopped, hung, restarted, slow or busy server."""

import pytest

from tests.browser.fakes import fake_read, hasten, reading, recorded
from tests.browser.page import SEVEN, Page
from tests.served import served

LOST = "The server can't be reached. Trying again"


def test_server_restart(desktop: Page) -> None:
    """Drawings, and examples that the browser has kept, are read as soon as the server is back."""
    with served() as server:
        desktop.open(url=server.url)
        hasten(desktop)
        [example, *_] = desktop.select("#examples img")
        desktop.wait(lambda: desktop.script("return arguments[0].complete", example))
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


def test_server_hang(desktop: Page) -> None:
    fake_read(desktop, reading("7"), delay=60_000)
    hasten(desktop)
    desktop.draw(SEVEN)
    desktop.wait_for_status("The server doesn't answer. Trying again …")


@pytest.mark.parametrize(("status", "words"), [(503, "is busy"), (504, "can't be reached")])
def test_temporary_error_is_retried(desktop: Page, status: int, words: str) -> None:
    fake_read(desktop, reading("7"), statuses=[status])
    desktop.draw(SEVEN)
    desktop.wait_for_status(f"The server {words}. Trying again …")
    desktop.wait_for_text("7")
    assert len(recorded(desktop, "asked")) == 2


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (413, "too large"),
        (414, "Not read: the list is too long."),
        (422, "damaged"),
        (500, "failed on this picture"),
        (507, "has no room"),
    ],
)
def test_refusals_show_plain_messages(desktop: Page, status: int, words: str) -> None:
    fake_read(desktop, {"error": "chunk IHDR"}, statuses=[status])
    desktop.draw(SEVEN)
    desktop.wait_for_status(words)
    assert desktop.settled and "chunk" not in desktop.status
