"""What `import digits` offers."""

from importlib.metadata import version

import pytest

import digits
from digits import errors, prediction
from digits.classifier import Classifier
from digits.constraints.constraints import Constraints


def test_version_is_that_of_the_distribution() -> None:
    assert digits.__version__ == version("digits")


def test_public_names() -> None:
    expected = {
        "Classifier": Classifier,
        "Constraints": Constraints,
        "__version__": digits.__version__,
    }
    for name in ("Number", "Prediction", "Reading", "Symbol"):
        expected[name] = getattr(prediction, name)
    for name in ("DataError", "DigitsError", "ModelError", "PictureError"):
        expected[name] = getattr(errors, name)
    assert {name: getattr(digits, name) for name in dir(digits)} == expected
    public = [name for name in dir(Classifier()) if not name.startswith("_")]
    methods = ["predict", "predict_batch", "read", "read_frames"]
    assert public == sorted(["model", "reader", "threshold", *methods])
    with pytest.raises(AttributeError, match="module 'digits' has no attribute 'Clasifier'"):
        digits.Clasifier  # noqa: B018
