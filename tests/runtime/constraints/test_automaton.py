import math
from collections.abc import Callable

import pytest

from digits.constraints.automaton import Product, Range, State
from digits.inference.interface import SYMBOLS

OTHERS = 10_001  # states, which are more than a product remembers


class Interrupted(int):
    """A state at whose lookup something else happens, as in another thread."""

    happens: Callable[[], None] | None = None

    def __hash__(self) -> int:
        happens, Interrupted.happens = Interrupted.happens, None
        if happens:
            happens()
            Interrupted.happens = happens
        return super().__hash__()


class Counting:
    """Counts symbols, with the states of whoever asks."""

    start: State = Interrupted()

    def step(self, state: State, symbol: str) -> State | None:
        assert isinstance(state, int)
        return type(state)(state + 1)

    def accepts(self, state: State) -> bool:
        return True


def test_threads_may_share_what_a_product_remembers() -> None:
    """Another one forgets all of it between any two lookups of this one."""
    product = Product([Counting()], 1, 9, ignored="")

    def ask_of_others() -> None:
        for state in range(OTHERS):
            product.step((0, 10 + state), "1")

    Interrupted.happens = ask_of_others
    try:
        assert product.step(product.start, "1") == (1, 1)
    finally:
        Interrupted.happens = None


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
