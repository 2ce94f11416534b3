"""What is shown of the server's answers."""

import pytest
from selenium.webdriver.common.keys import Keys

from tests.browser.fakes import fake_read, reading
from tests.browser.page import SEVEN, Page


def answer(page: Page, response: dict[str, object], text: str) -> None:
    """Draw something that is answered so, and wait until the text is shown."""
    fake_read(page, response)
    page.draw(SEVEN)
    page.wait_for_text(text)


def two_numbers() -> dict[str, object]:
    """A 1 that is accepted and a 7 to review."""
    first, second = reading("1"), reading("7?", 0.6)
    return {**second, "text": "1  7?", "numbers": [*first["numbers"], *second["numbers"]]}  # type: ignore[misc]


def chosen(page: Page) -> list[int]:
    """Return which of the symbols' buttons are pressed."""
    pressed = [button.get_attribute("aria-pressed") for button in page.digits]
    return [index for index, state in enumerate(pressed) if state == "true"]


@pytest.mark.parametrize(
    ("response", "sentence", "none"),
    [
        (reading("7"), "7, 91.0 %.", 0.09),
        (reading("17"), "2 digits. Least sure: 1, 91.0 %.", 0.09),
        (reading("7?", 0.6), "7, 60.0 %. To review: 7, 99.0 %.", 0.4),
        (reading("7?", 0.2), "No digit, 80.0 %. To review: 7, 99.0 %.", 0.8),
        (
            reading("177?", 0.91, 0.6, 0.91),
            "3 digits. Least sure: 7, 60.0 %. To review: 177, 99.0 %.",
            0.4,
        ),
        (
            two_numbers(),
            "2 digits, 1 of 2 numbers unsure. Least sure: 7, 60.0 %. To review: 7, 99.0 %.",
            0.4,
        ),
        (reading("-1", 0.85, 0.91), "2 digits. Least sure: minus, 85.0 %.", 0.15),
        (reading(""), "No digit found.", 1),
    ],
)
def test_text_sentence_and_bars(
    desktop_page: Page, response: dict[str, object], sentence: str, none: float
) -> None:
    answer(desktop_page, response, str(response["text"] or "?"))
    assert desktop_page.status == sentence
    assert desktop_page.bars[-1] == pytest.approx(none)
    assert sum(desktop_page.bars) == pytest.approx(1)
    names = [meter.accessible_name for meter in desktop_page.select("#bars meter")]
    assert names == [*"0123456789", "minus", "point", "No digit"]


def test_least_sure_digit_is_chosen_and_marked(desktop_page: Page) -> None:
    least = 1
    answer(desktop_page, reading("173", 0.99, 0.9, 0.95), "173")
    assert chosen(desktop_page) == [least]
    for index, button in enumerate(desktop_page.digits):
        line = button.value_of_css_property("text-decoration-line")
        assert line == ("underline" if index == least else "none")
        assert bool(button.get_attribute("title")) == (index == least)
    count = desktop_page.status.partition(".")[0]
    for index, button in enumerate(desktop_page.digits):
        button.send_keys(Keys.ENTER)
        assert chosen(desktop_page) == [index]
        assert desktop_page.status.startswith(count)
        assert ("Least sure" in desktop_page.status) == (index == least)


@pytest.mark.parametrize(
    ("text", "number", "words", "free"),
    [
        ("17", {"status": "accepted", "second": "11"}, "", []),
        ("17?", {"probability": 0.934, "second": "11"}, "To review: 17, 93.4 %, or 11.", []),
        (  # however sure each of its symbols is
            "17",
            {"status": "unreadable", "text": "", "free": "17"},
            "Unreadable: it looks like 17, which isn't possible.",
            ["17"],
        ),
    ],
)
def test_number_to_review_or_unreadable(
    desktop_page: Page, text: str, number: dict[str, object], words: str, free: list[str]
) -> None:
    shown = "?" * len(text) + text if free else text
    answer(desktop_page, reading(text, number=number), shown)
    [group] = desktop_page.select("#text span")
    assert group.accessible_name == words and group.aria_role == "group"
    assert desktop_page.status.endswith(words or "Least sure: 1, 91.0 %.")
    assert [each.text for each in desktop_page.select("#text small")] == free
    assert not free or "%" not in desktop_page.status


@pytest.mark.parametrize("frame", [[[128] * 28] * 28, None])
def test_frame_or_part_of_paper(desktop_page: Page, frame: list[list[int]] | None) -> None:
    """What the network saw of a digit, or the part of the paper in the digit's box."""
    response = reading("1", box=[20, 20, 36, 60], frame=frame)
    fake_read(desktop_page, response)
    desktop_page.draw([[(0.1, 0.1), (0.1, 0.8)]])  # pixels 28, 28 to 28, 224 of the picture
    desktop_page.wait_for_text("1")
    shown = desktop_page.pixels("frame")
    if frame:
        assert (shown[..., :3] == 128).all()
    else:
        # The box is 16 wide and 40 high, so it takes 11.2 of 28 columns in the middle.
        assert (shown[:, [0, 7, 20, 27], 3] == 0).all()
        assert (shown[:, 10, :3] == 255).all() and (shown[:3, 14, :3] == 255).all()
        assert shown[10:, 14, :3].max() < 40
    fake_read(desktop_page, reading(""))
    desktop_page.draw(SEVEN)
    desktop_page.wait_for_text("?")
    assert not desktop_page.find("frame").is_displayed()


def test_copy_answer(desktop_page: Page) -> None:
    button = desktop_page.find("copy")
    answer(desktop_page, reading("206?"), "206?")
    button.click()
    desktop_page.wait(lambda: button.text == "Copied")
    assert desktop_page.clipboard == "206?"
    desktop_page.wait(lambda: button.text == "Copy")
    desktop_page.find("clear").click()
    desktop_page.wait_for_status("Draw a digit.")
    assert button.get_attribute("aria-disabled") == "true"
