"""A stopped, hung, restarted, slow or busy server."""

import re
import signal
from collections.abc import Iterator

import pytest

from tests.browser.conftest import visiting
from tests.browser.fakes import fake_read, reading, recorded
from tests.browser.page import SEVEN, Page
from tests.served import Served, served

TROUBLE = re.compile("can't be reached|doesn't answer|busy")


@pytest.fixture
def own(desktop_browser: Page, server: Served) -> Iterator[Page]:
    """The page of a server of its own, which the test may stop."""
    with visiting(desktop_browser, server.url) as page:
        yield page


def shows_trouble(page: Page) -> bool:
    return bool(TROUBLE.search(page.status))


def test_server_restart(own: Page, server: Served) -> None:
    """Drawings, and examples that the browser has kept, are read as soon as the server is back."""
    example = own.select("#examples button")[0]
    loaded = "return arguments[0].firstElementChild.complete"
    own.wait(lambda: own.script(loaded, example))
    server.process.terminate()
    assert server.process.wait(60) == 0
    own.draw(SEVEN)
    own.wait(lambda: shows_trouble(own))
    assert not own.settled
    example.click()
    own.wait_for_status("can't be reached")
    with served("--port", str(server.port)):
        own.wait_for_text("5")
        own.draw(SEVEN)
        own.wait_for_text("7")


def test_server_hang(own: Page, server: Served) -> None:
    server.process.send_signal(signal.SIGSTOP)
    try:
        own.draw(SEVEN)
        own.wait_for_status("doesn't answer")  # after the timeout of a request
    finally:
        server.process.send_signal(signal.SIGCONT)
    own.wait_for_text("7")


@pytest.mark.parametrize("status", [429, 502, 503])
def test_temporary_error_is_retried(desktop_page: Page, status: int) -> None:
    fake_read(desktop_page, reading("7"), statuses=[status])
    desktop_page.draw(SEVEN)
    desktop_page.wait(lambda: shows_trouble(desktop_page))
    desktop_page.wait_for_text("7")
    assert len(recorded(desktop_page, "asked")) == 2


@pytest.mark.parametrize(
    ("status", "words"), [(413, "too large"), (422, "damaged"), (500, "failed on this picture")]
)
def test_refusals_show_plain_messages(desktop_page: Page, status: int, words: str) -> None:
    fake_read(desktop_page, {"error": "chunk IHDR"}, statuses=[status])
    desktop_page.draw(SEVEN)
    desktop_page.wait_for_status(words)
    assert desktop_page.settled and "chunk" not in desktop_page.status
