"""Cut the ink of digits out of a page."""

import numpy as np

from digits.images.grey import Grey
from digits.reader.detections import Floats
from digits.vision.components import ink_box
from digits.vision.ink import Ink

_MARGIN = 0.03  # of a box's sides, for ends of strokes that it cuts off
_AROUND = 0.25  # of the longer side: most of the pixels so near a digit are paper
_QUANTILES = np.array([0.05, 0.5, 0.95])  # of dark ink, paper and light ink
_FAINT = 0.15  # of full ink: the paper's grain and its lines


def cut_inks(page: Grey, boxes: Floats) -> list[Ink]:
    """Cut the ink out of each box: uint8, 255 = full ink, cropped to its edges; else empty.

    page: uint8 [height, width]. boxes: float64 [n, 4]. Whether ink is dark or light is what most of
    the contrast in all boxes says.
    """
    sides = boxes[:, 2:] - boxes[:, :2]
    levels = np.zeros((len(boxes), len(_QUANTILES)))  # of what is around each box
    for index, pixels in enumerate(_cut(page, boxes, _AROUND * sides.max(1, keepdims=True))):
        places = (_QUANTILES * (pixels.size - 1)).astype(int)
        levels[index] = np.partition(pixels, places, axis=None)[places]
    dark, paper, light = levels.T
    is_dark = (paper - dark).sum() >= (light - paper).sum()
    contrast = dark - paper if is_dark else light - paper
    cut = zip(_cut(page, boxes, _MARGIN * sides), paper, contrast, strict=True)
    return [_ink((pixels - middle) / (full or 1)) for pixels, middle, full in cut]


def _cut(page: Grey, boxes: Floats, margins: Floats) -> list[Grey]:
    """What is in boxes with margins; at least a pixel of each side."""
    sides = np.array(page.shape[::-1])
    near = np.floor(boxes[:, :2] - margins).clip(0, sides - 1).astype(int)
    far = np.ceil(boxes[:, 2:] + margins).clip(near + 1, sides).astype(int)
    corners = np.concatenate([near, far], 1).tolist()
    return [page[top:bottom, left:right] for left, top, right, bottom in corners]


def _ink(relative: Floats) -> Ink:
    """relative: float64 [h, w]; 0 is paper, 1 what is darkest nearby, or lightest."""
    ink = relative.clip(0)
    full = np.partition(ink, last := int(0.95 * (ink.size - 1)), axis=None)[last]
    if not full:
        return np.zeros((0, 0), np.uint8)
    ink[ink < _FAINT * full] = 0
    return np.asarray(ink[ink_box(ink).pixels] * (255 / ink.max()), np.uint8)
