"""A stopped, hung, restarted or busy server, and invalid files."""

import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium.webdriver.common.by import By

from tests.browser.page import SEVEN, Page
from tests.served import Served, served

TROUBLE = re.compile("can't be reached|doesn't answer|slow to answer|busy")


@pytest.fixture
def server(chromium: None) -> Iterator[Served]:
    with served() as server:
        yield server


@pytest.fixture
def own(desktop_browser: Page, server: Served) -> Iterator[Page]:
    """The page of a server of its own, which the test may stop."""
    url, desktop_browser.url = desktop_browser.url, server.url
    desktop_browser.open()
    yield desktop_browser
    desktop_browser.url = url


def shows_trouble(page: Page) -> bool:
    return bool(TROUBLE.search(page.status))


def test_drawing_is_read_after_server_restart(own: Page, server: Served) -> None:
    server.process.terminate()
    assert server.process.wait(60) == 0
    own.draw(SEVEN)
    own.wait(lambda: shows_trouble(own), lambda: own.status)
    assert not own.settled
    with served("--port", str(server.port)):
        own.wait_for_text("7")
        own.wait_for_status("7, ")


@pytest.mark.parametrize("cached", [True, False])
def test_example_while_server_is_down(own: Page, server: Served, cached: bool) -> None:
    """A picture that the browser has kept is read as soon as the server is back."""
    example = own.driver.find_element(By.CSS_SELECTOR, "#examples button")
    shown = "return arguments[0].firstElementChild.complete"
    own.wait(lambda: own.driver.execute_script(shown, example), lambda: "it isn't loaded")
    server.process.terminate()
    assert server.process.wait(60) == 0
    own.driver.execute_cdp_cmd("Network.setCacheDisabled", {"cacheDisabled": not cached})
    try:
        example.click()
        own.wait_for_status("can't be reached")
    finally:
        own.driver.execute_cdp_cmd("Network.setCacheDisabled", {"cacheDisabled": False})
    assert own.settled != cached
    if cached:
        with served("--port", str(server.port)):
            own.wait_for_text("5")


def test_drawing_is_read_after_server_hang(own: Page, server: Served) -> None:
    server.process.send_signal(signal.SIGSTOP)
    try:
        own.draw(SEVEN)
        own.wait(lambda: shows_trouble(own), lambda: own.status)
        # After the timeout of a request:
        own.wait(lambda: "doesn't answer" in own.status, lambda: own.status)
    finally:
        server.process.send_signal(signal.SIGCONT)
    own.wait_for_text("7")


def test_trouble_is_shown_while_drawing_continues(own: Page, server: Served) -> None:
    """Each stroke sends a new request, but waiting counts from the first one."""

    def shows_trouble_after_stroke() -> bool:
        own.draw([[(0.2, 0.2), (0.2, 0.8)]])
        return shows_trouble(own)

    server.process.send_signal(signal.SIGSTOP)
    try:
        own.wait(shows_trouble_after_stroke, lambda: own.status)
    finally:
        server.process.send_signal(signal.SIGCONT)


@pytest.mark.parametrize("status", [429, 502, 503])
def test_temporary_error_is_retried(desktop_page: Page, status: int) -> None:
    desktop_page.driver.execute_script(
        """
        const really = window.fetch, status = arguments[0];
        let times = 0;
        window.fetch = async (...request) => times++ === 0
          ? new Response("<html>a proxy's page</html>", { status }) : really(...request);
        """,
        status,
    )
    desktop_page.draw(SEVEN)
    desktop_page.wait_for_text("7")


def test_request_without_response_times_out(desktop_page: Page) -> None:
    desktop_page.driver.execute_script(
        """
        const really = window.fetch;
        let times = 0;
        window.fetch = (address, options) => times++ > 0 ? really(address, options)
          : new Promise((_, reject) =>
              options.signal.addEventListener("abort", () => reject(options.signal.reason)));
        """
    )
    desktop_page.draw([SEVEN[0]])
    desktop_page.wait_for_text("7")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"no picture", "no picture that can be read here, or it is damaged"),
        (b"", "no picture that can be read here, or it is damaged"),
    ],
)
def test_invalid_file_shows_plain_error(
    desktop_page: Page, tmp_path: Path, content: bytes, words: str
) -> None:
    file = tmp_path / "a.png"
    file.write_bytes(content)
    desktop_page.choose(file)
    desktop_page.wait_for_status(words)
    assert desktop_page.settled


def test_truncated_image_shows_plain_error(desktop_page: Page, tmp_path: Path) -> None:
    whole = (Path(__file__).parent.parent / "pictures" / "7.jpg").read_bytes()
    file = tmp_path / "half.jpg"
    file.write_bytes(whole[: len(whole) // 3])
    desktop_page.choose(file)
    desktop_page.wait_for_status("no picture that can be read here, or it is damaged")
    assert "chunk" not in desktop_page.status and "truncated" not in desktop_page.status


@pytest.mark.parametrize(
    ("status", "words"), [(413, "too large"), (422, "damaged"), (500, "failed on this picture")]
)
def test_http_errors_show_plain_messages(desktop_page: Page, status: int, words: str) -> None:
    desktop_page.driver.execute_script(
        """
        const [status] = arguments;
        window.fetch = async () => new Response('{"error": "chunk IHDR"}', { status });
        """,
        status,
    )
    desktop_page.draw(SEVEN)
    desktop_page.wait_for_status(words)
    assert "chunk" not in desktop_page.status
    assert status != 413 or desktop_page.status.endswith(
        "At most 16 MB and 25 million pixels can be read."
    )
