"""One corpus of broken and strange files, by kind: every door is tried with all of its kinds."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import safetensors.numpy

from tests import onnx_files
from tests.robustness import checkpoints, malformed, specimens

_PNG = specimens.pictures()["PNG L"]
_COLUMNS = b"file,digit,text,number,confidence,status,left,top,right,bottom\n"

_ANYTHING = {"empty": b"", "zeros": bytes(1000), "text": b"neither one nor the other\n"}


def _damaged(raw: bytes) -> dict[str, bytes]:
    return {
        "cut off": raw[:-9],
        "more behind it": raw + b"x",
    }


# Of each kind, all are refused.
PICTURES = (
    _ANYTHING
    | malformed.pictures()
    | {
        "signature": _PNG[:8],
        "cut off": _PNG[:60],
        "SVG": b"<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'/>",
    }
)
MODELS = {
    **_ANYTHING,
    **_damaged(onnx_files.RAW),
    "another byte": onnx_files.RAW[:900] + b"x" + onnx_files.RAW[901:],
    "another network": onnx_files.classifier().SerializeToString(),
    "weights elsewhere": onnx_files.sealed(onnx_files.weights_elsewhere()),
    "a renamed classifier": onnx_files.as_detector(onnx_files.RAW),
    "a renamed detector": onnx_files.as_classifier(onnx_files.DETECTOR_RAW),
}
_TENSORS = {
    "another network": safetensors.numpy.save({"x": onnx_files.zeros(1)}),
    **{f"a header of {n}": n.to_bytes(8, "little") + b"{}" for n in (0, 1, 2**40, 2**64 - 1)},
}
CHECKPOINTS = {**_ANYTHING, **_damaged(checkpoints.saved()), **_TENSORS}
# For what continues a table, reads it, or takes its labels.
TABLES = _ANYTHING | {
    "blank lines": b"\n" * 100_000,
    "many zeros": b"\0" * 100_000,
    "one long line": b"x" * 10_000_000,
    "other columns": b"a,b\n1,2\n",
    "UTF-16 cut off": _COLUMNS.decode().encode("utf-16")[:-1],
    "bytes": b"\xff\xfe\xfd" * 99,
    "a quote": _COLUMNS + b'"' * 1_000_001 + b"\n",
    "a cell of many lines": _COLUMNS + b'"' + b"a\n" * 500_000,
    "many cells": _COLUMNS + b"," * 1_000_000 + b"\n",
    "a deep list": b"[" * 1_000_000 + b"\n",
    "a long number": b'{"file": ' + b"9" * 10_000 + b"}\n",
}
# Of these, no part could be results that somebody wants to continue.
NO_RESULTS = ("text", "other columns", "bytes", "a deep list", "many cells")
OPTIONS = {  # constraints and their malformed values; a list is a file's content
    "length": ["x", "5-3", "-1", "1-", "9" * 30],
    "pattern": ["(", "a", "[", r"\d{9999999999}", "1" * 1001],
    "check": ["luhn2", "x"],
    "range": ["x", "9-1", "1e400-2", "nan-1"],
    "list": ["1;x", "a"],
    "max_errors": ["2", "x", "nan", "-1%"],
}
NAMES = ("a\nb\x1b]0;x\x07\u202e.png", "-\udcff\udcfe", "x" * 300)


def paths(folder: Path) -> Iterator[Path]:
    """Yield paths that don't lead to regular files with contents."""
    os.mkfifo(folder / "pipe.png")
    (folder / "nowhere.png").symlink_to("missing")
    (folder / "folder.png").mkdir()
    (folder / "picture.png").write_bytes(_PNG)
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind("socket.png")
    names = ("pipe", "nowhere", "folder", "socket")
    yield from (folder / f"{name}.png" for name in names)
    yield folder / "picture.png" / "below"
    yield from (folder / name for name in NAMES)
    yield from map(Path, ("/dev/zero", "/dev/null", "/dev/full", "/proc/self/mem", "/"))
