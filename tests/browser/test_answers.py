"""What is shown of the server's answers; a server that is busy, gone or wants a token."""

from typing import Any
from urllib.parse import quote

import pytest

from tests.browser.page import SEVEN, Page, fake_read, reading, recorded
from tests.served import served


@pytest.mark.parametrize(
    ("response", "text", "sentence"),
    [
        (reading("-1"), "-1", "-1, 99.0 %."),
        (reading("7?", second_best="1"), "7?", "To review: 7, 99.0 %, or 1."),
        (reading("1", "2"), "1  2", "2 numbers, none to review."),
        (reading("1", "7?"), "1  7?", "2 numbers, 1 to review. To review: 7, 99.0 %."),
        (reading(), "", "No digit found."),
    ],
)
def test_text_and_sentence(
    desktop: Page, response: dict[str, Any], text: str, sentence: str
) -> None:
    fake_read(desktop, response)
    desktop.draw(SEVEN)
    desktop.wait_for_status(sentence)
    assert desktop.text == text
    if len(desktop.numbers) > 1:
        desktop.numbers[0].click()
        desktop.wait_for_status("review. 1, 99.0 %.")


@pytest.mark.parametrize(
    ("status", "words"),
    [(503, "Not read: the picture takes too much time."), (401, "open a link to it")],
)
def test_refusal_is_told(desktop: Page, status: int, words: str) -> None:
    fake_read(desktop, {"error": "the picture takes too much time"}, statuses=[status])
    desktop.draw(SEVEN)
    desktop.wait_for_status(words)
    assert desktop.settled and recorded(desktop, "asked") == ["read"]


def test_busy_server_is_asked_again(desktop: Page) -> None:
    fake_read(desktop, reading("7"), statuses=[429] * 3)
    desktop.draw(SEVEN)
    desktop.wait_for_text("7")
    assert recorded(desktop, "asked") == ["read"] * 4


def test_drawing_is_read_once_the_server_is_back(desktop: Page) -> None:
    with served() as server:
        desktop.open(url=server.url)
    desktop.draw(SEVEN)
    desktop.wait_for_status("The server can't be reached. Trying again")
    with served("--port", str(server.port)):
        desktop.wait_for_text("7", "7?")
    assert desktop.complaints()


TOKEN = "s3cret+/%=#&"  # with special characters of URLs


def test_link_has_the_token(desktop: Page, chromium: None) -> None:
    with served(complains=True, DIGITS_TOKEN=TOKEN) as server:
        desktop.open(url=server.url)
        desktop.draw(SEVEN)
        desktop.wait_for_status("This server wants a token")
        assert desktop.complaints()
        desktop.requests()
        desktop.driver.get(f"{server.url}/#token={quote(TOKEN, safe='')}")
        desktop.wait_for_status("Draw a digit.")
        desktop.draw(SEVEN)
        desktop.wait_for_text("7")
        assert all("s3cret" not in url for url in desktop.requests())
