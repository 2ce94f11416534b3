"""Check that files are intact."""

import csv
import json
import re
from pathlib import Path

from PIL import Image

from digits.inference.metadata import AnyMetadata
from digits.inference.model_file import load
from digits_train import checkpoint

_UNFINISHED = re.compile(r"\..+\.tmp")


def stale_temps(folder: Path) -> set[str]:
    """Return the names of temporary files that a killed atomic write left behind."""
    return {path.name for path in folder.glob(".*") if _UNFINISHED.fullmatch(path.name)}


def assert_intact(folder: Path) -> None:
    """Check that each file in the folder can be parsed; the folder may be missing."""
    for path in folder.glob("*"):
        if path.name in stale_temps(folder):
            continue
        match path.suffix:
            case ".safetensors":
                checkpoint.load(path)
            case ".pt":
                checkpoint.load_state(path)
            case ".json":
                json.loads(path.read_text())
            case ".onnx":
                load(path, AnyMetadata)
            case ".png":
                Image.open(path).load()
            case ".csv":
                assert_rows(path.read_text())
            case ".md":
                assert path.read_text().endswith("check what is unsure.\n")
            case _:
                raise AssertionError(f"unexpected file: {path.name}")


def assert_rows(text: str) -> None:
    """Check that all rows of a CSV file are complete."""
    assert text.endswith("\n")
    header, *rows = csv.reader(text.splitlines())
    assert all(len(row) == len(header) for row in rows)


def assert_failed_with_error(code: int | None, err: str) -> None:
    """Check that the only error is in the last line, and exit code 1."""
    assert code == 1, err
    lines = err.splitlines()
    assert [line for line in lines if line.startswith("error: ")] == lines[-1:], err
    assert "Traceback" not in err
    assert "Exception ignored" not in err
