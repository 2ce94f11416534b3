"""No image takes excessive time or memory to read."""

import pytest

from tests.robustness.patterns import PATTERNS, costs

MEGABYTES = 400


@pytest.mark.parametrize("name", PATTERNS)
def test_pattern_stays_within_limits(name: str) -> None:
    """`costs` also fails on excessive processor time, wrong boxes and unexpected exceptions."""
    predict, read, _ = costs(name)
    assert predict.megabytes < MEGABYTES
    assert read.megabytes < MEGABYTES
