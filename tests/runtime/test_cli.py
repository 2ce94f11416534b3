"""The command line, mostly in this process; tests/e2e runs the installed command."""

import csv
import dataclasses
import io
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path

import pytest
from PIL import Image

from digits import Classifier, __version__
from digits.data import fetch
from digits.data.mnist import Split
from digits.images import picture
from digits.inference import metadata
from digits.inference.model import Model
from digits.inference.model_file import BUNDLED, BUNDLED_READER
from digits.inference.reader_model import ReaderModel
from digits.vision.hypotheses import propose
from tests.conftest import Run
from tests.runtime.conftest import count_calls
from tests.runtime.reader.drawn import Network, row_of
from tests.synthetic import Sheet, chosen, lamp


@pytest.fixture
def strict_model(tmp_path: Path) -> Path:
    """A model that rejects all but certain predictions."""
    raw = Path(BUNDLED).read_bytes()
    never = dataclasses.replace(metadata.read(raw, ""), rejection_threshold=1.0)
    (tmp_path / "strict_model.onnx").write_bytes(metadata.add_metadata(raw, never))
    return tmp_path / "strict_model.onnx"


@pytest.fixture
def strict_reader(tmp_path: Path) -> Path:
    """A reader that rejects all but certain symbols."""
    raw = Path(BUNDLED_READER).read_bytes()
    never = metadata.read_reader(raw, "")._replace(rejection_threshold=1.0)
    (tmp_path / "strict_reader.onnx").write_bytes(metadata.add_metadata(raw, never))
    return tmp_path / "strict_reader.onnx"


@pytest.fixture
def amount(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A blank page on which the reader sees "-12.5 8"."""
    network = Network([*row_of("-12.5", 40, 60), *row_of("8", 300, 60)], (200, 400))
    monkeypatch.setattr(ReaderModel, "maps", lambda self, page: network(page))
    Image.new("L", (400, 200), 255).save(tmp_path / "amount.png")
    return tmp_path / "amount.png"


@pytest.fixture
def page(tmp_path: Path, test_slice: Split) -> Path:
    """A photograph of two lines, the first in two columns: 2718 28, 459."""
    sheet = Sheet()
    sheet.write(chosen(test_slice, "2718"), 60, 100)
    sheet.write(chosen(test_slice, "28"), 500, 100)
    sheet.write(chosen(test_slice, "459", start=3), 60, 220)
    Image.fromarray(sheet.photograph(light=lamp(500, 700))).save(tmp_path / "page.png")
    return tmp_path / "page.png"


def test_predict_one_picture_prints_one_line(run: Run, pictures: list[Path]) -> None:
    code, out, err = run("predict", pictures[2])
    assert (code, err) == (0, "")
    assert re.fullmatch(r"2  \(\d+\.\d %\)\n", out)


def test_rejected_prediction_prints_question_mark_and_guess(
    run: Run, pictures: list[Path], strict_model: Path
) -> None:
    code, out, err = run("predict", pictures[4], "--model", strict_model)
    assert (code, err) == (0, "")
    assert re.fullmatch(r"\?  \(\d+\.\d %, perhaps 4\)\n", out)
    assert (
        json.loads(run("predict", "--json", pictures[4], "--model", strict_model)[1])["digit"]
        is None
    )
    assert run("predict", pictures[4], "--model", strict_model, "--reject", "never")[1].startswith(
        "4  ("
    )


def test_predict_several_pictures_prints_names(run: Run, pictures: list[Path]) -> None:
    code, out, _ = run("predict", pictures[4], pictures[1])
    assert code == 0
    assert [line.split("  ")[:2] for line in out.splitlines()] == [
        [str(pictures[4]), "4"],
        [str(pictures[1]), "1"],
    ]


def test_predict_folder(run: Run, pictures: list[Path]) -> None:
    code, out, _ = run("predict", pictures[0].parent)
    assert code == 0
    assert [Path(line.split("  ")[0]) for line in out.splitlines()] == pictures


def test_predict_json_lines(run: Run, pictures: list[Path]) -> None:
    code, out, _ = run("predict", "--json", *pictures[:3])
    records = [json.loads(line) for line in out.splitlines()]
    assert code == 0
    assert [record["digit"] for record in records] == [0, 1, 2]
    assert records[0].keys() == {"file", "digit", "confidence", "probabilities", "box", "note"}
    assert len(records[0]["probabilities"]) == 10
    assert len(records[0]["box"]) == 4


def test_predict_csv(run: Run, pictures: list[Path]) -> None:
    code, out, _ = run("predict", "--csv", *pictures[:3])
    rows = list(csv.DictReader(io.StringIO(out)))
    assert code == 0
    assert [row["digit"] for row in rows] == ["0", "1", "2"]
    assert float(rows[1]["p1"]) == float(rows[1]["confidence"]) > 0.9


def test_bad_file_is_skipped_and_exits_with_1(
    run: Run, pictures: list[Path], tmp_path: Path
) -> None:
    Image.new("L", (50, 50), 200).save(tmp_path / "blank.png")
    code, out, err = run(
        "predict", pictures[3], tmp_path / "missing.png", tmp_path / "blank.png", pictures[7]
    )
    assert code == 1
    assert [line.split("  ", 1)[1] for line in out.splitlines()][1] == "?  (no ink found)"
    assert len(out.splitlines()) == 3
    assert [line.split(":")[0] for line in err.splitlines()] == ["error", "error"]
    assert "missing.png" in err
    assert "blank.png" in err


def test_empty_folder_is_an_error_but_others_are_read(
    run: Run, pictures: list[Path], tmp_path: Path
) -> None:
    code, out, err = run("predict", tmp_path, pictures[3])
    assert code == 1
    assert len(out.splitlines()) == 1
    assert "no pictures in" in err


def test_bad_model_is_an_error(run: Run, pictures: list[Path], tmp_path: Path) -> None:
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
        ["predict", "a.png", "--reject", "sometimes"],
        ["read"],
        ["read", "a.png", "--json", "--csv"],
        ["read", "a.png", "--annotate", "a.txt"],
        ["read", "a.png", "b.png", "--annotate", "out.png"],
        ["read", "a.png", "--annotate", "./a.png"],
        ["predict", "a.png", "--explain", "a.txt"],
        ["predict", "a.png", "b.png", "--explain", "out.png"],
        ["predict", "a.png", "--explain", "./a.png"],
        ["info", "a.onnx", "--model", "a.py:A"],
        ["info", "a.safetensors", "--model-sha256", "0" * 64],
        ["fly"],
        ["train", "--epochs", "0"],
        ["train", "--seed", str(2**64)],
        ["train", "--model", "resnet"],
        ["train", "--teacher-model", "a.py:A"],
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
def test_usage_error_exits_with_2(run: Run, arguments: list[str]) -> None:
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


def hide_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in [name for name in sys.modules if name.startswith(("digits_", "torch"))]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, "torch", None)


@pytest.mark.parametrize("command", ["train", "export"])
def test_missing_extra_is_named(run: Run, command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    hide_torch(monkeypatch)
    code, out, err = run(command)
    assert (code, out) == (1, "")
    assert err == f'error: `digits {command}` needs torch: pip install "digits[{command}]"\n'


def test_info_of_checkpoint_without_torch_is_an_error(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    hide_torch(monkeypatch)
    code, out, err = run("info", "checkpoint.safetensors")
    assert (code, out) == (1, "")
    assert err == 'error: `digits info CHECKPOINT` needs torch: pip install "digits[train]"\n'


@pytest.mark.unix
def test_closed_pipe_is_silent(pictures: list[Path]) -> None:
    command = f"{sys.executable} -m digits predict {shlex.join(map(str, pictures * 20))} | head -1"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, timeout=60)
    assert len(done.stdout.splitlines()) == 1
    assert done.stderr == ""


@pytest.mark.linux
def test_full_disk_under_stdout_is_one_line(pictures: list[Path]) -> None:
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


@pytest.mark.unix
@pytest.mark.slow
def test_progress_bar_is_drawn_on_stderr_only(pictures: list[Path]) -> None:
    """Results go to a pipe, stderr to a terminal: the bar is drawn there, the results are not."""
    terminal, stderr = os.openpty()
    drawn = bytearray()

    def drain() -> None:  # while it runs, or the terminal's buffer fills up
        with suppress(OSError):
            while part := os.read(terminal, 1 << 16):
                drawn.extend(part)

    reader = threading.Thread(target=drain)
    reader.start()
    done = subprocess.run(
        [sys.executable, "-m", "digits", "predict", *pictures * 25],
        stdout=subprocess.PIPE,
        stderr=stderr,
        env=os.environ | {"TERM": "xterm"},  # a dumb terminal gets no bar
        text=True,
        timeout=60,
    )
    os.close(stderr)
    reader.join()
    os.close(terminal)
    assert len(done.stdout.splitlines()) == 250
    assert b"reading" in drawn
    assert b".png" not in drawn
    assert "\x1b" not in done.stdout


@pytest.mark.linux
@pytest.mark.slow
@pytest.mark.parametrize("name", [b"zw\xc3\xb6lf.png", b"\xff.png", b"two\nlines.png"])
@pytest.mark.parametrize("encoding", ["utf-8:strict", "ascii:strict"])
@pytest.mark.parametrize("form", ["", "--csv", "--json"])
def test_any_file_name_in_any_encoding_is_printed(
    pictures: list[Path], tmp_path: Path, name: bytes, encoding: str, form: str
) -> None:
    path = os.path.join(os.fsencode(tmp_path), name)
    shutil.copy(os.fsencode(pictures[1]), path)
    done = subprocess.run(
        [sys.executable, "-m", "digits", "predict", path, pictures[2], *filter(None, [form])],
        capture_output=True,
        env=os.environ | {"PYTHONIOENCODING": encoding},
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert str(pictures[2]).encode() in done.stdout
    if form == "--csv":
        assert [len(row) for row in csv.reader(io.StringIO(done.stdout.decode()))] == [18, 18, 18]
    else:
        assert len(done.stdout.splitlines()) == 2


def test_too_long_file_name_is_one_error(run: Run, pictures: list[Path]) -> None:
    code, out, err = run("predict", "long" * 100, pictures[1])
    assert code == 1
    assert len(out.splitlines()) == 1
    assert err.startswith("error: can't open longlong")


@pytest.mark.linux
@pytest.mark.parametrize("arguments", [["--version"], ["--help"], ["predict", "--csv", "PICTURE"]])
def test_full_stdout_at_startup_is_one_line(pictures: list[Path], arguments: list[str]) -> None:
    arguments = [str(pictures[0]) if word == "PICTURE" else word for word in arguments]
    with open("/dev/full", "w") as full:
        command = [sys.executable, "-m", "digits", *arguments]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, timeout=60)
    assert done.returncode == 1
    assert done.stderr.startswith(b"error: ")
    assert done.stderr.endswith(b"No space left on device\n")
    assert done.stderr.count(b"\n") == 1


@pytest.mark.unix
def test_errors_with_stderr_closed_stay_off_stdout(pictures: list[Path]) -> None:
    command = f"{sys.executable} -m digits predict --json missing.png '{pictures[1]}' 2>&-"
    done = subprocess.run(command, shell=True, stdout=subprocess.PIPE, text=True, timeout=60)
    assert done.returncode == 1
    assert [json.loads(line)["digit"] for line in done.stdout.splitlines()] == [1]


@pytest.mark.unix
def test_usage_error_with_stderr_closed_stays_off_stdout() -> None:
    command = f"{sys.executable} -m digits fly 2>&-"
    done = subprocess.run(command, shell=True, stdout=subprocess.PIPE, timeout=60)
    assert (done.returncode, done.stdout) == (2, b"")


@pytest.mark.linux
def test_full_stderr_loses_no_result(pictures: list[Path]) -> None:
    command = f"{sys.executable} -m digits predict missing.png '{pictures[1]}' 2>/dev/full"
    done = subprocess.run(command, shell=True, stdout=subprocess.PIPE, text=True, timeout=60)
    assert done.returncode == 1
    assert len(done.stdout.splitlines()) == 1


@pytest.mark.unix
def test_closed_stdout_is_an_error(pictures: list[Path]) -> None:
    command = f"{sys.executable} -m digits predict '{pictures[1]}' >&-"
    done = subprocess.run(command, shell=True, stderr=subprocess.PIPE, text=True, timeout=60)
    assert done.returncode == 1
    assert done.stderr == "error: can't write the results: stdout is closed\n"


def test_control_characters_in_errors_are_escaped(run: Run) -> None:
    code, _, err = run("predict", "red\x1b[31m\nname.png")
    assert code == 1
    assert err == "error: no file matches red\\x1b[31m\\x0aname.png\n"


@pytest.mark.parametrize("variable", ["DIGITS_MODEL", "DIGITS_DATA", "XDG_CACHE_HOME"])
def test_line_breaks_in_environment_are_escaped(
    run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, variable: str
) -> None:
    monkeypatch.setattr(fetch, "SOURCES", ())
    monkeypatch.delenv("DIGITS_DATA", raising=False)
    monkeypatch.setenv(variable, f"{tmp_path}/a\n\x1b[31mb")
    code, out, err = run("eval")
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert f"{tmp_path}/a\\x0a\\x1b[31mb" in err


def test_read_page_prints_lines(run: Run, page: Path) -> None:
    assert run("read", page) == (0, "2718  28\n459\n", "")


def test_read_page_json(run: Run, page: Path) -> None:
    code, out, _ = run("read", "--json", page)
    [record] = [json.loads(line) for line in out.splitlines()]
    assert code == 0
    assert record["text"] == "2718  28\n459"
    first, second = record["lines"]
    assert [[symbol["symbol"] for symbol in column] for column in first["columns"]] == [
        list("2718"),
        list("28"),
    ]
    assert second["text"] == "459"
    symbol = second["columns"][0][0]
    assert symbol.keys() == {"symbol", "confidence", "probabilities", "box"}
    left, top, right, bottom = symbol["box"]
    assert 50 < left < right < 120
    assert 210 < top < bottom < 290


def test_read_page_csv(run: Run, page: Path) -> None:
    rows = list(csv.DictReader(io.StringIO(run("read", "--csv", page)[1])))
    assert [row["symbol"] for row in rows] == list("271828459")
    assert [row["line"] for row in rows] == list("111111222")
    assert [row["column"] for row in rows] == list("111122111")


def test_read_signs(run: Run, amount: Path) -> None:
    assert run("read", amount) == (0, "-12.5  8\n", "")
    assert run("read", amount, "--digits-only") == (0, "125  8\n", "")
    rows = list(csv.DictReader(io.StringIO(run("read", "--csv", amount)[1])))
    assert [row["symbol"] for row in rows] == list("-12.58")
    assert rows[0].keys() == {
        *("file", "line", "column", "symbol", "confidence", "left", "top", "right", "bottom")
    }
    record = json.loads(run("read", "--json", amount)[1])
    assert record["lines"][0]["columns"][0][3]["symbol"] == "."
    record = json.loads(run("read", "--json", "--digits-only", amount)[1])
    assert [len(column) for column in record["lines"][0]["columns"]] == [3, 1]


def test_read_marks_rejected_symbols(run: Run, amount: Path, strict_reader: Path) -> None:
    arguments = "read", amount, "--model", strict_reader
    assert run(*arguments)[1] == "?????  ?\n"
    assert run(*arguments, "--digits-only")[1] == "???  ?\n"
    assert run(*arguments, "--reject", "never")[1] == "-12.5  8\n"
    record = json.loads(run(*arguments, "--json")[1])
    assert record["lines"][0]["columns"][1][0]["symbol"] is None


def test_each_command_refuses_the_other_ones_model(
    run: Run, amount: Path, pictures: list[Path]
) -> None:
    for arguments in (("read", amount, "--model", BUNDLED), ("read", amount, "--model", amount)):
        code, out, err = run(*arguments)
        assert (code, out) == (1, "")
        assert err.startswith("error: ") and str(arguments[-1]) in err
    code, out, err = run("predict", pictures[7], "--model", BUNDLED_READER)
    assert (code, out) == (1, "")
    assert str(BUNDLED_READER) in err


def test_read_pins_the_reader(run: Run, amount: Path) -> None:
    code, out, err = run("read", amount, "--model-sha256", "0" * 64)
    assert (code, out) == (1, "")
    assert "reader.int8.onnx is the wrong model" in err


def test_read_several_pages_prints_names(run: Run, page: Path, tmp_path: Path) -> None:
    Image.new("L", (300, 300), 200).save(tmp_path / "blank.png")
    code, out, err = run("read", tmp_path)
    assert code == 1
    assert out == f"{page}  2718  28\n{page}  459\n"
    assert err == f"error: {tmp_path / 'blank.png'}: no digits found\n"


def test_read_annotate_saves_image(run: Run, page: Path, tmp_path: Path) -> None:
    assert run("read", page, "--annotate", tmp_path / "out.png")[0] == 0
    with Image.open(tmp_path / "out.png") as image:
        assert image.size == (700, 500)


def test_predict_page_of_several_digits_is_an_error(run: Run, page: Path) -> None:
    code, out, err = run("predict", page)
    assert code == 1
    assert out == "?  (perhaps several digits: `digits read` reads them all)\n"
    assert err.startswith(f"error: {page}: perhaps several digits")


def test_blank_page_is_rejected_and_an_error(run: Run, tmp_path: Path) -> None:
    Image.new("L", (300, 300), 200).save(tmp_path / "blank.png")
    code, out, err = run("predict", "--json", tmp_path / "blank.png")
    record = json.loads(out)
    assert (code, record["digit"], record["confidence"]) == (1, None, 0.1)
    assert record["note"] == "no ink found"
    assert err == f"error: {tmp_path / 'blank.png'}: no ink found\n"


def test_predict_stdin(pictures: list[Path]) -> None:
    command = [sys.executable, "-m", "digits", "predict", "-"]
    done = subprocess.run(command, input=pictures[7].read_bytes(), capture_output=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.startswith(b"7  (")


def test_subfolders_need_recursive_option(run: Run, pictures: list[Path], tmp_path: Path) -> None:
    (tmp_path / "deeper").mkdir()
    shutil.copy(pictures[4], tmp_path / "deeper")
    code, _, err = run("predict", tmp_path)
    assert code == 1
    assert "-r includes subfolders" in err
    assert run("predict", "-r", tmp_path)[1].startswith(f"{tmp_path / 'deeper' / '4.png'}  4  (")


def test_debug_strips_are_named_like_their_pictures(
    run: Run, pictures: list[Path], tmp_path: Path
) -> None:
    (tmp_path / "other").mkdir()
    shutil.copy(pictures[4], tmp_path / "other" / "7.jpg")
    shutil.copy(pictures[4], tmp_path / "other" / "7.jpg-2")
    folder = tmp_path / "debug"
    others = (tmp_path / "other" / name for name in ("7.jpg", "7.jpg-2"))
    assert run("predict", "--debug", folder, pictures[7], *others)[0] == 0
    names = {"7.jpg.png", "7.jpg-2.png", "7.jpg-2-2.png"}
    assert {path.name for path in folder.iterdir()} == names


def test_debug_strips_of_the_longest_names(run: Run, pictures: list[Path], tmp_path: Path) -> None:
    files = [tmp_path / f"{'é' * 125}{number}.jpg" for number in range(2)]
    for file in files:
        shutil.copy(pictures[7], file)
    assert run("predict", "--debug", tmp_path / "debug", *files)[0] == 0
    names = {f"{'é' * 100}.png", f"{'é' * 100}-2.png"}
    assert {path.name for path in (tmp_path / "debug").iterdir()} == names


def test_debug_examines_each_picture_once(run: Run, pictures: list[Path], tmp_path: Path) -> None:
    functions = Classifier.examine, Classifier.prediction, picture.load, propose
    with count_calls(*functions, Model.probabilities) as calls:
        assert run("predict", "--debug", tmp_path, *pictures)[0] == 0
    assert len(list(tmp_path.iterdir())) == 10
    assert [calls[function.__name__] for function in functions] == [10] * 4
    assert calls["probabilities"] == 10 + 1  # and the model's smoke test


def test_debug_strip_of_stdin(pictures: list[Path], tmp_path: Path) -> None:
    command = [sys.executable, "-m", "digits", "predict", "--debug", str(tmp_path), "-"]
    subprocess.run(command, input=pictures[7].read_bytes(), check=True, timeout=60)
    assert [path.name for path in tmp_path.iterdir()] == ["stdin.png"]


def test_home_folder_stays_empty(pictures: list[Path], tmp_path: Path) -> None:
    """onnxruntime's telemetry once stored a device ID there."""
    command = [sys.executable, "-m", "digits", "predict", str(pictures[7])]
    home = os.environ | {"HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    subprocess.run(command, env=home, check=True, capture_output=True, timeout=60)
    assert not list(tmp_path.iterdir())
