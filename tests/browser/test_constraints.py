"""Which numbers are possible, as a visitor says."""

from collections.abc import Iterator

import pytest
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement

from tests.browser.conftest import without_storage
from tests.browser.fakes import READ, fake_read, reading, recorded
from tests.browser.page import BAR, SEVEN, Page

NOT_CLOSED = "Not read: pattern: missing ), unterminated subpattern at position 0."


@pytest.fixture
def page(desktop_page: Page) -> Iterator[Page]:
    """The page with the panel open and empty."""
    open_panel(desktop_page)
    yield desktop_page
    desktop_page.script("localStorage.clear()")


def open_panel(page: Page) -> None:
    page.script("document.getElementById('constraints').open = true")


def field(page: Page, name: str) -> WebElement:
    [element] = page.select(f"#constraints [name={name}]")
    return element


def enter(page: Page, name: str, text: str) -> None:
    """Replace what is in a field, and leave it."""
    field(page, name).send_keys(Keys.CONTROL, "a", Keys.NULL, text or Keys.DELETE, Keys.TAB)


def in_use(page: Page) -> bool:
    [content] = [
        page.script("return getComputedStyle(arguments[0], '::after').content", summary)
        for summary in page.select("#constraints summary")
    ]
    return "in use" in str(content)


def test_drawing_is_read_again_with_what_is_entered(page: Page) -> None:
    fake_read(page, reading("17"))
    page.draw(SEVEN)
    page.wait_for_text("17")
    enter(page, "length", " 2 - 4 ")
    enter(page, "pattern", r"\d+&")
    enter(page, "list", "17 \n1,5\n")
    added = ("", "&length=2+-+4", "&pattern=%5Cd%2B%26", "&list=17+1%2C5")
    expected = [READ + "".join(added[: count + 1]) for count in range(4)]
    page.wait(lambda: recorded(page, "asked") == expected, lambda: str(recorded(page, "asked")))


def test_entries_are_kept_in_the_browser(page: Page) -> None:
    assert not in_use(page)
    page.draw([*SEVEN, *BAR])
    page.wait_for_text("17")
    enter(page, "list", "11 12\n13")
    page.wait(lambda: "?" in page.text)
    page.open()
    assert not field(page, "list").is_displayed() and in_use(page)
    open_panel(page)
    assert field(page, "list").get_property("value") == "11 12\n13"
    enter(page, "list", "")
    page.open()
    assert not in_use(page)


def test_page_works_without_storage(page: Page) -> None:
    with without_storage(page):
        page.draw([*SEVEN, *BAR])
        page.wait_for_text("17")
        assert page.complaints() == []


def test_refused_entry_is_told_and_read_again_when_it_changes(page: Page) -> None:
    page.script("document.getElementById('constraints').open = false")
    page.script("document.querySelector('#constraints [name=pattern]').value = '('")
    page.draw([*SEVEN, *BAR])
    page.wait_for_status(NOT_CLOSED)
    alert = page.find("refused")
    page.wait(lambda: alert.text == NOT_CLOSED)
    assert field(page, "pattern").is_displayed()
    enter(page, "pattern", r"\d+")
    page.wait_for_text("17")
    assert alert.text == ""
