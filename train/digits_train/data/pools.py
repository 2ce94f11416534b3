"""What a network learns from beside the training digits."""

import math

import numpy as np

from digits.data.split import Split
from digits_train.camera.materials import make_materials
from digits_train.data import frames, unipen
from digits_train.data.digit_batches import Pool
from digits_train.experiment import Experiment
from digits_train.models.network import NONE
from digits_train.recipes import ClassifierRecipe

# The most frames of each kind: generating all of them takes six minutes.
MAX_FRAMES, MAX_OUTLIERS = 20_000, 12_000

# A short training needs fewer: each is shown so many times, and augmented differently each time.
_TIMES_SHOWN = 15
_FEWEST = 2000  # generated in half a minute
_OUTLIERS_PER_DIGIT = 0.25


def generate_pools(experiment: Experiment, digits: Split, own: Split | None = None) -> list[Pool]:
    """Generate what the recipe adds to the digits, and add one's own pictures.

    The same seed gives the same pictures. Raises DataError if a font can't be had.
    """
    recipe, seed = experiment.recipe, experiment.seed
    assert isinstance(recipe, ClassifierRecipe)

    def count(share: float, limit: int) -> int:
        uses = share * len(digits) * recipe.epochs
        return min(limit, max(_FEWEST, math.ceil(uses / _TIMES_SHOWN)))

    pools = []
    if recipe.draws:
        framed, others = count(recipe.frames, MAX_FRAMES), count(_OUTLIERS_PER_DIGIT, MAX_OUTLIERS)
        assert experiment.camera is not None
        counts = framed // 20, others // 3, others // 6
        materials = make_materials(unipen.load(), seed, experiment.camera, *counts)
        if recipe.frames:
            pools.append(Pool(*frames.draw_digits(materials, framed, [seed, 2]), recipe.frames))
        if recipe.outlier_weight:
            images = frames.draw_outliers(materials, others, [seed, 3])
            pools.append(Pool(images, np.full(others, NONE, np.uint8), _OUTLIERS_PER_DIGIT))
    if own is not None:
        pools.append(Pool(own.images, own.labels, recipe.own))
    return pools
