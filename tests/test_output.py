"""docs/output.md lists every key that `--json` prints, with its type."""

import json
import re
from collections.abc import Container, Iterator
from pathlib import Path
from types import NoneType

import pytest
from PIL import Image

from digits.commands import bench
from digits.inference.model_file import BUNDLED_READER
from tests.conftest import Run
from tests.train.test_info import save

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
    """The types of the keys in the table below a heading."""
    text = DOCUMENT.read_text(encoding="utf-8")
    section = text.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    rows = re.findall(r"^\| (`.+?`) \| (.+?) \|", section, re.MULTILINE)
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


def assert_documented(heading: str, out: str) -> None:
    """Compare lines of JSON with a table."""
    table = documented(heading)
    for line in out.splitlines():
        found = list(leaves(json.loads(line), table))
        assert {path for path, _ in found} == table.keys()
        for path, value in found:
            names = re.findall(rf"\b(?:{'|'.join(TYPES)})\b", table[path])
            assert any(isinstance(value, TYPES[name]) for name in names), (path, value)


def test_predict_json(run: Run, pictures: list[Path], tmp_path: Path) -> None:
    Image.new("L", (300, 300), 200).save(tmp_path / "blank.png")
    _, out, _ = run("predict", "--json", pictures[7], tmp_path / "blank.png")
    assert [json.loads(line)["digit"] for line in out.splitlines()] == [7, None]
    assert_documented("digits predict, digits watch", out)


def test_read_json(run: Run, numbers: Path) -> None:
    assert_documented("digits read", run("read", "--json", numbers)[1])


def test_eval_json(run: Run, pictures: list[Path], tmp_path: Path) -> None:
    (tmp_path / "wrong.csv").write_text(f"file,digit\n{pictures[7]},1\n")
    assert_documented("digits eval", run("eval", "--data", tmp_path / "wrong.csv", "--json")[1])


def test_eval_json_of_pages(run: Run, numbers: Path, tmp_path: Path) -> None:
    (tmp_path / "wrong.csv").write_text(f"file,text\n{numbers},1-1111.5\n")
    out = run("eval", "--pages", tmp_path / "wrong.csv", "--json")[1]
    assert_documented("digits eval --pages", out)


def test_info_json_of_onnx_file(run: Run) -> None:
    assert_documented("digits info, ONNX file", run("info", "--json")[1])


def test_info_json_of_reader(run: Run) -> None:
    out = run("info", BUNDLED_READER, "--json")[1]
    assert_documented("digits info, ONNX file of a reader", out)


def test_info_json_of_checkpoint(run: Run, tmp_path: Path) -> None:
    save(tmp_path, "lenet5")
    assert_documented("digits info, checkpoint", run("info", tmp_path, "--json")[1])


def test_bench_json(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("_LATENCY", "_THROUGHPUT"):
        monkeypatch.setattr(bench, name, 0.0)
    monkeypatch.setattr(bench, "_WINDOWS", 1)
    monkeypatch.setattr(bench, "_run_process", lambda *_: "65000000")
    assert_documented("digits bench", run("bench", "--json")[1])
