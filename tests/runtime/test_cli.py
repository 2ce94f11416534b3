"""The command line in this process; tests/road runs the installed command."""

import csv
import io
import json
import os
import re
import shutil
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path

import pytest
from PIL import Image

from digits import __version__
from tests.runtime.conftest import Run


def test_one_picture_one_line(run: Run, pictures: list[Path]) -> None:
    code, out, err = run("predict", pictures[2])
    assert (code, err) == (0, "")
    assert re.fullmatch(r"2  \(\d+\.\d %\)\n", out)


def test_an_unsure_answer_is_a_question_with_a_guess(run: Run, pictures: list[Path]) -> None:
    code, out, _ = run("predict", pictures[5])
    assert code == 0
    assert re.fullmatch(r"\?  \(\d+\.\d %, perhaps 5\)\n", out)
    assert json.loads(run("predict", "--json", pictures[5])[1])["digit"] is None


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
    drawn = bytearray()

    def look() -> None:  # while it runs: a terminal that nobody reads from fills up
        with suppress(OSError):
            while part := os.read(terminal, 1 << 16):
                drawn.extend(part)

    eye = threading.Thread(target=look)
    eye.start()
    done = subprocess.run(
        [sys.executable, "-m", "digits", "predict", *pictures * 25],
        stdout=subprocess.PIPE,
        stderr=its_other_end,
        text=True,
        timeout=60,
    )
    os.close(its_other_end)
    eye.join()
    os.close(terminal)
    assert len(done.stdout.splitlines()) == 250
    assert b"reading" in drawn
    assert b".png" not in drawn
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
