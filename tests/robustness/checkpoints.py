"""Checkpoints and training states: whole ones, forged ones, and such as hide code."""

import hashlib
import io
import json
import os
import pickle
import sys
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any

import safetensors.torch
import torch

from digits_train import checkpoint
from digits_train.checkpoint import Provenance
from digits_train.models import LeNet5

PROVENANCE = Provenance("lenet5", "0.0", {"epochs": 5}, 3, 5, {}, 50_000, 0.99)
EVIL_VALUES: tuple[Any, ...] = (
    *(None, True, -1, 2**70, float("nan"), "lenet5\0", "\ud800", {"a": [{}]}, "vgg16"),
)
_LEGACY_MAGIC = b"\x80\2\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."  # of PyTorch's files before 1.6


def saved() -> bytes:
    """A checkpoint as `checkpoint.save` writes it."""
    return _with_provenance(asdict(PROVENANCE))


def forged() -> Iterator[tuple[str, bytes]]:
    """Yield checkpoints with strange provenances and valid SHA-256s, which anybody can compute."""
    provenance = asdict(PROVENANCE)
    for field in provenance:
        for value in EVIL_VALUES:
            yield f"{field} {value!r}", _with_provenance(provenance | {field: value})
    yield "a field alone", _with_provenance({"architecture": "lenet5"})
    yield "unknown field", _with_provenance(provenance | {"self": 1})
    for field in ("recipe", "data_sha256"):
        for depth in (900, 960, 980, 3000):
            yield f"{field} {depth} deep", _with_provenance(provenance | {field: _nested(depth)})


def _nested(depth: int) -> Any:
    """Its keys would clear a terminal."""
    value: Any = "\x1b[31m"
    for _ in range(depth):
        value = {"\x1b[2J": value}
    return value


def _with_provenance(provenance: dict[str, Any]) -> bytes:
    torch.manual_seed(0)
    weights, before = LeNet5().state_dict(), sys.getrecursionlimit()
    sys.setrecursionlimit(10_000)
    try:
        text = json.dumps(provenance, sort_keys=True)
    finally:
        sys.setrecursionlimit(before)
    digest = hashlib.sha256(text.encode())
    for name, tensor in sorted(weights.items()):
        digest.update(json.dumps([name, str(tensor.dtype), list(tensor.shape)]).encode())
        digest.update(tensor.flatten().view(torch.uint8).numpy().tobytes())
    header = json.dumps({"format": checkpoint.FORMAT, "sha256": digest.hexdigest()})
    text = f'{header[:-1]}, "provenance": {text}}}'
    return safetensors.torch.save(weights, {"digits": text})


@cache
def state() -> bytes:
    """Build a small state as `save_state` writes it, without its SHA-256."""
    file = io.BytesIO()
    torch.save({"rng": torch.zeros(4), "history": [{"a": 1.5}], "plan": {"seed": 3}}, file)
    return file.getvalue()


def sealed(raw: bytes) -> bytes:
    """Append the state's SHA-256, which anybody can compute."""
    return raw + hashlib.sha256(raw).digest()


def with_pickle(pickled: bytes) -> bytes:
    """Replace the pickle in the zip archive of a state."""
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(state())) as old, zipfile.ZipFile(file, "w") as new:
        for name in old.namelist():
            new.writestr(name, pickled if name.endswith("data.pkl") else old.read(name))
    return file.getvalue()


def pickle_of_state() -> bytes:
    with zipfile.ZipFile(io.BytesIO(state())) as archive:
        return archive.read(next(name for name in archive.namelist() if name.endswith("data.pkl")))


class _Calls:
    """Pickled as a call of a function."""

    def __init__(self, function: Callable[..., Any], *arguments: Any) -> None:
        self._call = function, arguments

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return self._call


def hiding_code() -> dict[str, bytes]:
    """Return pickles that call functions: alone, in a state's archive, and as in old states."""
    calls = (
        *(_Calls(os.system, "touch boom"), _Calls(eval, "open('boom', 'w')")),
        *(_Calls(Path.touch, Path("boom")), _Calls(open, "boom", "w"), _Calls(pickle.loads, b".")),
        *(_Calls(torch.load, "state"), _Calls(torch.hub.load, "evil/evil", "evil")),
    )
    files: dict[str, bytes] = {}
    for number, call in enumerate(calls):
        protocol = number % 6
        raw = pickle.dumps({"plan": call}, protocol)
        named = {"alone": raw, "zipped": with_pickle(raw), "legacy": _LEGACY_MAGIC + raw}
        files |= {f"call {number} {name}": content for name, content in named.items()}
    return files


def malformed_states() -> dict[str, bytes]:
    whole = pickle_of_state()
    assert b"K\0K\4\x85" in whole  # the offset, then the stride
    pickles = {
        "a memo index of 2**31": b"\x80\2r\xff\xff\xff\x7f.",
        "an integer of 2 GB": b"\x80\2\x8b\xff\xff\xff\x7f.",
        "bytes of 4 GB": b"\x80\2B\xff\xff\xff\xff.",
        "nested lists": b"\x80\2" + b"]" * 200_000 + b"a" * 199_999 + b".",
        "no pickle": b"",
        "a stride beyond its storage": whole.replace(b"K\4\x85", b"J\xff\xff\xff\x7f\x85"),
        "an offset beyond it": whole.replace(b"K\0K\4\x85", b"J\xff\xff\xff\x7fK\4\x85"),
    }
    return {name: with_pickle(pickled) for name, pickled in pickles.items()}
