"""Hard negatives: the words and marks that a detector takes for numbers.

A. Shrivastava et al., "Training region-based object detectors with online hard example mining",
CVPR 2016, choose among the regions of a picture; here it is among what pictures are composed of.
"""

import numpy as np
import torch
from numpy.typing import NDArray

from digits_train.camera.ink import EM, Glyph
from digits_train.camera.materials import Materials
from digits_train.detection import cells
from digits_train.matching import predict_maps
from digits_train.models.network import BaseNetwork
from digits_train.pixels import Bytes, Random, paste

_HEIGHT = 20  # pixels of the letters
_STRIP = 48, 160  # pixels that hold a word of that height; longer ones are cut off
_PAPER, _INK = 230, 40  # grey values


def with_hard_negatives(
    materials: Materials, model: BaseNetwork, random: Random, tried: int = 2_000, limit: int = 200
) -> Materials:
    """Try the network on some texts and marks; return materials with the most misleading ones."""
    texts = [text for hand in materials.texts for text in hand] + [*materials.marks]
    indices = random.choice(len(texts), min(tried, len(texts)), replace=False)
    chosen = [texts[index] for index in indices]
    parts = [_scores(chosen[n : n + 100], model) for n in range(0, len(chosen), 100)]
    hardest = np.argsort(-np.concatenate(parts), kind="stable")[:limit]
    return materials._replace(hard=[chosen[index] for index in hardest])


def _scores(texts: list[Glyph], model: BaseNetwork) -> NDArray[np.float32]:
    """The largest log odds of a symbol in each text, except where there may be one: float32 [n]."""
    small = [text.scaled(_HEIGHT / EM) for text in texts]
    strips = torch.from_numpy(np.stack([_strip(text.coverage) for text in small]))
    centres = predict_maps(model, strips[:, None]).centres[:, 0].numpy()
    for text, heatmap in zip(small, centres, strict=True):
        for box in text.doubtful.tolist():
            heatmap[cells(box)] = -np.inf
    return np.asarray(centres.max((1, 2)), np.float32)


def _strip(coverage: Bytes) -> Bytes:
    """Ink on light paper."""
    ink = np.zeros(_STRIP, np.float32)
    paste(ink, coverage, 0, 0)
    return np.asarray(_PAPER - ink * (_PAPER - _INK) / 255, np.uint8)
