"""What `digits fields check` says of a form."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from digits.forms import check
from digits.forms.locate import Blank
from tests.conftest import Patch, Run

HEADER = 'size = [210, 297]\nfind = "marks"\nmarkers = 1\n'
GOOD = '{name = "a", box = [30, 40, 102, 52], cells = 4, length = 4}'


def say(run: Run, text: str) -> list[str]:
    """What is said of a form, without the numbers."""
    Path("form.toml").write_text(HEADER + text)
    code, out, err = run("fields", "check", "form.toml", "--annotate", "check.png")
    assert err == "" and code == ("no problems" not in out)
    return [line.partition(". ")[2] for line in out.splitlines()] if code else []


@pytest.fixture(autouse=True)
def current_folder(tmp_path: Path, monkeypatch: Patch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("field", "sentence"),
    [
        ("[30, 60, 45, 72], cells = 4", "b: each of its 4 digits has 3.8 mm; it needs 4 mm"),
        ("[30, 60, 45, 72], length = '2-5'", "b: each of its 5 digits has 3.0 mm; it needs 4 mm"),
        ("[30, 60, 33, 72]", "b: its digit has 3.0 mm; it needs 4 mm"),
        ("[30, 60, 90, 64.5]", "b: it is 4.5 mm high; a digit needs 5 mm"),
        ("[30, 53, 90, 65]", "a: it is 1.0 mm from b; 2 mm keep their digits apart"),
        ("[30, 60, 90, 72], cells = 5, length = 6", "b: it has 5 boxes for 6 digits"),
        ("[30, 60, 90, 72], range = '0-1000'", None),
    ],
)
def test_fields(run: Run, field: str, sentence: str | None) -> None:
    found = say(run, f'fields = [{GOOD}, {{name = "b", box = {field}}}]')
    assert found == [sentence] * bool(sentence)
    red = (np.asarray(Image.open("check.png")) == (180, 0, 40)).all(2)
    assert red.any() == bool(sentence)


def test_sums_and_cameras(run: Run) -> None:
    fields = 'fields = [{name = "a", box = [9, 40, 70, 52], range = "0-10"}, {name = "b", box'
    fields += (
        ' = [9, 60, 70, 72], range = "0-10"}, {name = "t", box = [9, 80, 70, 92], range = "%s"}]'
    )
    sums = 'sums = ["t = a + b"]\n'
    expected = ["t: by what they may be, it is never a + b"]
    assert say(run, sums + fields % "30-40") == expected and not say(run, sums + fields % "20-40")
    tiny = GOOD.replace("102, 52", "33, 42")
    assert len(say(run, f"fields = [{tiny}]")) == 2
    Path("form.toml").write_text(f'size = [210, 297]\nfind = "fixed"\nfields = [{tiny}]')
    assert run("fields", "check", "form.toml") == (0, "form.toml: no problems found\n", "")


def test_print_in_and_beside_a_field(run: Run, monkeypatch: Patch) -> None:
    ink = np.zeros((594, 420), bool)
    blank = Blank(np.empty(0), np.empty(0), np.empty((0, 0), np.uint8), None, ink)
    monkeypatch.setattr(check, "load_blank", lambda form: blank)
    form = f'size = [210, 297]\nfind = "blank"\nblank = "a.png"\nfields = [{GOOD}]'
    Path("form.toml").write_text(form)
    for x in (60, 96, 132, 168, 204):  # the lines of its cells
        ink[80:105, x] = True
    ink[80, 60:204] = ink[104, 60:204] = True
    assert run("fields", "check", "form.toml")[0] == 0
    ink[90:96, 70:76] = True
    assert run("fields", "check", "form.toml")[1] == "1. a: print is in it, and may be read\n"
    ink[90:96, 70:76], ink[90:96, 206:208] = False, True
    said = "1. a: print is within 2 mm of it, and may be read\n"
    assert run("fields", "check", "form.toml")[1] == said
