"""What is shown of the server's answers, and which numbers a visitor says are possible."""

from typing import Any

import pytest

from tests.browser.page import BAR, READ, SEVEN, Page, fake_read, reading, recorded


def answer(page: Page, response: dict[str, Any], text: str) -> None:
    """Draw something that is answered so, and wait until the text is shown."""
    fake_read(page, response)
    page.draw(SEVEN)
    page.wait_for_text(text)


TWO_NUMBERS = {"numbers": reading("1")["numbers"] + reading("7?", 0.6)["numbers"]}
UNREADABLE = reading("17", status="none", text="", unconstrained="17")


@pytest.mark.parametrize(
    ("response", "text", "likeliest", "doubt", "none"),
    [
        (
            reading("-1", 0.85, 0.91, second_best="11"),
            "-1",
            "2 digits. Least sure: minus, 85.0 %.",
            "",
            0.15,
        ),
        (reading("7?", 0.2), "7?", "No digit, 80.0 %.", "To review: 7, 99.0 %.", 0.8),
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


NOT_CLOSED = "Not read: pattern: missing ), unterminated subpattern at position 0."


def test_drawing_is_read_again_with_what_is_entered(desktop: Page) -> None:
    fake_read(desktop, reading("17"))
    desktop.draw(SEVEN)
    desktop.wait_for_text("17")
    desktop.constrain("length", " 2 - 4 ")
    desktop.constrain("pattern", r"\d+&")
    desktop.constrain("list", "17 \n1,5\n")
    added = ("", "length=2+-+4", "&pattern=%5Cd%2B%26", "&list=17+1%2C5")
    expected = [READ + "".join(added[: count + 1]) for count in range(4)]
    desktop.wait(
        lambda: recorded(desktop, "asked") == expected, lambda: str(recorded(desktop, "asked"))
    )


def test_refused_entry_is_told_and_read_again_when_it_changes(desktop: Page) -> None:
    desktop.constrain("pattern", "(")
    desktop.script("document.getElementById('constraints').open = false")
    desktop.draw([*SEVEN, *BAR])
    desktop.wait_for_status(NOT_CLOSED)
    alert = desktop.find("refused")
    desktop.wait(lambda: alert.text == NOT_CLOSED)
    desktop.constrain("pattern", r"\d+")
    desktop.wait_for_text("17", "17?")
    assert alert.text == ""
