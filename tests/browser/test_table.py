"""Several files or a folder: a table of what is in them, and its CSV."""

import csv
import io
import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest
from PIL import Image
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from digits.classifier import Classifier
from digits.text import csv_name
from tests.browser.page import Page

# Replaces `fetch` for `read`: after a delay in milliseconds, the next of `failures`, then a 7.
FAKE_READ = """
const [delay, failures] = arguments;
const really = window.fetch;
window.asked = 0;
window.pending = 0;
window.most = 0;
window.fetch = (address, options) => {
  if (address !== "read") return really(address, options);
  asked += 1;
  most = Math.max(most, ++pending);
  const symbol = { symbol: "7", confidence: 0.9, probabilities: [], box: [0, 0, 9, 9] };
  const body = { text: "7", lines: [{ text: "7", columns: [[symbol]] }] };
  const status = failures.shift() ?? 200;
  return new Promise((resolve, reject) => {
    options.signal.addEventListener("abort", () => reject(options.signal.reason));
    setTimeout(() => resolve(new Response(JSON.stringify(body), { status })), delay);
  }).finally(() => { pending -= 1; });
};
"""


def fake(page: Page, delay: int = 0, failures: Sequence[int] = ()) -> None:
    page.driver.execute_script(FAKE_READ, delay, failures)


def choose(page: Page, files: Sequence[Path]) -> None:
    page.find("file").send_keys("\n".join(str(file.resolve()) for file in files))


def drop(page: Page, *paths: Path) -> None:
    """Drop files and folders as a file manager does."""
    x, y = page.place()(0.5, 0.5)
    data = {"items": [], "files": [str(path) for path in paths], "dragOperationsMask": 1}
    for kind in ("dragEnter", "dragOver", "drop"):
        event = {"type": kind, "x": x, "y": y, "data": data}
        page.driver.execute_cdp_cmd("Input.dispatchDragEvent", event)


def rows(page: Page) -> list[list[str]]:
    """The file, the text with its note, and whether it is sure, of each row."""
    cells: list[list[str]] = page.driver.execute_script(
        """
        return [...document.querySelectorAll("#files tbody tr")].map((row) =>
          [...row.cells].slice(1).map((cell) => cell.textContent));
        """
    )
    return cells


def wait_until_said(page: Page, words: str, seconds: float = 20) -> None:
    page.wait(
        lambda: words in page.status_of("files"),
        lambda: f"{page.status_of('files')!r}, not {words!r}",
        seconds,
    )


def download(page: Page, folder: Path) -> bytes:
    return page.download("files", "Download (CSV)", folder / "digits.csv").read_bytes()


def copies(picture: Path, folder: Path, count: int) -> list[Path]:
    folder.mkdir(parents=True)
    names = [folder / f"{number}{picture.suffix}" for number in range(1, count + 1)]
    for name in names:
        shutil.copy(picture, name)
    return names


def test_several_files_make_table(
    page: Page, pictures: list[Path], numbers: Path, tmp_path: Path
) -> None:
    blank, text = tmp_path / "blank.png", tmp_path / "notes.png"
    Image.new("L", (100, 100), 255).save(blank)
    text.write_text("no picture")
    choose(page, [*pictures, numbers, blank, text])
    wait_until_said(page, "13 files: 11 sure, 1 not sure, 1 not read.")
    shown = rows(page)
    names = [path.name for path in [*pictures, numbers, blank, text]]
    assert [name for name, _, _ in shown] == names
    read = [str(digit) for digit in range(10)]
    assert [words for _, words, _ in shown[:10]] == read
    assert shown[10] == ["numbers.jpg", Classifier().read(numbers).text, "yes"]
    assert shown[11] == ["blank.png", "No digit was found.", "no"]
    assert "no picture that can be read here" in shown[12][1] and shown[12][2] == ""
    thumbnails = page.driver.find_elements(By.CSS_SELECTOR, "#files tbody img:not([hidden])")
    assert len(thumbnails) == 11  # not of the TIFF, which the browser can't show
    assert page.text == ""  # nothing is on the paper


def test_csv_is_as_from_command_line(desktop_page: Page, tmp_path: Path) -> None:
    fake(desktop_page)
    odd = [
        "a,b.png",
        '"q".png',
        "=1+1.png",
        "x;@y.png",
        "\\x41.png",
        "new\nline.png",
        "ä\u202e.png",
    ]
    for name in odd:
        Image.new("L", (9, 9), 255).save(tmp_path / name)
    # As names on the command line have them; a list of files to choose is separated by line ends.
    drop(desktop_page, *(tmp_path / name for name in odd))
    wait_until_said(desktop_page, "7 files: 7 sure")
    desktop_page.driver.execute_script(
        "navigator.clipboard.writeText = async (text) => { window.written = text; };"
    )
    desktop_page.click("files", "Copy (CSV)")
    content = download(desktop_page, tmp_path / "download")
    assert content.startswith(b"\xef\xbb\xbf") and content.count(b"\n") == 1 + len(odd)
    text = content.decode("utf-8-sig")
    assert desktop_page.driver.execute_script("return window.written") == text
    parsed = list(csv.reader(io.StringIO(text, newline="")))
    expected = [[csv_name(name), "7", "yes", ""] for name in odd]
    assert parsed == [["file", "text", "sure", "note"], *expected]


@pytest.mark.parametrize(
    ("text", "cell"), [("-5", "-5"), ("-5-3", r"\x2d5-3"), ("007\n1  2", "007\n1  2")]
)
def test_csv_text_is_number_or_no_formula(desktop_page: Page, text: str, cell: str) -> None:
    written = desktop_page.driver.execute_async_script(
        """
        const [text, done] = arguments;
        const base = document.querySelector("script[type=module]").src;
        import(new URL("csv.js", base)).then(({ csv }) =>
          done(csv([{ name: "a", text, sure: false, note: "" }])));
        """,
        text,
    )
    assert list(csv.reader(io.StringIO(written, newline="")))[1] == ["a", cell, "no", ""]


def test_folder_is_read_in_order(desktop_page: Page, pictures: list[Path], tmp_path: Path) -> None:
    fake(desktop_page, delay=5)
    folder = tmp_path / "page"
    copies(pictures[7], folder, 230)  # the browser lists a hundred at a time
    copies(pictures[7], folder / "more", 3)
    (folder / ".hidden").write_text("")
    drop(desktop_page, folder)
    wait_until_said(desktop_page, "233 files: 233 sure")
    names = [name for name, _, _ in rows(desktop_page)]
    assert names == [
        *(f"page/{number}.jpg" for number in range(1, 231)),
        *(f"page/more/{number}.jpg" for number in range(1, 4)),
    ]
    assert desktop_page.driver.execute_script("return most") == 2


def test_folder_with_one_picture_is_one_picture(
    desktop_page: Page, pictures: list[Path], tmp_path: Path
) -> None:
    copies(pictures[7], tmp_path / "one", 1)
    drop(desktop_page, tmp_path / "one")
    desktop_page.wait_for_text("7")
    assert not desktop_page.find("files").is_displayed()


def test_stop_and_go_on(desktop_page: Page, pictures: list[Path], tmp_path: Path) -> None:
    fake(desktop_page, delay=50)
    choose(desktop_page, copies(pictures[7], tmp_path / "many", 30))
    desktop_page.wait(lambda: rows(desktop_page)[3][2] == "yes", lambda: "nothing is read")
    desktop_page.click("files", "Stop")
    wait_until_said(desktop_page, "not read.")
    count = desktop_page.driver.execute_script("return asked")
    assert count < 30
    unread = [row for row in rows(desktop_page) if row[1:] == ["Not read yet.", ""]]
    assert len(unread) >= 30 - count
    desktop_page.click("files", "Go on")
    wait_until_said(desktop_page, "30 files: 30 sure")


def test_more_files_are_added_and_closed(desktop_page: Page, pictures: list[Path]) -> None:
    fake(desktop_page)
    for _ in range(2):
        choose(desktop_page, pictures[:3])
    wait_until_said(desktop_page, "6 files: 6 sure")
    desktop_page.click("files", "Close")
    assert not desktop_page.find("files").is_displayed()
    choose(desktop_page, pictures[:2])
    wait_until_said(desktop_page, "2 files: 2 sure")


def test_row_is_laid_on_paper(page: Page, pictures: list[Path]) -> None:
    choose(page, pictures[2:5])
    wait_until_said(page, "3 files: 3 sure")
    buttons = page.driver.find_elements(By.CSS_SELECTOR, "#files tbody button")
    assert [button.accessible_name for button in buttons] == ["2.jpg", "3.jpg", "4.png"]
    buttons[0].send_keys(Keys.ENTER)
    page.wait_for_text("2")
    page.driver.find_elements(By.CSS_SELECTOR, "#files tbody td:last-child")[2].click()
    page.wait_for_text("4")


def test_busy_server_is_asked_again(desktop_page: Page, pictures: list[Path]) -> None:
    fake(desktop_page, failures=[429, 503])
    choose(desktop_page, pictures[:3])
    wait_until_said(desktop_page, "busy")
    wait_until_said(desktop_page, "3 files: 3 sure")
    assert desktop_page.driver.execute_script("return asked") == 5


def test_file_that_server_always_fails_on_costs_its_row(
    desktop_page: Page, pictures: list[Path]
) -> None:
    desktop_page.driver.execute_script(
        "const later = setTimeout; window.setTimeout = (call) => later(call);"  # no pauses
    )
    fake(desktop_page, failures=[503] * 10)
    choose(desktop_page, pictures[:2])
    wait_until_said(desktop_page, "2 files: 0 sure, 0 not sure, 2 not read.")
    assert "try this file again later" in rows(desktop_page)[0][1]
    choose(desktop_page, pictures[2:4])
    wait_until_said(desktop_page, "4 files: 2 sure, 0 not sure, 2 not read.")


def test_removed_file_costs_its_row(
    desktop_page: Page, pictures: list[Path], tmp_path: Path
) -> None:
    fake(desktop_page, delay=60_000)
    files = copies(pictures[7], tmp_path / "many", 6)
    choose(desktop_page, files)
    desktop_page.click("files", "Stop")
    files[-1].unlink()
    fake(desktop_page)
    desktop_page.click("files", "Go on")
    wait_until_said(desktop_page, "6 files: 5 sure, 0 not sure, 1 not read.")
    assert rows(desktop_page)[-1] == ["6.jpg", "This file can't be opened.", ""]
    desktop_page.driver.find_elements(By.CSS_SELECTOR, "#files tbody button")[-1].click()
    desktop_page.wait_for_status("can't be opened")


def test_too_large_file_is_not_sent(
    desktop_page: Page, pictures: list[Path], tmp_path: Path
) -> None:
    fake(desktop_page)
    large = tmp_path / "large.bin"
    large.write_bytes(bytes(2**24 + 1))
    choose(desktop_page, [large, pictures[7]])
    wait_until_said(desktop_page, "2 files: 1 sure, 0 not sure, 1 not read.")
    assert "too large" in rows(desktop_page)[0][1]
    assert desktop_page.driver.execute_script("return asked") == 1


def test_table_has_room_for_so_many(
    desktop_page: Page, pictures: list[Path], tmp_path: Path
) -> None:
    desktop_page.driver.execute_async_script(
        """
        const done = arguments[0];
        const base = document.querySelector("script[type=module]").src;
        import(new URL("table.js", base)).then(({ FileTable }) => {
          const table = new FileTable(document.getElementById("files"), () => {});
          const file = () => Promise.reject(new Error());
          table.add(Array.from({ length: 5002 }, (_, index) => ({ name: `${index}`, file })));
          done();
        });
        """
    )
    wait_until_said(desktop_page, "5000 not read. A table has room for 5000", 60)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_table_has_no_axe_violations(
    page: Page, axe: str, scheme: str, pictures: list[Path]
) -> None:
    page.open(scheme)
    choose(page, pictures)
    wait_until_said(page, "10 files")
    assert page.violations(axe) == []


@pytest.mark.parametrize(("width", "height"), [(320, 256), (320, 568), (844, 390)])
def test_table_fits_narrow_window(
    url: str, width: int, height: int, pictures: list[Path], tmp_path: Path
) -> None:
    name = tmp_path / f"{'long' * 50}.jpg"
    shutil.copy(pictures[7], name)
    with Page(url, width, height, phone=False) as page:
        page.open()
        choose(page, [*pictures, name])
        wait_until_said(page, "11 files")
        wide = "return document.documentElement.scrollWidth > document.documentElement.clientWidth"
        assert not page.driver.execute_script(wide)
