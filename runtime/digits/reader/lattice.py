"""What the detector says of texts, by the paths through the symbols that it sees.

Y. LeCun et al., "Gradient-based learning applied to document recognition", 1998, section V. Each
detection may be a symbol or nothing; those that overlap exclude each other. A text is as likely as
all paths to it together.
"""

from collections import defaultdict
from collections.abc import Sequence
from heapq import nlargest

import numpy as np

from digits.inference.interface import SYMBOLS
from digits.reader.detections import Detections, Floats
from digits.reader.path import order_by_end

_MIN_SYMBOL = 1e-4  # of a detection's likeliest symbol: what is less likely leads to no likely text


def likely_texts(detections: Detections, beam: int) -> list[str]:
    """The likeliest texts, at most `beam`, by beam search.

    detections: what may be the symbols of a number.
    """
    ordered, earlier = order_by_end(detections)
    odds = np.exp(ordered.scores.clip(-30, 30))[:, None] * np.exp(ordered.symbols)
    texts: list[dict[str, float]] = [{"": 1.0}]  # after the first detections, and their weights
    for start, row in zip(earlier.tolist(), odds.tolist(), strict=True):
        following, floor = defaultdict(float, texts[-1]), _MIN_SYMBOL * max(row)
        for symbol, p in zip(SYMBOLS, row, strict=True):
            if p > floor:
                for text, weight in texts[start].items():
                    following[text + symbol] += weight * p
        texts.append(dict(nlargest(beam, following.items(), key=lambda item: item[1])))
    return [*texts[-1]]


def text_scores(detections: Detections, texts: Sequence[str]) -> Floats:
    """The logarithms of the texts' probabilities, by the forward algorithm: float64 [texts].

    detections: see `likely_texts`.
    """
    ordered, earlier = order_by_end(detections)
    length = max(map(len, texts), default=0)
    labels = np.zeros((len(texts), length), np.int64)
    for row, text in zip(labels, texts, strict=True):
        row[: len(text)] = [*map(SYMBOLS.index, text)]
    totals = [0.0]  # of all paths, whatever they read
    nodes = [np.where(np.arange(length + 1) < 1, 0.0, np.full((len(texts), length + 1), -np.inf))]
    for start, score, symbols in zip(earlier, ordered.scores, ordered.symbols, strict=True):
        reached = nodes[-1].copy()
        through = nodes[start][:, :-1] + score + symbols[labels]
        reached[:, 1:] = np.logaddexp(reached[:, 1:], through)
        nodes.append(reached)
        totals.append(np.logaddexp(totals[-1], totals[start] + score))
    ends = [len(text) for text in texts]
    return np.asarray(nodes[-1][np.arange(len(texts)), ends] - totals[-1])
