"""`digits review`: labelling with keys and buttons, and a server that goes away."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from selenium.webdriver.common.action_chains import ActionChains

from tests.browser.conftest import SIZES
from tests.browser.page import Page
from tests.runtime.forms.test_corrections import FORM as SHEETS
from tests.runtime.forms.test_corrections import TABLE as SHEETS_TABLE
from tests.runtime.review.test_review import NUMBERS
from tests.served import Served, served

SMALL_PHONE = 390, 664  # less the bars of a browser
STORE = "Store (enter)"
UNREADABLE = "It is unreadable as asked for; freely, it is read as 20260"
IN_VIEWPORT = """
return [...document.querySelectorAll("button, #paper img")].every((each) => {
  const { top, left, bottom, right } = each.getBoundingClientRect();
  return top >= 0 && left >= 0 && bottom <= innerHeight && right <= innerWidth;
});
"""
OFFLINE = {"offline": True, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}


@pytest.fixture
def folder(tmp_path: Path, pictures: list[Path]) -> Path:
    """The pictures of 3, 5 and 7, whose names say so."""
    for digit in (3, 5, 7):
        shutil.copy(pictures[digit], tmp_path)
    return tmp_path


@pytest.fixture
def table(tmp_path: Path, numbers: Path) -> Path:
    shutil.copy(numbers, tmp_path / "page.jpg")
    rows = [
        "page.jpg,3141592453,0.64,review,unsure,3141592653,3141592453,93,189,440,257",
        "page.jpg,,0.70,none,constraints,,20260,77,310,278,366",
        "page.jpg,1987,0.85,accepted,,,1987,551,58,655,105",
    ]
    (tmp_path / "results.csv").write_text(NUMBERS + "\n".join(rows))
    return tmp_path / "results.csv"


@contextmanager
def reviewed(page: Page, source: Path) -> Iterator[Served]:
    """Open the page of a folder, or of a table; labels.csv is in the folder."""
    output = ["-o", f"{source}/labels.csv"] if source.is_dir() else []
    with served(str(source), *output, command="review") as server:
        page.driver.get(server.address)
        page.wait(lambda: page.find("progress").text)
        yield server


def shown_digit(page: Page) -> str:
    """Wait for a picture of a folder; its digit by its name."""
    page.wait(lambda: page.select("#paper img") and page.find("text").text)
    return Path(page.find("file").text).stem


def press(page: Page, *keys: str) -> None:
    ActionChains(page.driver).send_keys(*keys).perform()


def lines(folder: Path) -> list[str]:
    return (folder / "labels.csv").read_text().splitlines()[1:]


def test_digits_by_every_key(desktop: Page, folder: Path) -> None:
    with reviewed(desktop, folder):
        desktop.resize(*SIZES["phone"])
        first = shown_digit(desktop)
        assert desktop.script(IN_VIEWPORT)
        assert desktop.find("text").text == first
        assert desktop.bars[int(first)] == max(desktop.bars)
        assert desktop.pixels("frame")[..., 0].max() == 255
        desktop.wait_for("#progress", "0 labelled, 3 left.")
        press(desktop, " ")
        desktop.wait_for("#progress", "1 labelled, 2 left")
        second = shown_digit(desktop)
        press(desktop, "n")
        desktop.wait_for("#progress", "2 labelled, 1 left")
        press(desktop, "u")
        desktop.wait(lambda: shown_digit(desktop) == second)
        desktop.wait_for("#progress", "1 labelled, 2 left")
        press(desktop, "s")
        third = shown_digit(desktop)
        press(desktop, "S")
        desktop.wait_for("#status", "The others were skipped; reload the page to see them again.")
        press(desktop, "u")
        desktop.wait(lambda: shown_digit(desktop) == third)
        press(desktop, "9")
        desktop.wait_for("#progress", "2 labelled, 1 left")
        desktop.driver.refresh()
        desktop.wait(lambda: shown_digit(desktop) == second)
        press(desktop, "u")  # what was labelled before the reload
        desktop.wait(lambda: shown_digit(desktop) == third)
        desktop.wait_for("#progress", "1 labelled, 2 left")
    assert sorted([first, second, third]) == ["3", "5", "7"]
    [line] = lines(folder)
    assert line.endswith(f",{first}")


def test_numbers(desktop: Page, table: Path) -> None:
    with reviewed(desktop, table):
        desktop.wait_for("#text", "3141592453")
        desktop.resize(*SMALL_PHONE)
        assert desktop.script(IN_VIEWPORT)
        desktop.wait_for("#remark", "It is in doubt (64.0 %), and may be 3141592653")
        press(desktop, *"\b\b\b", *"653", "\n")
        desktop.wait_for("#remark", UNREADABLE)
        press(desktop, " ", "\n")  # neither stores it
        assert desktop.button("answer", STORE).get_attribute("aria-disabled") == "true"
        for name in ("1", "2", ".", "⌫", "-", "7", STORE):
            desktop.button("answer", name).click()
        desktop.wait_for("#text", "1987")
        press(desktop, "\b", "u")  # what was typed goes, too
        desktop.wait_for("#remark", UNREADABLE)
        press(desktop, "1", ",", "5", " ")
        desktop.wait_for("#text", "1987")
        press(desktop, "n")
        desktop.wait_for("#status", "Next: digits eval numbers ")
    assert lines(table.parent) == [
        "page.jpg,93 189 440 257,3141592653",
        "page.jpg,77 310 278 366,1.5",
        "page.jpg,551 58 655 105,",
    ]


def test_what_a_form_forbids_stays_until_the_person_insists(
    desktop: Page, numbers: Path, tmp_path: Path
) -> None:
    for name in ("a.jpg", "b.jpg"):
        shutil.copy(numbers, tmp_path / name)
    (tmp_path / "form.toml").write_text(SHEETS.replace("cells = 5", 'range = "0-20"'))
    marks = tmp_path / "marks.csv"
    marks.write_text(SHEETS_TABLE)
    with reviewed(desktop, marks):
        desktop.wait_for("#remark", "q 1 is unreadable (confidence 0.1); the sheet is there twice")
        press(desktop, *"21\n")
        desktop.wait_for("#refusal", "q 1 can't be 21 by the form. Change it, skip it, or")
        press(desktop, "2\n")
        desktop.wait_for("#refusal", "q 1 can't be 212 by the form")
        desktop.button("answer", "store it all the same (enter)").click()
        desktop.wait_for("#remark", "q2 is in doubt")
        press(desktop, *"5\n12")  # the next, faster than the answer
        desktop.wait_for("#remark", "q 1 is blank")
        desktop.wait_for("#text", "12")
        desktop.wait_for("#progress", "3 labelled")
    assert "q 1 can't be 212 by the form,,form.toml" in marks.read_text()


def test_labels_wait_for_the_server(desktop: Page, folder: Path) -> None:
    loaded = "return performance.getEntriesByType('resource').length > 8"
    with reviewed(desktop, folder):
        first = shown_digit(desktop)
        desktop.wait(lambda: desktop.script(loaded))
        desktop.cdp("Network.enable", {})
        desktop.cdp("Network.emulateNetworkConditions", OFFLINE)
        press(desktop, "1")
        desktop.wait(lambda: shown_digit(desktop) != first)
        press(desktop, "2")
        desktop.wait_for("#trouble", "The server can't be reached. Trying again …")
        desktop.wait_for("#progress", "0 labelled, 3 left. 2 not stored yet.")
        assert lines(folder) == []
        desktop.cdp("Network.emulateNetworkConditions", OFFLINE | {"offline": False})
        desktop.wait_for("#progress", "2 labelled, 1 left.")
        desktop.wait(lambda: not desktop.find("trouble").text)
    assert [line[-1] for line in lines(folder)] == ["1", "2"]
    assert desktop.complaints()
