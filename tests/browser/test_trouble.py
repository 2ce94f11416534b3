"""A stopped, hung, restarted, slow or busy server, and one that requires a token."""

from collections.abc import Iterator
from urllib.parse import quote

import pytest
from selenium.webdriver.common.keys import Keys

from tests.browser.page import SEVEN, Page, fake_read, hasten
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
        desktop.wait_for_text("5", "5?")
        desktop.draw(SEVEN)
        desktop.wait_for_text("7", "7?")
    assert desktop.complaints()


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (413, "too large"),
        (414, "Not read: the list is too long."),
        (500, "failed on this picture"),
    ],
)
def test_refusals_show_plain_messages(desktop: Page, status: int, words: str) -> None:
    fake_read(desktop, {"error": "chunk IHDR"}, statuses=[status])
    desktop.draw(SEVEN)
    desktop.wait_for_status(words)
    assert desktop.settled and "chunk" not in desktop.status


TOKEN = "s3cret+/%=#&"  # with special characters of URLs


@pytest.fixture(scope="module")
def locked_url(chromium: None) -> Iterator[str]:
    with served(complains=True, DIGITS_TOKEN=TOKEN) as server:
        yield server.url


@pytest.fixture
def locked(desktop: Page, locked_url: str) -> Page:
    """The page of a server that requires a token, in a tab without one."""
    desktop.open(url=locked_url)
    return desktop


def is_asked(page: Page) -> bool:
    return page.find("token").is_displayed()


def enter(page: Page, token: str) -> None:
    [field] = page.select("#token input")
    field.clear()
    field.send_keys(token, Keys.ENTER)


def test_drawing_is_read_after_token_is_entered(locked: Page) -> None:
    [field] = locked.select("#token input")
    assert is_asked(locked) and locked.driver.switch_to.active_element == field
    assert field.accessible_name == "This server wants a token"
    assert field.get_attribute("type") == "password"
    locked.requests()
    locked.draw(SEVEN)
    locked.wait_for_status("This server wants a token.")
    assert not [url for url in locked.requests() if "read" in url]  # without a token, none is sent
    error = locked.find("token-error")
    for wrong in ("\N{SNOWMAN}", "wrong"):  # the first can't be sent
        enter(locked, wrong)
        locked.wait(lambda: is_asked(locked) and "This token is wrong" in error.text)
        assert field.get_attribute("aria-invalid") == "true"
        locked.script("arguments[0].textContent = ''", error)
    assert locked.complaints()
    enter(locked, TOKEN)
    locked.wait_for_text("7")
    assert field.get_property("value") == "" and TOKEN not in locked.driver.page_source


def test_token_in_url_fragment(locked: Page) -> None:
    locked.requests()
    locked.driver.get("about:blank")
    locked.driver.get(f"{locked.url}/#token={quote(TOKEN, safe='')}")
    locked.wait(lambda: not is_asked(locked))
    assert locked.driver.current_url == f"{locked.url}/"
    locked.draw(SEVEN)
    locked.wait_for_text("7")
    assert all("#" not in url and "s3cret" not in url for url in locked.requests())
