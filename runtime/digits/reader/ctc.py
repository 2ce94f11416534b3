"""What a recognizer's output says of texts: how likely those are that an automaton accepts.

Connectionist temporal classification (A. Graves et al., ICML 2006): at each step the network says
a symbol or blank, and repeated symbols without a blank between them are one. Paths that have led
to the same state of the automaton, and to the same last symbol, are one, with the sum of their
probabilities. With an automaton that spells its texts that is prefix beam search (A. Hannun et al.,
"First-pass large vocabulary continuous speech recognition", 2014).
"""

import math
from collections.abc import Sequence

import numpy as np

from digits.constraints.automaton import Automaton, State
from digits.inference.interface import SYMBOLS
from digits.reader.detections import Floats
from digits.reader.lattice import FLOOR, keep_likeliest, log_sum

_BLANK = ""
_TINY = 1e-300  # instead of zero, so that logarithms are finite


def accepted_states(steps: Floats, automaton: Automaton, beam: int) -> dict[State, float]:
    """The accepted states, with the logarithms of the probabilities of all paths to each.

    steps: float64 [n, 13], log probabilities; see `RecognizerModel.log_probabilities`.
    beam: how many states are kept at a step.
    """
    reached: dict[tuple[State, str], float] = {(automaton.start, _BLANK): 0.0}
    symbols, is_blank, blanks = [*SYMBOLS, _BLANK], True, 0.0
    for row, floor in zip(steps.tolist(), (steps.max(1) + FLOOR).tolist(), strict=True):
        likely = [(symbol, p) for symbol, p in zip(symbols, row, strict=True) if p > floor]
        was_blank, is_blank = is_blank, likely[0][0] == _BLANK
        if was_blank and is_blank:  # nothing happens at most steps
            blanks += row[-1]
            continue
        following: dict[tuple[State, str], float] = {}
        for (state, last), weight in reached.items():
            for symbol, p in likely:
                is_new = symbol not in (last, _BLANK)
                next_state = automaton.step(state, symbol) if is_new else state
                if next_state is not None:
                    key = next_state, symbol
                    following[key] = log_sum(following.get(key, -math.inf), weight + p)
        reached = keep_likeliest(following, beam)
    accepted: dict[State, float] = {}
    for (state, _), weight in reached.items():
        if automaton.accepts(state):
            accepted[state] = log_sum(accepted.get(state, -math.inf), weight + blanks)
    return accepted


def text_scores(steps: Floats, texts: Sequence[str]) -> list[float]:
    """The logarithms of the texts' probabilities, by the forward algorithm.

    steps: as for `accepted_states`.
    """
    length = max(map(len, texts), default=0)
    # Blank before, between and behind the symbols; texts that are shorter end with more of it.
    labels = np.full((len(texts), 2 * length + 1), len(SYMBOLS))
    for row, text in zip(labels, texts, strict=True):
        row[1 : 2 * len(text) : 2] = [*map(SYMBOLS.index, text)]
    may_skip = np.zeros_like(labels, np.float64)  # the blank between two different symbols
    may_skip[:, 2:] = (labels[:, 2:] != len(SYMBOLS)) & (labels[:, 2:] != labels[:, :-2])
    probabilities, scale = np.exp(steps)[:, labels], 0.0
    reached = np.zeros(labels.shape)
    reached[:, 0] = 1.0
    for row in probabilities:
        following = reached.copy()
        following[:, 1:] += reached[:, :-1]
        following[:, 2:] += reached[:, :-2] * may_skip[:, 2:]
        reached = following * row
        largest = max(reached.max(initial=0), _TINY)
        reached, scale = reached / largest, scale + math.log(largest)
    ends = np.array([2 * len(text) for text in texts], np.int64)[:, None]
    last = np.take_along_axis(reached, np.append(ends, np.maximum(ends - 1, 0), 1), 1)
    totals = last[:, 0] + last[:, 1] * (ends[:, 0] > 0)
    scores: list[float] = (np.log(np.maximum(totals, _TINY)) + scale).tolist()
    return scores
