"""The page's layout on all screens, and accessibility by axe-core."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.browser.fakes import fake_read, reading
from tests.browser.page import SEVEN, Page

# In CSS pixels. A window of 1280x800 at 200 % is one of 640x400.
SCREENS = {
    "phone": (390, 844, True),
    "small phone": (320, 568, True),
    "phone sideways": (844, 390, True),
    "tablet": (768, 1024, True),
    "desktop": (1280, 800, False),
    "desktop at 200 %": (640, 400, False),
    "tall monitor at 200 %": (540, 960, False),
    "small window at 200 %": (640, 360, False),
    "desktop at 400 %": (320, 200, False),
}
IS_IN_VIEWPORT = """
const { top, left, bottom, right } = arguments[0].getBoundingClientRect();
return top >= 0 && left >= 0 && bottom <= innerHeight && right <= innerWidth;
"""
IS_ONE_LINE = """
const tops = [...document.querySelectorAll("#text button")].map((button) => button.offsetTop);
const { scrollWidth, clientWidth } = document.getElementById("text");
return new Set(tops).size === 1 && scrollWidth <= clientWidth;
"""
IS_VISIBLE = """
arguments[0].scrollIntoView();
const { left, top, right, width, height } = arguments[0].getBoundingClientRect();
const topmost = document.elementFromPoint(left + width / 2, top + height / 2);
return width > 48 && height > 8 && left >= 0 && right <= innerWidth && topmost === arguments[0];
"""
ENTER = """
const [name, value] = arguments;
const field = document.querySelector(`#constraints [name=${name}]`);
field.value = value;
field.dispatchEvent(new Event("change", { bubbles: true }));
"""
IS_WIDE = "return document.documentElement.scrollWidth > document.documentElement.clientWidth"


@pytest.mark.parametrize("screen", SCREENS)
def test_number_paper_and_bars_fit(url: str, screen: str) -> None:
    width, height, phone = SCREENS[screen]
    with Page(url, width, height, phone) as page:
        page.open()
        for text in ("7", "2026", "31415926"):
            fake_read(page, reading(text))
            page.draw(SEVEN)
            page.wait_for_text(text)
            page.script("scrollTo(0, 0)")
            if screen != "desktop at 400 %":
                for name in ("paper", "undo", "clear", "text", "status"):
                    assert page.script(IS_IN_VIEWPORT, page.find(name)), name
            assert not page.script(IS_WIDE)
            assert page.script(IS_ONE_LINE)
            size = page.find("text").value_of_css_property("font-size").removesuffix("px")
            assert float(size) >= 24
            assert all(page.script(IS_VISIBLE, bar) for bar in page.select("#bars meter"))


def show_photo(page: Page, numbers: Path) -> None:
    page.choose(numbers)
    page.wait_for_status("26 digits")


def show_labels(page: Page, numbers: Path) -> None:
    page.draw(SEVEN)
    page.wait_for_text("7")
    page.script("document.getElementById('labels').hidden = false")


def show_constraints(page: Page, numbers: Path) -> None:
    page.choose(numbers)
    page.wait_for_status("26 digits")
    page.script(ENTER, "length", "2")
    page.wait_for_status("Unreadable")
    page.script(ENTER, "pattern", "(")
    page.wait_for_status("Not read")
    page.script("localStorage.clear()")


def show_table(page: Page, numbers: Path) -> None:
    long_name = numbers.with_stem("long" * 50)
    shutil.copy(numbers, long_name)
    page.choose(numbers, long_name)
    page.wait_for_status("2 files", "files")


def show_token_form(page: Page, numbers: Path) -> None:
    page.script("window.fetch = async () => new Response('', { status: 401 })")
    page.draw(SEVEN)
    page.wait(page.find("token").is_displayed)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(
    "show", [show_photo, show_labels, show_constraints, show_table, show_token_form]
)
def test_page_has_no_axe_violations(
    browser: Page, axe: str, scheme: str, numbers: Path, show: Callable[[Page, Path], None]
) -> None:
    browser.open(scheme)
    show(browser, numbers)
    assert browser.violations(axe) == []
    assert browser.select("main a[href='openapi.json']")
    assert not browser.script(IS_WIDE)
