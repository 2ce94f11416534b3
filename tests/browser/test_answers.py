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
    return {**second, "numbers": [*first["numbers"], *second["numbers"]]}  # type: ignore[misc]


def chosen(page: Page) -> list[int]:
    """Return which of the symbols' buttons are pressed."""
    pressed = [button.get_attribute("aria-pressed") for button in page.digits]
    return [index for index, state in enumerate(pressed) if state == "true"]


@pytest.mark.parametrize(
    ("response", "text", "likeliest", "doubt", "none"),
    [
        (reading("7"), "7", "7, 91.0 %.", "", 0.09),
        (
            reading("17", number={"second": "11"}),
            "17",
            "2 digits. Least sure: 1, 91.0 %.",
            "",
            0.09,
        ),
        (reading("7?", 0.5), "7?", "7, 50.0 %.", "To review: 7, 99.0 %.", 0.5),
        (reading("7?", 0.2), "7?", "No digit, 80.0 %.", "To review: 7, 99.0 %.", 0.8),
        (
            reading("177?", 0.91, 0.6, 0.91, number={"probability": 0.934, "second": "171"}),
            "177?",
            "3 digits. Least sure: 7, 60.0 %.",
            "To review: 177, 93.4 %, or 171.",
            0.4,
        ),
        (
            two_numbers(),
            "1  7?",
            "2 digits, 1 of 2 numbers unsure. Least sure: 7, 60.0 %.",
            "To review: 7, 99.0 %.",
            0.4,
        ),
        (reading("-1", 0.85, 0.91), "-1", "2 digits. Least sure: minus, 85.0 %.", "", 0.15),
        (  # however sure each of its symbols is
            reading("17", number={"status": "unreadable", "text": "", "free": "17"}),
            "??17",
            "2 digits.",
            "Unreadable: it looks like 17, which isn't possible.",
            0.09,
        ),
    ],
)
def test_text_sentence_and_bars(
    desktop: Page, response: dict[str, object], text: str, likeliest: str, doubt: str, none: float
) -> None:
    answer(desktop, response, text)
    assert desktop.status == f"{likeliest} {doubt}".rstrip()
    assert desktop.bars[-1] == pytest.approx(none)
    assert sum(desktop.bars) == pytest.approx(1)
    bars = [meter.accessible_name for meter in desktop.select("#bars meter")]
    assert bars == [*"0123456789", "minus", "point", "No digit"]
    numbers = [group.accessible_name for group in desktop.select("#text [role=group]")]
    assert numbers == [*[""] * (len(numbers) - 1), doubt]


def test_least_sure_digit_is_chosen_and_marked(desktop: Page) -> None:
    least = 1
    answer(desktop, reading("173", 0.99, 0.9, 0.95), "173")
    assert chosen(desktop) == [least]
    for index, button in enumerate(desktop.digits):
        line = button.value_of_css_property("text-decoration-line")
        assert line == ("underline" if index == least else "none")
        assert bool(button.get_attribute("title")) == (index == least)
        button.send_keys(Keys.ENTER)
        assert chosen(desktop) == [index]
        assert desktop.status.startswith("3 digits. ")
        assert ("Least sure" in desktop.status) == (index == least)


@pytest.mark.parametrize("frame", [[[128] * 28] * 28, None])
def test_frame_or_part_of_paper(desktop: Page, frame: list[list[int]] | None) -> None:
    """What the network saw of a digit, or the part of the paper in the digit's box."""
    fake_read(desktop, reading("1", box=[20, 20, 36, 60], frame=frame))
    desktop.draw([[(0.1, 0.1), (0.1, 0.8)]])  # pixels 28, 28 to 28, 224 of the picture
    desktop.wait_for_text("1")
    shown = desktop.pixels("frame")
    if frame:
        assert (shown[..., :3] == 128).all()
    else:
        # The box is 16 wide and 40 high, so it takes 11.2 of 28 columns in the middle.
        assert (shown[:, [0, 7, 20, 27], 3] == 0).all()
        assert (shown[:, 10, :3] == 255).all() and (shown[:3, 14, :3] == 255).all()
        assert shown[10:, 14, :3].max() < 40
    answer(desktop, reading(""), "?")
    assert not desktop.find("frame").is_displayed()


def test_copy_answer(desktop: Page) -> None:
    button = desktop.find("copy")
    answer(desktop, reading("206?"), "206?")
    button.click()
    desktop.wait(lambda: button.text == "Copied")
    assert desktop.clipboard == "206?"
    desktop.wait(lambda: button.text == "Copy")
    desktop.find("clear").click()
    desktop.wait_for_status("Draw a digit.")
    assert button.get_attribute("aria-disabled") == "true"
