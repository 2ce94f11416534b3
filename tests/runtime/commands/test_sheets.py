"""`digits read --form -o`: what a later run keeps, reads again and mends."""

import csv
from pathlib import Path

import pytest
from PIL import Image

from tests.conftest import Patch, Run

FORM = 'size = [300, 200]\nfind = "fixed"\nfields = [{name = "a", box = [20, 20, 280, 180]}]'


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: Patch) -> Path:
    """A form, an empty sheet of it, and two pictures of another shape."""
    monkeypatch.chdir(tmp_path)
    Path("form.toml").write_text(FORM)
    for name, size in (("a", (300, 200)), ("b", (300, 300)), ("c", (300, 300))):
        Image.new("L", size, 200).save(f"{name}.png")
    return tmp_path


def read(run: Run, *names: str) -> tuple[int, list[tuple[str, bool]]]:
    """Read sheets: the exit code, and which are in the table, with whether they were found."""
    code, *_ = run("read", "--form", "form.toml", "-o", "marks.csv", *names)
    rows = csv.DictReader(Path("marks.csv").read_text().splitlines())
    return code, [(row["file"], row["status"] != "none") for row in rows]


def test_sheets_that_were_not_found_stay_until_they_are_read_again(run: Run, folder: Path) -> None:
    expected = [("a.png", True), ("b.png", False), ("c.png", False)]
    assert read(run, "a.png", "b.png", "c.png") == (1, expected)
    assert read(run, "munday") == (1, expected)
    Path("b.png").write_bytes(b"damaged")
    assert read(run, "b.png") == (1, [expected[0], *reversed(expected[1:])])
    assert "b.png is not a picture" in Path("marks.csv").read_text()  # the note
    Path("a.png").replace("b.png")  # photographed again
    assert read(run, "b.png") == (0, [expected[0], expected[2], ("b.png", True)])
    assert read(run, "b.png") == (0, [expected[0], expected[2], ("b.png", True)])


@pytest.mark.parametrize("results", ["marks.csv", "marks.jsonl"])
def test_table_of_another_form_is_refused(run: Run, folder: Path, results: str) -> None:
    arguments = "read", "--form", "form.toml", "a.png", "-o", results
    assert run(*arguments)[0] == 0
    before = Path(results).read_bytes()
    Path("form.toml").write_text(f"# the same, with a comment\n{FORM}")
    assert run(*arguments)[0] == 0
    Path("form.toml").write_text(FORM.replace("280, 180", "280, 170"))
    code, _, err = run(*arguments)
    assert (code, Path(results).read_bytes()) == (1, before) and "sheets of another form" in err


def test_form_without_fields_is_refused(run: Run, folder: Path) -> None:
    Path("form.toml").write_text('size = [300, 200]\nfind = "fixed"\nfields = []')
    code, _, err = run("read", "--form", "form.toml", "a.png")
    assert code == 1 and "`digits form edit -o form.toml` adds them" in err
