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
def own(desktop: Page, server: Served) -> Iterator[Page]:
    """The page of a server of its own, which the test may stop."""
    url, desktop.url = desktop.url, server.url
    desktop.open()
    yield desktop
    desktop.url = url


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


def test_example_while_server_is_down(own: Page, server: Served) -> None:
    server.process.terminate()
    assert server.process.wait(60) == 0
    own.driver.find_element(By.CSS_SELECTOR, "#examples button").click()
    own.wait_for_status("can't be reached")
    assert own.settled


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
def test_temporary_error_is_retried(fresh: Page, status: int) -> None:
    fresh.driver.execute_script(
        """
        const really = window.fetch, status = arguments[0];
        let times = 0;
        window.fetch = async (...request) => times++ === 0
          ? new Response("<html>a proxy's page</html>", { status }) : really(...request);
        """,
        status,
    )
    fresh.draw(SEVEN)
    fresh.wait_for_text("7")


def test_request_without_response_times_out(fresh: Page) -> None:
    fresh.driver.execute_script(
        """
        const really = window.fetch;
        let times = 0;
        window.fetch = (address, options) => times++ > 0 ? really(address, options)
          : new Promise((_, reject) =>
              options.signal.addEventListener("abort", () => reject(options.signal.reason)));
        """
    )
    fresh.draw([SEVEN[0]])
    fresh.wait_for_text("7")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"no picture", "no picture that can be read here, or it is damaged"),
        (b"", "no picture that can be read here, or it is damaged"),
    ],
)
def test_invalid_file_shows_plain_error(
    fresh: Page, tmp_path: Path, content: bytes, words: str
) -> None:
    file = tmp_path / "a.png"
    file.write_bytes(content)
    fresh.choose(file)
    fresh.wait_for_status(words)
    assert fresh.settled


def test_truncated_image_shows_plain_error(fresh: Page, tmp_path: Path) -> None:
    whole = (Path(__file__).parent.parent / "pictures" / "7.jpg").read_bytes()
    file = tmp_path / "half.jpg"
    file.write_bytes(whole[: len(whole) // 3])
    fresh.choose(file)
    fresh.wait_for_status("no picture that can be read here, or it is damaged")
    assert "chunk" not in fresh.status and "truncated" not in fresh.status


@pytest.mark.parametrize(
    ("status", "words"), [(413, "too large"), (422, "damaged"), (500, "failed on this picture")]
)
def test_http_errors_show_plain_messages(fresh: Page, status: int, words: str) -> None:
    fresh.driver.execute_script(
        """
        const [status] = arguments;
        window.fetch = async () => new Response('{"error": "chunk IHDR"}', { status });
        """,
        status,
    )
    fresh.draw(SEVEN)
    fresh.wait_for_status(words)
    assert "chunk" not in fresh.status
    assert status != 413 or fresh.status.endswith(
        "At most 16 MB and 25 million pixels can be read."
    )
