"""Drawing with the mouse and by finger; undo and clear; what is sent for it, and when."""

import pytest
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys

from tests.browser.page import BAR, SEVEN, Page, fake_read, reading, recorded


@pytest.mark.parametrize(
    ("page", "scheme"), [("phone", "light"), ("desktop", "dark")], indirect=["page"]
)
def test_drawn_digit_is_predicted(page: Page, scheme: str) -> None:
    page.open(scheme)
    page.draw(SEVEN)
    page.wait_for_text("7")
    page.wait_for_status("7, ")
    paper = page.pixels("paper")
    ink = paper[paper[..., 3] == 255][:, 0].mean()
    assert ink < 60 if scheme == "light" else ink > 200


def test_undo_and_clear(desktop: Page) -> None:
    desktop.draw([*SEVEN, *BAR])
    desktop.wait_for_text("17", "17?")
    clear = desktop.find("clear")
    clear.send_keys(Keys.ENTER)
    desktop.wait_for_status("Draw a digit.")
    assert desktop.text == ""
    assert desktop.pixels("paper").max() == 0
    # For a person who uses it by keyboard, the page must not lose its place.
    assert clear.get_attribute("aria-disabled") == "true"
    assert desktop.driver.switch_to.active_element == clear
    desktop.find("undo").click()
    desktop.wait_for_text("17", "17?")
    desktop.find("undo").click()
    desktop.wait_for_text("7")


def test_resting_finger_leaves_no_ink(phone: Page) -> None:
    resting = (0.9, 0.9)
    start, *others = SEVEN[0]
    pixel = phone.paper()

    def touch(kind: str, *points: tuple[float, float]) -> None:
        pixels = [pixel(*point) for point in points]
        fingers = [{"x": x, "y": y, "id": number} for number, (x, y) in enumerate(pixels)]
        phone.cdp("Input.dispatchTouchEvent", {"type": kind, "touchPoints": fingers})

    touch("touchStart", resting)
    touch("touchStart", resting, start)
    for point in others:
        touch("touchMove", resting, point)
    touch("touchEnd", resting)
    touch("touchEnd")
    phone.wait_for_text("7")
    ink = phone.pixels("paper")[..., 3]
    corner = round(0.85 * len(ink))
    assert ink.max() == 255 and ink[corner:, corner:].max() == 0


def test_nothing_is_asked_or_shown_while_a_stroke_is_drawn(desktop: Page) -> None:
    fake_read(desktop, reading("17"))
    desktop.draw(SEVEN)
    desktop.wait_for_text("17")
    status = desktop.status
    fake_read(desktop, reading("177"), delay=100)
    desktop.draw(BAR, lift=False)
    assert desktop.status == status and not desktop.settled
    assert recorded(desktop, "asked") == []
    ActionChains(desktop.driver).reset_actions()  # which lifts
    desktop.wait_for_text("177")
    assert recorded(desktop, "asked") == ["read"]
    assert recorded(desktop, "shown") == ["177"]
