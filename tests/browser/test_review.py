"""`digits review`: labelling with keys and buttons, and a server that goes away."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from selenium.webdriver.common.action_chains import ActionChains

from tests.browser.conftest import SIZES
from tests.browser.page import Page
from tests.browser.test_editor import LOW_BUTTONS
from tests.browser.test_layout import IS_WIDE
from tests.runtime.review.test_review import NUMBERS
from tests.runtime.review.test_sheets import FORM as SHEETS
from tests.runtime.review.test_sheets import TABLE as SHEETS_TABLE
from tests.served import Served, served

SMALL_PHONE = 390, 664  # less the bars of a browser
STORE = "Store (enter)"
OPEN = "Open the address that `digits review` has printed"
NO_ITEMS = """
const fetched = fetch;
const never = new Promise(() => {});
window.fetch = (path, ...others) => path.startsWith("items") ? never : fetched(path, ...others);
"""
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
        "page.jpg,3141592453,0.64,review,3141592653,3141592453,93,189,440,257",
        "page.jpg,,0.70,unreadable,,20260,77,310,278,366",
        "page.jpg,1987,0.85,accepted,,1987,551,58,655,105",
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
        desktop.wait_for("#status", "Next: digits eval --numbers ")
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
        desktop.wait_for("#remark", "q 1 is unreadable (probability 0.1); the sheet is there twice")
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
    assert "q 1 can't be 212 by the form,form.toml" in marks.read_text()


def test_typing_replaces_what_the_form_has_refused(
    desktop: Page, numbers: Path, tmp_path: Path
) -> None:
    for name in ("a.jpg", "b.jpg"):
        shutil.copy(numbers, tmp_path / name)
    (tmp_path / "form.toml").write_text(SHEETS.replace('q2", ', 'q2", range = "0-3", '))
    (tmp_path / "marks.csv").write_text(SHEETS_TABLE)
    with reviewed(desktop, tmp_path / "marks.csv"):
        desktop.wait_for("#remark", "q 1 is unreadable")
        press(desktop, "n")
        desktop.wait_for("#refusal", "q 1 can't be blank by the form")
        press(desktop, "4")
        desktop.wait_for("#text", "4")
        press(desktop, "s")
        desktop.wait_for("#remark", "q2 is in doubt")
        press(desktop, "\n")
        desktop.wait_for("#refusal", "q2 can't be 5 by the form")
        press(desktop, "2")
        desktop.wait(lambda: desktop.find("text").text == "2")
        press(desktop, "\n")
        desktop.wait_for("#remark", "q 1 is blank")
    assert ",2,0.2,corrected" in (tmp_path / "marks.csv").read_text()


def test_ten_doubtful_fields_take_fifteen_keys_on_a_phone(
    desktop: Page, numbers: Path, tmp_path: Path
) -> None:
    """Eight were read right, one wrong, and one isn't in the list."""
    (tmp_path / "students.csv").write_text("number,name\n23,Ada Adler\n7,Ben Berg\n")
    fields = SHEETS.replace("key = true", 'list = "students.csv:number"')
    (tmp_path / "form.toml").write_text(fields)
    title, *_ = SHEETS_TABLE.splitlines()
    rows = [title]
    for number in range(10):
        shutil.copy(numbers, tmp_path / f"{number}.jpg")
        guess = "9" if number == 9 else "7"
        cells = f"{guess},0.{number}5,review,1,1.0,accepted,1,1.0,accepted,review,,form.toml"
        rows.append(f"{number}.jpg,{cells}")
    marks = tmp_path / "marks.csv"
    marks.write_text("\n".join([*rows, ""]))
    keys = [*["\n"] * 8, "23\n", "\n", "\n"]
    with reviewed(desktop, marks):
        desktop.resize(*SMALL_PHONE)
        desktop.wait_for("#details", "Ben Berg")
        assert desktop.script(IN_VIEWPORT) and not desktop.script(IS_WIDE)
        assert desktop.script(LOW_BUTTONS) == []
        [picture] = desktop.select("#paper img")
        press(desktop, "w")
        desktop.wait(lambda: picture not in desktop.select("#paper img"))
        press(desktop, "w")
        desktop.wait(lambda: picture in desktop.select("#paper img"))
        for number, each in enumerate(keys[:10]):
            desktop.wait_for("#file", f"{number}.jpg")
            desktop.wait_for("#progress", f"{10 - number} of 10 in doubt")
            desktop.wait_for("#remark", "id is in doubt")
            press(desktop, *each)
        desktop.wait_for("#refusal", "id can't be 9 by the form")
        press(desktop, keys[10])
        desktop.wait_for("#progress", "10 labelled, 20 left, all 10 in doubt done.")
        assert desktop.find("bar").get_property("value") == 10
    texts = [line.split(",")[1] for line in marks.read_text().splitlines()[1:]]
    assert len("".join(keys)) == 13 and texts == ["7"] * 8 + ["23", "9"]
    assert "id can't be 9 by the form" in marks.read_text()


def test_only_the_last_printed_address_opens_and_stores(desktop: Page, table: Path) -> None:
    desktop.cdp("Page.enable", {})
    hook = desktop.cdp("Page.addScriptToEvaluateOnNewDocument", {"source": NO_ITEMS})
    with reviewed(desktop, table):
        desktop.wait_for("#paper", "Loading …")
    desktop.cdp("Page.removeScriptToEvaluateOnNewDocument", hook)
    with reviewed(desktop, table) as server:
        port = str(server.port)
        desktop.wait_for("#text", "3141592453")
    with served("--port", port, str(table), command="review") as restarted:
        press(desktop, "n")  # its number may be another now
        desktop.wait_for("#trouble", OPEN)
        desktop.driver.get(restarted.address)
        desktop.wait_for("#text", "3141592453")
    assert lines(table.parent) == []
    assert desktop.complaints()


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
