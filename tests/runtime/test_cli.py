"""The command line in this process; tests/road runs the installed command."""

import csv
import io
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from digits import __version__, cli

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Call `digits ARGUMENTS`; gives exit code, stdout and stderr."""

    def call(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["digits", *map(str, arguments)])
        with pytest.raises(SystemExit) as stopped:
            cli.main()
        out, err = capsys.readouterr()
        return int(stopped.value.code or 0), out, err

    return call


def test_one_picture_one_line(run: Run, pictures: list[Path]) -> None:
    code, out, err = run("predict", pictures[2])
    assert (code, err) == (0, "")
    assert re.fullmatch(r"2  \(\d+\.\d %\)\n", out)


def test_several_pictures_are_named(run: Run, pictures: list[Path]) -> None:
    code, out, _ = run("predict", pictures[4], pictures[1])
    assert code == 0
    assert [line.split("  ")[:2] for line in out.splitlines()] == [
        [str(pictures[4]), "4"],
        [str(pictures[1]), "1"],
    ]


def test_a_folder(run: Run, pictures: list[Path]) -> None:
    code, out, _ = run("predict", pictures[0].parent)
    assert code == 0
    assert [Path(line.split("  ")[0]) for line in out.splitlines()] == pictures


def test_json_lines(run: Run, pictures: list[Path]) -> None:
    code, out, _ = run("predict", "--json", *pictures[:3])
    records = [json.loads(line) for line in out.splitlines()]
    assert code == 0
    assert [record["digit"] for record in records] == [0, 1, 2]
    assert records[0].keys() == {"file", "digit", "confidence", "probabilities", "box"}
    assert len(records[0]["probabilities"]) == 10
    assert len(records[0]["box"]) == 4


def test_csv(run: Run, pictures: list[Path]) -> None:
    code, out, _ = run("predict", "--csv", *pictures[:3])
    rows = list(csv.DictReader(io.StringIO(out)))
    assert code == 0
    assert [row["digit"] for row in rows] == ["0", "1", "2"]
    assert float(rows[1]["p1"]) == float(rows[1]["confidence"]) > 0.9


def test_one_bad_file_costs_that_one_file(run: Run, pictures: list[Path], tmp_path: Path) -> None:
    Image.new("L", (50, 50), 200).save(tmp_path / "blank.png")
    code, out, err = run(
        "predict", pictures[3], tmp_path / "missing.png", tmp_path / "blank.png", pictures[7]
    )
    assert code == 1
    assert len(out.splitlines()) == 2
    assert [line.split(":")[0] for line in err.splitlines()] == ["error", "error"]
    assert "missing.png" in err
    assert "blank.png" in err


def test_an_empty_folder_among_pictures(run: Run, pictures: list[Path], tmp_path: Path) -> None:
    code, out, err = run("predict", tmp_path, pictures[3])
    assert code == 1
    assert len(out.splitlines()) == 1
    assert "there is no picture in" in err


def test_a_bad_model(run: Run, pictures: list[Path], tmp_path: Path) -> None:
    (tmp_path / "bad.onnx").write_bytes(b"nonsense")
    code, out, err = run("predict", pictures[0], "--model", tmp_path / "bad.onnx")
    assert (code, out) == (1, "")
    assert err.startswith("error: ")
    assert "bad.onnx" in err


@pytest.mark.parametrize(
    "arguments",
    [
        ["predict"],
        ["predict", "a.png", "--json", "--csv"],
        ["fly"],
        ["train", "--epochs", "0"],
        ["train", "--seed", str(2**64)],
        ["train", "--model", "resnet"],
        ["train", "--recipe", "secret"],
        ["train", "--learning-rate", "-1"],
        ["train", "--resume", "run", "--seed", "7"],
        ["train", "--resume", "run", "--recipe", "classic"],
        ["train", "--resume", "run", "--teacher", "checkpoint.safetensors"],
        ["train", "--resume", "run", "--all-data"],
        ["train", "--all-data", "--patience", "3"],
        ["train", "--patience", "0"],
        ["train", "--max-minutes", "-1"],
        ["export", "--max-accuracy-drop", "-1"],
    ],
)
def test_wrong_usage_exits_with_2(run: Run, arguments: list[str]) -> None:
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert "Usage: digits" in err
    assert "Traceback" not in err


def test_version_and_help(run: Run) -> None:
    assert run("--version") == (0, f"digits {__version__}\n", "")
    for arguments in (["-h"], ["--help"], ["predict", "-h"], ["train", "-h"], ["export", "-h"]):
        code, out, err = run(*arguments)
        assert (code, err) == (0, "")
        assert out.startswith("Usage: digits")


@pytest.mark.parametrize("command", ["train", "export"])
def test_a_missing_extra_is_named(run: Run, command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in [name for name in sys.modules if name.startswith(("digits_", "torch"))]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, "torch", None)
    code, out, err = run(command)
    assert (code, out) == (1, "")
    assert err == f'error: `digits {command}` needs torch: pip install "digits[{command}]"\n'


def test_a_reader_that_goes_away_is_no_traceback(pictures: list[Path]) -> None:
    command = f"{sys.executable} -m digits predict {' '.join(map(str, pictures * 20))} | head -1"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, timeout=60)
    assert len(done.stdout.splitlines()) == 1
    assert done.stderr == ""


def test_a_full_disk_under_the_results_is_one_line(pictures: list[Path]) -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "digits", "predict", pictures[0]],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
        )
    assert done.returncode == 1
    assert done.stderr == "error: can't write the results: No space left on device\n"


def test_a_bar_on_the_terminal_leaves_the_results_alone(pictures: list[Path]) -> None:
    """Results in a pipe, stderr on a terminal: the bar is drawn there, the lines are not."""
    terminal, its_other_end = os.openpty()
    done = subprocess.run(
        [sys.executable, "-m", "digits", "predict", *pictures * 25],
        stdout=subprocess.PIPE,
        stderr=its_other_end,
        text=True,
        timeout=60,
    )
    os.close(its_other_end)
    drawn = os.read(terminal, 1 << 20).decode()
    os.close(terminal)
    assert len(done.stdout.splitlines()) == 250
    assert "reading" in drawn
    assert ".png" not in drawn
    assert "\x1b" not in done.stdout


@pytest.mark.parametrize("name", [b"zw\xc3\xb6lf.png", b"\xff.png", b"two\nlines.png"])
@pytest.mark.parametrize("encoding", ["utf-8:strict", "ascii:strict"])
@pytest.mark.parametrize("form", ["", "--csv", "--json"])
def test_any_file_name_can_be_written(
    pictures: list[Path], tmp_path: Path, name: bytes, encoding: str, form: str
) -> None:
    path = os.path.join(os.fsencode(tmp_path), name)
    shutil.copy(pictures[1], path)
    done = subprocess.run(
        [sys.executable, "-m", "digits", "predict", path, pictures[2], *filter(None, [form])],
        capture_output=True,
        env=os.environ | {"PYTHONIOENCODING": encoding},
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert str(pictures[2]).encode() in done.stdout
    if form == "--csv":
        assert [len(row) for row in csv.reader(io.StringIO(done.stdout.decode()))] == [17, 17, 17]
    else:
        assert len(done.stdout.splitlines()) == 2


def test_a_name_that_is_too_long_costs_one_line(run: Run, pictures: list[Path]) -> None:
    code, out, err = run("predict", "long" * 100, pictures[1])
    assert code == 1
    assert len(out.splitlines()) == 1
    assert err.startswith("error: can't open longlong")


@pytest.mark.parametrize("arguments", [["--version"], ["--help"], ["predict", "--csv", "PICTURE"]])
def test_stdout_that_is_full_from_the_start(pictures: list[Path], arguments: list[str]) -> None:
    arguments = [str(pictures[0]) if word == "PICTURE" else word for word in arguments]
    with open("/dev/full", "w") as full:
        command = [sys.executable, "-m", "digits", *arguments]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, timeout=60)
    assert done.returncode == 1
    assert done.stderr.startswith(b"error: ")
    assert done.stderr.endswith(b"No space left on device\n")
    assert done.stderr.count(b"\n") == 1


def test_errors_stay_out_of_the_results_when_stderr_is_closed(pictures: list[Path]) -> None:
    command = f"{sys.executable} -m digits predict --json missing.png {pictures[1]} 2>&-"
    done = subprocess.run(command, shell=True, stdout=subprocess.PIPE, text=True, timeout=60)
    assert done.returncode == 1
    assert [json.loads(line)["digit"] for line in done.stdout.splitlines()] == [1]


def test_a_full_stderr_costs_no_picture(pictures: list[Path]) -> None:
    command = f"{sys.executable} -m digits predict missing.png {pictures[1]} 2>/dev/full"
    done = subprocess.run(command, shell=True, stdout=subprocess.PIPE, text=True, timeout=60)
    assert done.returncode == 1
    assert len(done.stdout.splitlines()) == 1


def test_a_closed_stdout_is_an_error(pictures: list[Path]) -> None:
    command = f"{sys.executable} -m digits predict {pictures[1]} >&-"
    done = subprocess.run(command, shell=True, stderr=subprocess.PIPE, text=True, timeout=60)
    assert done.returncode == 1
    assert done.stderr == "error: can't write the results: stdout is closed\n"


def test_control_characters_don_t_reach_the_terminal(run: Run) -> None:
    code, _, err = run("predict", "red\x1b[31m\nname.png")
    assert code == 1
    assert err == "error: can't open red\\x1b[31m\\x0aname.png: No such file or directory\n"


@pytest.mark.usefixtures("slice_as_mnist")
def test_eval_measures_the_test_digits(run: Run) -> None:
    code, out, err = run("eval")
    assert (code, err) == (0, "")
    lines = out.splitlines()
    assert lines[0].endswith("lenet5.int8.onnx (float kernels) on MNIST's test digits")
    assert re.match(
        r"accuracy 9\d\.\d\d% \(95 % interval 9\d.\d\d% to .*\): \d of 500 wrong", lines[1]
    )
    assert lines[5].startswith("digit  precision   recall   read as    0    1")
    assert lines[6].split()[0] == "0"


@pytest.mark.usefixtures("slice_as_mnist")
def test_eval_as_json(run: Run) -> None:
    code, out, _ = run("eval", "--split", "validation", "--kernels", "integer", "--json")
    values = json.loads(out)
    assert code == 0
    assert (values["digits"], values["kernels"]) == (200, "integer")
    assert sum(map(sum, values["confusion"])) == 200
    assert values["data"] == "MNIST's validation digits"
    assert values["accuracy"] == pytest.approx(1 - values["wrong"] / 200)


def test_eval_of_pictures_draws_and_tells_of_the_bad_one(
    run: Run, pictures: list[Path], tmp_path: Path
) -> None:
    rows = "".join(f"{picture},{picture.stem}\n" for picture in pictures)
    table = tmp_path / "labels.csv"
    table.write_text(f"file,digit\n{rows}missing.png,3\n")
    code, out, err = run("eval", "--data", table, "--plot", tmp_path / "plots", "--json")
    assert code == 1
    assert "missing.png" in err
    assert json.loads(out)["digits"] == 10
    for name in ("confusion.png", "mistakes.png"):
        assert Image.open(tmp_path / "plots" / name).width > 400


def test_eval_without_matplotlib_says_what_is_needed(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    monkeypatch.delitem(sys.modules, "digits_train.report", raising=False)
    code, _, err = run("eval", "--plot", tmp_path)
    assert code == 1
    assert "--plot needs matplotlib" in err


def test_eval_of_nothing_readable_is_an_error(run: Run, tmp_path: Path) -> None:
    (tmp_path / "7").mkdir()
    (tmp_path / "7" / "empty.png").touch()
    code, out, err = run("eval", "--data", tmp_path)
    assert (code, out) == (1, "")
    assert "could be read" in err


def test_info_in_words_and_as_json(run: Run) -> None:
    code, out, err = run("info")
    assert (code, err) == (0, "")
    assert "bytes, intact" in out
    assert re.search(r"\n  recipe.augmentation.rotation +10\n", out)
    assert re.search(r"\n  kernels +float\n", out)
    values = json.loads(run("info", "--json")[1])
    assert values["metadata"]["architecture"] == "lenet5"
    assert values["operators"]["Conv"] == 2


def test_info_on_another_s_file_is_an_error(run: Run, pictures: list[Path]) -> None:
    code, out, err = run("info", pictures[0])
    assert (code, out) == (1, "")
    assert "is not an ONNX file" in err


@pytest.mark.parametrize("kernels", ["integer", "float"])
def test_kernels_can_be_chosen(run: Run, pictures: list[Path], kernels: str) -> None:
    code, out, _ = run("predict", pictures[5], "--kernels", kernels)
    assert code == 0
    assert out.startswith("5 ")
