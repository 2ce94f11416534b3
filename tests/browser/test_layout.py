"""The page's layout on all screens, its drop target, and accessibility by axe-core."""

from pathlib import Path

import pytest
from selenium.webdriver.common.by import By

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
}
IS_IN_VIEWPORT = """
const { top, left, bottom, right } = arguments[0].getBoundingClientRect();
return top >= 0 && left >= 0 && bottom <= innerHeight && right <= innerWidth;
"""


@pytest.mark.parametrize("screen", SCREENS)
def test_paper_and_answer_fit_viewport(url: str, screen: str) -> None:
    width, height, phone = SCREENS[screen]
    with Page(url, width, height, phone) as page:
        page.open()
        page.draw(SEVEN)
        page.wait_for_text("7")
        page.driver.execute_script("scrollTo(0, 0)")
        for name in ("paper", "undo", "clear", "text", "status"):
            assert page.driver.execute_script(IS_IN_VIEWPORT, page.find(name)), name
        wide = "return document.documentElement.scrollWidth > innerWidth"
        assert not page.driver.execute_script(wide)


@pytest.mark.parametrize("event", ["drop", "dragleave"])
def test_drop_target_is_outlined_while_dragging(
    desktop_page: Page, numbers: Path, event: str
) -> None:
    outline = "return getComputedStyle(document.getElementById('paper')).outlineStyle"
    drag = """
    const data = new DataTransfer();
    if (arguments[1]) data.items.add(new File(["x"], "a"));
    document.body.dispatchEvent(new DragEvent(arguments[0],
      { dataTransfer: data, bubbles: true, cancelable: true }));
    """
    desktop_page.driver.execute_script(drag, "dragover", False)  # a word, not a file
    assert desktop_page.driver.execute_script(outline) == "none"
    desktop_page.driver.execute_script(drag, "dragover", True)
    assert desktop_page.driver.execute_script(outline) == "dashed"
    if event == "drop":
        desktop_page.give(numbers, "drop")
    else:
        desktop_page.driver.execute_script(drag, event, True)
    assert desktop_page.driver.execute_script(outline) == "none"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_page_has_no_axe_violations(page: Page, axe: str, scheme: str, numbers: Path) -> None:
    page.open(scheme)
    page.driver.execute_script("document.getElementById('program').open = true")
    page.choose(numbers)
    page.wait_for_status("26 digits.")
    assert page.violations(axe) == []
    assert page.driver.find_elements(By.TAG_NAME, "main")
