"""Which numbers are possible, as a visitor says."""

from tests.browser.fakes import READ, fake_read, reading, recorded
from tests.browser.page import BAR, SEVEN, Page

NO_STORAGE = """
for (const name of ["localStorage", "sessionStorage"])
  Object.defineProperty(window, name, { get() { throw new Error("denied"); } });
"""
NOT_CLOSED = "Not read: pattern: missing ), unterminated subpattern at position 0."


def draw_17(page: Page) -> None:
    page.draw([*SEVEN, *BAR])
    page.wait_for_text("17")


def is_in_use(page: Page) -> bool:
    """Whether the panel's title says so."""
    [summary] = page.select("#constraints summary")
    content = page.script("return getComputedStyle(arguments[0], '::after').content", summary)
    return "in use" in str(content)


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
    assert not is_in_use(desktop)
    draw_17(desktop)
    desktop.constrain("list", "11 12\n13")
    desktop.wait(lambda: "?" in desktop.text)
    desktop.open()
    [field] = desktop.select("#constraints [name=list]")
    assert not field.is_displayed() and is_in_use(desktop)
    assert field.get_property("value") == "11 12\n13"
    desktop.constrain("list", "")
    desktop.open()
    assert not is_in_use(desktop)


def test_page_works_without_storage(desktop: Page) -> None:
    script = desktop.cdp("Page.addScriptToEvaluateOnNewDocument", {"source": NO_STORAGE})
    desktop.open()
    draw_17(desktop)
    desktop.cdp("Page.removeScriptToEvaluateOnNewDocument", script)
    desktop.open()


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
