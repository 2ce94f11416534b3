"""Fit the weights that rank hypotheses: python -m digits_train.fit_ranker

Writes runtime/digits/vision/weights.py. The pictures are those of the synthetic camera
(digits_train/camera/single.py), with the first half of MNIST's validation digits and training's
fonts: of one digit, of several and of none.
"""

import math
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import softmax

from digits.data import mnist
from digits.images import picture
from digits.inference.model import ClassifierModel
from digits.inference.model_file import BUNDLED
from digits.terminal import track
from digits.vision import ranker, weights
from digits.vision.candidates import Candidates, examine_by_classifier, examine_inverted
from digits.vision.hypotheses import MAX_OF_BOTH_POLARITIES
from digits_train.camera import FITTED, single
from digits_train.camera.materials import Materials, make_materials
from digits_train.camera.single import SEVERAL

PICTURES = 4_000  # with half as many, other pictures are 0.1 % less likely
GLYPHS, TEXTS = 4_000, 4_000  # that they are written with
TABLE = Path(weights.__file__)
HEADER = '''"""Weights of the features that rank hypotheses, in the order of `ranker.features`.

Written by `python -m digits_train.fit_ranker`, which fits them on synthetic pictures.
"""

'''
_SEED = 7
_SHARES = {"digit": 0.65, "several": 0.1, "other": 0.19, "blank": 0.06}
# How much a picture of each label counts: people mostly send digits.
_WEIGHTS = np.array([1.0] * 10 + [0.4, 0.1])
_RIDGE = 1e-4  # of the squared weights; features that are nearly alike share their weight

Floats = NDArray[np.float64]


class Samples(NamedTuple):
    """What the ranker sees of n pictures, and what it should make of them.

    Between k alternatives it has to choose: the hypotheses, "several digits" and "none".

    labels: int64 [n], 0 to 9, SEVERAL or NONE. features: float64 [n, k, features], those of
    `ranker.FEATURES`, then of `ranker.SEVERAL_FEATURES`. exist: bool [n, k]. fits: float64 [n, k],
    how well an alternative explains the label.
    """

    labels: NDArray[np.int64]
    features: Floats
    exist: NDArray[np.bool_]
    fits: Floats


def samples(materials: Materials, seeds: Iterable[int]) -> Samples:
    """The pictures with these seeds, each examined in one polarity and in both."""
    model, drawn = ClassifierModel(BUNDLED), []
    for seed in seeds:
        random = np.random.default_rng([_SEED, seed])
        example = single.draw(_SHARES, random, materials)
        [alone] = examine_by_classifier(
            model, [picture.load(example.pixels)], min_confidence=math.inf
        )
        # `examine` starts with the one, and goes on with the other.
        for candidates in (alone, examine_inverted(model, alone)):
            if candidates.hypotheses:
                drawn.append((example.label, *_alternatives(candidates, example.label)))
    labels, features, exist, fits = (np.array(column) for column in zip(*drawn, strict=True))
    return Samples(labels, features, exist > 0, fits)


def _alternatives(candidates: Candidates, label: int) -> tuple[Floats, Floats, Floats]:
    """The features, existence and fits of one picture's alternatives."""
    count, split = len(candidates.hypotheses), len(ranker.FEATURES)
    features = np.zeros((MAX_OF_BOTH_POLARITIES + 2, split + len(ranker.SEVERAL_FEATURES)))
    exist, fits = np.zeros((2, len(features)))
    shape = candidates.picture.pixels.shape
    views = ranker.features(
        candidates.hypotheses, candidates.stroke_widths, candidates.answers, shape
    )
    pair = ranker.several_features(candidates.hypotheses, views)
    features[:count, :split] = [[each.get(name, 0) for name in ranker.FEATURES] for each in views]
    features[-2, split:] = [pair.get(name, 0) for name in ranker.SEVERAL_FEATURES]
    exist[:count], exist[-2:] = 1, (bool(pair), 1)
    if label < SEVERAL:
        fits[:count], fits[-2:] = candidates.answers[:, label], 0.1  # as `rank` spreads them
    else:
        fits[label - SEVERAL - 2] = 1
        fits += 1e-3
    return features, exist, fits


def loss_and_gradient(fitted: Floats, drawn: Samples) -> tuple[float, Floats]:
    """The mean negative log-likelihood of the labels, and its gradient.

    fitted: the weights of `ranker.FEATURES`, then of `ranker.SEVERAL_FEATURES`.
    """
    prior = softmax(np.where(drawn.exist, drawn.features @ fitted, -np.inf), 1)
    likelihood = (prior * drawn.fits).sum(1)
    shares = _WEIGHTS[drawn.labels] / _WEIGHTS[drawn.labels].sum()
    change = prior * (1 - drawn.fits / likelihood[:, None]) * shares[:, None]
    loss = -float(shares @ np.log(likelihood)) + _RIDGE * float(fitted @ fitted) / 2
    return loss, np.tensordot(change, drawn.features, 2) + _RIDGE * fitted


def fit_ranker(drawn: Samples) -> Floats:
    """The weights with the least loss: float64 [ranker.FEATURES + ranker.SEVERAL_FEATURES]."""
    start = np.zeros(drawn.features.shape[-1])
    fit = minimize(loss_and_gradient, start, (drawn,), method="L-BFGS-B", jac=True)
    return np.asarray(fit.x)


def main() -> None:
    materials = make_materials(mnist.load("validation")[:FITTED], _SEED, GLYPHS, TEXTS)
    fitted = fit_ranker(samples(materials, track(range(PICTURES), PICTURES, "pictures"))).tolist()
    text = HEADER
    for name, features in (("RANKER", ranker.FEATURES), ("SEVERAL", ranker.SEVERAL_FEATURES)):
        rows = (f'    "{feature}": {fitted.pop(0):.3f},\n' for feature in features)
        text += f"{name} = {{\n{''.join(rows)}}}\n"
    TABLE.write_text(text)


if __name__ == "__main__":
    main()
