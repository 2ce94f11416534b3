"""Model files: where they come from, what they hold, and their SHA-256 if they are pinned."""

import os
import pickle
import shutil
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import onnx
import pytest
from onnx import GraphProto

from digits.errors import ModelError
from digits.inference.detector_model import DetectorModel
from digits.inference.metadata import AnyMetadata, ClassifierMetadata, add_metadata
from digits.inference.model import ClassifierModel
from digits.inference.model_file import (
    BUNDLED,
    BUNDLED_DETECTOR,
    BUNDLED_RECOGNIZER,
    ModelBytes,
    check,
    load,
    read_file,
)
from digits.inference.recognizer_model import RecognizerModel
from tests.onnx_files import DETECTOR_RAW, as_detector, classifier, sealed

Open = Callable[..., Any]
# Of each kind: the variable that names the file, and with _SHA256 its checksum; the bundled one.
KINDS: list[tuple[Open, str, str]] = [
    (ClassifierModel, "DIGITS_MODEL", BUNDLED),
    (DetectorModel, "DIGITS_DETECTOR", BUNDLED_DETECTOR),
    (RecognizerModel, "DIGITS_RECOGNIZER", BUNDLED_RECOGNIZER),
]
OTHER = "0123456789abcdef" * 4


@pytest.mark.parametrize(("kind", "variable", "bundled"), KINDS)
def test_environment_names_the_file(
    kind: Open, variable: str, bundled: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert kind().name == bundled
    mine = shutil.copy(bundled, str(tmp_path / "mine.onnx"))
    monkeypatch.setenv(variable, mine)
    assert kind().name == mine
    monkeypatch.setenv(variable, str(tmp_path / "gone.onnx"))
    with pytest.raises(ModelError, match=rf"gone.onnx \(\${variable}\): no such model"):
        kind()
    monkeypatch.setenv(variable, str(tmp_path))
    with pytest.raises(ModelError, match=rf" \(\${variable}\) is no ONNX file"):
        kind()
    assert kind(bundled).name == bundled


def test_folder_device_and_huge_file_are_refused(tmp_path: Path) -> None:
    with (tmp_path / "huge.onnx").open("wb") as file:
        file.truncate((128 << 20) + 1)  # sparse: takes no space
    for path, reason in (
        (Path(os.devnull), "is no ONNX file: name one"),
        (tmp_path / "huge.onnx", "larger than any model"),
    ):
        with pytest.raises(ModelError, match=reason):
            read_file(path)


def with_width(graph: GraphProto) -> None:
    graph.input[0].type.tensor_type.shape.dim[3].dim_value = 640


@pytest.mark.parametrize(
    ("edit", "reason"),
    [
        (with_width, "the input should be page, .* not page, .*, 640]"),
        (lambda graph: graph.output.pop(), "the output should be centres, "),
        (lambda graph: graph.output.append(graph.output.pop(0)), "the output should be centres, "),
    ],
)
def test_other_inputs_and_outputs_are_refused(
    edit: Callable[[GraphProto], object], reason: str
) -> None:
    model = onnx.load_from_string(DETECTOR_RAW)
    edit(model.graph)
    source = ModelBytes("it", as_detector(model.SerializeToString()))
    with pytest.raises(ModelError, match=f"^it: {reason}"):
        check(source, AnyMetadata)
    batch = ModelBytes("it", sealed(classifier("Flatten<axis = 0>")))  # all digits in one row
    with pytest.raises(ModelError, match=r"output should be probabilities, .* not .* \[1, 10\]"):
        check(batch, AnyMetadata)


@pytest.mark.parametrize(("kind", "variable", "name"), KINDS)
def test_only_the_pinned_file_is_accepted(
    kind: Open, variable: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    sha256 = load(name, AnyMetadata).sha256
    mismatch = f"{name} is the wrong model: its SHA-256 is {sha256}, not {OTHER}"
    with pytest.raises(ModelError, match=mismatch):
        kind(sha256=OTHER)
    for _, other, _ in KINDS:
        monkeypatch.setenv(f"{other}_SHA256", sha256 if other != variable else OTHER)
    for open in (kind, partial(load, name, AnyMetadata)):
        with pytest.raises(ModelError, match=mismatch):
            open()
        open(sha256=sha256.upper())  # an argument takes precedence
        open(sha256="")
    monkeypatch.setenv(f"{variable}_SHA256", sha256)
    load(name, AnyMetadata)


def test_pickled_model_opens_its_source_again(tmp_path: Path) -> None:
    """A worker process gets the bytes, or opens the file if it is still the pinned one."""
    bundled, path = load(BUNDLED, ClassifierMetadata), tmp_path / "mine.onnx"
    path.write_bytes(add_metadata(bundled.content, replace(bundled.metadata, seed=77)))
    sha256 = load(path, ClassifierMetadata).sha256
    by_path = pickle.dumps(ClassifierModel(path, threads=2, sha256=sha256))
    by_content = pickle.dumps(ClassifierModel(read_file(path), sha256=sha256))
    again = pickle.loads(by_path)
    assert (again.name, again.threads) == (str(path), 2)
    path.write_bytes(bundled.content)
    assert pickle.loads(by_content).metadata.seed == 77
    with pytest.raises(ModelError, match=f"not {sha256}"):
        pickle.loads(by_path)
