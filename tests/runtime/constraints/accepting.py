"""What automata accept."""

from digits.constraints.automaton import Automaton, State


def accepts(automaton: Automaton, text: str) -> bool:
    state: State | None = automaton.start
    for symbol in text:
        if (state := automaton.step(state, symbol)) is None:
            return False
    return automaton.accepts(state)
