"""A server that requires a token: the page asks for it, keeps it for its tab, and sends it."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from tests.browser.conftest import SIZES
from tests.browser.page import SEVEN, Page
from tests.browser.test_examples import click_example, run_curl, run_javascript, run_python
from tests.served import served

TOKEN = "s3cret+/%=#&"  # with special characters of URLs


@pytest.fixture(scope="module")
def locked_url(chromium: None) -> Iterator[str]:
    with served(complains=True, DIGITS_TOKEN=TOKEN) as server:
        yield server.url


@pytest.fixture
def locked(desktop_browser: Page, locked_url: str) -> Iterator[Page]:
    """The page of a server that requires a token, in a tab without one."""
    url, desktop_browser.url = desktop_browser.url, locked_url
    forget_token(desktop_browser)
    yield desktop_browser
    forget_token(desktop_browser)
    desktop_browser.url = url


def forget_token(page: Page) -> None:
    page.open()
    page.driver.execute_script("sessionStorage.clear()")
    page.open()


def is_token_asked(page: Page) -> bool:
    return page.find("token").is_displayed()


def enter_token(page: Page, token: str) -> None:
    field = page.driver.find_element(By.CSS_SELECTOR, "#token input")
    field.clear()
    field.send_keys(token, Keys.ENTER)


def enter_valid_token(page: Page) -> None:
    enter_token(page, TOKEN)
    page.wait(lambda: not is_token_asked(page), lambda: page.find("token").text)


def open_with_token(page: Page, fragment: str) -> None:
    page.driver.get("about:blank")
    page.driver.get(f"{page.url}/#token={fragment}")


def address(page: Page) -> str:
    return str(page.driver.execute_script("return location.href"))


def test_no_token_form_without_token(desktop_page: Page) -> None:
    assert not is_token_asked(desktop_page)


def test_token_form_is_focused_on_load(locked: Page) -> None:
    assert is_token_asked(locked)
    field = locked.driver.find_element(By.CSS_SELECTOR, "#token input")
    assert locked.driver.switch_to.active_element == field
    assert field.accessible_name == "This server wants a token"
    assert field.get_attribute("type") == "password"


def test_drawing_is_read_after_token_is_entered(locked: Page) -> None:
    locked.requests()
    locked.draw(SEVEN)
    locked.wait_for_status("This server wants a token.")
    # Without a token, none is sent.
    assert not [url for url in locked.requests() if "predict" in url]
    enter_valid_token(locked)
    locked.wait_for_text("7")
    assert locked.driver.switch_to.active_element.get_attribute("id") == "paper"
    click_example(locked, "shadow")
    locked.wait_until_settled()
    assert len(locked.text) > 1
    assert locked.complaints() == []


@pytest.mark.parametrize("wrong", ["wrong", "w\xe4hrung", "\N{SNOWMAN}", "two words"])
def test_wrong_token_shows_error(locked: Page, wrong: str) -> None:
    enter_token(locked, wrong)
    message = locked.find("token-error")
    locked.wait(lambda: message.text == "This token is wrong.", lambda: message.text)
    field = locked.driver.switch_to.active_element
    assert field.get_attribute("aria-invalid") == "true"
    enter_valid_token(locked)
    assert message.get_attribute("textContent") == "" or not message.is_displayed()
    locked.draw(SEVEN)
    locked.wait_for_text("7")


def test_token_is_kept_per_tab(locked: Page) -> None:
    enter_valid_token(locked)
    locked.open()
    assert not is_token_asked(locked)
    locked.draw(SEVEN)
    locked.wait_for_text("7")
    first = locked.driver.current_window_handle
    locked.driver.switch_to.new_window("tab")
    locked.open()
    assert is_token_asked(locked)
    locked.driver.close()
    locked.driver.switch_to.window(first)


def test_token_without_session_storage(locked: Page) -> None:
    """Without storage, the token lasts until the page is reloaded."""
    locked.driver.execute_script("Storage.prototype.setItem = () => { throw new Error(); };")
    enter_valid_token(locked)
    locked.draw(SEVEN)
    locked.wait_for_text("7")
    locked.open()
    assert is_token_asked(locked)


@pytest.mark.parametrize("fragment", [TOKEN, "s3cret%2B%2F%25%3D%23%26"])
def test_token_in_url_fragment(locked: Page, fragment: str) -> None:
    locked.requests()
    open_with_token(locked, fragment)
    locked.wait(lambda: address(locked) == f"{locked.url}/", lambda: address(locked))
    locked.wait(lambda: not is_token_asked(locked), lambda: "it is asked for")
    locked.draw(SEVEN)
    locked.wait_for_text("7")
    assert all("#" not in asked and "s3cret" not in asked for asked in locked.requests()[1:])


def test_empty_token_in_url_fragment(locked: Page) -> None:
    open_with_token(locked, "")
    locked.wait(lambda: is_token_asked(locked), lambda: "it isn't asked for")
    assert address(locked) == f"{locked.url}/"


def test_token_in_url_fragment_of_open_page(locked: Page) -> None:
    locked.driver.execute_script("location.hash = arguments[0]", f"#token={TOKEN}")
    locked.wait(lambda: not is_token_asked(locked), lambda: "it is asked for")
    assert address(locked) == f"{locked.url}/"


def test_wrong_token_in_url_fragment(locked: Page) -> None:
    open_with_token(locked, "wrong")
    locked.wait(lambda: is_token_asked(locked), lambda: "it isn't asked for")
    assert locked.find("token-error").text == "This token is wrong."
    assert address(locked) == f"{locked.url}/"


def test_wrong_token_in_url_keeps_stored_token(locked: Page) -> None:
    enter_valid_token(locked)
    open_with_token(locked, "wrong")
    locked.draw(SEVEN)
    locked.wait_for_text("7")
    assert not is_token_asked(locked)


def test_outdated_token_is_asked_for_again(locked: Page) -> None:
    locked.driver.execute_script("sessionStorage.setItem('digits-token', 'old')")
    locked.open()
    assert not is_token_asked(locked)
    locked.draw(SEVEN)
    locked.wait(lambda: is_token_asked(locked), lambda: "it isn't asked for")
    assert locked.find("token-error").text == "The server wants another token now."
    enter_valid_token(locked)
    locked.wait_for_text("7")


def test_token_for_proxy(desktop_page: Page) -> None:
    desktop_page.driver.execute_script(
        """
        const really = window.fetch;
        window.fetch = async (address, options) =>
          options.headers?.authorization === "Bearer mine" ? really(address, options)
            : new Response("", { status: 401 });
        """
    )
    try:
        desktop_page.draw(SEVEN)
        desktop_page.wait(lambda: is_token_asked(desktop_page), lambda: "it isn't asked for")
        desktop_page.wait_for_status("This server wants a token.")
        enter_token(desktop_page, "mine")
        desktop_page.wait_for_text("7")
    finally:
        desktop_page.driver.execute_script("sessionStorage.clear()")


@pytest.mark.parametrize(
    ("language", "run"),
    [("curl", run_curl), ("python", run_python), ("javascript", run_javascript)],
)
@pytest.mark.parametrize("source", ["drawing", "file"])
def test_example_requests_read_token_from_environment(
    locked: Page,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    language: str,
    run: Callable[[str, Path], str],
    source: str,
) -> None:
    enter_valid_token(locked)
    locked.driver.execute_script("document.getElementById('program').open = true")
    if source == "drawing":
        locked.draw(SEVEN)
    else:
        file = Path(__file__).parents[1] / "pictures" / "7.jpg"
        (tmp_path / "7.jpg").write_bytes(file.read_bytes())
        locked.choose(tmp_path / "7.jpg")
    locked.wait_for_text("7")
    locked.wait(lambda: locked.find(language).text, lambda: "there is no program")
    program = locked.find(language).text
    assert "DIGITS_TOKEN" in program and TOKEN not in program
    monkeypatch.setenv("DIGITS_TOKEN", TOKEN)
    assert "'text': '7'" in run(program, tmp_path).replace('"', "'").replace("':'7", "': '7")


def test_token_is_not_in_page_source(locked: Page) -> None:
    enter_valid_token(locked)
    field = locked.driver.find_element(By.CSS_SELECTOR, "#token input")
    assert field.get_property("value") == ""
    assert TOKEN not in locked.driver.page_source


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_token_form_has_no_axe_violations(locked: Page, axe: str, scheme: str) -> None:
    locked.open(scheme)
    enter_token(locked, "wrong")
    message = locked.find("token-error")
    locked.wait(lambda: message.text, lambda: "there is no message")
    assert locked.violations(axe) == []


@pytest.mark.parametrize("size", SIZES)
def test_token_form_does_not_move_paper(locked_url: str, size: str) -> None:
    """Otherwise, a stroke being drawn when it appears would jump."""
    width, height = SIZES[size]
    place = "return document.getElementById('paper').getBoundingClientRect().toJSON()"
    with Page(locked_url, width, height, phone=size == "phone") as page:
        page.open()
        assert is_token_asked(page)
        before = page.driver.execute_script(place)
        enter_valid_token(page)
        page.driver.execute_script("scrollTo(0, 0)")
        assert page.driver.execute_script(place) == before
