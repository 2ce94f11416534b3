"""Whether files are whole."""

import csv
import json
import re
from pathlib import Path

from PIL import Image

from digits.inference.model_file import inspect
from digits_train import checkpoint

_UNFINISHED = re.compile(r"\..+-[0-9a-f]{8}\.[a-z]+")


def strays(folder: Path) -> set[str]:
    """What a kill left of files that were being written; by its name, nothing takes it for one."""
    return {path.name for path in folder.glob(".*") if _UNFINISHED.fullmatch(path.name)}


def assert_whole(folder: Path) -> None:
    """Open each file in the folder, if that is there; raises unless it is intact."""
    for path in folder.glob("*"):
        if path.name in strays(folder):
            continue
        match path.suffix:
            case ".safetensors":
                checkpoint.load(path)
            case ".pt":
                checkpoint.load_state(path)
            case ".json":
                json.loads(path.read_text())
            case ".onnx":
                inspect(path)
            case ".png":
                Image.open(path).load()
            case ".csv":
                assert_rows(path.read_text())
            case ".md":
                assert path.read_text().endswith("below the threshold.\n")
            case _:
                raise AssertionError(f"{path.name} was left")


def assert_rows(text: str) -> None:
    """Of a CSV file: all rows are whole."""
    assert text.endswith("\n")
    header, *rows = csv.reader(text.splitlines())
    assert all(len(row) == len(header) for row in rows)


def assert_one_sentence(code: int | None, err: str) -> None:
    """A command that could not write says so in its last line, and only there."""
    assert code == 1, err
    lines = err.splitlines()
    assert [line for line in lines if line.startswith("error: ")] == lines[-1:], err
    assert "Traceback" not in err
    assert "Exception ignored" not in err
