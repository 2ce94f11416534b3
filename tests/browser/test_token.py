"""A server that requires a token: the page asks for it, keeps it for its tab, and sends it."""

from collections.abc import Iterator

import pytest
from selenium.webdriver.common.keys import Keys

from tests.browser.conftest import visiting
from tests.browser.page import SEVEN, Page
from tests.served import served

TOKEN = "s3cret+/%=#&"  # with special characters of URLs
WRONG = "This token is wrong"


@pytest.fixture(scope="module")
def locked_url(chromium: None) -> Iterator[str]:
    with served(complains=True, DIGITS_TOKEN=TOKEN) as server:
        yield server.url


@pytest.fixture
def locked(desktop_browser: Page, locked_url: str) -> Iterator[Page]:
    """The page of a server that requires a token, in a tab without one."""
    with visiting(desktop_browser, locked_url) as page:
        page.script("sessionStorage.clear()")
        page.open()
        yield page
        page.script("sessionStorage.clear()")


def is_asked(page: Page) -> bool:
    return page.find("token").is_displayed()


def enter(page: Page, token: str) -> None:
    [field] = page.select("#token input")
    field.clear()
    field.send_keys(token, Keys.ENTER)


def draw_with_token(page: Page) -> None:
    """Draw, and check that the token that the page has is accepted."""
    page.draw(SEVEN)
    page.wait_for_text("7")
    assert not is_asked(page)


def test_drawing_is_read_after_token_is_entered(locked: Page) -> None:
    [field] = locked.select("#token input")
    assert is_asked(locked) and locked.driver.switch_to.active_element == field
    assert field.accessible_name == "This server wants a token"
    assert field.get_attribute("type") == "password"
    locked.requests()
    locked.draw(SEVEN)
    locked.wait_for_status("This server wants a token.")
    assert not [url for url in locked.requests() if "read" in url]  # without a token, none is sent
    enter(locked, TOKEN)
    locked.wait_for_text("7")
    locked.select("#examples button")[2].click()
    locked.wait_until_settled()
    assert len(locked.text) > 1
    assert locked.complaints() == []
    assert field.get_property("value") == "" and TOKEN not in locked.driver.page_source


@pytest.mark.parametrize("wrong", ["wrong", "\N{SNOWMAN}"])
def test_wrong_token_shows_error(locked: Page, wrong: str) -> None:
    locked.draw(SEVEN)
    enter(locked, wrong)
    locked.wait(lambda: is_asked(locked) and WRONG in locked.find("token-error").text)
    [field] = locked.select("#token input")
    assert field.get_attribute("aria-invalid") == "true"
    enter(locked, TOKEN)
    locked.wait_for_text("7")


def test_token_is_kept_per_tab(locked: Page) -> None:
    enter(locked, TOKEN)
    draw_with_token(locked)
    locked.open()
    draw_with_token(locked)
    first = locked.driver.current_window_handle
    locked.driver.switch_to.new_window("tab")
    locked.open()
    assert is_asked(locked)
    locked.driver.close()
    locked.driver.switch_to.window(first)


@pytest.mark.parametrize("opened", [True, False])
@pytest.mark.parametrize("given", [TOKEN, "s3cret%2B%2F%25%3D%23%26"])
def test_token_in_url_fragment(locked: Page, given: str, opened: bool) -> None:
    locked.requests()
    fragment = f"#token={given}"
    if opened:
        locked.script("location.hash = arguments[0]", fragment)
    else:
        locked.driver.get("about:blank")
        locked.driver.get(f"{locked.url}/{fragment}")
    locked.wait(lambda: not is_asked(locked))
    assert locked.driver.current_url == f"{locked.url}/"
    draw_with_token(locked)
    assert all("#" not in url and "s3cret" not in url for url in locked.requests()[1:])
