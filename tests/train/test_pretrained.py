"""What a training starts from."""

import hashlib
from pathlib import Path

import pytest

from digits.errors import DigitsError
from digits.inference.model_file import BUNDLED
from digits_train.pretrained import load_pretrained
from digits_train.run import RunDir


@pytest.mark.slow
def test_run(trained_run: RunDir) -> None:
    for source in (trained_run.folder, trained_run.checkpoint, trained_run.state):
        architecture, model, sha256 = load_pretrained(source, None)
        assert (architecture, model.training) == ("lenet5", False)
        assert sha256 == hashlib.sha256(trained_run.checkpoint.read_bytes()).hexdigest()
    with pytest.raises(DigitsError, match="is a lenet5: a vgg16 can't start from its weights"):
        load_pretrained(trained_run.folder, "vgg16")


@pytest.mark.parametrize("source", ["missing", BUNDLED])
def test_what_is_no_checkpoint(source: str) -> None:
    with pytest.raises(DigitsError):
        load_pretrained(Path(source), None)
