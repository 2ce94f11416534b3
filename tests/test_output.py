"""docs/output.md lists every key that `--json` prints, with its type."""

import json
import re
import shutil
from collections.abc import Container, Iterator
from pathlib import Path
from types import NoneType

import pytest
from PIL import Image

from digits.commands import bench
from digits.inference.model_file import BUNDLED_READER
from digits_train import checkpoint
from digits_train.checkpoint import Provenance
from digits_train.models import LeNet5
from digits_train.run import RunDir
from tests.conftest import Run

DOCUMENT = Path(__file__).parent.parent / "docs" / "output.md"
TYPES: dict[str, type | tuple[type, ...]] = {
    "array": list,
    "boolean": bool,
    "integer": int,
    "null": NoneType,
    "number": (int, float),
    "object": dict,
    "string": str,
}


def documented(heading: str) -> dict[str, str]:
    """The types of the keys in the list below a heading."""
    text = DOCUMENT.read_text(encoding="utf-8")
    section = text.split(f"\n## {heading}\n")[1].split("\n## ")[0].replace("\n  ", " ")
    rows = re.findall(r"^- (`.+?`) \((.+?)\): ", section, re.MULTILINE)
    return {key: kind for keys, kind in rows for key in re.findall("`(.+?)`", keys)}


def leaves(value: object, known: Container[str], path: str = "") -> Iterator[tuple[str, object]]:
    """Paths and values of what is in `known`, or else has nothing inside."""
    if path not in known and value and isinstance(value, dict):
        for key, item in value.items():
            yield from leaves(item, known, f"{path}.{key}" if path else key)
    elif path not in known and value and isinstance(value, list):
        for item in value:
            yield from leaves(item, known, f"{path}[]")
    else:
        yield path, value


@pytest.mark.parametrize(
    ("heading", "command"),
    [
        ("digits predict", "predict 7.jpg blank.png"),
        ("digits read", "read numbers.jpg"),
        ("digits eval", "eval --data digits.csv"),
        ("digits eval, pages", "eval --data pages.csv"),
        ("digits eval, numbers", "eval --numbers pages.csv --max-errors 99%"),
        ("digits info, ONNX file", "info"),
        ("digits info, ONNX file of a reader", f"info {BUNDLED_READER}"),
        ("digits info, checkpoint", "info run"),
        pytest.param("digits bench", "bench", marks=pytest.mark.slow),
    ],
)
def test_json_is_documented(
    run: Run,
    pictures: list[Path],
    numbers: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    heading: str,
    command: str,
) -> None:
    monkeypatch.setattr(bench, "SECONDS", 0.0)
    monkeypatch.chdir(tmp_path)
    for picture in (pictures[7], numbers):
        shutil.copy(picture, tmp_path)
    Image.new("L", (300, 300), 200).save("blank.png")
    Path("digits.csv").write_text("file,digit\n7.jpg,1\n")
    Path("pages.csv").write_text("file,text\nnumbers.jpg,1-1111.5\n")
    Path("run").mkdir()
    about = Provenance("lenet5", "0.1", {"name": "classic"}, 3, 5, {}, 800, 0.9)
    checkpoint.save(RunDir(Path("run")).checkpoint, LeNet5(), about)
    table = documented(heading)
    lines = run(*command.split(), "--json")[1].splitlines()
    assert lines
    for line in lines:
        values = list(leaves(json.loads(line), table))
        assert {path for path, _ in values} == table.keys()
        for path, value in values:
            names = re.findall(rf"\b(?:{'|'.join(TYPES)})\b", table[path])
            assert any(isinstance(value, TYPES[name]) for name in names), (path, value)
