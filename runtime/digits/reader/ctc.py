"""What a recognizer's output says of texts.

Connectionist temporal classification (A. Graves et al., ICML 2006): at each step the network says
a symbol or blank, and repeated symbols without a blank between them are one. A text is as likely
as all paths to it together.
"""

import math
from collections.abc import Sequence
from heapq import nlargest

import numpy as np

from digits.inference.interface import SYMBOLS
from digits.reader.detections import Floats, Integers

BLANK = len(SYMBOLS)  # the last class of a step
_MIN_SYMBOL = 1e-4  # of a step's likeliest class: what is less likely leads to no likely text
_SURELY_BLANK = 1e-5  # largest probability of a symbol
_TINY = 1e-300  # instead of zero, so that logarithms are finite


def without_pauses(output: Floats) -> Floats:
    """The steps that tell texts apart: of steps that are surely blank, the first of each run.

    output: see `likely_texts`.
    """
    is_symbol = output[:, :BLANK].max(1) > math.log(_SURELY_BLANK)
    return np.asarray(output[is_symbol | np.append(True, is_symbol)[:-1]])


def likely_texts(output: Floats, beam: int) -> list[str]:
    """The likeliest texts, at most `beam`, by prefix beam search.

    A. Hannun et al., "First-pass large vocabulary continuous speech recognition", 2014.

    output: float64 [steps, 13], log probabilities; see `CropReading`.
    """
    prefixes = {"": (1.0, 0.0)}  # probabilities of its paths that end with a blank, and that don't
    for row in np.exp(output).tolist():
        blank, floor = row[BLANK], _MIN_SYMBOL * max(row)
        likely = [(symbol, p) for symbol, p in zip(SYMBOLS, row, strict=False) if p > floor]
        following = {
            prefix: (
                (ended + open_) * blank,
                open_ * row[SYMBOLS.index(prefix[-1])] if prefix else 0.0,
            )
            for prefix, (ended, open_) in prefixes.items()
        }
        for prefix, (ended, open_) in prefixes.items():
            for symbol, p in likely:
                before = ended if prefix.endswith(symbol) else ended + open_
                with_blank, without = following.get(prefix + symbol, (0.0, 0.0))
                following[prefix + symbol] = with_blank, without + before * p
        kept = nlargest(beam, following.items(), key=lambda item: item[1][0] + item[1][1])
        largest = max(sum(kept[0][1]), _TINY)
        prefixes = {prefix: (a / largest, b / largest) for prefix, (a, b) in kept}
    return [*prefixes]


def text_scores(outputs: Floats, texts: Sequence[str]) -> Floats:
    """The logarithms of the texts' probabilities, by the forward algorithm: float64 [n, texts].

    outputs: float64 [n, steps, 13], see `likely_texts`.
    """
    length = max(map(len, texts), default=0)
    # Blank before, between and behind the symbols; texts that are shorter end with more of it.
    labels = np.full((len(texts), 2 * length + 1), BLANK)
    for row, text in zip(labels, texts, strict=True):
        row[1 : 2 * len(text) : 2] = [*map(SYMBOLS.index, text)]
    may_skip = np.zeros(labels.shape)  # the blank between two different symbols
    may_skip[:, 2:] = (labels[:, 2:] != BLANK) & (labels[:, 2:] != labels[:, :-2])
    reached = np.zeros((len(outputs), *labels.shape))
    reached[..., 0] = 1.0
    scales = np.zeros((len(outputs), 1))
    for probabilities in np.exp(outputs).swapaxes(0, 1):
        following = reached.copy()
        following[..., 1:] += reached[..., :-1]
        following[..., 2:] += reached[..., :-2] * may_skip[:, 2:]
        reached = following * probabilities[:, labels]
        largest = np.maximum(reached.max((1, 2), initial=0), _TINY)
        reached /= largest[:, None, None]
        scales += np.log(largest)[:, None]
    ends = np.array([2 * len(text) for text in texts], np.int64)
    rows = np.arange(len(texts))
    totals = reached[:, rows, ends] + reached[:, rows, np.maximum(ends - 1, 0)] * (ends > 0)
    return np.asarray(np.log(np.maximum(totals, _TINY)) + scales)


def align(output: Floats, text: str) -> Floats:
    """The middle of each symbol of a text on its likeliest path, in steps: float64 [len(text)].

    Viterbi's algorithm. output: see `likely_texts`.
    """
    labels = np.full(2 * len(text) + 1, BLANK)
    labels[1::2] = [*map(SYMBOLS.index, text)]
    may_skip = np.zeros(len(labels), bool)
    may_skip[2:] = (labels[2:] != BLANK) & (labels[2:] != labels[:-2])
    best = np.where(np.arange(len(labels)) < 1, 0.0, -np.inf)
    moves = list[Integers]()  # by how many labels a path came forward, at each step
    for row in output:
        skips = np.where(may_skip, np.roll(best, 2), -np.inf)
        candidates = np.stack([best, np.append(-np.inf, best[:-1]), skips])
        moves.append(candidates.argmax(0))
        best = candidates.max(0) + row[labels]
    label = len(best) - 1 if len(best) < 2 or best[-1] > best[-2] else len(best) - 2
    steps_of = np.zeros((len(output), len(labels)), bool)
    for step in range(len(output) - 1, -1, -1):
        steps_of[step, label] = True
        label -= int(moves[step][label])
    steps = np.arange(len(output))[:, None] + 0.5
    counts = np.maximum(steps_of.sum(0), 1)
    return np.asarray(((steps * steps_of).sum(0) / counts)[1::2])
