"""Model files: where they come from, what they hold, and their SHA-256 if they are pinned."""

import hashlib
import os
import pickle
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from digits.errors import ModelError
from digits.inference.metadata import AnyMetadata, Metadata, ReaderMetadata, add_metadata
from digits.inference.model import Model
from digits.inference.model_file import BUNDLED, BUNDLED_READER, ModelFile, load, read_file
from digits.inference.reader_model import ReaderModel


class Kind(NamedTuple):
    """A kind of model file. variable: names the file, and with _SHA256 its checksum."""

    open: Callable[..., Any]
    bundled: ModelFile[Any]
    variable: str

    def changed(self, path: Path) -> Path:
        """An intact file with another SHA-256: its seed is 77."""
        about = replace(self.bundled.metadata, seed=77)
        path.write_bytes(add_metadata(self.bundled.content, about))
        return path


CLASSIFIER = Kind(Model, load(BUNDLED, Metadata), "DIGITS_MODEL")
READER = Kind(ReaderModel, load(BUNDLED_READER, ReaderMetadata), "DIGITS_READER")
both_kinds = pytest.mark.parametrize("kind", [CLASSIFIER, READER], ids=["classifier", "reader"])
OTHER = "0123456789abcdef" * 4


@both_kinds
def test_environment_names_the_file(
    kind: Kind, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = kind.changed(tmp_path / "mine.onnx")
    monkeypatch.setenv(kind.variable, str(path))
    assert kind.open().metadata.seed == 77
    monkeypatch.setenv(kind.variable, str(tmp_path / "gone.onnx"))
    with pytest.raises(ModelError, match=rf"gone.onnx \(\${kind.variable}\): no such model"):
        kind.open()
    assert kind.open(path).metadata.seed == 77


@both_kinds
def test_missing_file_folder_device_and_huge_file_are_refused(kind: Kind, tmp_path: Path) -> None:
    with (tmp_path / "huge.onnx").open("wb") as file:
        file.truncate(10 << 30)  # sparse: takes no space
    for path, reason in (
        (tmp_path / "missing.onnx", "no such model"),
        (tmp_path, "is no ONNX file: name one"),
        (Path(os.devnull), "is no ONNX file"),
        (tmp_path / "huge.onnx", "larger than any model"),
    ):
        with pytest.raises(ModelError, match=reason):
            kind.open(path)


@both_kinds
def test_only_the_pinned_file_is_accepted(kind: Kind, monkeypatch: pytest.MonkeyPatch) -> None:
    variable, name, sha256 = f"{kind.variable}_SHA256", kind.bundled.name, kind.bundled.sha256
    mismatch = f"{name} is the wrong model: its SHA-256 is {sha256}, not {OTHER}"
    kind.open(sha256=sha256.upper())
    with pytest.raises(ModelError, match=mismatch):
        kind.open(sha256=OTHER)
    monkeypatch.setenv(variable, OTHER)
    for open in (kind.open, partial(load, name, AnyMetadata)):
        with pytest.raises(ModelError, match=mismatch):
            open()
        open(sha256=sha256)  # an argument takes precedence
        open(sha256="")
    monkeypatch.setenv(variable, sha256.upper())
    kind.open()
    [unrelated] = {CLASSIFIER.variable, READER.variable} - {kind.variable}
    monkeypatch.setenv(f"{unrelated}_SHA256", OTHER)
    kind.open()
    load(name, AnyMetadata)


@both_kinds
def test_pickled_model_opens_its_source_again(kind: Kind, tmp_path: Path) -> None:
    """A worker process gets the bytes, or opens the file if it is still the pinned one."""
    path = kind.changed(tmp_path / "mine.onnx")
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    by_path, by_content = (
        pickle.dumps(kind.open(source, threads=2, sha256=sha256))
        for source in (path, read_file(path))
    )
    again = pickle.loads(by_path)
    assert (again.name, again.threads) == (str(path), 2)
    path.write_bytes(kind.bundled.content)
    assert pickle.loads(by_content).metadata.seed == 77
    with pytest.raises(ModelError, match=f"not {sha256}"):
        pickle.loads(by_path)
