"""Fit the weights that judge hypotheses: python -m digits_train.fit_judge

Writes runtime/digits/vision/weights.py. The pictures are those of the synthetic camera, of the
first half of MNIST's validation digits; `benchmarks.camera` measures with the other half. Beside
digits there are pictures of several digits, and of none: letters, scribbles, textures and blank
sheets, as training draws them (digits_train/outliers).
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from digits.data import mnist
from digits.data.mnist import Split
from digits.examination import examine_alone
from digits.images import picture
from digits.inference.model import Model
from digits.inference.model_file import BUNDLED
from digits.system import cpu_count
from digits.terminal import progress_bar
from digits.vision import judge, weights
from digits_train import outliers
from digits_train.camera import FITTED
from digits_train.camera import single_digit as camera
from digits_train.camera.shot import Shot
from digits_train.outliers import pieces

SEVERAL, NONE = 10, 11  # labels beside the ten digits
PICTURES = 8_000
TABLE = Path(weights.__file__)
HEADER = '''"""Weights of the model that judges hypotheses.

Written by `python -m digits_train.fit_judge`, which fits them on synthetic pictures.
"""

'''
# How much a picture counts beside one of a digit: people mostly send digits.
_SEVERAL_WEIGHT, _NONE_WEIGHT = 0.4, 0.1
_RIDGE = 1e-4  # of the squared weights; features that are nearly alike share their weight
_HAND = ("size", "pen", "pencil", "faint", "pressure")  # factors of how a digit is written
# Whose pictures hold several digits.
_SEVERAL_KINDS = (pieces.touching_digits, pieces.staggered, pieces.two_lines)

Random = np.random.Generator
Bytes = NDArray[np.uint8]
Floats = NDArray[np.float64]


class Sample(NamedTuple):
    """One picture, as the judge sees it.

    label: 0 to 9, SEVERAL or NONE. features: float64 [n, features] of its hypotheses. answers:
    float32 [n, 10]. several: float64 [features], or None.
    """

    label: int
    features: Floats
    answers: NDArray[np.float32]
    several: Floats | None


def digit_picture(split: Split, random: Random) -> tuple[Bytes, int]:
    """A digit: with mixed factors, or with one, however it is written; a sixth are tight crops."""
    index = int(random.integers(len(split)))
    image, label = split.images[index], int(split.labels[index])
    if random.random() < 0.5:
        return camera.mixed(image, random), label
    factor = "crop" if random.random() < 0.35 else str(random.choice(list(camera.FACTORS)))
    hand = [name for name in _HAND if random.random() < 0.3]
    return camera.take(image, random, [*hand, factor], extreme=random.random() < 0.4), label


def several_picture(split: Split, random: Random) -> tuple[Bytes, int]:
    """Two to four digits side by side, touching or up to their own height apart."""
    row = np.zeros((28, 0), np.uint8)
    for index in random.integers(0, len(split), random.integers(2, 5)):
        image = split.images[index]
        gap = np.zeros((28, int(random.integers(0, 20))), np.uint8)
        row = np.concatenate([row, gap, image[:, image.any(0)]], 1)
    return camera.photograph(row, _random_shot(random, ("crop", "screen")), random), SEVERAL


def other_picture(split: Split, random: Random) -> tuple[Bytes, int]:
    """No digit: a letter, a scribble, a shape, a texture, or (one in four) a blank sheet."""
    if random.random() < 0.25:
        shot = replace(_random_shot(random, ("crop", "screen")), opacity=0.0)
        if random.random() < 0.5:  # nothing is on it but the light
            factor = camera.FACTORS["light" if random.random() < 0.5 else "shadow"]
            shot = factor(shot, random, random.random() < 0.5)
        return camera.photograph(split.images[0], shot, random), NONE
    kinds = [kind for kind in outliers.GENERATORS if kind not in _SEVERAL_KINDS]
    drawn = kinds[int(random.integers(len(kinds)))](random, split)
    if not (drawn > 127).any():
        return other_picture(split, random)
    return camera.photograph(drawn, _random_shot(random), random), NONE


def _random_shot(random: Random, without: Sequence[str] = ()) -> Shot:
    shot = Shot()
    for name in camera.random_factors(random):
        if name not in without:
            shot = camera.FACTORS[name](shot, random, False)
    return shot


def pictures(split: Split, seeds: Sequence[int]) -> Iterator[tuple[Bytes, int]]:
    """For each seed a picture and its label: two thirds are digits, a tenth are several."""
    for seed in seeds:
        random = np.random.default_rng([7, seed])
        kinds = (digit_picture, several_picture, other_picture)
        kind = int(random.choice(3, p=[0.65, 0.1, 0.25]))
        yield kinds[kind](split, random)


def samples(seeds: Sequence[int]) -> list[Sample]:
    """What the judge sees of the pictures with these seeds."""
    validation = mnist.load("validation")
    half = Split(validation.images[:FITTED], validation.labels[:FITTED])
    model = Model(BUNDLED)
    drawn = []
    for image, label in pictures(half, seeds):
        for both in (False, True):  # `examine` starts with the one, and goes on with the other
            [seen] = examine_alone(model, [picture.load(image)], both)
            if seen.hypotheses:
                shape = seen.picture.pixels.shape
                features = judge.features(seen.hypotheses, seen.frames, seen.answers, shape)
                several = judge.several_features(seen.hypotheses, features)
                drawn.append(Sample(label, features, seen.answers, several))
    return drawn


def loss_and_gradient(fitted: Floats, drawn: Sequence[Sample]) -> tuple[float, Floats]:
    """The mean negative log-likelihood of the labels, and its gradient.

    fitted: the weights of `judge.FEATURES`, then of `judge.SEVERAL_FEATURES`.
    """
    of_hypotheses, of_several = np.split(fitted, [len(judge.FEATURES)])
    total, gradient = 0.0, np.zeros_like(fitted)
    for label, features, answers, several in drawn:
        extra = -np.inf if several is None else float(several @ of_several)
        scores = np.append(features @ of_hypotheses, (extra, 0.0))
        prior = np.exp(scores - scores.max())
        prior /= prior.sum()
        fits = np.zeros(len(scores))  # how well each alternative explains the label
        if label < SEVERAL:
            fits[:-2] = answers[:, label]
            fits[-2:] = 0.1  # as `judge` spreads them
        else:
            fits[label - SEVERAL - 2] = 1
            fits += 1e-3
        likelihood = float(prior @ fits)
        total -= np.log(likelihood)
        change = prior - prior * fits / likelihood
        gradient[: len(of_hypotheses)] += features.T @ change[:-2]
        if several is not None:
            gradient[len(of_hypotheses) :] += several * change[-2]
    ridge = _RIDGE * fitted
    return total / len(drawn) + float(ridge @ fitted) / 2, gradient / len(drawn) + ridge


def fit_judge(drawn: Sequence[Sample]) -> Floats:
    """The weights with the least loss: float64 [judge.FEATURES + judge.SEVERAL_FEATURES]."""
    kinds = [
        ([sample for sample in drawn if sample.label < SEVERAL], 1.0),
        ([sample for sample in drawn if sample.label == SEVERAL], _SEVERAL_WEIGHT),
        ([sample for sample in drawn if sample.label == NONE], _NONE_WEIGHT),
    ]
    count = sum(len(kind) * weight for kind, weight in kinds)

    def loss(fitted: Floats) -> tuple[float, Floats]:
        total, gradient = 0.0, np.zeros_like(fitted)
        for kind, weight in kinds:
            value, change = loss_and_gradient(fitted, kind)
            share = len(kind) * weight / count
            total, gradient = total + share * value, gradient + share * change
        return total, gradient

    start = np.zeros(len(judge.FEATURES) + len(judge.SEVERAL_FEATURES))
    return np.asarray(minimize(loss, start, method="L-BFGS-B", jac=True).x)


def table(name: str, features: Sequence[str], values: Floats) -> str:
    """A tuple of Python, a feature on each line."""
    lines = "".join(
        f"    {value:.3f},  # {feature}\n" for feature, value in zip(features, values, strict=True)
    )
    return f"{name} = (\n{lines})\n"


def main() -> None:
    parts = np.array_split(range(PICTURES), 64)
    with ProcessPoolExecutor(cpu_count()) as pool, progress_bar() as bar:
        done = bar.track(pool.map(samples, parts), len(parts), description="pictures")
        drawn = [sample for part in done for sample in part]
    of_judge, of_several = np.split(fit_judge(drawn), [len(judge.FEATURES)])
    TABLE.write_text(
        HEADER
        + table("JUDGE", judge.FEATURES, of_judge)
        + table("SEVERAL", judge.SEVERAL_FEATURES, of_several)
    )


if __name__ == "__main__":
    main()
