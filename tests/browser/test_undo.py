"""Undo, redo, touch and pen width."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys

from tests.browser.page import SEVEN, Page, Stroke

BUTTONS = ("undo", "redo", "clear")
BAR: list[Stroke] = [[(0.1, 0.1), (0.1, 0.9)]]


def draw(page: Page, strokes: Sequence[Stroke], text: str) -> None:
    page.draw(strokes)
    page.wait_for_text(text)


def click(page: Page, *buttons: tuple[str, str]) -> None:
    """Click undo, redo or clear in turn; wait for the text that each leads to."""
    for button, text in buttons:
        page.find(button).click()
        page.wait_for_text(text)


def test_redo_after_undo(page: Page) -> None:
    draw(page, SEVEN, "7")
    draw(page, BAR, "17")
    click(page, ("undo", "7"), ("redo", "17"), ("redo", "17"))  # no further stroke


def test_undo_clear(page: Page) -> None:
    draw(page, SEVEN, "7")
    click(page, ("clear", ""), ("undo", "7"), ("redo", ""))
    page.wait_for_status("Draw a digit.")


def test_drawing_discards_redo(page: Page) -> None:
    page.draw(BAR)
    page.find("undo").click()
    draw(page, SEVEN, "7")
    click(page, ("redo", "7"))


def test_undo_and_redo_image(page: Page, numbers: Path) -> None:
    page.draw(SEVEN)
    page.give(numbers, "drop")
    page.wait_for_status("26 digits.")
    text = page.text
    click(page, ("undo", "7"), ("redo", text))
    page.wait_for_status("26 digits.")


@pytest.mark.parametrize("name", ["undo", "redo", "clear"])
def test_button_without_effect_is_disabled_and_keeps_focus(page: Page, name: str) -> None:
    """For a person who uses it by keyboard, the page must not lose its place."""

    def disabled() -> list[str]:
        return [one for one in BUTTONS if page.find(one).get_attribute("aria-disabled") == "true"]

    assert disabled() == ["undo", "redo", "clear"]
    draw(page, SEVEN, "7")
    assert disabled() == ["redo"]
    if name == "redo":
        click(page, ("undo", ""))
        assert disabled() == ["undo", "clear"]
    page.find(name).send_keys(Keys.ENTER)
    page.wait(lambda: name in disabled(), lambda: f"{disabled()}")
    assert page.driver.switch_to.active_element == page.find(name)
    page.wait_until_settled()
    shown = page.text
    page.keys(Keys.ENTER)  # no longer does anything
    page.wait_for_text(shown)
    assert page.driver.switch_to.active_element == page.find(name)


def test_image_can_be_cleared(page: Page, numbers: Path) -> None:
    page.give(numbers, "drop")
    page.wait_for_status("26 digits.")
    assert page.find("clear").get_attribute("aria-disabled") == "false"
    click(page, ("clear", ""))
    assert page.find("clear").get_attribute("aria-disabled") == "true"


def test_redo_keys(desktop_page: Page) -> None:
    draw(desktop_page, SEVEN, "7")
    for undo, redo in ((("z",), (Keys.SHIFT, "z")), (("z",), ("y",))):
        for keys, text in ((undo, ""), (redo, "7")):
            chain = ActionChains(desktop_page.driver).key_down(Keys.CONTROL)
            for key in keys[:-1]:
                chain.key_down(key)
            chain.send_keys(keys[-1])
            for key in (*keys[:-1], Keys.CONTROL):
                chain.key_up(key)
            chain.perform()
            desktop_page.wait_for_text(text)


def test_resting_finger_does_not_block_drawing(page: Page) -> None:
    """The first finger rests on the paper without leaving ink."""
    place = page.place()

    def finger(number: int, at: tuple[float, float]) -> dict[str, int]:
        x, y = place(*at)
        return {"x": x, "y": y, "id": number}

    def touch(kind: str, *fingers: dict[str, int]) -> None:
        event = {"type": kind, "touchPoints": list(fingers)}
        page.driver.execute_cdp_cmd("Input.dispatchTouchEvent", event)

    resting = finger(0, (0.9, 0.9))
    start, *others = SEVEN[0]
    touch("touchStart", resting)
    touch("touchStart", resting, finger(1, start))
    for at in others:
        touch("touchMove", resting, finger(1, at))
    touch("touchEnd", resting)
    touch("touchEnd")
    page.wait_for_text("7")
    ink = alpha(page)
    corner = round(0.85 * len(ink))
    assert ink.max() == 255 and ink[corner:, corner:].max() == 0


def alpha(page: Page) -> np.ndarray:
    """Return the ink on the paper: [side, side], 0 to 255."""
    pixels = np.array(page.pixels("paper"))
    side = round((len(pixels) / 4) ** 0.5)
    return pixels.reshape(side, side, 4)[..., 3]


def test_tap_leaves_dot(page: Page) -> None:
    """As the decimal point of a number."""
    page.draw([[(0.3, 0.7)]])
    ink = alpha(page)
    rows, columns = np.nonzero(ink > 127)
    for places, expected in ((rows, 0.7), (columns, 0.3)):
        assert abs(places.mean() / len(ink) - expected) < 0.006
        assert abs((places.max() - places.min() + 1) / len(ink) - 1 / 56) < 0.006


def test_pen_width_scales_with_paper(page: Page) -> None:
    page.draw([[(0.5, 0.2), (0.5, 0.8)]])
    ink = alpha(page)
    row = ink[len(ink) // 2]
    assert abs((row > 127).sum() / len(ink) - 1 / 56) < 0.003


def test_eight_small_digits_do_not_touch(page: Page) -> None:
    """Each keeps its hole, and a gap to the next one."""
    width = 1 / 16  # from the centre line of one stroke to that of the next
    for place in range(8):
        left, right = (place + 0.25) / 8, (place + 0.25) / 8 + width
        page.draw([[(left, 0.4), (right, 0.4), (right, 0.6), (left, 0.6), (left, 0.4)]])
    ink = alpha(page)
    level = ink[len(ink) // 2] > 127
    assert (np.diff(level.astype(int)) == 1).sum() == 16  # strokes
    apart = (ink > 127).any(0)
    assert (np.diff(apart.astype(int)) == 1).sum() == 8  # digits
