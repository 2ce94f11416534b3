"""Mutated and forged reader files, also with valid checksums."""

import dataclasses
import pickle
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import ModelProto, TensorProto
from PIL import Image
from starlette.testclient import TestClient

from digits.classifier import Classifier
from digits.errors import ModelError, WrongTask
from digits.inference import metadata, protobuf
from digits.inference.model import Model
from digits.inference.model_file import BUNDLED, BUNDLED_READER, inspect
from digits.inference.reader_model import ReaderModel
from digits.serve.app import App
from digits.serve.settings import Settings
from tests.conftest import Run
from tests.robustness import corpus, forgery
from tests.robustness.forgery import READER_METADATA, READER_RAW, sealed_reader
from tests.robustness.sandbox import harmless
from tests.robustness.test_models import EVIL_VALUES

NOISE = np.random.default_rng(0).integers(0, 256, (40, 70), np.uint8)


def body() -> bytes:
    """Return the bundled reader without metadata and checksum."""
    parts = protobuf.fields(memoryview(READER_RAW), "")
    return READER_RAW[: next(start for number, start, _ in parts if number == 14)]


def is_accepted(path: Path, name: str, raw: bytes) -> bool:
    """Return whether the reader is loaded and run, or refused with a ModelError."""
    path.write_bytes(raw)
    with harmless(name):
        try:
            inspect(path)
            reader = ReaderModel(path)
            for page in (NOISE, np.full((1, 1), 255, np.uint8)):
                assert all(np.isfinite(values).all() for values in reader.maps(page))
        except ModelError as error:
            assert str(path) in str(error)
            assert "\n" not in str(error)
            return False
    return True


def refusal_reason(path: Path, raw: bytes) -> str:
    """Return the error with which both `ReaderModel` and `inspect` refuse the file."""
    path.write_bytes(raw)
    reasons = set()
    for look in (ReaderModel, inspect):
        with harmless("forged"), pytest.raises(ModelError) as raised:
            look(path)
        reasons.add(str(raised.value).replace(str(path), "").strip(" :"))
    [reason] = reasons
    return reason


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The path of a reader, after lazy imports: one has been loaded from it."""
    assert is_accepted(tmp_path / "reader.onnx", "bundled", READER_RAW)
    return tmp_path / "reader.onnx"


def test_mutated_readers_are_refused(path: Path) -> None:
    for name, raw in corpus.all_mutants({"reader": READER_RAW}, 100):
        assert raw == READER_RAW or not is_accepted(path, name, raw), name


def test_mutants_with_valid_checksum(path: Path) -> None:
    taken = {
        is_accepted(path, name, metadata.add_metadata(raw, READER_METADATA))
        for name, raw in corpus.all_mutants({"sealed": body()}, 100)
    }
    assert taken == {True, False}


@pytest.mark.parametrize("field", READER_METADATA._fields)
def test_forged_metadata(path: Path, run: Run, field: str) -> None:
    for value in EVIL_VALUES:
        changes: dict[str, Any] = {field: value}
        forged = metadata.add_metadata(READER_RAW, READER_METADATA._replace(**changes))
        if is_accepted(path, f"{field} {value[:20]!r}", forged):
            assert run("info", path)[0] == 0
            assert run("info", path, "--json")[0] == 0


@pytest.mark.parametrize("operator", forgery.reader_operators())
def test_foreign_operator_is_refused(path: Path, operator: str) -> None:
    reason = refusal_reason(path, sealed_reader(forgery.reader_operators()[operator]))
    assert reason == f"has the operator {operator!r}, which digits doesn't run"


@pytest.mark.parametrize("attribute", forgery.reader_attributes())
def test_foreign_attribute_is_refused(path: Path, attribute: str) -> None:
    reason = refusal_reason(path, sealed_reader(forgery.reader_attributes()[attribute]))
    assert reason.endswith(f"has the attribute {attribute!r}, which digits doesn't run")


@pytest.mark.parametrize("what", forgery.demanding_readers())
def test_demanding_reader_is_refused(path: Path, what: str) -> None:
    reason = refusal_reason(path, sealed_reader(forgery.demanding_readers()[what]))
    parts = "has more parts than a model of `digits export`"
    much = "needs more memory or time than digits allows"
    assert reason == (parts if what == "nodes" else much)


@pytest.mark.parametrize("what", forgery.misfit_readers())
def test_reader_whose_parts_do_not_fit_is_refused(path: Path, what: str) -> None:
    reason = refusal_reason(path, sealed_reader(forgery.misfit_readers()[what]))
    if what == "a window larger than the smallest page":
        assert reason == "invalid tensor 'c' of shape (-1, 1, 0, 0)"
    else:
        assert reason.endswith("don't fit")


def changed_interfaces() -> dict[str, ModelProto]:
    """Readers with other inputs or outputs."""
    made = {
        name: forgery.reader() for name in ("type", "name", "fixed", "missing", "more", "order")
    }
    graph = {name: model.graph for name, model in made.items()}
    graph["type"].input[0].type.tensor_type.elem_type = TensorProto.FLOAT
    graph["name"].input[0].name = "image"
    graph["fixed"].input[0].type.tensor_type.shape.dim[3].dim_value = 640
    del graph["missing"].output[2]
    graph["more"].output.append(graph["more"].output[0])
    first = graph["order"].output[0]
    del graph["order"].output[0]
    graph["order"].output.append(first)
    return made


@pytest.mark.parametrize("change", changed_interfaces())
def test_other_interface_is_refused(path: Path, change: str) -> None:
    reason = refusal_reason(path, sealed_reader(changed_interfaces()[change]))
    kind = "input" if change in ("type", "name", "fixed") else "output"
    assert reason.startswith(f"the {kind} should be ")


def test_output_of_another_stride_is_refused(path: Path) -> None:
    model = forgery.reader()
    [node] = [node for node in model.graph.node if node.output[0] == "boxes"]
    for attribute in node.attribute:
        if attribute.name == "strides":
            attribute.ints[:] = [2, 2]
    reason = refusal_reason(path, sealed_reader(model))
    assert reason == "doesn't output boxes of shape [4, 'rows', 'columns']"


def test_external_weights_are_refused(path: Path) -> None:
    model = onnx.load_from_string(READER_RAW)
    model.graph.initializer[0].external_data.add(key="location", value="/etc/passwd")
    reason = refusal_reason(path, sealed_reader(model))
    assert reason == "has external weights, which digits doesn't open"


def test_valid_foreign_reader_runs(path: Path) -> None:
    assert is_accepted(path, "honest", sealed_reader(forgery.reader()))


@pytest.mark.parametrize("invalid", forgery.invalid_maps())
def test_invalid_maps_raise_model_error(path: Path, invalid: str) -> None:
    path.write_bytes(sealed_reader(forgery.invalid_maps()[invalid]))
    if invalid == "NaN":  # whatever the page
        with pytest.raises(ModelError, match=f"{path} outputs invalid maps"):
            ReaderModel(path)
        return
    model = ReaderModel(path)
    assert model.maps(np.zeros((64, 64), np.uint8)).boxes.max() == 0
    with pytest.raises(ModelError, match=f"{path} outputs invalid maps"):
        model.maps(np.full((64, 64), 255, np.uint8))


def test_serve_survives_invalid_maps(
    path: Path, pictures: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    path.write_bytes(sealed_reader(forgery.invalid_maps()["infinite"]))
    bright = BytesIO()
    Image.new("L", (64, 64), 255).save(bright, "PNG")
    classifier = Classifier(reader=path)
    with TestClient(App(Settings(allowed_hosts="testserver"), classifier)) as client:
        answer = client.post("/read", content=bright.getvalue())
        assert answer.status_code == 500
        assert answer.json() == {"error": "the model failed; see the server's log"}
        said = capsys.readouterr().err
        assert said.startswith(f"error: {path} outputs invalid maps (request ")
        assert said.count("\n") == 1
        assert client.post("/predict", content=pictures[7].read_bytes()).json()["digit"] == 7


@pytest.mark.parametrize("opened", [Model, ReaderModel])
def test_each_kind_refuses_the_other(opened: Any) -> None:
    """Also if a forger renames one: the graph decides."""
    file, wrong = (BUNDLED_READER, "reader") if opened is Model else (BUNDLED, "classifier")
    needed = "classifier" if opened is Model else "reader"
    fitting = {
        "reader": "`digits read`, `digits eval --pages` and $DIGITS_READER",
        "classifier": "`digits predict`, `digits eval` and $DIGITS_MODEL",
    }
    with pytest.raises(WrongTask) as raised:
        opened(file)
    assert str(raised.value) == (
        f"can't use {file} as a {needed}: it is a {wrong}, for {fitting[wrong]}"
    )


def test_renamed_task_is_refused(path: Path) -> None:
    path.write_bytes(metadata.add_metadata(READER_RAW, forgery.METADATA))
    with pytest.raises(ModelError, match="has the operator|the input should be images"):
        Model(path)
    path.write_bytes(metadata.add_metadata(forgery.RAW, READER_METADATA))
    with pytest.raises(ModelError, match="the input should be page"):
        ReaderModel(path)


def test_unknown_task_is_refused(path: Path, run: Run) -> None:
    unknown: Any = "oracle"
    forged = dataclasses.replace(forgery.METADATA, task=unknown)
    path.write_bytes(metadata.add_metadata(forgery.RAW, forged))
    for opened in (Model, ReaderModel, inspect):
        with pytest.raises(ModelError, match="task is 'oracle', not classifier or reader"):
            opened(path)
    assert run("info", path)[0] == 1


def test_pickled_reader_refuses_a_replaced_file(path: Path) -> None:
    pickled = pickle.dumps(ReaderModel(path))
    path.write_bytes(forgery.RAW)
    with pytest.raises(ModelError, match="it is a classifier"):
        pickle.loads(pickled)
