"""A server that is gone, hung, restarted or busy, and files that are no pictures."""

import re
import signal
import time
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
    """The page of a server that may come to harm."""
    url, desktop.url = desktop.url, server.url
    desktop.open()
    yield desktop
    desktop.url = url


def in_trouble(page: Page) -> bool:
    return bool(TROUBLE.search(page.status))


def test_a_server_that_is_gone_and_comes_back(own: Page, server: Served) -> None:
    server.process.terminate()
    assert server.process.wait(60) == 0
    own.draw(SEVEN)
    own.wait(lambda: in_trouble(own), lambda: own.status)
    assert not own.settled
    with served("--port", str(server.port)):
        own.wait_for_text("7")
        own.wait_for_status("7, ")


def test_an_example_of_a_server_that_is_gone(own: Page, server: Served) -> None:
    server.process.terminate()
    assert server.process.wait(60) == 0
    own.driver.find_element(By.CSS_SELECTOR, "#examples button").click()
    own.wait_for_status("can't be reached")
    assert own.settled


def test_a_server_that_hangs_and_goes_on(own: Page, server: Served) -> None:
    server.process.send_signal(signal.SIGSTOP)
    try:
        own.draw(SEVEN)
        own.wait(lambda: in_trouble(own), lambda: own.status)
        own.wait(lambda: "doesn't answer" in own.status, lambda: own.status)  # the time-out
    finally:
        server.process.send_signal(signal.SIGCONT)
    own.wait_for_text("7")


def test_who_draws_on_hears_of_it_all_the_same(own: Page, server: Served) -> None:
    """Each stroke asks anew; the visitor has waited since the first one."""
    server.process.send_signal(signal.SIGSTOP)
    try:
        start = time.monotonic()
        while not in_trouble(own):
            own.draw([[(0.2, 0.2), (0.2, 0.8)]])
            assert time.monotonic() - start < 10
    finally:
        server.process.send_signal(signal.SIGCONT)


@pytest.mark.parametrize("status", [429, 502, 503])
def test_what_passes_is_tried_again(fresh: Page, status: int) -> None:
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


def test_a_connection_that_never_ends_has_a_time_out(fresh: Page) -> None:
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
def test_files_are_refused_in_a_visitors_words(
    fresh: Page, tmp_path: Path, content: bytes, words: str
) -> None:
    file = tmp_path / "a.png"
    file.write_bytes(content)
    fresh.choose(file)
    fresh.wait_for_status(words)
    assert fresh.settled


def test_a_damaged_picture_is_refused_in_a_visitors_words(fresh: Page, tmp_path: Path) -> None:
    whole = (Path(__file__).parent.parent / "pictures" / "7.jpg").read_bytes()
    file = tmp_path / "half.jpg"
    file.write_bytes(whole[: len(whole) // 3])
    fresh.choose(file)
    fresh.wait_for_status("no picture that can be read here, or it is damaged")
    assert "chunk" not in fresh.status and "truncated" not in fresh.status


@pytest.mark.parametrize(
    ("status", "words"), [(413, "too large"), (422, "damaged"), (500, "failed on this picture")]
)
def test_each_refusal_has_its_words(fresh: Page, status: int, words: str) -> None:
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
