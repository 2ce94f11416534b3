from collections.abc import Callable

from digits.constraints.automaton import Product, State

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
