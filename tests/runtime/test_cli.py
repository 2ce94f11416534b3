"""The command line, mostly in this process; tests/e2e runs the installed command."""

import csv
import io
import json
import re
import shlex
import shutil
import sys
from pathlib import Path

import pytest
from PIL import Image

from digits import __version__
from digits.data.split import Split
from tests.conftest import Patch, Run
from tests.synthetic import Sheet, chosen, lamp

COMMANDS = ["predict", "read", "eval", "eval digits", "eval numbers", "eval form", "info"]
COMMANDS += ["serve", "review", "train", "export"]


@pytest.fixture
def page(tmp_path: Path, test_slice: Split) -> Path:
    """A photograph of two lines, the first in two columns: 2718 28, 459."""
    sheet = Sheet()
    sheet.write(chosen(test_slice, "2718"), 60, 100)
    sheet.write(chosen(test_slice, "28"), 500, 100)
    sheet.write(chosen(test_slice, "459", start=3), 60, 220)
    Image.fromarray(sheet.photograph(light=lamp(500, 700))).save(tmp_path / "page.png")
    return tmp_path / "page.png"


@pytest.fixture
def blank(tmp_path: Path) -> Path:
    Image.new("L", (300, 300), 200).save(tmp_path / "blank.png")
    return tmp_path / "blank.png"


def test_help(run: Run) -> None:
    for command in ([], *(name.split() for name in COMMANDS)):
        code, out, err = run(*command, "-h")
        assert (code, err) == (0, "") and run(*command, "--help")[1] == out
        assert out.startswith(" ".join(["Usage: digits", *command]))
        assert not re.search(r"<(list|Path|str|int range|float range)\b", out)
    assert run("--version") == (0, f"digits {__version__}\n", "")


def test_bad_pictures_cost_themselves(
    run: Run, pictures: list[Path], blank: Path, page: Path, tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    files = [tmp_path / "missing.png", tmp_path / "empty", "long" * 100, blank, page]
    code, out, err = run("predict", pictures[3], *files, "red\x1b[31m\nname.png", pictures[7])
    assert code == 1
    several = "perhaps several digits: `digits read` reads them all"
    answers = [line.partition(".png  ")[2] for line in out.splitlines()]
    assert answers[1:-1] == ["?", "?"]
    causes = (
        *("no pictures in", "no file matches red\\x1b[31m\\x0aname.png", "missing.png"),
        *("can't open longlong", "blank.png: no ink found", f"page.png: {several}"),
    )
    assert err.count("\n") == ("\n" + err).count("\nerror: ") == len(causes)
    assert all(cause in err for cause in causes)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ("fly", "No such command 'fly'"),
        ("predict", "Missing argument"),
        ("predict a.png -o a.dat", "--output writes .csv or .jsonl"),
        ("predict a.png --json --csv", "--json and --csv exclude each other"),
        ("predict a.png --threshold nan", "nan is not in the range 0<=x<=1"),
        (
            "read a.png b.png --annotate out.png",
            "--annotate draws several pictures into a folder or a .pdf file",
        ),
        ("read a.png --annotate ./a.png", "--annotate would overwrite a.png"),
        ("read a.png --form a.toml --length 6", "constraints are in the form"),
        ("eval numbers a.csv --max-errors 1", "is 1% meant?"),
    ],
)
def test_usage_error_exits_with_2_and_writes_nothing(
    run: Run, tmp_path: Path, monkeypatch: Patch, arguments: str, sentence: str
) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, err = run(*shlex.split(arguments))
    assert (code, out) == (2, "")
    assert "Usage: digits" in err and sentence in err
    assert not list(tmp_path.iterdir())


CHECKPOINT = "a.safetensors"


@pytest.mark.parametrize(
    ("arguments", "needs"),
    [
        (["train"], '`digits train` needs torch: pip install "digits[train]"'),
        (["export"], '`digits export` needs torch: pip install "digits[export]"'),
        (["info", CHECKPOINT], '`digits info CHECKPOINT` needs torch: pip install "digits[train]"'),
    ],
)
def test_missing_extra(run: Run, arguments: list[str], needs: str, monkeypatch: Patch) -> None:
    for module in [name for name in sys.modules if name.startswith(("digits_", "torch"))]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, "torch", None)
    assert run(*arguments) == (1, "", f"error: {needs}\n")
    monkeypatch.setitem(sys.modules, "digits_train.run", None)
    with pytest.raises(ModuleNotFoundError):  # ours, so it is a bug
        run("info", CHECKPOINT)


@pytest.mark.slow
def test_read_page(run: Run, page: Path, tmp_path: Path) -> None:
    code, out, err = run("read", page, "--annotate", tmp_path / "out.png")
    assert (code, out.replace("?", ""), err) == (0, "2718  28\n459\n", "")
    assert Image.open(tmp_path / "out.png").size == (700, 500)
    record = json.loads(run("read", "--json", page)[1])
    assert record["text"] == out.removesuffix("\n")
    left, top, right, bottom = record["numbers"][2]["symbols"][0]["box"]
    assert 50 < left < right < 120 and 210 < top < bottom < 290
    rows = csv.DictReader(io.StringIO(run("read", "--csv", page)[1]))
    numbers = [(row["text"], row["line"], row["column"]) for row in rows]
    assert numbers == [("2718", "1", "1"), ("28", "1", "2"), ("459", "2", "1")]


def test_drawings_in_a_folder_are_numbered(run: Run, pictures: list[Path], tmp_path: Path) -> None:
    long = tmp_path / f"{'é' * 125}.jpg"
    shutil.copy(pictures[7], long)
    assert run("predict", "--annotate", tmp_path / "drawn", pictures[7], pictures[7], long)[0] == 0
    names = sorted(path.name for path in (tmp_path / "drawn").iterdir())
    assert names == ["1-7.jpg.png", "2-7.jpg.png", f"3-{'é' * 50}.png"]


@pytest.mark.parametrize(
    ("arguments", "codes"),
    [
        ("predict a.jpg --annotate drawn", [0, 0]),
        ("predict a.jpg b.jpg --annotate drawn.png", [2]),
        ("predict b.jpg --annotate mine", [2]),
        ("read a.jpg b.jpg --annotate drawn", [0, 0]),
        ("read a.jpg --annotate drawn.jpg", [0, 0]),
        ("read a.jpg --annotate b.jpg", [2]),
        ("read drawn.png --annotate drawn.png", [2]),
        ("eval digits . --plot mine", [2]),
    ],
)
def test_drawings_replace_only_drawings_and_are_never_read(
    run: Run,
    pictures: list[Path],
    tmp_path: Path,
    monkeypatch: Patch,
    arguments: str,
    codes: list[int],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine").mkdir()
    for name in ("a.jpg", "b.jpg", "mine/1-b.jpg.png", "mine/mistakes.png"):
        shutil.copy(pictures[7], name)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.*g")}
    assert [run(*shlex.split(arguments))[0] for _ in codes] == codes
    assert all(path.read_bytes() == content for path, content in before.items())
    assert (before.keys() == {*tmp_path.rglob("*.*g")}) == (codes == [2])
