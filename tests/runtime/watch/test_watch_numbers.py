"""`digits watch --numbers`, mostly with a fake clock."""

import csv
import io
import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from digits import Constraints
from digits.commands.runner import Task, reader_options
from digits.constraints.automaton import accepts_text
from digits.data.mnist import Split
from digits.prediction import Reading
from digits.watch.folder import stamp
from digits.watch.readers import Reader, last_accepted
from tests.conftest import Run
from tests.runtime.watch.conftest import Bench
from tests.synthetic import Sheet, chosen


def number_reader(
    folder: Path,
    constraints: Constraints = Constraints(),  # noqa: B008
    max_errors: float = 0.3,
    **options: Any,
) -> Reader:
    task = Task(reader_options(), Reading, constraints, max_errors)
    return Reader(str(folder / "inbox"), folder / "results.csv", task, **options)


class Meter(Bench):
    """A watched folder for pictures of numbers."""

    def __init__(self, folder: Path, split: Split, **options: Any) -> None:
        super().__init__(folder, number_reader(folder, **options))
        self._split, self._count = split, 0

    def show(self, *numbers: str, name: str = "") -> None:
        """Have a picture of numbers arrive, and read it."""
        sheet = Sheet(60 + 100 * len(numbers), 360)
        for line, number in enumerate(numbers):
            sheet.write(chosen(self._split, number, start=2), 40, 40 + 100 * line, size=48, gap=9)
        self._count += 1
        file = self.inbox / (name or f"{self._count}.png")
        Image.fromarray(sheet.photograph()).save(file)
        os.utime(file, (self._count, self._count))
        self.advance(0, 2)

    @property
    def numbers(self) -> list[tuple[str, str, str]]:
        """File, number and status of each row."""
        with self.results.open() as file:
            rows = csv.DictReader(file)
            return [(row["file"], row["number"], row["status"]) for row in rows]


def test_each_number_has_a_row(
    tmp_path: Path, test_slice: Split, capsys: pytest.CaptureFixture[str]
) -> None:
    meter = Meter(tmp_path, test_slice)
    meter.show("271", "459", name="two.png")
    meter.show(name="none.png")
    meter.restart()
    meter.show("28", name="one.png")
    assert meter.numbers == [
        ("two.png", "271", "accepted"),
        ("two.png", "459", "accepted"),
        ("none.png", "", "unreadable"),
        ("one.png", "28", "accepted"),
    ]
    printed = ["two.png  271", "two.png  459", "none.png  ?", "one.png  28"]
    assert capsys.readouterr().out.splitlines() == printed
    with meter.results.open() as file:
        _, second, blank, _ = csv.DictReader(file)
    assert (second["line"], second["column"], second["free"]) == ("2", "1", "459")
    assert float(second["probability"]) > 0.7 and int(second["top"]) > 130
    assert not any((blank["line"], blank["second"], blank["free"], blank["left"]))


def test_last_accepted_number_survives_a_restart(tmp_path: Path, test_slice: Split) -> None:
    meter = Meter(tmp_path, test_slice, not_below_last=True, max_step=9, start_at=450)
    meter.show("459", name="a, b.png")
    meter.show("27")
    meter.restart()
    meter.work = meter.reader.start()
    meter.show("458")
    meter.show("464")
    statuses = [status for *_, status in meter.numbers]
    assert statuses == ["accepted", "unreadable", "unreadable", "accepted"]


def test_numbers_that_all_contradict_the_last_one_are_reported_once(
    tmp_path: Path, test_slice: Split, capsys: pytest.CaptureFixture[str]
) -> None:
    """As after an outage; pictures without a number, and plausible numbers, don't count."""
    meter = Meter(tmp_path, test_slice, max_step=9)
    for number in ("548", "459", "", "27", "548", "27", "", "459"):
        meter.show(number)
    assert not capsys.readouterr().err
    for number in ("459", "27"):
        meter.show(number)
    assert capsys.readouterr().err == (
        "warning: 3 numbers in a row contradict the last accepted one; if it is wrong, correct its"
        f" row in {meter.results}, or --start-at, and restart\n"
    )


@pytest.mark.parametrize(
    ("options", "last", "plausible", "implausible"),
    [
        ({"max_step": 0.1}, 12.4, ["12.3", "12.4", "12.5"], ["12.2", "12.6", "124"]),
        ({"not_below_last": True}, -3.0, ["-3", "0", "99999"], ["-4", "--3"]),
        ({"max_step": 5, "constraints": Constraints(range=(0, 7))}, 4.0, ["0", "7"], ["-1", "8"]),
        ({"max_step": 5}, None, ["0", "99999"], []),
        # It was accepted under other constraints.
        ({"max_step": 5, "constraints": Constraints(range=(0, 9))}, 99.0, ["1"], ["99"]),
    ],
)
def test_plausible_numbers(
    tmp_path: Path,
    options: dict[str, Any],
    last: float | None,
    plausible: list[str],
    implausible: list[str],
) -> None:
    reader = number_reader(tmp_path, **options)
    automaton = reader.plausible(last).automaton
    accepted = [text for text in plausible + implausible if accepts_text(automaton, text)]
    assert accepted == plausible


@pytest.mark.parametrize(
    ("rows", "value"),
    [
        ("file,modified,size,line,column,number,probability,status,a,b,c,d,e,f\n", None),
        ("a.png,t,9,1,1,12.5,0.99,accepted,,12.5,0,0,9,9\n", 12.5),
        ('"a,b.png",t,9,1,1,-7,0.99,accepted,,-7,0,0,9,9\n', -7),
        ("a,t,9,1,1,7,1,accepted,,7,0,0,9,9\na,t,9,1,1,8,1,review,,8,0,0,9,9\n", 7),
        ("a,t,9,1,1,7,1,accepted,,7,0,0,9,9\na,t,9,1,1,1-2,1,accepted,,,0,0,9,9\n", 7),
        ("a,t,9,1,1,nan,1,accepted,,7,0,0,9,9\n", None),
        ("\0" * 99 + "\na,t,9,1,1,7,1,accepted,,7,0,0,9,9\n\xff,accepted,\n", 7),
        ("a,t,9,,,,0.000000,unreadable,,,,,,\n", None),
        ("a,t,9188,1,1,104320\na,t,9,1,1,7,1,accepted,,7,0,0,9,9,,\n", None),  # damaged
        # Somebody has set the number, the status, or all cells by a spreadsheet.
        ("a,t,9,,,7,0.000000,unreadable,,,,,,\r\n", 7),
        ("a,t,9,1,1,7,0.5,ok,,7,0,0,9,9\n", 7),
        ('"a","t","9","1","1","7","0.5","accepted","","7","0","0","9","9"\n', 7),
    ],
)
def test_last_accepted(tmp_path: Path, rows: str, value: float | None) -> None:
    assert last_accepted(tmp_path / "missing.csv") is None
    (tmp_path / "results.csv").write_text(rows, encoding="latin-1")
    assert last_accepted(tmp_path / "results.csv") == value


def test_frames_are_read_together(tmp_path: Path, test_slice: Split) -> None:
    """The last row is that of 27, as two of three pictures show it; the blank one says nothing."""
    meter = Meter(tmp_path, test_slice, frames=3)
    for number in ("27", "", "27", "45"):
        meter.show(number)
    meter.show("45")
    numbers = [number for _, number, _ in meter.numbers]
    assert numbers == ["27", "", "27", "27", "45"]


@pytest.mark.parametrize(
    ("numbers", "max_errors", "expected"),
    [
        (["459"], 0.3, ("459", "accepted", b"459")),
        (["459"], 1e-15, ("459", "review", None)),
        ([], 0.3, ("", "unreadable", None)),
    ],
)
def test_messages(
    tmp_path: Path,
    test_slice: Split,
    numbers: list[str],
    max_errors: float,
    expected: tuple[str, str, bytes | None],
) -> None:
    meter = Meter(tmp_path, test_slice, publishes=True, max_errors=max_errors)
    meter.show(*numbers, name="a.png")
    file = stamp(str(meter.inbox), "a.png")
    row = file and meter.work(file)
    assert row
    state = json.loads(row.messages["state"])
    assert (state["number"], state["status"], row.messages.get("number")) == expected
    assert sorted(state) == ["file", "free", "number", "probability", "second", "status"]
    assert (state["file"], state["probability"] > 0) == ("a.png", bool(numbers))
    assert row.is_doubtful == (expected[1] != "accepted")


def test_published_picture_is_reduced(tmp_path: Path) -> None:
    meter = Bench(tmp_path, number_reader(tmp_path, publishes=True))
    Image.new("L", (2048, 100), 200).save(meter.inbox / "blank.png")
    (meter.inbox / "bad.png").write_bytes(b"\x89PNG")
    files = [stamp(str(meter.inbox), name) for name in ("blank.png", "bad.png")]
    blank, bad = (meter.work(file) for file in files if file)
    assert blank and bad and "picture" not in bad.messages
    picture = Image.open(io.BytesIO(blank.messages["picture"]))
    assert (picture.format, picture.size) == ("JPEG", (1024, 50))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("--max-step 5", "options for numbers need --numbers"),
        ("--mqtt mqtt://broker", "options for numbers need --numbers"),
        ("--numbers --threshold 0.9", "numbers have --max-errors"),
        ("--numbers --length x", "the length is"),
        ("--numbers --start-at 5", "--start-at bounds nothing"),
        ("--numbers --not-below-last --range 0-9 --start-at 10", "--start-at bounds nothing"),
        ("--numbers --max-step 5 --start-at nan", "--start-at"),
        ("--numbers --unit m", "--unit needs --mqtt"),
        ("--numbers --mqtt mqtt://broker --device-class water", "--device-class needs --unit"),
        ("--numbers --mqtt http://broker", "expected mqtt://"),
    ],
)
def test_wrong_options(run: Run, tmp_path: Path, arguments: str, message: str) -> None:
    code, out, err = run("watch", tmp_path, tmp_path / "new.csv", *arguments.split())
    assert code == 2 and message in err and not out
    assert not (tmp_path / "new.csv").exists()


def test_missing_paho(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "paho.mqtt.client", None)
    monkeypatch.delitem(sys.modules, "digits.watch.mqtt", raising=False)
    arguments = ("watch", tmp_path, tmp_path / "new.csv", "--numbers", "--mqtt", "mqtt://broker")
    code, _, err = run(*arguments)
    assert (code, err) == (1, 'error: --mqtt needs paho: pip install "digits[mqtt]"\n')
