"""What bends strokes, and leaves gaps in them."""

import numpy as np
from scipy import ndimage

from digits_train.camera.scene import clouds
from digits_train.pixels import Bytes, Coverage, Random


def bend(image: Bytes, distance: float, random: Random, cell: float = 9) -> Bytes:
    """Displace ink smoothly, as another time it would be written: uint8 [height, width].

    distance: standard deviation, in pixels. cell: width of the bends. P. Simard et al., "Best
    practices for convolutional neural networks", ICDAR 2003.
    """
    shape = image.shape[0], image.shape[1]
    sources = np.indices(shape) + [distance * clouds(shape, random, cell) for _ in range(2)]
    return np.asarray(ndimage.map_coordinates(image, sources, order=1))


def grain(coverage: Coverage, random: Random, keep: float) -> Coverage:
    """Turn strokes into those of a pencil or chalk, which skip the hollows of the paper.

    keep: the share of the strokes that stays inked, below 1.
    """
    edges = float(np.abs(np.diff(coverage, axis=0)).sum() + np.abs(np.diff(coverage, axis=1)).sum())
    width = 2.5 * float(coverage.sum()) / max(edges, 1.0)
    texture = 0.8 * clouds(coverage.shape, random, max(1.0, width / 6))
    texture += 0.4 * clouds(coverage.shape, random, max(1.5, width / 1.5))
    # The pressure is greatest in the middle of a stroke.
    texture += 1.2 * ndimage.gaussian_filter(coverage, max(0.5, width / 6))
    ink = coverage > 0.5
    if not ink.any():
        return coverage
    level = float(np.quantile(texture[ink], 1 - keep))
    return np.asarray(coverage * np.clip((texture - level) / 0.5 + 0.5, 0, 1), np.float32)
