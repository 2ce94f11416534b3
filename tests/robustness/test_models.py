"""ONNX files from forgers, who seal what they have changed."""

import csv
import dataclasses
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from starlette.testclient import TestClient

from digits.classifier import Classifier
from digits.errors import ModelError
from digits.inference import metadata, protobuf
from digits.inference.feature_maps import feature_maps
from digits.inference.model import Model
from digits.inference.model_file import inspect
from digits.serve.app import App
from digits.serve.settings import Settings
from tests.conftest import Run
from tests.robustness import corpus, forgery
from tests.robustness.forgery import METADATA, RAW, sealed
from tests.robustness.sandbox import harmless

GRAPH, PARTS = 7, 1024  # ModelProto's field, and how many a graph may have
EVIL = ("", "-1", "1e999", "nan", "9" * 5000, "\0", "{" * 100_000, "٣", "x" * 1_000_000)
LIARS = forgery.liars()


def body() -> bytes:
    """The file without metadata and seal."""
    start = next(start for number, start, _ in protobuf.fields(memoryview(RAW), "") if number == 14)
    return RAW[:start]


def opens(path: Path, name: str, raw: bytes) -> bool:
    """Whether the file is taken, described and run; when not, then with a ModelError."""
    path.write_bytes(raw)
    with harmless(name):
        try:
            inspect(path)
            for kernels in ("float", "integer"):
                model = Model(path, kernels=kernels)
                for ink in (0, 255):
                    rows = model.probabilities(np.full((1, 28, 28), ink, np.uint8))
                    assert (rows >= 0).all() and abs(rows.sum() - 1) < 1e-4
            with suppress(ModelError):  # it may well have no maps
                feature_maps(model, np.full((28, 28), 255, np.uint8), 2)
        except ModelError as error:
            assert str(path) in str(error)
            assert "\n" not in str(error)
            return False
    return True


def refusal(path: Path, raw: bytes) -> str:
    """Why neither `Model` nor `inspect` takes the file; without its name."""
    path.write_bytes(raw)
    reasons = set()
    for look in (Model, inspect):
        with harmless("forged"), pytest.raises(ModelError) as raised:
            look(path)
        reasons.add(str(raised.value).replace(str(path), "").strip(" :"))
    [reason] = reasons
    return reason


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file; one has been read before, with all that is imported for it."""
    assert opens(tmp_path / "model.onnx", "bundled", RAW)
    return tmp_path / "model.onnx"


def test_mutants(path: Path) -> None:
    for name, raw in corpus.all_mutants({"model": RAW}, 300):
        assert raw == RAW or not opens(path, name, raw), name


def test_sealed_mutants(path: Path) -> None:
    taken = {
        opens(path, name, metadata.add_metadata(raw, METADATA))
        for name, raw in corpus.all_mutants({"sealed": body()}, 200)
    }
    assert taken == {True, False}


def fields(message: bytes) -> list[tuple[int, bytes]]:
    """The number and all the bytes of each field."""
    found = protobuf.fields(memoryview(message), "", PARTS)
    starts = [(number, start) for number, start, _ in found]
    ends = [start for _, start in starts[1:]] + [len(message)]
    return [(number, message[start:end]) for (number, start), end in zip(starts, ends, strict=True)]


def regrouped() -> Iterator[tuple[str, bytes]]:
    """The model with a field of it, or of its graph, left out, twice there, or empty."""
    whole = fields(body())
    [graph] = [
        value for number, _, value in protobuf.fields(memoryview(body()), "") if number == GRAPH
    ]
    parts = fields(bytes(graph))
    for place, (number, field) in enumerate(whole):
        rest = [raw for _, raw in whole[:place]], [raw for _, raw in whole[place + 1 :]]
        for changed in (b"", field * 2, protobuf.bytes_field(number, b"")):
            yield f"model, field {place}", b"".join([*rest[0], changed, *rest[1]])
    outside = b"".join(raw for number, raw in whole if number != GRAPH)
    for place, (number, field) in enumerate(parts):
        for changed in (b"", field * 2, protobuf.bytes_field(number, b"")):
            others = [raw for _, raw in parts]
            others[place] = changed
            inner = b"".join(others)
            yield f"graph, field {place}", outside + protobuf.bytes_field(GRAPH, inner)


def test_fields_left_out_or_twice(path: Path) -> None:
    taken = {opens(path, name, metadata.add_metadata(raw, METADATA)) for name, raw in regrouped()}
    assert taken == {True, False}


@pytest.mark.parametrize("field", [field.name for field in dataclasses.fields(METADATA)])
def test_forged_metadata(path: Path, run: Run, field: str) -> None:
    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is no JSON")

    for value in (*EVIL, '{"a": NaN}', '{"a": 1e999}', '{"a":' * 900 + "1" + "}" * 900):
        forged = dataclasses.replace(METADATA, **{field: value})
        if opens(path, f"{field} {value[:20]!r}", metadata.add_metadata(RAW, forged)):
            assert run("info", path)[0] == 0
            json.loads(run("info", path, "--json")[1], parse_constant=refuse)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\x72" * 1000,
        b"\x72\xff\xff\xff\xff\xff\xff\xff\xff\x7f",
        b"\x80" * 1_000_000,
        b"\x08\0" * 500_000,
        b"\x0b\x0c",  # groups, which protobuf once had
        metadata.add_metadata(b"", METADATA),
        metadata.add_metadata(b"ORTM" + bytes(100), METADATA),
        metadata.add_metadata(protobuf.bytes_field(GRAPH, b"\x3a\0" * 10_000), METADATA),
        RAW[:-1],
        RAW + RAW,
    ],
)
def test_what_is_no_model(path: Path, raw: bytes) -> None:
    assert not opens(path, "odd", raw)


@pytest.mark.parametrize("size", [200 << 20, 512 << 20])
def test_zeros(path: Path, size: int) -> None:
    os.truncate(path, 0)
    os.truncate(path, size)  # sparse: takes no space
    for look in (Model, inspect):
        with harmless("zeros"), pytest.raises(ModelError, match=r"not an ONNX file|is larger than"):
            look(path)


@pytest.mark.parametrize("operator", forgery.foreign_operators())
def test_operators_that_are_not_ours(path: Path, operator: str) -> None:
    reason = refusal(path, sealed(forgery.foreign_operators()[operator]))
    assert reason == f"has the operator {operator!r}, which digits doesn't run"


@pytest.mark.parametrize("part", forgery.foreign_parts())
def test_parts_that_are_not_ours(path: Path, part: str) -> None:
    reason = refusal(path, sealed(forgery.foreign_parts()[part]))
    if part == "weights elsewhere":
        assert reason == "has external weights, which digits doesn't open"
    elif part == "an attribute":
        assert reason == "Flatten has the attribute 'x', which digits doesn't run"
    else:
        assert "that `digits export` never writes" in reason


@pytest.mark.parametrize("what", forgery.demanding())
def test_small_files_that_would_take_much(path: Path, what: str) -> None:
    other_reasons = {
        "padding": "the inputs or attributes of its Conv don't fit",
        "comparisons": "the inputs or attributes of its MaxPool don't fit",
        "nodes": "has more parts than a model of `digits export`",
    }
    much = "needs more memory or time than digits allows"
    assert refusal(path, sealed(forgery.demanding()[what])) == other_reasons.get(what, much)


def test_an_honest_network_of_others_is_run(path: Path) -> None:
    assert opens(path, "honest", sealed(forgery.honest()))


@pytest.fixture(params=LIARS)
def liar(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A network that answers as it should for blank frames alone; it can be opened."""
    path = tmp_path / "liar.onnx"
    path.write_bytes(sealed(LIARS[request.param]))
    assert Model(path).probabilities(np.zeros((1, 28, 28), np.uint8)).shape == (1, 10)
    return path


@pytest.mark.parametrize("batch", [1, 2, 300])
def test_liars_are_caught(liar: Path, batch: int) -> None:
    model = Model(liar)
    images = np.zeros((batch, 28, 28), np.uint8)
    images[-1] = 255
    with pytest.raises(ModelError, match=f"{liar} outputs invalid probabilities"):
        model.probabilities(images)


@pytest.mark.parametrize("command", ["predict", "read", "eval", "bench"])
@pytest.mark.parametrize("form", ["", "--json"])
def test_liars_end_a_command(
    run: Run, liar: Path, pictures: list[Path], tmp_path: Path, command: str, form: str
) -> None:
    if command == "eval":
        (tmp_path / "7").mkdir()
        shutil.copy(pictures[7], tmp_path / "7")
        arguments: list[object] = [liar, "--data", tmp_path]
    else:
        arguments = [liar] if command == "bench" else [pictures[7], "--model", liar]
    code, out, err = run(command, *arguments, *form.split())
    assert (code, out) == (1, "")
    assert err == f"error: {liar} outputs invalid probabilities\n"


def test_liars_end_the_workers_too(
    run: Run, liar: Path, pictures: list[Path], tmp_path: Path
) -> None:
    many = [shutil.copy(pictures[7], tmp_path / f"{number}.png") for number in range(33)]
    code, out, err = run("predict", *many, "--jobs", 2, "--model", liar)
    assert (code, out) == (1, "")
    assert err == f"error: {liar} outputs invalid probabilities\n"


def test_watch_goes_on_with_a_good_model_after_a_liar(pictures: list[Path], tmp_path: Path) -> None:
    inbox, results, liar = (tmp_path / name for name in ("inbox", "results.csv", "liar.onnx"))
    liar.write_bytes(sealed(LIARS["NaN"]))
    inbox.mkdir()
    for picture in pictures[:3]:
        shutil.copy(picture, inbox)
    command = [sys.executable, "-m", "digits", "watch", str(inbox), str(results)]
    done = subprocess.run([*command, "--model", str(liar)], capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.endswith("outputs invalid probabilities\n")
    assert "Traceback" not in done.stderr
    with results.open() as file:
        assert list(csv.DictReader(file)) == []
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout
        told = [process.stdout.readline() for _ in range(3)]
        process.send_signal(signal.SIGTERM)
    assert process.returncode == 0
    assert len(set(told)) == 3
    with results.open() as file:
        assert [row["digit"] for row in csv.DictReader(file)] == ["0", "1", "2"]
    assert sorted(os.listdir(tmp_path)) == ["inbox", "liar.onnx", "results.csv"]


def test_serve_outlives_a_liar(
    liar: Path, pictures: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    tensor = {"name": "images", "shape": [1, 1, 28, 28], "datatype": "UINT8"}
    bright, blank = (
        json.dumps({"inputs": [tensor | {"data": [ink] * 784}]}).encode() for ink in (255, 0)
    )
    infer, picture = "/v2/models/lenet5/infer", pictures[7].read_bytes()
    with TestClient(App(Settings(allowed_hosts="testserver"), Classifier(liar))) as client:
        for path, content in (("/predict", picture), ("/read", picture), (infer, bright)):
            answer = client.post(path, content=content)
            assert answer.status_code == 500
            assert answer.json() == {"error": "the model failed on this; the server's log says how"}
            said = capsys.readouterr().err
            sentence = f"error: {liar} outputs invalid probabilities (request "
            assert said.startswith(sentence) and said.count("\n") == 1
        assert client.post(infer, content=blank).status_code == 200
        assert client.get("/v2/health/live").json() == {"live": True}
