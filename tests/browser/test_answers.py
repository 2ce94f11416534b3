"""What is shown of the server's answers."""

from typing import Any

import pytest

from tests.browser.fakes import fake_read, reading
from tests.browser.page import SEVEN, Page


def answer(page: Page, response: dict[str, Any], text: str) -> None:
    """Draw something that is answered so, and wait until the text is shown."""
    fake_read(page, response)
    page.draw(SEVEN)
    page.wait_for_text(text)


TWO_NUMBERS = {"numbers": reading("1")["numbers"] + reading("7?", 0.6)["numbers"]}
UNREADABLE = reading("17", status="unreadable", text="", free="17")


@pytest.mark.parametrize(
    ("response", "text", "likeliest", "doubt", "none"),
    [
        (
            reading("-1", 0.85, 0.91, second="11"),
            "-1",
            "2 digits. Least sure: minus, 85.0 %.",
            "",
            0.15,
        ),
        (reading("7?", 0.5), "7?", "7, 50.0 %.", "To review: 7, 99.0 %.", 0.5),
        (reading("7?", 0.2), "7?", "No digit, 80.0 %.", "To review: 7, 99.0 %.", 0.8),
        (
            reading("177?", 0.91, 0.6, 0.91, probability=0.934, second="171"),
            "177?",
            "3 digits. Least sure: 7, 60.0 %.",
            "To review: 177, 93.4 %, or 171.",
            0.4,
        ),
        (
            TWO_NUMBERS,
            "1  7?",
            "2 digits, 1 of 2 numbers unsure. Least sure: 7, 60.0 %.",
            "To review: 7, 99.0 %.",
            0.4,
        ),
        (  # however sure each of its symbols is
            UNREADABLE,
            "??17",
            "2 digits.",
            "Unreadable: it looks like 17, which isn't possible.",
            0.09,
        ),
    ],
)
def test_text_sentence_and_bars(
    desktop: Page, response: dict[str, Any], text: str, likeliest: str, doubt: str, none: float
) -> None:
    answer(desktop, response, text)
    assert desktop.status == f"{likeliest} {doubt}".rstrip()
    assert desktop.bars[-1] == pytest.approx(none)
    assert sum(desktop.bars) == pytest.approx(1)
    bars = [meter.accessible_name for meter in desktop.select("#bars meter")]
    assert bars == [*"0123456789", "minus", "point", "No digit"]
    numbers = [group.accessible_name for group in desktop.select("#text [role=group]")]
    assert numbers == [*[""] * (len(numbers) - 1), doubt]


def test_what_the_network_saw(desktop: Page) -> None:
    answer(desktop, reading("1", frame=[[128] * 28] * 28), "1")
    assert (desktop.pixels("frame")[..., :3] == 128).all()
    answer(desktop, reading(""), "?")
    assert not desktop.find("frame").is_displayed()


def test_copy_answer(desktop: Page) -> None:
    button = desktop.find("copy")
    answer(desktop, reading("206?"), "206?")
    button.click()
    desktop.wait(lambda: button.text == "Copied")
    permission = {"permission": {"name": "clipboard-read"}, "setting": "granted"}
    desktop.cdp("Browser.setPermission", permission)
    assert desktop.async_script("navigator.clipboard.readText().then(arguments[0])") == "206?"
    desktop.wait(lambda: button.text == "Copy")
