"""Which numbers are possible, as a visitor says."""

from tests.browser.fakes import READ, fake_read, reading, recorded
from tests.browser.page import BAR, SEVEN, Page

NOT_CLOSED = "Not read: pattern: missing ), unterminated subpattern at position 0."


def test_drawing_is_read_again_with_what_is_entered(desktop: Page) -> None:
    fake_read(desktop, reading("17"))
    desktop.draw(SEVEN)
    desktop.wait_for_text("17")
    desktop.constrain("length", " 2 - 4 ")
    desktop.constrain("pattern", r"\d+&")
    desktop.constrain("list", "17 \n1,5\n")
    added = ("", "&length=2+-+4", "&pattern=%5Cd%2B%26", "&list=17+1%2C5")
    expected = [READ + "".join(added[: count + 1]) for count in range(4)]
    desktop.wait(
        lambda: recorded(desktop, "asked") == expected, lambda: str(recorded(desktop, "asked"))
    )


def test_entries_are_kept_in_the_browser(desktop: Page) -> None:
    desktop.constrain("list", "11 12\n13")
    desktop.open()
    [field] = desktop.select("#constraints [name=list]")
    assert not field.is_displayed() and field.get_property("value") == "11 12\n13"
    [summary] = desktop.select("#constraints summary")
    content = desktop.script("return getComputedStyle(arguments[0], '::after').content", summary)
    assert "in use" in content


def test_refused_entry_is_told_and_read_again_when_it_changes(desktop: Page) -> None:
    desktop.constrain("pattern", "(")
    desktop.script("document.getElementById('constraints').open = false")
    desktop.draw([*SEVEN, *BAR])
    desktop.wait_for_status(NOT_CLOSED)
    alert = desktop.find("refused")
    desktop.wait(lambda: alert.text == NOT_CLOSED)
    desktop.constrain("pattern", r"\d+")
    desktop.wait_for_text("17")
    assert alert.text == ""
