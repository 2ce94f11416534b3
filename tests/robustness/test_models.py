"""Mutated and forged model files of both kinds, also with valid checksums."""

import json
import shutil
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import onnx
import pytest

from digits.errors import ModelError
from digits.inference import metadata
from digits.inference.metadata import AnyMetadata
from digits.inference.model import Model
from digits.inference.model_file import BUNDLED, BUNDLED_READER, load
from digits.inference.reader_model import ReaderModel
from tests.conftest import Run
from tests.robustness import corpus, forgery, refused
from tests.robustness.forgery import sealed, sealed_reader
from tests.robustness.sandbox import harmless

EVIL_VALUES = (
    *("", "-1", "1e999", "nan", "9" * 5000, "\0", "{" * 100_000, "٣", "x" * 1_000_000),
    *("null", "[]", '{"a": NaN}', '{"a": 1e999}', '{"a":' * 900 + "1" + "}" * 900),
)


class Kind(NamedTuple):
    """A kind of model. use: loads a file and runs it, or raises ModelError."""

    raw: bytes
    metadata: AnyMetadata
    open: Callable[[Path], object]
    use: Callable[[Path], None]
    forged: refused.Refused

    def sealed(self, model: bytes) -> bytes:
        return metadata.add_metadata(model, self.metadata)

    def body(self) -> bytes:
        """Return the bundled file without metadata and checksum."""
        model = onnx.load_from_string(self.raw)
        model.ClearField("metadata_props")
        return bytes(model.SerializeToString())


def use_classifier(path: Path) -> None:
    for kernels in ("float", "integer"):
        model = Model(path, kernels=kernels)
        for ink in (0, 255):
            rows = model.probabilities(np.full((1, 28, 28), ink, np.uint8))
            assert (rows >= 0).all() and abs(rows.sum() - 1) < 1e-4


def use_reader(path: Path) -> None:
    reader = ReaderModel(path)
    noise = np.random.default_rng(0).integers(0, 256, (40, 70), np.uint8)
    for page in (noise, np.full((1, 1), 255, np.uint8)):
        assert all(np.isfinite(values).all() for values in reader.maps(page))


KINDS = {
    "classifier": Kind(forgery.RAW, forgery.METADATA, Model, use_classifier, refused.classifiers()),
    "reader": Kind(
        forgery.READER_RAW, forgery.READER_METADATA, ReaderModel, use_reader, refused.readers()
    ),
}
both_kinds = pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)


@pytest.fixture(scope="module", autouse=True)
def lazy_imports() -> None:
    """Load and run each kind, so that what they import lazily is there."""
    use_classifier(Path(BUNDLED))
    use_reader(Path(BUNDLED_READER))
    load(BUNDLED, AnyMetadata)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "model.onnx"


def is_accepted(kind: Kind, path: Path, name: str, raw: bytes) -> bool:
    """Return whether the model is loaded and run, or refused with a ModelError."""
    path.write_bytes(raw)
    with harmless(name):
        try:
            load(path, AnyMetadata)
            kind.use(path)
        except ModelError as error:
            assert str(path) in str(error) and "\n" not in str(error)
            return False
    return True


@both_kinds
def test_mutants_with_valid_checksum(kind: Kind, path: Path) -> None:
    mutants = corpus.all_mutants({"sealed": kind.body()}, 150)
    taken = {is_accepted(kind, path, name, kind.sealed(raw)) for name, raw in mutants}
    assert taken == {True, False}


@pytest.mark.parametrize(
    ("kind", "field"),
    [
        pytest.param(kind, field, id=f"{name} {field}")
        for name, kind in KINDS.items()
        for field in asdict(kind.metadata)
    ],
)
def test_forged_metadata(path: Path, run: Run, kind: Kind, field: str) -> None:
    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is not valid JSON")

    for value in EVIL_VALUES:
        change: Any = {field: value}
        forged = replace(kind.metadata, **change)
        raw = metadata.add_metadata(kind.raw, forged)
        if is_accepted(kind, path, f"{field} {value[:20]!r}", raw):
            code, out, _ = run("info", path, "--json")
            assert code == 0 or field in metadata.OBJECTS
            json.loads(out or "0", parse_constant=refuse)


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        pytest.param(kind, name, id=f"{title}: {name}")
        for title, kind in KINDS.items()
        for name in kind.forged
    ],
)
def test_forged_model_is_refused(
    path: Path, kind: Kind, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, reason = kind.forged[name]
    monkeypatch.setattr("digits.inference.model.MAX_SECONDS", 1.0)
    path.write_bytes(kind.sealed(model.SerializeToString()))
    with harmless(name), suppress(ModelError):
        load(path, AnyMetadata)
    with harmless(name, megabytes=2200), pytest.raises(ModelError) as raised:
        kind.open(path)
    assert str(path) in str(raised.value) and reason in str(raised.value)


def test_valid_foreign_models_run(path: Path) -> None:
    assert is_accepted(KINDS["classifier"], path, "honest", sealed(forgery.honest()))
    assert is_accepted(KINDS["reader"], path, "honest", sealed_reader(forgery.reader()))


def test_renamed_task_is_refused(path: Path) -> None:
    path.write_bytes(metadata.add_metadata(forgery.READER_RAW, forgery.METADATA))
    with pytest.raises(ModelError, match="has the operator|the input should be images"):
        Model(path)
    path.write_bytes(metadata.add_metadata(forgery.RAW, forgery.READER_METADATA))
    with pytest.raises(ModelError, match="the input should be page"):
        ReaderModel(path)


INVALID_OUTPUTS = forgery.invalid_outputs()


@pytest.mark.parametrize("invalid", INVALID_OUTPUTS)
def test_invalid_probabilities_raise_model_error(path: Path, invalid: str) -> None:
    path.write_bytes(sealed(INVALID_OUTPUTS[invalid]))
    model = Model(path)
    for batch in (1, 2, 300):
        images = np.zeros((batch, 28, 28), np.uint8)
        assert model.probabilities(images).shape == (batch, 10)
        images[-1] = 255
        with pytest.raises(ModelError, match=f"{path} outputs invalid probabilities"):
            model.probabilities(images)


@pytest.mark.parametrize("command", ["predict --jobs 2", "eval --data . --json"])
def test_command_fails_on_invalid_probabilities(
    run: Run,
    path: Path,
    pictures: list[Path],
    monkeypatch: pytest.MonkeyPatch,
    command: str,
) -> None:
    path.write_bytes(sealed(INVALID_OUTPUTS["NaN"]))
    monkeypatch.chdir(path.parent)
    Path("7").mkdir()
    many = [shutil.copy(pictures[7], f"7/{number}.png") for number in range(33)]
    arguments = [*command.split(), "--model", path]
    code, out, err = run(*arguments, *(many if "predict" in command else []))
    assert (code, out) == (1, "")
    assert err == f"error: {path} outputs invalid probabilities\n"
