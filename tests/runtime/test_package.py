"""What `import digits` offers."""

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
    networks = ["model", "reader"]
    assert public == sorted(
        [
            *("predict", "predict_batch", "read", "read_frames", "reader_threshold", "threshold"),
            *networks,
        ]
    )


def test_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'digits' has no attribute 'Clasifier'"):
        digits.Clasifier  # noqa: B018
