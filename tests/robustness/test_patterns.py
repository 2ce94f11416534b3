"""No picture is so much work that reading it takes long, or much memory."""

import pytest

from tests.robustness.patterns import PATTERNS, costs

# Three times what is meant on a machine of 2020, of the processor.
PREDICT_SECONDS, READ_SECONDS = 3.0, 9.0
MEGABYTES = 400


@pytest.mark.parametrize("name", PATTERNS)
def test_costs_of_pattern(name: str) -> None:
    """Any exception but PictureError, and a box outside of the picture, fail it too."""
    predict, read, _, pace = costs(name)
    assert predict.seconds < PREDICT_SECONDS * pace
    assert read.seconds < READ_SECONDS * pace
    assert predict.megabytes < MEGABYTES
    assert read.megabytes < MEGABYTES
