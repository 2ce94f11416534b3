"""The layout on all screens, accessibility by axe-core, and what a visit loads."""

import shutil
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
for (const bar of document.querySelectorAll("#bars meter")) {
  bar.scrollIntoView();
  const { left, top, right, width, height } = bar.getBoundingClientRect();
  const topmost = document.elementFromPoint(left + width / 2, top + height / 2);
  check(width > 48 && height > 8 && left >= 0 && right <= innerWidth && topmost === bar, "a bar");
}
return problems;
"""
IS_WIDE = "return document.documentElement.scrollWidth > document.documentElement.clientWidth"


def test_number_paper_and_bars_fit(page: Page) -> None:
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


def test_answers_table_and_token_form_are_accessible(
    phone: Page, axe: str, pictures: list[Path], numbers: Path, tmp_path: Path
) -> None:
    phone.choose(numbers)
    phone.wait_for_status("26 digits")
    phone.constrain("length", "2")
    phone.wait_for_status("Unreadable")
    assert_accessible(phone, axe)
    phone.constrain("pattern", "(")
    phone.wait_for_status("Not read")
    long_name = tmp_path / ("long" * 50 + ".png")
    shutil.copy(pictures[4], long_name)
    phone.choose(pictures[2], long_name)
    phone.wait_for_status("2 files", "files")
    phone.script("window.fetch = async () => new Response('', { status: 401 })")
    phone.draw(SEVEN)
    phone.wait(phone.find("token").is_displayed)
    assert_accessible(phone, axe)


def test_each_file_is_loaded_once_and_from_this_server(desktop: Page) -> None:
    desktop.requests()
    desktop.open()
    files = [address for address in desktop.requests() if "icon" not in address]
    assert len(files) == len({*files}) > 10
    desktop.draw(SEVEN)
    desktop.wait_for_text("7")
    addresses = files + desktop.requests()
    assert all(address.startswith((desktop.url, "blob:", "data:")) for address in addresses)
