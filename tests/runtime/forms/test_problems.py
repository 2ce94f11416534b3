"""What `digits form check` says of a form."""

from pathlib import Path

import pytest
from PIL import Image

from tests.conftest import Patch, Run

NO_ROOM = "b: no number that it may hold fits into 3 boxes"
HEADER = 'size = [210, 297]\nfind = "marks"\nmarkers = 1\n'
GOOD = '{name = "a", box = [30, 40, 102, 52], cells = 4, length = 4}'


def say(run: Run, text: str) -> list[str]:
    """What is said of a form, without the numbers."""
    Path("form.toml").write_text(HEADER + text)
    code, out, err = run("form", "check", "form.toml")
    assert err == "" and code == ("no problems" not in out)
    return [line.partition(". ")[2] for line in out.splitlines()] if code else []


@pytest.fixture(autouse=True)
def current_folder(tmp_path: Path, monkeypatch: Patch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("field", "sentence"),
    [
        ("[30, 60, 45, 72], cells = 4", "b: each of its 4 digits has 3.8 mm; it needs 4 mm"),
        ("[30, 60, 90, 64.5]", "b: it is 4.5 mm high; a digit needs 5 mm"),
        ("[30, 54, 90, 66]", "a: it is 2.0 mm from b; writing needs 3.0 mm around it"),
        ("[30, 60, 90, 72], cells = 5, length = 6", NO_ROOM.replace("3", "5")),
        ("[30, 60, 90, 72], cells = 3, range = '1000-2000'", NO_ROOM),
        ("[30, 60, 90, 72], range = '0-1000'", None),
    ],
)
def test_fields(run: Run, field: str, sentence: str | None) -> None:
    found = say(run, f'fields = [{GOOD}, {{name = "b", box = {field}}}]')
    assert found == [sentence] * bool(sentence)


def test_sums_and_cameras(run: Run) -> None:
    fields = 'fields = [{name = "a", box = [9, 40, 70, 52], range = "0-10"}, {name = "b", box'
    fields += (
        ' = [9, 60, 70, 72], range = "0-10"}, {name = "t", box = [9, 80, 70, 92], range = "%s"}]'
    )
    sums = 'sums = ["t = a + b"]\n'
    expected = ["t: it can't be a + b, by what these may be"]
    assert say(run, sums + fields % "30-40") == expected and not say(run, sums + fields % "20-40")
    tenths = fields.replace("0-10", "0-0.1") % "0.2-3"  # which isn't twice 0.1 as floats add up
    assert not say(run, sums + tenths)
    long = tenths.replace('range = "0-0.1"', 'length = "1-400"')
    assert not any("can't be" in sentence for sentence in say(run, sums + long))
    tiny = GOOD.replace("102, 52", "33, 42")
    assert len(say(run, f"fields = [{tiny}]")) == 2
    Path("form.toml").write_text(f'size = [210, 297]\nfind = "fixed"\nfields = [{tiny}]')
    assert run("form", "check", "form.toml") == (0, "form.toml: no problems found\n", "")


def test_print_that_is_taken_for_writing(run: Run, numbers: Path) -> None:
    """The fields of the first are empty; in one of the second is a number."""
    for name, image in (
        ("empty", Image.new("L", (800, 420), 230)),
        ("printed", Image.open(numbers)),
    ):
        image.save(f"{name}.png")
        fields = 'fields = [{name = "a", box = [80, 170, 560, 270]}]'
        form = f'size = [800, 420]\nfind = "blank"\nblank = "{name}.png"\n{fields}'
        Path("form.toml").write_text(form)
        out = run("form", "check", "form.toml")[1]
        assert ("1. a: its print is taken for writing" in out) == (name == "printed")
