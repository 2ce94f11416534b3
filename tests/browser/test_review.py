"""`digits review`: labelling with keys and by touch, and a server that goes away."""

import shutil
from collections.abc import Callable, Iterator
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


@pytest.fixture(scope="module", params=SIZES)
def browser(request: pytest.FixtureRequest, chromium: None) -> Iterator[Page]:
    with Page("", *SIZES[request.param], phone=request.param == "phone") as page:
        yield page


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
    page.driver.get_log("browser")
    page.driver.get(server.url)
    page.wait(lambda: page.find("progress").text)


def wait_for(page: Page, name: str, words: str) -> None:
    page.wait(
        lambda: words in page.find(name).text, lambda: f"{page.find(name).text!r}, no {words}"
    )


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


def label_all(page: Page, act: Callable[[Page, str], None], count: int) -> list[str]:
    """Label pictures by their names; returns those."""
    labelled = []
    for number in range(count):
        labelled.append(shown_digit(page))
        act(page, labelled[-1])
        wait_for(page, "progress", f"{number + 1} labelled, {2 - number} left")
    return labelled


@pytest.mark.parametrize("act", [press, tap])
def test_digits(browser: Page, folder: Path, act: Callable[[Page, str], None]) -> None:
    with served(str(folder), "-o", f"{folder}/labels.csv", command="review") as server:
        visit(browser, server)
        first = shown_digit(browser)
        assert browser.script(IN_VIEWPORT)
        assert browser.find("text").text == first
        assert browser.bars[int(first)] == max(browser.bars)
        assert browser.pixels("frame")[..., 0].max() == 255
        wait_for(browser, "progress", "0 labelled, 3 left, 0 of them unsure.")
        digits = label_all(browser, act, 3)
        wait_for(browser, "status", "All have a label. Next: digits train --start bundled --data ")
    assert sorted(digits) == ["3", "5", "7"]
    assert [line[-1] for line in lines(folder)] == digits
    assert browser.complaints() == []


def test_every_key(browser: Page, folder: Path) -> None:
    with served(str(folder), "-o", f"{folder}/labels.csv", command="review") as server:
        visit(browser, server)
        first = shown_digit(browser)
        press(browser, " ")
        wait_for(browser, "progress", "1 labelled, 2 left")
        second = shown_digit(browser)
        assert second != first
        press(browser, "n")
        wait_for(browser, "progress", "2 labelled, 1 left")
        press(browser, "u")
        wait_for(browser, "progress", "1 labelled, 2 left")
        browser.wait(lambda: shown_digit(browser) == second)
        assert len(lines(folder)) == 1
        press(browser, "s")
        third = shown_digit(browser)
        assert third not in (first, second)
        press(browser, "S")
        wait_for(browser, "status", "The others were skipped; reload the page to see them again.")
        press(browser, "u")
        browser.wait(lambda: shown_digit(browser) == third)
        press(browser, "9")
        wait_for(browser, "progress", "2 labelled, 1 left")
        browser.driver.refresh()
        browser.wait(lambda: shown_digit(browser) == second)
        press(browser, "u")  # what was labelled before the reload
        browser.wait(lambda: shown_digit(browser) == third)
        wait_for(browser, "progress", "1 labelled, 2 left")
    [line] = lines(folder)
    assert line.endswith(f",{first}")
    assert browser.complaints() == []


def test_numbers(browser: Page, table: Path) -> None:
    folder = table.parent
    with served(str(table), command="review") as server:
        visit(browser, server)
        wait_for(browser, "text", "3141592453")
        assert browser.script(IN_VIEWPORT)
        wait_for(browser, "remark", "review, 64.0 %, or 3141592653")
        press(browser, *"\b\b\b", *"653", "\n")
        wait_for(browser, "remark", UNREADABLE)
        press(browser, " ", "\n")  # neither stores it
        for name in ("1", "2", ".", "⌫", "-", "7", "Store"):
            tap(browser, name)
        wait_for(browser, "text", "1987")
        press(browser, "\b", "u")  # what was typed goes, too
        wait_for(browser, "remark", UNREADABLE)
        press(browser, "1", ",", "5", "\n")
        wait_for(browser, "text", "1987")
        press(browser, "n")
        wait_for(browser, "status", "Next: digits train --network reader --start bundled --data ")
    assert lines(folder) == [
        "page.jpg,93 189 440 257,3141592653",
        "page.jpg,77 310 278 366,1.5",
        "page.jpg,551 58 655 105,",
    ]
    assert browser.complaints() == []


def test_it_goes_on_after_a_restart(browser: Page, table: Path) -> None:
    with served(str(table), command="review") as server:
        visit(browser, server)
        wait_for(browser, "text", "3141592453")
        press(browser, " ")
        wait_for(browser, "progress", "1 labelled, 2 left, 0 of them unsure.")
    with served("--port", str(server.port), str(table), command="review"):
        wait_for(browser, "remark", UNREADABLE)
        press(browser, "n")  # its number is another now
        wait_for(browser, "status", "Not stored: the server has been restarted; reload the page.")
        browser.driver.refresh()
        wait_for(browser, "progress", "1 labelled, 2 left, 0 of them unsure.")
        wait_for(browser, "remark", UNREADABLE)
        press(browser, "n")
        wait_for(browser, "progress", "2 labelled, 1 left, 0 of them unsure.")
    assert len(lines(table.parent)) == 2


def test_labels_wait_for_the_server(browser: Page, folder: Path) -> None:
    with served(str(folder), "-o", f"{folder}/labels.csv", command="review") as server:
        visit(browser, server)
        shown_digit(browser)
        browser.cdp("Network.enable", {})
        offline = {"offline": True, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
        browser.wait(
            lambda: browser.script("return performance.getEntriesByType('resource').length") > 8
        )
        browser.cdp("Network.emulateNetworkConditions", offline)
        first = shown_digit(browser)
        press(browser, "1")
        browser.wait(lambda: shown_digit(browser) != first)
        press(browser, "2")
        wait_for(browser, "trouble", "The server can't be reached. Trying again …")
        wait_for(browser, "progress", "0 labelled, 3 left, 0 of them unsure. 2 not stored yet.")
        assert lines(folder) == []
        browser.cdp("Network.emulateNetworkConditions", offline | {"offline": False})
        wait_for(browser, "progress", "2 labelled, 1 left, 0 of them unsure.")
        browser.wait(lambda: not browser.find("trouble").text)
    assert [line[-1] for line in lines(folder)] == ["1", "2"]
