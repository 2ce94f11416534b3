"""A server that wants a token: the page asks for it, keeps it for its tab, and brings it along."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from tests.browser.conftest import SIZES
from tests.browser.page import SEVEN, Page
from tests.browser.test_examples import click_example, run_curl, run_javascript, run_python
from tests.served import served

TOKEN = "s3cret+/%=#&"  # with all that an address may mistake


@pytest.fixture(scope="module")
def locked_url(chromium: None) -> Iterator[str]:
    with served(complains=True, DIGITS_TOKEN=TOKEN) as server:
        yield server.url


@pytest.fixture
def locked(desktop: Page, locked_url: str) -> Iterator[Page]:
    """The page of a server that wants a token, in a tab that has none."""
    url, desktop.url = desktop.url, locked_url
    forget(desktop)
    yield desktop
    forget(desktop)
    desktop.url = url


def forget(page: Page) -> None:
    page.open()
    page.driver.execute_script("sessionStorage.clear()")
    page.open()


def is_asked(page: Page) -> bool:
    return page.find("token").is_displayed()


def give(page: Page, token: str) -> None:
    field = page.driver.find_element(By.CSS_SELECTOR, "#token input")
    field.clear()
    field.send_keys(token, Keys.ENTER)


def unlock(page: Page) -> None:
    give(page, TOKEN)
    page.wait(lambda: not is_asked(page), lambda: page.find("token").text)


def open_with(page: Page, fragment: str) -> None:
    page.driver.get("about:blank")
    page.driver.get(f"{page.url}/#token={fragment}")


def address(page: Page) -> str:
    return str(page.driver.execute_script("return location.href"))


def test_a_page_without_a_token_is_asked_for_none(fresh: Page) -> None:
    assert not is_asked(fresh)


def test_the_token_is_asked_for_at_once(locked: Page) -> None:
    assert is_asked(locked)
    field = locked.driver.find_element(By.CSS_SELECTOR, "#token input")
    assert locked.driver.switch_to.active_element == field
    assert field.accessible_name == "This server wants a token"
    assert field.get_attribute("type") == "password"


def test_what_was_drawn_is_read_once_the_token_is_there(locked: Page) -> None:
    locked.requests()
    locked.draw(SEVEN)
    locked.wait_for_status("This server wants a token.")
    assert not [asked for asked in locked.requests() if "predict" in asked]  # it would be in vain
    unlock(locked)
    locked.wait_for_text("7")
    assert locked.driver.switch_to.active_element.get_attribute("id") == "paper"
    click_example(locked, "shadow")
    locked.wait_until_settled()
    assert len(locked.text) > 1
    assert locked.complaints() == []


@pytest.mark.parametrize("wrong", ["wrong", "w\xe4hrung", "\N{SNOWMAN}", "two words"])
def test_a_wrong_token_gets_a_sentence(locked: Page, wrong: str) -> None:
    give(locked, wrong)
    message = locked.find("token-error")
    locked.wait(lambda: message.text == "This token is wrong.", lambda: message.text)
    field = locked.driver.switch_to.active_element
    assert field.get_attribute("aria-invalid") == "true"
    unlock(locked)
    assert message.get_attribute("textContent") == "" or not message.is_displayed()
    locked.draw(SEVEN)
    locked.wait_for_text("7")


def test_a_reload_keeps_it_and_another_tab_has_none(locked: Page) -> None:
    unlock(locked)
    locked.open()
    assert not is_asked(locked)
    locked.draw(SEVEN)
    locked.wait_for_text("7")
    first = locked.driver.current_window_handle
    locked.driver.switch_to.new_window("tab")
    locked.open()
    assert is_asked(locked)
    locked.driver.close()
    locked.driver.switch_to.window(first)


def test_a_browser_that_keeps_nothing(locked: Page) -> None:
    """Its token lasts as long as the page."""
    locked.driver.execute_script("Storage.prototype.setItem = () => { throw new Error(); };")
    unlock(locked)
    locked.draw(SEVEN)
    locked.wait_for_text("7")
    locked.open()
    assert is_asked(locked)


@pytest.mark.parametrize("fragment", [TOKEN, "s3cret%2B%2F%25%3D%23%26"])
def test_the_address_may_bring_it(locked: Page, fragment: str) -> None:
    locked.requests()
    open_with(locked, fragment)
    locked.wait(lambda: address(locked) == f"{locked.url}/", lambda: address(locked))
    locked.wait(lambda: not is_asked(locked), lambda: "it is asked for")
    locked.draw(SEVEN)
    locked.wait_for_text("7")
    assert all("#" not in asked and "s3cret" not in asked for asked in locked.requests()[1:])


def test_an_address_with_an_empty_token(locked: Page) -> None:
    open_with(locked, "")
    locked.wait(lambda: is_asked(locked), lambda: "it isn't asked for")
    assert address(locked) == f"{locked.url}/"


def test_the_address_of_an_open_page_may_bring_it(locked: Page) -> None:
    locked.driver.execute_script("location.hash = arguments[0]", f"#token={TOKEN}")
    locked.wait(lambda: not is_asked(locked), lambda: "it is asked for")
    assert address(locked) == f"{locked.url}/"


def test_an_address_with_a_wrong_token(locked: Page) -> None:
    open_with(locked, "wrong")
    locked.wait(lambda: is_asked(locked), lambda: "it isn't asked for")
    assert locked.find("token-error").text == "This token is wrong."
    assert address(locked) == f"{locked.url}/"


def test_a_link_with_a_wrong_token_leaves_the_right_one(locked: Page) -> None:
    unlock(locked)
    open_with(locked, "wrong")
    locked.draw(SEVEN)
    locked.wait_for_text("7")
    assert not is_asked(locked)


def test_a_token_that_is_no_longer_the_server_s(locked: Page) -> None:
    locked.driver.execute_script("sessionStorage.setItem('digits-token', 'old')")
    locked.open()
    assert not is_asked(locked)
    locked.draw(SEVEN)
    locked.wait(lambda: is_asked(locked), lambda: "it isn't asked for")
    assert locked.find("token-error").text == "The server wants another token now."
    unlock(locked)
    locked.wait_for_text("7")


def test_a_proxy_that_wants_one_is_heard_too(fresh: Page) -> None:
    fresh.driver.execute_script(
        """
        const really = window.fetch;
        window.fetch = async (address, options) =>
          options.headers?.authorization === "Bearer mine" ? really(address, options)
            : new Response("", { status: 401 });
        """
    )
    try:
        fresh.draw(SEVEN)
        fresh.wait(lambda: is_asked(fresh), lambda: "it isn't asked for")
        fresh.wait_for_status("This server wants a token.")
        give(fresh, "mine")
        fresh.wait_for_text("7")
    finally:
        fresh.driver.execute_script("sessionStorage.clear()")


@pytest.mark.parametrize(
    ("language", "run"),
    [("curl", run_curl), ("python", run_python), ("javascript", run_javascript)],
)
@pytest.mark.parametrize("source", ["drawing", "file"])
def test_programs_take_it_from_the_variable(
    locked: Page,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    language: str,
    run: Callable[[str, Path], str],
    source: str,
) -> None:
    unlock(locked)
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
    assert "'digit': 7" in run(program, tmp_path).replace('"', "'").replace("':7", "': 7")


def test_the_secret_is_nowhere_on_the_page(locked: Page) -> None:
    unlock(locked)
    field = locked.driver.find_element(By.CSS_SELECTOR, "#token input")
    assert field.get_property("value") == ""
    assert TOKEN not in locked.driver.page_source


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_in_the_form(locked: Page, axe: str, scheme: str) -> None:
    locked.open(scheme)
    give(locked, "wrong")
    message = locked.find("token-error")
    locked.wait(lambda: message.text, lambda: "there is no sentence")
    assert locked.violations(axe) == []


@pytest.mark.parametrize("size", SIZES)
def test_the_form_moves_no_paper(locked_url: str, size: str) -> None:
    """Whoever draws when it appears goes on drawing where he was."""
    width, height = SIZES[size]
    place = "return document.getElementById('paper').getBoundingClientRect().toJSON()"
    with Page(locked_url, width, height, phone=size == "phone") as page:
        page.open()
        assert is_asked(page)
        before = page.driver.execute_script(place)
        unlock(page)
        page.driver.execute_script("scrollTo(0, 0)")
        assert page.driver.execute_script(place) == before
