"""What `import digits` offers."""

import pytest

import digits
from digits import errors, prediction
from digits.classifier import Classifier


def test_public_names() -> None:
    assert digits.Classifier is Classifier
    for name in ("Prediction", "Reading"):
        assert getattr(digits, name) is getattr(prediction, name)
    for name in ("DataError", "DigitsError", "ModelError", "PictureError"):
        assert getattr(digits, name) is getattr(errors, name)
    assert sorted(digits.__all__) == digits.__all__


def test_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'digits' has no attribute 'Clasifier'"):
        digits.__getattr__("Clasifier")
