"""Undo, redo, and who may write on the paper."""

from pathlib import Path

import numpy as np
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys

from tests.browser.page import SEVEN, Page

BAR = [[(0.1, 0.1), (0.1, 0.9)]]


def test_redo_brings_back_what_was_undone(page: Page) -> None:
    page.draw(SEVEN)
    page.wait_for_text("7")
    page.draw(BAR)
    page.wait_for_text("17")
    page.find("undo").click()
    page.wait_for_text("7")
    page.find("redo").click()
    page.wait_for_text("17")
    page.find("redo").click()  # there is no more
    page.wait_for_text("17")


def test_clear_can_be_undone(page: Page) -> None:
    page.draw(SEVEN)
    page.wait_for_text("7")
    page.find("clear").click()
    page.wait_for_status("Draw a digit.")
    page.find("undo").click()
    page.wait_for_text("7")
    page.find("redo").click()
    page.wait_for_status("Draw a digit.")


def test_what_was_undone_is_gone_when_something_else_is_drawn(page: Page) -> None:
    page.draw(BAR)
    page.find("undo").click()
    page.draw(SEVEN)
    page.wait_for_text("7")
    page.find("redo").click()
    page.wait_for_text("7")


def test_a_picture_can_be_undone_and_redone(page: Page, numbers: Path) -> None:
    page.draw(SEVEN)
    page.give(numbers, "drop")
    page.wait_for_status("26 digits.")
    page.find("undo").click()
    page.wait_for_text("7")
    page.find("redo").click()
    page.wait_for_status("26 digits.")


def test_keys_redo(fresh: Page) -> None:
    fresh.draw(SEVEN)
    fresh.wait_for_text("7")
    for undo, redo in ((("z",), (Keys.SHIFT, "z")), (("z",), ("y",))):
        for keys, text in ((undo, ""), (redo, "7")):
            chain = ActionChains(fresh.driver).key_down(Keys.CONTROL)
            for key in keys[:-1]:
                chain.key_down(key)
            chain.send_keys(keys[-1])
            for key in (*keys[:-1], Keys.CONTROL):
                chain.key_up(key)
            chain.perform()
            fresh.wait_for_text(text)


def test_a_finger_that_rests_does_not_block_the_one_that_writes(page: Page) -> None:
    """The first one down rests: it comes, stays and goes without a trace."""
    paper = page.find("paper")
    page.driver.execute_script("arguments[0].scrollIntoView()", paper)
    area = page.driver.execute_script("return arguments[0].getBoundingClientRect().toJSON()", paper)

    def finger(number: int, place: tuple[float, float]) -> dict[str, float]:
        x, y = place
        left, top, side = area["x"], area["y"], area["width"]
        return {"x": left + x * side, "y": top + y * side, "id": number}

    def touch(kind: str, *fingers: dict[str, float]) -> None:
        event = {"type": kind, "touchPoints": list(fingers)}
        page.driver.execute_cdp_cmd("Input.dispatchTouchEvent", event)

    resting = finger(0, (0.9, 0.9))
    start, *others = SEVEN[0]
    touch("touchStart", resting)
    touch("touchStart", resting, finger(1, start))
    for place in others:
        touch("touchMove", resting, finger(1, place))
    touch("touchEnd", resting)
    touch("touchEnd")
    page.wait_for_text("7")
    ink = alpha(page)
    corner = round(0.85 * len(ink))
    assert ink.max() == 255 and ink[corner:, corner:].max() == 0


def alpha(page: Page) -> np.ndarray:
    """How much ink is on the paper: [side, side], 0 to 255."""
    pixels = np.array(page.pixels("paper"))
    side = round((len(pixels) / 4) ** 0.5)
    return pixels.reshape(side, side, 4)[..., 3]


def test_the_pen_grows_with_the_paper(page: Page) -> None:
    page.draw([[(0.5, 0.2), (0.5, 0.8)]])
    ink = alpha(page)
    row = ink[len(ink) // 2]
    assert abs((row > 127).sum() / len(ink) - 1 / 28) < 0.006


def test_seven_small_digits_stay_apart(page: Page) -> None:
    """Each has its hole, and there is a gap to the next one."""
    width = 1 / 14  # from the middle of one stroke to that of the next
    for place in range(7):
        left, right = (place + 0.25) / 7, (place + 0.25) / 7 + width
        page.draw([[(left, 0.4), (right, 0.4), (right, 0.6), (left, 0.6), (left, 0.4)]])
    ink = alpha(page)
    level = ink[len(ink) // 2] > 127
    assert (np.diff(level.astype(int)) == 1).sum() == 14  # strokes
    apart = (ink > 127).any(0)
    assert (np.diff(apart.astype(int)) == 1).sum() == 7  # digits
