"""`digits review`: labelling with keys and by touch, and a server that goes away."""

import shutil
from pathlib import Path

import pytest
from selenium.webdriver.common.action_chains import ActionChains

from tests.browser.conftest import SIZES
from tests.browser.page import Page
from tests.runtime.review.conftest import NUMBERS
from tests.served import Served, served

UNREADABLE = "unreadable as asked for; freely 20260"
IN_VIEWPORT = """
return [...document.querySelectorAll("button, #paper img")].every((each) => {
  const { top, left, bottom, right } = each.getBoundingClientRect();
  return top >= 0 && left >= 0 && bottom <= innerHeight && right <= innerWidth;
});
"""


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


def visit(page: Page, server: Served) -> None:
    page.driver.get(server.url)
    page.wait(lambda: page.find("progress").text)


def assert_all_in_viewport(page: Page) -> None:
    for size in SIZES.values():
        page.resize(*size)
        assert page.script(IN_VIEWPORT), size


def shown_digit(page: Page) -> str:
    """Wait for a picture of a folder; its digit by its name."""
    page.wait(lambda: page.select("#paper img") and page.find("text").text)
    return Path(page.find("file").text).stem


def press(page: Page, *keys: str) -> None:
    ActionChains(page.driver).send_keys(*keys).perform()


def tap(page: Page, name: str) -> None:
    page.button("answer", name).click()


def lines(folder: Path) -> list[str]:
    return (folder / "labels.csv").read_text().splitlines()[1:]


def test_digits_by_touch(phone: Page, folder: Path) -> None:
    digits = []
    with served(str(folder), "-o", f"{folder}/labels.csv", command="review") as server:
        visit(phone, server)
        first = shown_digit(phone)
        assert_all_in_viewport(phone)
        assert phone.find("text").text == first
        assert phone.bars[int(first)] == max(phone.bars)
        assert phone.pixels("frame")[..., 0].max() == 255
        phone.wait_for("#progress", "0 labelled, 3 left, 0 of them unsure.")
        for number in (1, 2, 3):
            digits.append(shown_digit(phone))
            tap(phone, digits[-1])
            phone.wait_for("#progress", f"{number} labelled, {3 - number} left")
        phone.wait_for("#status", "All have a label. Next: digits train --start bundled --data ")
    assert sorted(digits) == ["3", "5", "7"]
    assert [line[-1] for line in lines(folder)] == digits


def test_every_key(desktop: Page, folder: Path) -> None:
    with served(str(folder), "-o", f"{folder}/labels.csv", command="review") as server:
        visit(desktop, server)
        first = shown_digit(desktop)
        press(desktop, " ")
        desktop.wait_for("#progress", "1 labelled, 2 left")
        second = shown_digit(desktop)
        assert second != first
        press(desktop, "n")
        desktop.wait_for("#progress", "2 labelled, 1 left")
        press(desktop, "u")
        desktop.wait_for("#progress", "1 labelled, 2 left")
        desktop.wait(lambda: shown_digit(desktop) == second)
        assert len(lines(folder)) == 1
        press(desktop, "s")
        third = shown_digit(desktop)
        assert third not in (first, second)
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
    [line] = lines(folder)
    assert line.endswith(f",{first}")


def test_numbers(desktop: Page, table: Path) -> None:
    with served(str(table), command="review") as server:
        visit(desktop, server)
        desktop.wait_for("#text", "3141592453")
        assert_all_in_viewport(desktop)
        desktop.wait_for("#remark", "review, 64.0 %, or 3141592653")
        press(desktop, *"\b\b\b", *"653", "\n")
        desktop.wait_for("#remark", UNREADABLE)
        press(desktop, " ", "\n")  # neither stores it
        for name in ("1", "2", ".", "⌫", "-", "7", "Store"):
            tap(desktop, name)
        desktop.wait_for("#text", "1987")
        press(desktop, "\b", "u")  # what was typed goes, too
        desktop.wait_for("#remark", UNREADABLE)
        press(desktop, "1", ",", "5", "\n")
        desktop.wait_for("#text", "1987")
        press(desktop, "n")
        desktop.wait_for("#status", "Next: digits train --network reader --start bundled --data ")
    assert lines(table.parent) == [
        "page.jpg,93 189 440 257,3141592653",
        "page.jpg,77 310 278 366,1.5",
        "page.jpg,551 58 655 105,",
    ]


def test_it_goes_on_after_a_restart(desktop: Page, table: Path) -> None:
    with served(str(table), command="review") as server:
        visit(desktop, server)
        desktop.wait_for("#text", "3141592453")
        press(desktop, " ")
        desktop.wait_for("#progress", "1 labelled, 2 left, 0 of them unsure.")
    with served("--port", str(server.port), str(table), command="review"):
        desktop.wait_for("#remark", UNREADABLE)
        press(desktop, "n")  # its number is another now
        desktop.wait_for("#status", "Not stored: the server has been restarted; reload the page.")
        desktop.driver.refresh()
        desktop.wait_for("#progress", "1 labelled, 2 left, 0 of them unsure.")
        desktop.wait_for("#remark", UNREADABLE)
        press(desktop, "n")
        desktop.wait_for("#progress", "2 labelled, 1 left, 0 of them unsure.")
    assert len(lines(table.parent)) == 2
    assert desktop.complaints()


def test_labels_wait_for_the_server(desktop: Page, folder: Path) -> None:
    offline = {"offline": True, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
    loaded = "return performance.getEntriesByType('resource').length > 8"
    with served(str(folder), "-o", f"{folder}/labels.csv", command="review") as server:
        visit(desktop, server)
        first = shown_digit(desktop)
        desktop.wait(lambda: desktop.script(loaded))
        desktop.cdp("Network.enable", {})
        desktop.cdp("Network.emulateNetworkConditions", offline)
        press(desktop, "1")
        desktop.wait(lambda: shown_digit(desktop) != first)
        press(desktop, "2")
        desktop.wait_for("#trouble", "The server can't be reached. Trying again …")
        desktop.wait_for("#progress", "0 labelled, 3 left, 0 of them unsure. 2 not stored yet.")
        assert lines(folder) == []
        desktop.cdp("Network.emulateNetworkConditions", offline | {"offline": False})
        desktop.wait_for("#progress", "2 labelled, 1 left, 0 of them unsure.")
        desktop.wait(lambda: not desktop.find("trouble").text)
    assert [line[-1] for line in lines(folder)] == ["1", "2"]
    assert desktop.complaints()
