"""The layout on all screens, accessibility by axe-core, and what a visit loads."""

from pathlib import Path

from tests.browser.page import SEVEN, Page, fake_read, reading

# In CSS pixels. A window of 1280x800 at 200 % is one of 640x400.
SCREENS = {"phone": [(320, 568), (844, 390)], "desktop": [(1280, 800), (640, 400)]}
# What doesn't fit, or is out of sight before or after scrolling.
PROBLEMS = """
const problems = [];
const check = (holds, problem) => holds || problems.push(problem);
scrollTo(0, 0);
for (const id of arguments[0]) {
  const { top, left, bottom, right } = document.getElementById(id).getBoundingClientRect();
  check(top >= 0 && left >= 0 && bottom <= innerHeight && right <= innerWidth, id);
}
const text = document.getElementById("text");
const tops = [...text.querySelectorAll("button")].map((button) => button.offsetTop);
check(new Set(tops).size === 1 && text.scrollWidth <= text.clientWidth, "several lines");
check(parseFloat(getComputedStyle(text).fontSize) >= 24, "small text");
return problems;
"""
IS_WIDE = "return document.documentElement.scrollWidth > document.documentElement.clientWidth"


def test_number_and_paper_fit(page: Page) -> None:
    fake_read(page, reading("31415926"))
    page.draw(SEVEN)
    page.wait_for_text("31415926")
    for size in SCREENS["phone" if page.phone else "desktop"]:
        page.resize(*size)
        assert page.script(PROBLEMS, ["paper", "undo", "clear", "text", "status"]) == [], size
        assert not page.script(IS_WIDE), size


def assert_accessible(page: Page, axe: str) -> None:
    """In the system's light and dark colours."""
    page.script(axe)
    for scheme in ("light", "dark"):
        page.prefer(scheme)
        result = page.async_script("axe.run().then(arguments[0])")
        assert len(result["passes"]) > 10
        assert [f"{rule['id']}: {rule['nodes']}" for rule in result["violations"]] == []
    assert not page.script(IS_WIDE)


def test_answer_is_accessible(phone: Page, axe: str, numbers: Path) -> None:
    phone.choose(numbers)
    phone.wait_for_status("4 numbers")
    assert_accessible(phone, axe)


def test_each_file_is_loaded_once_and_from_this_server(desktop: Page) -> None:
    desktop.requests()
    desktop.open()
    files = [address for address in desktop.requests() if "icon" not in address]
    assert len(files) == len({*files}) > 6
    desktop.draw(SEVEN)
    desktop.wait_for_text("7")
    addresses = files + desktop.requests()
    assert all(address.startswith((desktop.url, "blob:", "data:")) for address in addresses)
