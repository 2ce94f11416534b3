"""`digits review`: what of a folder or a table is shown, in which order, and what is stored."""

import base64
import os
import shutil
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest
from httpx2 import Response
from PIL import Image
from starlette.testclient import TestClient

from digits.commands.results import ResultsFile
from digits.errors import DigitsError
from digits.recognize import Reader
from digits.review.api import Review
from digits.review.items import ReviewItem, has_numbers, load, read_rows
from digits.web.server import Server
from digits.web.settings import Settings
from tests.conftest import Capsys, Patch, Run
from tests.runtime.commands.test_results import write_half

NUMBERS = "file,text,confidence,status,reason,second_best,unconstrained,left,top,right,bottom\n"
ROWS = (
    "page.png,12,0.2,review,unsure,17,12,40,50,90,80\n"
    "page.png,,0.3,none,constraints,,345,200,50,260,80\n"
    "page.png,678,0.9,accepted,,,678,40,200,90,230\n"
)
Open = Callable[..., TestClient]


def labels_beside(source: Path) -> "closing[ResultsFile]":
    folder = source if source.is_dir() else source.parent
    columns = ("file", "box", "text") if has_numbers(source) else ("file", "digit")
    return closing(ResultsFile(folder / "labels.csv", columns, key_columns=len(columns) - 1))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a page of 400x300 pixels."""
    Image.new("L", (400, 300), 255).save(tmp_path / "page.png")
    return tmp_path


@pytest.fixture
def table(folder: Path) -> Path:
    """Three numbers of that page."""
    (folder / "results.csv").write_text(NUMBERS + ROWS)
    return folder / "results.csv"


@pytest.fixture
def opened(reader: Reader) -> Iterator[Open]:
    """Open a review; the first one is closed when another is opened."""
    with ExitStack() as files:

        def open_review(source: Path) -> TestClient:
            files.close()
            labels = files.enter_context(labels_beside(source))
            items, before = load(source, read_rows(source), reader, labels)
            numbers = has_numbers(source)
            review = Review(items, before, labels, numbers, reader, Settings())
            return TestClient(review, "http://127.0.0.1")

        yield open_review


BOX = "1,2,30,40"


def loaded(source: Path, reader: Reader) -> list[ReviewItem]:
    with labels_beside(source) as labels:
        return load(source, read_rows(source), reader, labels)[0]


def written(folder: Path, text: str) -> Path:
    (folder / "results.csv").write_text(text)
    return folder / "results.csv"


def test_results_of_every_command(
    tmp_path: Path, pictures: list[Path], numbers: Path, reader: Reader, run: Run
) -> None:
    assert run("predict", *pictures, "-o", tmp_path / "digits.csv")[0] == 0
    items = loaded(tmp_path / "digits.csv", reader)
    assert {Path(item.file) for item in items} == {*pictures}
    (tmp_path / "labels.csv").unlink()
    assert run("read", numbers, "-o", tmp_path / "numbers.csv")[0] == 0
    items = loaded(tmp_path / "numbers.csv", reader)
    assert len(items) == 4 and all(item.guess.isdigit() for item in items)


@pytest.mark.parametrize(
    ("rows", "guesses"),
    [
        (  # what is in doubt and as asked for comes first
            f"page.png,,0,none,constraints,,99,{BOX}\npage.png,1,.9,accepted,,,1,0,0,9,9\n"
            "page.png,2,.8,review,unsure,,2,5,5,9,9\npage.png,3,.7,review,unsure,,3,6,6,9,9\n",
            ["3", "2", "", "1"],
        ),
        (f"page.png,1,0.5,review,unsure,,1,{BOX}\npage.png,2,0.5,review,unsure,,2,{BOX}\n", ["2"]),
        (f"page.png,\\x2d5-3,0.5,review,unsure,,\\x2d5-3,{BOX}\n", ["-5-3"]),
        ("page.png,1,1,accepted,,,1,0,0,1000000,1000000\n", ["1"]),
    ],
)
def test_order(folder: Path, rows: str, guesses: list[str], reader: Reader) -> None:
    items = loaded(written(folder, NUMBERS + rows), reader)
    assert [item.guess for item in items] == guesses


@pytest.mark.parametrize(
    "row",
    [
        "gone.png,1,0.5,review,unsure,,1,1,2,3,4",
        "page.png,1,nan,review,unsure,,1,1,2,3,4",
        "page.png,1,0.5,review,unsure,,1,1,2,1,4",
        "page.png,1,1.01,review,unsure,,1,1,2,3,4",
        "page.txt,,0,none,constraints,,,,,,",
        "",
    ],
)
def test_rows_without_sense(folder: Path, row: str, reader: Reader, capsys: Capsys) -> None:
    (folder / "page.txt").write_text("no picture")
    good = f"page.png,1,0.5,review,unsure,,1,{BOX}\n"
    items = loaded(written(folder, f"{NUMBERS}{good}{row}\n{good}"), reader)
    assert len(items) == 1
    err = capsys.readouterr().err
    assert "passed over 1 of 3" in err if row else not err


def test_table_of_other_columns_and_damaged_folder(folder: Path, reader: Reader) -> None:
    with pytest.raises(DigitsError, match="its columns are file, digit; needs"):
        loaded(written(folder, "file,digit\npage.png,7\n"), reader)
    (folder / "page.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    with pytest.raises(DigitsError, match="nothing that can be shown"):
        loaded(folder, reader)


def item_at(number: int) -> str:
    return f"/items/{number}"


def store(client: TestClient, number: int, label: str, **headers: str) -> Response:
    return client.post(item_at(number), params={"label": label}, headers=headers)


def lines(folder: Path) -> list[str]:
    return (folder / "labels.csv").read_text().splitlines()


def test_numbers(table: Path, opened: Open) -> None:
    client = opened(table)
    state = client.get("/state").json()
    assert (state["total"], state["unsure"], state["before"], state["numbers"]) == (3, 1, 0, True)
    assert "digits eval numbers " in state["next"]
    items = [client.get(item_at(number)).json() for number in range(3)]
    assert [item["guess"] for item in items] == ["12", "", "678"]
    remarks = [
        "It is in doubt (20.0 %), and may be 17",
        "It is unreadable as asked for; freely, it is read as 345",
        "It is accepted (90.0 %)",
    ]
    assert [item["remark"] for item in items] == remarks
    for number, label in enumerate(("12,5", "none", "-1-2")):
        assert store(client, number, label).json() == {}
    assert lines(table.parent) == [
        "file,box,text",
        "page.png,40 50 90 80,12.5",
        "page.png,200 50 260 80,",
        r"page.png,40 200 90 230,\x2d1-2",
    ]


def test_digits(tmp_path: Path, pictures: list[Path], opened: Open) -> None:
    shutil.copy(pictures[7], tmp_path / "seven.jpg")
    Image.new("L", (60, 60), 255).save(tmp_path / "blank.png")
    client = opened(tmp_path)
    blank, seven = (client.get(item_at(number)) for number in range(2))
    assert store(client, 1, "12").status_code == 422  # no digit
    assert (blank.json()["guess"], blank.json()["frame"]) == ("none", None)
    item = seven.json()
    assert (item["guess"], item["remark"], len(item["probabilities"])) == ("7", "accepted", 10)
    assert [len(row) for row in item["frame"]] == [28] * 28
    assert item["file"] == "seven.jpg"
    assert base64.b64decode(item["picture"]).startswith(b"\xff\xd8")  # a JPEG
    assert store(client, 1, "7").status_code == store(client, 0, "none").status_code == 200
    assert lines(tmp_path) == ["file,digit", "seven.jpg,7", "blank.png,none"]


def test_labelling_goes_on_where_it_stopped(table: Path, opened: Open) -> None:
    client = opened(table)
    store(client, 1, "345")
    with (table.parent / "labels.csv").open("a") as file:
        file.write("page.png,40 200 90 230,67")  # a power cut: no line end, so no label of 678
    again = opened(table)
    state = again.get("/state").json()
    assert (state["total"], state["unsure"], state["before"]) == (2, 1, 1)
    guesses = [again.get(item_at(number)).json()["guess"] for number in range(2)]
    assert guesses == ["12", "678"]
    assert len(lines(table.parent)) == 2


def test_labels_are_undone_from_the_last(table: Path, opened: Open) -> None:
    client = opened(table)
    first = item_at(0)
    for number in range(2):
        store(client, number, "1")
    assert client.get("/state").json()["labelled"] == [0, 1]
    assert store(client, 1, "1").status_code == 200  # the first answer was lost
    assert store(client, 1, "2").status_code == 409  # another window
    assert client.delete(first).status_code == 409
    for _ in range(2):  # an answer was lost
        assert client.delete(item_at(1)).status_code == 200
    assert lines(table.parent) == ["file,box,text", "page.png,40 50 90 80,1"]
    assert client.delete(first).status_code == 200 and lines(table.parent) == []
    store(client, 1, "2")
    assert lines(table.parent) == ["file,box,text", "page.png,200 50 260 80,2"]


def test_other_labels_and_those_of_other_pages_are_refused(table: Path, opened: Open) -> None:
    client = opened(table)
    for label in ("", "x", "7" * 65, "٣", "1\n"):
        assert store(client, 0, label).status_code == 422, label
    assert store(client, 0, "12", host="evil.example").status_code == 421
    assert lines(table.parent) == []
    assert store(client, 0, "7" * 64).status_code == 200


def test_full_disk_leaves_the_file_as_before(table: Path, opened: Open, monkeypatch: Patch) -> None:
    client = opened(table)
    store(client, 0, "12")
    before = lines(table.parent)
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", write_half)
        answer = store(client, 1, "345")
    assert answer.status_code == 507 and "No space left" in answer.text
    assert lines(table.parent) == before
    assert store(client, 1, "345").status_code == 200


@pytest.fixture
def stopped(monkeypatch: Patch) -> None:
    """The server stops at once."""
    monkeypatch.setattr(Server, "run", lambda *_: None)
    monkeypatch.setattr(signal, "signal", lambda *_: None)


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["results.csv"], 0, "/#token="),
        ([".", "-o", "mine.csv"], 0, "serving http://127.0.0.1:"),
        (["."], 2, "-o LABELS.csv"),
        (["results.csv", "-o", "results.csv"], 1, "holds something else"),
        (["results.csv", "--model", "page.png"], 1, "page.png"),
    ],
)
def test_start(
    run: Run,
    table: Path,
    stopped: None,
    monkeypatch: Patch,
    arguments: list[str],
    code: int,
    message: str,
) -> None:
    monkeypatch.chdir(table.parent)
    answer = run("review", "--port", "0", *arguments)
    assert (answer[0], answer[1]) == (code, "") and message in answer[2]
    assert len(list(Path().glob("*.csv"))) == 1 + (code == 0 or "--model" in arguments)


@pytest.mark.unix
def test_labels_behind_a_link_that_nobody_named(run: Run, table: Path, stopped: None) -> None:
    (table.parent / "private").touch()
    (table.parent / "labels.csv").symlink_to("private")
    code, _, err = run("review", table)
    assert code == 2 and "labels.csv a link" in err
    assert not (table.parent / "private").stat().st_size
