import math

import pytest

from digits.constraints.automaton import Range
from digits.inference.interface import SYMBOLS


@pytest.mark.parametrize("bounds", [(0, 99_999), (-5, 12.5), (104_320, 104_370), (1e19, math.inf)])
def test_range_has_few_states(bounds: tuple[float, float]) -> None:
    automaton = Range(*bounds)
    pending, known = [automaton.start], {automaton.start}
    while pending and len(known) < 1000:
        state = pending.pop()
        following = {automaton.step(state, symbol) for symbol in SYMBOLS} - known - {None}
        known |= following
        pending += following
    assert len(known) < 300
