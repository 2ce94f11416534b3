"""Fit the weights that judge hypotheses, on synthetic pictures: python -m tests.benchmarks.fit

Writes runtime/digits/vision/weights.py. The pictures are those of the synthetic camera, of the
first half of MNIST's validation digits; tests/benchmarks/camera.py measures with the other half.
Beside digits there are pictures of several digits, and of none: letters, scribbles, textures and
blank sheets, as training draws them (digits_train/outliers). Of the pages, which `read` is fitted
to, a third are numbers drawn on a canvas, and a third are text.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from itertools import compress
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from tests.camera import FITTED
from tests.camera import digit as camera
from tests.camera import page as pages

from digits import Classifier
from digits.data import mnist
from digits.data.mnist import Split
from digits.inference.model_file import BUNDLED
from digits.system import cpu_count
from digits.terminal import progress_bar
from digits.vision import judge, picture, segment, weights
from digits.vision.components import Box, Component
from digits.vision.ink import extract
from digits.vision.lattice import (
    ARC_FEATURES,
    DIGIT,
    PAIR_FEATURES,
    PAIRS,
    Lattice,
    marginals,
    pair_scores,
)
from digits_train import outliers
from digits_train.outliers import pieces

HAND = ("size", "pen", "pencil", "faint", "pressure")  # factors of how a digit is written
SEVERAL, NONE = 10, 11  # labels beside the ten digits
PICTURES, PAGES = 8_000, 500
OTHERS = 1_200  # lattices without a digit that are fitted
TABLE = Path(weights.__file__)
HEADER = '''"""Weights of the models that judge hypotheses and paths through a line.

Written by `python -m tests.benchmarks.fit`, which fits them on synthetic pictures.
"""

'''
LEAST_INK = 0.4  # of a digit's ink is labelled: not its soft edges
COVERED, SLIVER = 0.8, 0.1  # of a digit's ink: at least in a right one, at most in none
# How much a picture counts beside one of a digit: people mostly send digits.
SEVERAL_WEIGHT, NONE_WEIGHT = 0.4, 0.1
RIDGE = 1e-4  # of the squared weights; features that are nearly alike share their weight

# Whose pictures hold several digits.
SEVERAL_KINDS = (pieces.touching_digits, pieces.staggered, pieces.two_lines)

NOTHING = Component(np.zeros((0, 0), np.uint8), Box(0, 0, 0, 0))  # saves memory
Random = np.random.Generator
T = TypeVar("T")
Bytes = NDArray[np.uint8]
Floats = NDArray[np.float64]
Labels = NDArray[np.int16]


class Sample(NamedTuple):
    """One picture, as the judge sees it.

    label: 0 to 9, SEVERAL or NONE. features: float64 [n, features] of its hypotheses. answers:
    float32 [n, 10]. several: float64 [features], or None.
    """

    label: int
    features: NDArray[np.float64]
    answers: NDArray[np.float32]
    several: NDArray[np.float64] | None


def digit_picture(split: Split, random: Random) -> tuple[Bytes, int]:
    """A digit: with mixed factors, or with one, however it is written; a sixth are tight crops."""
    index = int(random.integers(len(split)))
    image, label = split.images[index], int(split.labels[index])
    if random.random() < 0.5:
        return camera.mixed(image, random), label
    factor = "crop" if random.random() < 0.35 else str(random.choice(list(camera.FACTORS)))
    hand = [name for name in HAND if random.random() < 0.3]
    return camera.take(image, random, [*hand, factor], extreme=random.random() < 0.4), label


def several_picture(split: Split, random: Random) -> tuple[Bytes, int]:
    """Two to four digits side by side, touching or up to their own height apart."""
    row = np.zeros((28, 0), np.uint8)
    for index in random.integers(0, len(split), random.integers(2, 5)):
        image = split.images[index]
        gap = np.zeros((28, int(random.integers(0, 20))), np.uint8)
        row = np.concatenate([row, gap, image[:, image.any(0)]], 1)
    return camera.photograph(row, _shot(random, ("crop", "screen")), random), SEVERAL


def other_picture(split: Split, random: Random) -> tuple[Bytes, int]:
    """No digit: a letter, a scribble, a shape, a texture, or (one in four) a blank sheet."""
    if random.random() < 0.25:
        shot = replace(_shot(random, ("crop", "screen")), opacity=0.0)
        if random.random() < 0.5:  # nothing is on it but the light
            shot = camera.light(shot, random, extreme=random.random() < 0.5)
        return camera.photograph(split.images[0], shot, random), NONE
    kinds = [kind for kind in outliers.GENERATORS if kind not in SEVERAL_KINDS]
    drawn = kinds[int(random.integers(len(kinds)))](random, split)
    if not (drawn > 127).any():
        return other_picture(split, random)
    return camera.photograph(drawn, _shot(random, ()), random), NONE


def _shot(random: Random, without: Sequence[str]) -> camera.Shot:
    shot = camera.Shot()
    for name in camera.some_factors(random):
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
    classifier = Classifier(BUNDLED)
    found = []
    for image, label in pictures(half, seeds):
        [seen] = classifier.examine([image])
        if seen.hypotheses:
            shape = seen.picture.pixels.shape
            features = judge.features(seen.hypotheses, seen.frames, seen.answers, shape)
            several = judge.several_features(seen.hypotheses, features)
            found.append(Sample(label, features, seen.answers, several))
    return found


def loss_and_gradient(
    fitted: NDArray[np.float64], found: Sequence[Sample]
) -> tuple[float, NDArray[np.float64]]:
    """The mean negative log-likelihood of the labels, and its gradient.

    fitted: the weights of `judge.FEATURES`, then of `judge.SEVERAL_FEATURES`.
    """
    of_hypotheses, of_several = np.split(fitted, [len(judge.FEATURES)])
    total, gradient = 0.0, np.zeros_like(fitted)
    for label, features, answers, several in found:
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
    ridge = RIDGE * fitted
    return total / len(found) + float(ridge @ fitted) / 2, gradient / len(found) + ridge


def fit_judge(found: Sequence[Sample]) -> Floats:
    """The weights with the least loss: float64 [judge.FEATURES + judge.SEVERAL_FEATURES]."""
    kinds = [
        ([one for one in found if one.label < SEVERAL], 1.0),
        ([one for one in found if one.label == SEVERAL], SEVERAL_WEIGHT),
        ([one for one in found if one.label == NONE], NONE_WEIGHT),
    ]
    count = sum(len(some) * weight for some, weight in kinds)

    def loss(fitted: Floats) -> tuple[float, Floats]:
        total, gradient = 0.0, np.zeros_like(fitted)
        for some, weight in kinds:
            value, change = loss_and_gradient(fitted, some)
            share = len(some) * weight / count
            total, gradient = total + share * value, gradient + share * change
        return total, gradient

    start = np.zeros(len(judge.FEATURES) + len(judge.SEVERAL_FEATURES))
    return np.asarray(minimize(loss, start, method="L-BFGS-B", jac=True).x)


class Page(NamedTuple):
    """One lattice, and which of its arcs the truth leads through; where it can choose, any.

    weight: each page counts alike, and on a page those with digits as much as those without.
    """

    lattice: Lattice
    true: NDArray[np.bool_]
    weight: float


def lattice_samples(seeds: Sequence[int]) -> list[Page]:
    """The lattices of the pages with these seeds: one in three without any digit, one drawn."""
    validation = mnist.load("validation")
    half = Split(validation.images[:FITTED], validation.labels[:FITTED])
    classifier = Classifier(BUNDLED)
    found = []
    for seed in seeds:
        random = np.random.default_rng([8, seed])
        kind = random.random() * 3
        if kind < 1:
            page = pages.drawing(half, random)
        else:
            page = pages.page(half, random, digits=bool(kind < 2))
        found += page_lattices(page, classifier)
    return found


def page_lattices(page: pages.Page, classifier: Classifier) -> list[Page]:
    """The lattices of one page, without those that have no way for the truth.

    Where dark and light may both be the ink, one of them holds no digit.
    """
    grey = picture.load(page.image, picture.PAGE_MAX_SIDE).pixels
    inks = [polarity.narrow for polarity in extract(grey)]
    written = page.labels > 0
    contrast = [float(ink[written].mean()) if written.any() else 0.0 for ink in inks]
    found = []
    for ink, own in zip(inks, contrast, strict=True):
        labels = page.labels if own == max(contrast) else np.zeros_like(page.labels)
        whole = np.bincount(labels.reshape(-1), ink.reshape(-1), len(page.classes) + 1)
        seen = segment.segment(ink, classifier.classify)
        if seen is None:
            continue
        for lattice in (one for line in seen.lines for one in line):
            counts = [_inked(atom.component, seen, labels) for atom in lattice.atoms]
            true = _true_arcs(lattice, np.stack(counts), whole.astype(np.float64))
            if true is not None:
                arcs = [arc._replace(component=None, frame=None) for arc in lattice.arcs]
                atoms = [atom._replace(component=NOTHING) for atom in lattice.atoms]
                found.append(Page(Lattice(atoms, arcs), true, 1.0))
    with_digits = sum(map(_has_digit, found))
    sizes = {True: with_digits, False: len(found) - with_digits}
    kinds = sum(size > 0 for size in sizes.values())
    return [one._replace(weight=1 / kinds / sizes[_has_digit(one)]) for one in found]


def _inked(component: Component, seen: segment.Segmentation, labels: Labels) -> Floats:
    """How much of a piece of ink belongs to no digit, to the first, …: float64 [digits + 1]."""
    rows, columns = np.nonzero(component.ink)
    y, x = rows + component.box.top + 0.5, columns + component.box.left + 0.5
    (height, width), (own_height, own_width) = seen.page.ink.shape, labels.shape
    angle = np.radians(seen.page.angle)
    right, down = x - width / 2, y - height / 2
    x = right * np.cos(angle) - down * np.sin(angle) + own_width / 2
    y = right * np.sin(angle) + down * np.cos(angle) + own_height / 2
    inside = (x >= 0) & (y >= 0) & (x < own_width) & (y < own_height)
    found = labels[y[inside].astype(int), x[inside].astype(int)]
    ink = component.ink[rows, columns][inside]
    return np.bincount(found, ink, int(labels.max()) + 1).astype(np.float64)


def _true_arcs(lattice: Lattice, counts: Floats, whole: Floats) -> NDArray[np.bool_] | None:
    """Which arcs the truth may lead through; None where there is no such way.

    A digit is right when it has most of a digit's pixels and hardly any of another's; what is none
    may have a sliver of a digit at most. counts: float64 [atoms, digits + 1], of their ink; whole:
    float64 [digits + 1], of whole digits.
    """
    most = counts[:, 1:].max(1, initial=0)
    written = counts[:, 1:].sum(1) > LEAST_INK * counts.sum(1)
    sliver = np.array(
        [
            not inked or pixels <= SLIVER * whole[1 + int(row[1:].argmax())]
            for inked, pixels, row in zip(written, most, counts, strict=True)
        ]
    )
    true = np.zeros(len(lattice.arcs), np.bool_)
    for number, arc in enumerate(lattice.arcs):
        if arc.kind != DIGIT:
            true[number] = sliver[arc.start : arc.end].all()
            continue
        own = counts[arc.start : arc.end].sum(0)
        digits = own[1:]
        if digits.sum() > LEAST_INK * own.sum():
            k = int(digits.argmax())
            true[number] = digits[k] >= COVERED * max(whole[1 + k], digits.sum())
    reached = {0}
    for arc, fits in zip(lattice.arcs, true, strict=True):
        if fits and arc.start in reached:
            reached.add(arc.end)
    return true if len(counts) in reached else None


def lattice_loss(fitted: Floats, found: Sequence[Page]) -> tuple[float, Floats]:
    """The mean negative log-likelihood of the true ways, and its gradient.

    fitted: the weights of `ARC_FEATURES`, then of `PAIR_FEATURES`.
    """
    of_arcs, of_pairs = np.split(fitted, [len(ARC_FEATURES)])
    pairs = pair_scores(of_pairs)
    total, gradient = 0.0, np.zeros_like(fitted)
    for lattice, true, weight in found:
        features = np.stack([arc.features for arc in lattice.arcs])
        scores = features @ of_arcs
        for allowed, sign in ((np.ones_like(true), 1.0), (true, -1.0)):
            part = lattice._replace(arcs=list(compress(lattice.arcs, allowed)))
            through, log_sum = marginals(part, scores[allowed].tolist(), pairs)
            total += sign * weight * log_sum
            gradient[: len(of_arcs)] += sign * weight * through.sum(1) @ features[allowed]
            for arc, before in zip(part.arcs, through, strict=True):
                for kind in range(3) if arc.start else ():
                    feature = PAIRS.get((kind, arc.kind))
                    if feature is not None:
                        gradient[len(of_arcs) + feature] += sign * weight * before[kind]
    ridge = RIDGE * fitted
    count = sum(one.weight for one in found)
    return total / count + float(ridge @ fitted) / 2, gradient / count + ridge


def fit_lattice(found: Sequence[Page]) -> Floats:
    """The weights with the least loss: float64 [ARC_FEATURES + PAIR_FEATURES].

    Of the many lattices without a digit, some stand for all.
    """
    digits = [one for one in found if _has_digit(one)]
    others = [one for one in found if not _has_digit(one)]
    chosen = np.random.default_rng(0).permutation(len(others))[:OTHERS]
    share = len(others) / max(len(chosen), 1)
    some = digits + [others[k]._replace(weight=others[k].weight * share) for k in chosen]
    start = np.zeros(len(ARC_FEATURES) + len(PAIR_FEATURES))
    best = minimize(lattice_loss, start, (some,), "L-BFGS-B", jac=True, options={"maxiter": 300})
    return np.asarray(best.x)


def _has_digit(one: Page) -> bool:
    return any(
        fits and arc.kind == DIGIT for arc, fits in zip(one.lattice.arcs, one.true, strict=True)
    )


def collect(draw: Callable[[Sequence[int]], list[T]], count: int, what: str) -> list[T]:
    """What `draw` makes of that many seeds, on all cores."""
    parts = np.array_split(range(count), 64)
    with ProcessPoolExecutor(cpu_count()) as pool, progress_bar() as bar:
        drawn = bar.track(pool.map(draw, parts), len(parts), description=what)
        return [one for some in drawn for one in some]


def table(name: str, features: Sequence[str], values: Floats) -> str:
    """A tuple of Python, a feature on each line."""
    lines = "".join(
        f"    {value:.3f},  # {feature}\n" for feature, value in zip(features, values, strict=True)
    )
    return f"{name} = (\n{lines})\n"


def main() -> None:
    pictures_seen = collect(samples, PICTURES, "pictures")
    pages_seen = collect(lattice_samples, PAGES, "pages")
    of_judge, of_several = np.split(fit_judge(pictures_seen), [len(judge.FEATURES)])
    of_arcs, of_pairs = np.split(fit_lattice(pages_seen), [len(ARC_FEATURES)])
    TABLE.write_text(
        HEADER
        + table("JUDGE", judge.FEATURES, of_judge)
        + table("SEVERAL", judge.SEVERAL_FEATURES, of_several)
        + table("ARC", ARC_FEATURES, of_arcs)
        + table("PAIR", PAIR_FEATURES, of_pairs)
    )


if __name__ == "__main__":
    main()
