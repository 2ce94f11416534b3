"""`digits watch` with --numbers or --form, mostly with a fake clock."""

import csv
import json
from pathlib import Path

import pytest
from PIL import Image

from digits.commands.options import NumberOptions
from digits.commands.sheets import form_task
from digits.commands.tasks import ReadForm, ReadNumbers, Task, make_classifier_options
from digits.data.split import Split
from digits.errors import DataError
from digits.forms.form import Field, Form
from digits.watch.job import WatchJob
from tests.conftest import Capsys
from tests.runtime.watch.conftest import Bench
from tests.synthetic import Sheet, chosen

NUMBERS = ReadNumbers(max_errors=0.3)


class NumberBench(Bench):
    """A watched folder for pictures of numbers."""

    def __init__(
        self,
        folder: Path,
        split: Split,
        task: Task = NUMBERS,
    ) -> None:
        super().__init__(folder, WatchJob(str(folder / "inbox"), task))
        self._split = split

    def show(self, *numbers: str, name: str) -> None:
        """Have a picture of numbers arrive, and read it."""
        sheet = Sheet(60 + 100 * len(numbers), 360)
        for line, number in enumerate(numbers):
            sheet.write(chosen(self._split, number, start=2), 40, 40 + 100 * line, size=48, gap=9)
        Image.fromarray(sheet.photograph()).save(self.inbox / name)
        self.advance(0, 2)

    @property
    def numbers(self) -> list[tuple[str, str, str]]:
        """File, text, and status or reason of each row."""
        with self.results.open() as file:
            rows = csv.DictReader(file)
            return [(row["file"], row["text"], row["reason"] or row["status"]) for row in rows]


def test_each_number_has_a_row(tmp_path: Path, test_slice: Split, capsys: Capsys) -> None:
    bench = NumberBench(tmp_path, test_slice)
    bench.show("271", "459", name="two.png")
    bench.show(name="none.png")
    bench.restart()
    (bench.inbox / "bad.png").write_bytes(b"\x89PNG")
    bench.advance(0, 2, 61)
    bench.show("28", name="one.png")
    assert bench.numbers == [
        ("two.png", "271", "accepted"),
        ("two.png", "459", "accepted"),
        ("none.png", "", "blank"),
        ("bad.png", "", "unreadable"),
        ("one.png", "28", "accepted"),
    ]
    texts = [json.loads(line).get("text") for line in capsys.readouterr().out.splitlines()]
    assert texts == ["271\n459", "", None, "28"]
    with bench.results.open() as file:
        _, second, blank, *_ = csv.DictReader(file)
    assert (second["line"], second["column"], second["unconstrained"]) == ("2", "1", "459")
    assert not any((blank["line"], blank["second_best"], blank["unconstrained"], blank["left"]))


def test_each_sheet_has_a_row(tmp_path: Path, test_slice: Split) -> None:
    fields = Field("Größe", (20, 20, 340, 110)), Field("2", (20, 130, 340, 220), is_optional=True)
    form = Form((360, 260), fields, "fixed")
    bench = NumberBench(tmp_path, test_slice, ReadForm(form=form, max_errors=0.3))
    bench.show("28", "", name="complete.png")
    bench.show("", "459", name="lacking.png")
    (bench.inbox / "bad.png").write_bytes(b"\x89PNG")
    bench.advance(0, 2, 61)
    with bench.results.open() as file:
        rows = [(row["Größe"], row["2"], row["reason"]) for row in csv.DictReader(file)]
    assert rows == [("28", "", ""), ("", "459", "blank"), ("", "", "unreadable")]
    assert bench.result_of("lacking.png").is_doubtful
    text = "fields = [{name = 'a', box = [1, 1, 8, 8]}]"
    (tmp_path / "a.toml").write_text(f"size = [9, 9]\nfind = 'blank'\nblank = 'b.png'\n{text}")
    with pytest.raises(DataError, match=r"b\.png"):
        form_task(tmp_path / "a.toml", NumberOptions(), make_classifier_options())
