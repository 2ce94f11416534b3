"""Hard negatives: the words and marks that a detector takes for numbers.

A. Shrivastava et al., "Training region-based object detectors with online hard example mining",
CVPR 2016, choose among the regions of a picture; here it is among what pictures are composed of.
"""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from digits_train.camera.ink import EM, Glyph
from digits_train.camera.materials import Materials
from digits_train.models import DetectorNetwork
from digits_train.pixels import Bytes, Random, paste
from digits_train.symbols import cells

_HEIGHT = 20  # pixels of the letters
_STRIP = 48, 160  # pixels that hold a word of that height; longer ones are cut off
_PAPER, _INK = 230, 40  # grey values


def with_hard(materials: Materials, indices: Sequence[int]) -> Materials:
    """Materials in which these texts and marks are the hard ones."""
    texts = _texts(materials)
    return materials._replace(hard=[texts[index] for index in indices])


def find_hard(
    materials: Materials,
    model: DetectorNetwork,
    random: Random,
    tried: int = 2_000,
    limit: int = 200,
) -> list[int]:
    """Try the network on some texts and marks; return the indices of the most misleading ones."""
    texts = _texts(materials)
    indices = random.choice(len(texts), min(tried, len(texts)), replace=False)
    batches = [indices[start : start + 100] for start in range(0, len(indices), 100)]
    scores = [_scores([texts[index] for index in batch], model) for batch in batches]
    hardest = np.argsort(-np.concatenate(scores), kind="stable")[:limit]
    return [int(index) for index in indices[hardest]]


def _texts(materials: Materials) -> list[Glyph]:
    return [text for hand in materials.texts for text in hand] + [*materials.marks]


def _scores(texts: list[Glyph], model: DetectorNetwork) -> NDArray[np.float32]:
    """The largest log odds of a symbol in each text, except where there may be one: float32 [n]."""
    small = [text.scaled(_HEIGHT / EM) for text in texts]
    strips = torch.from_numpy(np.stack([_strip(text.coverage) for text in small]))
    centres = model.predict(strips[:, None]).centres[:, 0].numpy()
    for text, heatmap in zip(small, centres, strict=True):
        for box in text.doubtful.tolist():
            heatmap[cells(box)] = -np.inf
    return np.asarray(centres.max((1, 2)), np.float32)


def _strip(coverage: Bytes) -> Bytes:
    """Ink on light paper."""
    ink = np.zeros(_STRIP, np.float32)
    paste(ink, coverage, 0, 0)
    return np.asarray(_PAPER - ink * (_PAPER - _INK) / 255, np.uint8)
