"""Drawing by mouse, pen and finger; undo and clear; what is sent for it, and when."""

import numpy as np
import pytest
from selenium.webdriver.common.keys import Keys

from tests.browser.fakes import READ, fake_read, reading, recorded
from tests.browser.page import BAR, SEVEN, Page


@pytest.mark.parametrize(
    ("page", "kind", "scheme"),
    [
        ("phone", "touch", "light"),
        ("phone", "pen", "dark"),
        ("desktop", "mouse", "dark"),
        ("desktop", "touch", "light"),
    ],
    indirect=["page"],
)
def test_drawn_digit_is_predicted(page: Page, kind: str, scheme: str) -> None:
    page.open(scheme)
    page.draw(SEVEN, kind)
    page.wait_for_text("7")
    page.wait_for_status("7, ")
    assert np.argmax(page.bars) == 7
    assert sum(page.bars) == pytest.approx(1, abs=1e-5)
    frame = page.pixels("frame")[..., 0]
    assert frame[:4].max() == 0 and frame.max() > 200  # margins as in MNIST
    paper = page.pixels("paper")
    ink = paper[paper[..., 3] == 255][:, 0].mean()
    assert ink < 60 if scheme == "light" else ink > 200


def test_undo_and_clear(page: Page) -> None:
    page.draw([*SEVEN, [(0.2, 0.9), (0.8, 0.9)]])
    page.draw(BAR)
    page.find("undo").click()
    page.find("undo").click()
    page.wait_for_text("7")
    page.draw(BAR)
    page.wait_for_text("17")
    page.find("clear").send_keys(Keys.ENTER)
    page.wait_for_status("Draw a digit.")
    assert page.text == "" and sum(page.bars) == 0
    assert page.pixels("paper").max() == 0
    # For a person who uses it by keyboard, the page must not lose its place.
    assert page.find("clear").get_attribute("aria-disabled") == "true"
    assert page.driver.switch_to.active_element == page.find("clear")
    page.find("undo").click()
    page.wait_for_text("17")
    page.find("clear").send_keys(Keys.CONTROL, "z")
    page.wait_for_text("7")


def test_resting_finger_leaves_no_ink(phone: Page) -> None:
    pixel = phone.paper()

    def touch(kind: str, *points: tuple[float, float]) -> None:
        pixels = [pixel(*point) for point in points]
        fingers = [{"x": x, "y": y, "id": number} for number, (x, y) in enumerate(pixels)]
        phone.cdp("Input.dispatchTouchEvent", {"type": kind, "touchPoints": fingers})

    resting = (0.9, 0.9)
    start, *others = SEVEN[0]
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


def test_tap_leaves_dot(page: Page) -> None:
    """As the decimal point of a number."""
    page.draw([[(0.3, 0.7)]])
    page.wait_for_text("?")  # it is no digit
    page.wait_for_status("No digit found.")
    assert page.bars == [0] * 12 + [1]
    ink = page.pixels("paper")[..., 3]
    rows, columns = np.nonzero(ink > 127)
    for pixels, expected in ((rows, 0.7), (columns, 0.3)):
        assert abs(pixels.mean() / len(ink) - expected) < 0.006
        assert abs((pixels.max() - pixels.min() + 1) / len(ink) - 1 / 56) < 0.006


def test_answer_stays_until_next_one_arrives(desktop: Page) -> None:
    """While a stroke is drawn, nothing is requested, shown or announced."""
    fake_read(desktop, reading("17"))
    desktop.draw(SEVEN)
    desktop.wait_for_text("17")
    status = desktop.status
    fake_read(desktop, reading("177"), delay=100)
    desktop.draw(BAR, lift=False)
    assert desktop.status == status and not desktop.settled
    assert recorded(desktop, "asked") == []
    desktop.lift()
    desktop.wait_for_text("177")
    assert recorded(desktop, "asked") == [READ]
    assert recorded(desktop, "shown") == ["177"]


def test_outdated_request_is_aborted(desktop: Page) -> None:
    fake_read(desktop, reading("1"), delay=60_000)
    desktop.draw(SEVEN)
    desktop.wait(lambda: recorded(desktop, "asked"))
    desktop.find("undo").click()
    desktop.wait_for_text("")
    assert recorded(desktop, "aborted") == [READ]
    assert recorded(desktop, "shown") == []
