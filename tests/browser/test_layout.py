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
    "small window at 200 %": (640, 360, False),
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


FAKE = """
const [text] = arguments;
const columns = [[...text].map((symbol) => ({
  symbol, confidence: 0.9, probabilities: Array(12).fill(0.05), box: [0, 0, 9, 9], frame: null }))];
window.fetch = async () => new Response(JSON.stringify({ text, lines: [{ text, columns }] }));
"""
IS_ONE_LINE = """
const tops = [...document.querySelectorAll("#text button")].map((one) => one.offsetTop);
const { scrollWidth, clientWidth } = document.getElementById("text");
return new Set(tops).size === 1 && scrollWidth <= clientWidth;
"""
IS_VISIBLE = """
arguments[0].scrollIntoView();
const { left, top, right, width, height } = arguments[0].getBoundingClientRect();
const at = document.elementFromPoint(left + width / 2, top + height / 2);
return width > 48 && height > 8 && left >= 0 && right <= innerWidth && at === arguments[0];
"""


@pytest.mark.parametrize("text", ["2026", "31415926"])
@pytest.mark.parametrize("screen", [*SCREENS, "desktop at 400 %"])
def test_number_is_one_line_and_bars_are_visible(url: str, screen: str, text: str) -> None:
    width, height, phone = SCREENS.get(screen, (320, 200, False))
    with Page(url, width, height, phone) as page:
        page.open()
        page.driver.execute_script(FAKE, text)
        page.draw(SEVEN)
        page.wait_for_text(text)
        assert page.driver.execute_script(IS_ONE_LINE)
        size = page.find("text").value_of_css_property("font-size").removesuffix("px")
        assert float(size) >= 24
        for bar in page.driver.find_elements(By.CSS_SELECTOR, "#bars meter"):
            assert page.driver.execute_script(IS_VISIBLE, bar)


def test_link_to_api_description(desktop_page: Page) -> None:
    link = desktop_page.driver.find_element(By.CSS_SELECTOR, "#more > p a")
    assert link.get_property("href") == f"{desktop_page.url}/docs"


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
