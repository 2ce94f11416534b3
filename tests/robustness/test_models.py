"""Mutated and forged ONNX files, also with valid checksums."""

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
from typing import Any

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

GRAPH, MAX_FIELDS = 7, 1024  # number of ModelProto's field; fields that are parsed
EVIL_VALUES = ("", "-1", "1e999", "nan", "9" * 5000, "\0", "{" * 100_000, "٣", "x" * 1_000_000)
INVALID_OUTPUTS = forgery.invalid_outputs()


def body() -> bytes:
    """Return the bundled model without metadata and checksum."""
    start = next(start for number, start, _ in protobuf.fields(memoryview(RAW), "") if number == 14)
    return RAW[:start]


def is_accepted(path: Path, name: str, raw: bytes) -> bool:
    """Return whether the model is loaded and run, or refused with a ModelError."""
    path.write_bytes(raw)
    with harmless(name):
        try:
            inspect(path)
            for kernels in ("float", "integer"):
                model = Model(path, kernels=kernels)
                for ink in (0, 255):
                    rows = model.probabilities(np.full((1, 28, 28), ink, np.uint8))
                    assert (rows >= 0).all() and abs(rows.sum() - 1) < 1e-4
            with suppress(ModelError):  # it may have no feature maps
                feature_maps(model, np.full((28, 28), 255, np.uint8), 2)
        except ModelError as error:
            assert str(path) in str(error)
            assert "\n" not in str(error)
            return False
    return True


def refusal_reason(path: Path, raw: bytes) -> str:
    """Return the error with which both `Model` and `inspect` refuse the file, without its path."""
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
    """The path of a model, after lazy imports: one has been loaded from it."""
    assert is_accepted(tmp_path / "model.onnx", "bundled", RAW)
    return tmp_path / "model.onnx"


def test_mutated_models_are_refused(path: Path) -> None:
    for name, raw in corpus.all_mutants({"model": RAW}, 300):
        assert raw == RAW or not is_accepted(path, name, raw), name


def test_mutants_with_valid_checksum(path: Path) -> None:
    taken = {
        is_accepted(path, name, metadata.add_metadata(raw, METADATA))
        for name, raw in corpus.all_mutants({"sealed": body()}, 200)
    }
    assert taken == {True, False}


def fields(message: bytes) -> list[tuple[int, bytes]]:
    """Return the number and the bytes of each field."""
    found = protobuf.fields(memoryview(message), "", MAX_FIELDS)
    starts = [(number, start) for number, start, _ in found]
    ends = [start for _, start in starts[1:]] + [len(message)]
    return [(number, message[start:end]) for (number, start), end in zip(starts, ends, strict=True)]


def with_changed_fields() -> Iterator[tuple[str, bytes]]:
    """Yield the model with one field of it or of its graph missing, repeated or empty."""
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


def test_missing_empty_and_repeated_fields(path: Path) -> None:
    taken = {
        is_accepted(path, name, metadata.add_metadata(raw, METADATA))
        for name, raw in with_changed_fields()
    }
    assert taken == {True, False}


@pytest.mark.parametrize("field", [field.name for field in dataclasses.fields(METADATA)])
def test_forged_metadata(path: Path, run: Run, field: str) -> None:
    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is not valid JSON")

    for value in (*EVIL_VALUES, '{"a": NaN}', '{"a": 1e999}', '{"a":' * 900 + "1" + "}" * 900):
        changes: dict[str, Any] = {field: value}
        forged = dataclasses.replace(METADATA, **changes)
        if is_accepted(path, f"{field} {value[:20]!r}", metadata.add_metadata(RAW, forged)):
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
        b"\x0b\x0c",  # groups, a deprecated wire type
        metadata.add_metadata(b"", METADATA),
        metadata.add_metadata(b"ORTM" + bytes(100), METADATA),
        metadata.add_metadata(protobuf.bytes_field(GRAPH, b"\x3a\0" * 10_000), METADATA),
        RAW[:-1],
        RAW + RAW,
    ],
)
def test_malformed_file_is_refused(path: Path, raw: bytes) -> None:
    assert not is_accepted(path, "odd", raw)


@pytest.mark.parametrize("size", [200 << 20, 512 << 20])
def test_large_file_of_zeros_is_refused(path: Path, size: int) -> None:
    os.truncate(path, 0)
    os.truncate(path, size)  # a sparse file
    for look in (Model, inspect):
        with harmless("zeros"), pytest.raises(ModelError, match=r"not an ONNX file|is larger than"):
            look(path)


@pytest.mark.parametrize("operator", forgery.foreign_operators())
def test_foreign_operator_is_refused(path: Path, operator: str) -> None:
    reason = refusal_reason(path, sealed(forgery.foreign_operators()[operator]))
    assert reason == f"has the operator {operator!r}, which digits doesn't run"


@pytest.mark.parametrize("part", forgery.foreign_parts())
def test_foreign_model_part_is_refused(path: Path, part: str) -> None:
    reason = refusal_reason(path, sealed(forgery.foreign_parts()[part]))
    if part == "weights elsewhere":
        assert reason == "has external weights, which digits doesn't open"
    elif part == "an attribute":
        assert reason == "Flatten has the attribute 'x', which digits doesn't run"
    else:
        assert "that `digits export` never writes" in reason


@pytest.mark.parametrize("what", forgery.demanding())
def test_demanding_model_is_refused(path: Path, what: str) -> None:
    other_reasons = {
        "padding": "the inputs or attributes of its Conv don't fit",
        "comparisons": "the inputs or attributes of its MaxPool don't fit",
        "nodes": "has more parts than a model of `digits export`",
    }
    much = "needs more memory or time than digits allows"
    assert refusal_reason(path, sealed(forgery.demanding()[what])) == other_reasons.get(what, much)


def test_valid_foreign_network_runs(path: Path) -> None:
    assert is_accepted(path, "honest", sealed(forgery.honest()))


@pytest.fixture(params=INVALID_OUTPUTS)
def invalid_model(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A model that loads, and outputs valid probabilities only for blank images."""
    path = tmp_path / "invalid.onnx"
    path.write_bytes(sealed(INVALID_OUTPUTS[request.param]))
    assert Model(path).probabilities(np.zeros((1, 28, 28), np.uint8)).shape == (1, 10)
    return path


@pytest.mark.parametrize("batch", [1, 2, 300])
def test_invalid_probabilities_raise_model_error(invalid_model: Path, batch: int) -> None:
    model = Model(invalid_model)
    images = np.zeros((batch, 28, 28), np.uint8)
    images[-1] = 255
    with pytest.raises(ModelError, match=f"{invalid_model} outputs invalid probabilities"):
        model.probabilities(images)


@pytest.mark.parametrize("command", ["predict", "eval", "bench"])
@pytest.mark.parametrize("form", ["", "--json"])
def test_command_fails_on_invalid_probabilities(
    run: Run, invalid_model: Path, pictures: list[Path], tmp_path: Path, command: str, form: str
) -> None:
    if command == "eval":
        (tmp_path / "7").mkdir()
        shutil.copy(pictures[7], tmp_path / "7")
        arguments: list[object] = [invalid_model, "--data", tmp_path]
    else:
        arguments = (
            [invalid_model] if command == "bench" else [pictures[7], "--model", invalid_model]
        )
    code, out, err = run(command, *arguments, *form.split())
    assert (code, out) == (1, "")
    assert err == f"error: {invalid_model} outputs invalid probabilities\n"


def test_workers_fail_on_invalid_probabilities(
    run: Run, invalid_model: Path, pictures: list[Path], tmp_path: Path
) -> None:
    many = [shutil.copy(pictures[7], tmp_path / f"{number}.png") for number in range(33)]
    code, out, err = run("predict", *many, "--jobs", 2, "--model", invalid_model)
    assert (code, out) == (1, "")
    assert err == f"error: {invalid_model} outputs invalid probabilities\n"


def test_watch_continues_after_invalid_probabilities(pictures: list[Path], tmp_path: Path) -> None:
    inbox, results, invalid_model = (
        tmp_path / name for name in ("inbox", "results.csv", "invalid.onnx")
    )
    invalid_model.write_bytes(sealed(INVALID_OUTPUTS["NaN"]))
    inbox.mkdir()
    for picture in pictures[:3]:
        shutil.copy(picture, inbox)
    command = [sys.executable, "-m", "digits", "watch", str(inbox), str(results)]
    done = subprocess.run([*command, "--model", str(invalid_model)], capture_output=True, text=True)
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
    assert sorted(os.listdir(tmp_path)) == ["inbox", "invalid.onnx", "results.csv"]


def test_serve_survives_invalid_probabilities(
    invalid_model: Path, pictures: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    tensor = {"name": "images", "shape": [1, 1, 28, 28], "datatype": "UINT8"}
    bright, blank = (
        json.dumps({"inputs": [tensor | {"data": [ink] * 784}]}).encode() for ink in (255, 0)
    )
    infer, picture = "/v2/models/lenet5/infer", pictures[7].read_bytes()
    with TestClient(App(Settings(allowed_hosts="testserver"), Classifier(invalid_model))) as client:
        for path, content in (("/predict", picture), (infer, bright)):
            answer = client.post(path, content=content)
            assert answer.status_code == 500
            assert answer.json() == {"error": "the model failed; see the server's log"}
            said = capsys.readouterr().err
            message = f"error: {invalid_model} outputs invalid probabilities (request "
            assert said.startswith(message) and said.count("\n") == 1
        assert client.post(infer, content=blank).status_code == 200
        assert client.get("/v2/health/live").json() == {"live": True}
