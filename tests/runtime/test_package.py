"""What `import digits` offers."""

import subprocess
import sys

import pytest

import digits
from digits import errors, prediction
from digits.classifier import Classifier
from digits.constraints.constraints import Constraints


def test_public_names() -> None:
    assert digits.Classifier is Classifier
    assert digits.Constraints is Constraints
    for name in ("Number", "Prediction", "Reading", "Symbol"):
        assert getattr(digits, name) is getattr(prediction, name)
    for name in ("DataError", "DigitsError", "ModelError", "PictureError"):
        assert getattr(digits, name) is getattr(errors, name)
    assert dir(digits) == sorted([*digits.__all__, "__version__"])
    public = [name for name in dir(Classifier()) if not name.startswith("_")]
    methods = ["predict", "predict_batch", "read", "read_frames"]
    assert public == sorted(["model", "reader", "threshold", *methods])
    with pytest.raises(AttributeError, match="module 'digits' has no attribute 'Clasifier'"):
        digits.Clasifier  # noqa: B018


def test_watching_needs_no_numpy_outside_its_worker() -> None:
    """For months, the process that watches would take 13 MB more."""
    code = (
        "import sys; import digits.watch.watcher, digits.cli;"
        "from digits.commands.options import NumberOptions;"
        "NumberOptions(length='6', pattern=r'\\d*', check='luhn').task(None);"
        "print('numpy' in sys.modules)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (result.stdout, result.stderr) == ("False\n", "")
