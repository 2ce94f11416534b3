"""Untrusted checkpoints, and training states for `--resume`."""

import hashlib
import io
import json
import os
import pickle
import random
import sys
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch

from digits.commands import reports
from digits.errors import ModelError
from digits.text import to_json
from digits_train import checkpoint, info
from digits_train.checkpoint import Provenance
from digits_train.models import LeNet5
from tests.robustness import corpus
from tests.robustness.sandbox import harmless

# torch warns about files that it wouldn't have written itself.
pytestmark = pytest.mark.filterwarnings(
    "ignore:Detected pickle protocol", "ignore:Casting complex values"
)

PROVENANCE = Provenance("lenet5", "0.0", {"epochs": 5}, 3, 5, {}, 50_000, 0.99)
LEGACY_MAGIC = b"\x80\2\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."  # of PyTorch's files before 1.6
OTHER_DTYPES = (torch.float64, torch.bfloat16, torch.bool, torch.complex64)
EVIL_VALUES: tuple[Any, ...] = (
    *(None, True, -1, 2**70, 1e308, float("nan"), "", "../../etc", "lenet5\0", "\ud800"),
    *([], {}, {"a": [{}]}, [[]], "vgg16", ["lenet5"]),
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "checkpoint.safetensors"


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The bytes of a checkpoint, after lazy imports: one and a state have been loaded."""
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("saved") / "checkpoint"
    checkpoint.save(path, LeNet5(), PROVENANCE)
    checkpoint.load(path)
    (path.parent / "state").write_bytes(sealed(state()))
    checkpoint.load_state(path.parent / "state")
    return path.read_bytes()


def sealed(state: bytes) -> bytes:
    """Append the state's SHA-256, which anybody can compute."""
    return state + hashlib.sha256(state).digest()


def is_accepted(load: Callable[[Path], Any], path: Path, name: str, raw: bytes) -> bool:
    """Return whether the bytes are loaded, or refused with a ModelError."""
    path.write_bytes(sealed(raw) if load is checkpoint.load_state else raw)
    with harmless(name):
        try:
            load(path)
        except ModelError as error:
            assert str(error).startswith(str(path))
            return False
    return True


def test_damaged_checkpoints_are_refused(saved: bytes, path: Path) -> None:
    lengths = (0, 1, 2**31, 2**40, 2**63, 2**64 - 1)  # of the header
    damaged = [(f"{n} long", n.to_bytes(8, "little") + saved[8:]) for n in lengths]
    for name, raw in [*damaged, *corpus.all_mutants({"checkpoint": saved}, 200)]:
        assert raw == saved or not is_accepted(checkpoint.load, path, name, raw), name


def forged(weights: dict[str, torch.Tensor], provenance: Any) -> bytes:
    """Build a checkpoint with a valid SHA-256, which anybody can compute."""
    digest = hashlib.sha256(json.dumps(provenance, sort_keys=True).encode())
    for name, tensor in sorted(weights.items()):
        digest.update(json.dumps([name, str(tensor.dtype), list(tensor.shape)]).encode())
        digest.update(tensor.flatten().view(torch.uint8).numpy().tobytes())
    sha256 = digest.hexdigest()
    header = {"format": checkpoint.FORMAT, "sha256": sha256, "provenance": provenance}
    return safetensors.torch.save(weights, {"digits": json.dumps(header)})


def forged_checkpoints() -> Iterator[tuple[str, bytes]]:
    model, described = LeNet5().state_dict(), asdict(PROVENANCE)
    for field in described:
        for value in EVIL_VALUES:
            yield f"{field} {value!r}", forged(model, described | {field: value})
        less = {key: value for key, value in described.items() if key != field}
        yield f"no {field}", forged(model, less)
    yield "unknown field", forged(model, described | {"self": 1})
    for name, tensor in model.items():
        changed = [tensor.flatten()[:0], tensor.flatten()[:1].reshape(()), tensor[None]]
        changed += [tensor.to(dtype) for dtype in OTHER_DTYPES] + [tensor * float("nan")]
        for weights in changed:
            described_as = f"{name} as {weights.dtype} {tuple(weights.shape)}"
            yield described_as, forged(model | {name: weights.contiguous()}, described)


def test_forged_checkpoints(saved: bytes, path: Path) -> None:
    taken = {is_accepted(checkpoint.load, path, *forged) for forged in forged_checkpoints()}
    assert taken == {True, False}


@pytest.mark.parametrize("depth", [50, 400, 900, 960, 980, 3000])
@pytest.mark.parametrize("field", ["recipe", "data_sha256"])
def test_info_on_deeply_nested_provenance(
    path: Path, field: str, depth: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """Terminal escape sequences in its keys are not printed, either."""
    nested: Any = "\x1b[31m"
    for _ in range(depth):
        nested = {"\x1b[2J": nested}
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(10_000)  # to build it
    try:
        raw = forged(LeNet5().state_dict(), asdict(PROVENANCE) | {field: nested})
    finally:
        sys.setrecursionlimit(before)
    path.write_bytes(raw)
    with harmless(f"{depth} deep"):
        try:
            described = info.inspect(path)
        except ModelError as error:
            assert depth > 900
            assert "recursion" in str(error)
            return
        reports.print_report(described, as_json=False)
        text = capsys.readouterr().out
        assert "44,426" in text and "\x1b" not in text
        assert to_json(described)


def state() -> bytes:
    """Build a small state as `save_state` writes it, without its SHA-256."""
    file = io.BytesIO()
    torch.save({"rng": torch.zeros(4), "history": [{"a": 1.5}], "plan": {"seed": 3}}, file)
    return file.getvalue()


def with_pickle(raw: bytes, pickled: bytes) -> bytes:
    """Replace the pickle in the state's zip archive."""
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(raw)) as old, zipfile.ZipFile(file, "w") as new:
        for name in old.namelist():
            new.writestr(name, pickled if name.endswith("data.pkl") else old.read(name))
    return file.getvalue()


def pickle_of(raw: bytes) -> bytes:
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        return archive.read(next(name for name in archive.namelist() if name.endswith("data.pkl")))


def test_mutated_states(saved: bytes, path: Path) -> None:
    raws = dict(corpus.all_mutants({"state": state()}, 300))
    for name, pickled in corpus.all_mutants({"pickle": pickle_of(state())}, 500):
        raws[name] = with_pickle(state(), pickled)
    taken = {is_accepted(checkpoint.load_state, path, name, raw) for name, raw in raws.items()}
    assert taken == {True, False}


class Calls:
    """Pickled as a call of a function."""

    def __init__(self, function: Callable[..., Any], *arguments: Any) -> None:
        self._call = function, arguments

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return self._call


@pytest.mark.parametrize(
    "call",
    [
        Calls(os.system, "touch boom"),
        Calls(eval, "open('boom', 'w')"),
        Calls(exec, "open('boom', 'w')"),
        Calls(Path.touch, Path("boom")),
        Calls(open, "boom", "w"),
        Calls(pickle.loads, b"."),
        Calls(torch.load, "state"),
        Calls(torch.hub.load, "evil/evil", "evil"),
        Calls(random.Random),
    ],
)
def test_pickled_call_is_not_executed(
    saved: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: Calls
) -> None:
    monkeypatch.chdir(tmp_path)
    for protocol in range(6):
        raw = pickle.dumps({"plan": call}, protocol)
        for packed in (raw, with_pickle(state(), raw), LEGACY_MAGIC + raw):
            for load in (checkpoint.load_state, checkpoint.load):
                assert not is_accepted(load, tmp_path / "state", "call", packed)
    assert not (tmp_path / "boom").exists()


@pytest.mark.parametrize(
    "pickled",
    [
        b"\x80\2r\xff\xff\xff\x7f.",  # a memo index of 2**31
        b"\x80\2\x8b\xff\xff\xff\x7f.",  # an integer of 2 GB
        b"\x80\2B\xff\xff\xff\xff.",  # bytes
        b"\x80\2" + b"]" * 200_000 + b"a" * 199_999 + b".",  # nested lists
        b"\x80\2" + b"(" * 200_000 + b".",
        b"",
    ],
)
def test_malformed_pickle_is_refused(saved: bytes, path: Path, pickled: bytes) -> None:
    assert not is_accepted(checkpoint.load_state, path, "odd", with_pickle(state(), pickled))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"K\4\x85", b"J\xff\xff\xff\x7f\x85"),  # a stride
        (b"K\0K\4\x85", b"J\xff\xff\xff\x7fK\4\x85"),  # an offset
    ],
)
def test_tensor_beyond_its_storage_is_refused(
    saved: bytes, path: Path, old: bytes, new: bytes
) -> None:
    pickled = pickle_of(state())
    assert old in pickled
    packed = with_pickle(state(), pickled.replace(old, new))
    assert not is_accepted(checkpoint.load_state, path, "outside", packed)
