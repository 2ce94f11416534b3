"""What a training starts from: a run, or the file of an exported or bundled network."""

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from digits.errors import DigitsError, ModelError
from digits.inference import metadata
from digits.inference.model_file import BUNDLED, load
from digits_train.run import RunDir
from digits_train.start import load_start


@pytest.mark.slow
def test_bundled_file_and_run(trained_run: RunDir) -> None:
    for source, file in (
        (None, Path(BUNDLED)),
        (trained_run.folder, trained_run.checkpoint),
        (trained_run.state, trained_run.checkpoint),
    ):
        architecture, model, sha256 = load_start(source, None)
        assert (architecture, model.training) == ("lenet5", False)
        assert sha256 == hashlib.sha256(file.read_bytes()).hexdigest()


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (None, "no vgg16 is bundled: name a run, or an exported ONNX file"),
        (Path(BUNDLED), "is a lenet5: a vgg16 can't start from its weights"),
        (Path("missing.onnx"), "missing.onnx: no such model"),
    ],
)
def test_unusable_sources(source: Path | None, message: str) -> None:
    with pytest.raises(DigitsError, match=message):
        load_start(source, "vgg16")


def test_other_exported_files(tmp_path: Path) -> None:
    path, about = tmp_path / "own.onnx", load(BUNDLED, metadata.ClassifierMetadata).metadata
    other = replace(about, architecture="vgg16")  # of pairs with the same key, the last counts
    path.write_bytes(metadata.add_metadata(Path(BUNDLED).read_bytes(), other))
    with pytest.raises(ModelError, match="own.onnx is a vgg16: only its run can be a start, not"):
        load_start(path, None)
