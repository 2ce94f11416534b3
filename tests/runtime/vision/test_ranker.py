import math

import numpy as np
import pytest

from digits.vision import ranker, weights
from digits.vision.components import Box, Component
from digits.vision.frame import DIGIT_SIDE, to_mnist
from digits.vision.hypotheses import Hypothesis
from digits.vision.ranker import FEATURES, SEVERAL_FEATURES, features, rank

SHAPE = 200, 300
BOX, BESIDE = Box(100, 60, 140, 120), Box(200, 60, 240, 120)


def made(
    kind: str = "main",
    box: Box = BOX,
    share: float = 1.0,
    level: int = 200,
    inverted: bool = False,
    unevenness: float = 0.0,
) -> Hypothesis:
    """The outline of a box, four pixels wide."""
    ink = np.full((box.height, box.width), level, np.uint8)
    ink[4:-4, 4:-4] = 0
    return Hypothesis(kind, Component(ink, box), share, inverted, unevenness)


def sure(digit: int, confidence: float = 0.99) -> np.ndarray:
    answer = np.full(10, (1 - confidence) / 9, np.float32)
    answer[digit] = confidence
    return answer


def strokes(hypotheses: list[Hypothesis]) -> list[float]:
    return to_mnist([hypothesis.component.ink for hypothesis in hypotheses])[1]


def columns(hypotheses: list[Hypothesis], *answers: np.ndarray) -> np.ndarray:
    """FEATURES; by default the network reads a 1 everywhere."""
    given = np.array(answers or [sure(1)] * len(hypotheses), np.float32)
    views = features(hypotheses, strokes(hypotheses), given, SHAPE)
    return np.array([[values.get(name, 0) for name in FEATURES] for values in views])


def several(hypotheses: list[Hypothesis], *answers: np.ndarray) -> dict[str, float]:
    """SEVERAL_FEATURES by name."""
    given = np.array(answers or [sure(1)] * len(hypotheses), np.float32)
    views = features(hypotheses, strokes(hypotheses), given, SHAPE)
    return ranker.several_features(hypotheses, views)


def test_softmax_of_linear_scores(monkeypatch: pytest.MonkeyPatch) -> None:
    """The scores of each hypothesis, of "several" and of "none", which is 0."""
    monkeypatch.setattr(weights, "RANKER", {k: float(k == "main") for k in FEATURES})
    monkeypatch.setattr(weights, "SEVERAL", {k: 2.0 * (k == "several") for k in SEVERAL_FEATURES})
    hypotheses = [made(), made("second", BESIDE)]
    ranking = rank(hypotheses, strokes(hypotheses), np.array([sure(3), sure(4)]), SHAPE)
    expected = np.exp([1.0, 0.0, 2.0, 0.0])
    actual = [*ranking.hypotheses, ranking.several, ranking.none]
    assert actual == pytest.approx((expected / expected.sum()).tolist())


MIDDLE, CORNER, WHOLE = Box(100, 50, 200, 150), Box(0, 0, 20, 20), Box(0, 0, 300, 200)
SMALL, LARGE = Box(50, 50, 60, 60), Box(50, 50, 90, 90)


@pytest.mark.parametrize(
    ("name", "hypotheses", "expected"),
    [
        ("crop", [made(), made("crop")], [0, 1]),
        ("inverted", [made(), made(inverted=True)], [0, 1]),
        ("distance", [made(box=CORNER)], [(10 / 150 - 1) ** 2 + (10 / 100 - 1) ** 2]),
        ("border", [made(box=MIDDLE), made(box=CORNER), made(box=WHOLE)], [0, 2, 4]),
        ("size", [made(box=WHOLE), made(box=MIDDLE)], [0, math.log(1 / 3)]),
        ("contrast", [made(level=255), made(level=51)], [0, math.log(0.2)]),
        ("unevenness", [made(), made(level=51, unevenness=0.2)], [0, math.log(2)]),
        ("enlarged", [made(box=SMALL), made(box=LARGE)], [math.log(DIGIT_SIDE / 10), 0]),
        # Fainter ink may be the lines of ruled paper.
        ("dark, no lines", [made("dark"), made("main")], [1, 0]),
        ("dark, no lines", [made("dark"), made("main"), made("unruled")], [0, 0, 0]),
    ],
)
def test_features(name: str, hypotheses: list[Hypothesis], expected: list[float]) -> None:
    assert columns(hypotheses)[:, FEATURES.index(name)] == pytest.approx(expected)


def test_features_of_answers_and_width() -> None:
    hypotheses = [made(), made("alone"), made("crop")]
    table = columns(hypotheses, sure(3, 0.9), sure(3, 0.5), sure(7, 0.9))
    confidence, agreement = (table[:, FEATURES.index(name)] for name in ("confidence", "agreement"))
    assert confidence == pytest.approx([math.log(9), 0, math.log(9)], abs=1e-4)
    assert agreement[0] == agreement[1] > agreement[2]
    thick, thin = columns([made(box=SMALL), made(box=Box(0, 0, 150, 150))])
    assert thick[FEATURES.index("width")] > thin[FEATURES.index("width")]


def test_features_of_several() -> None:
    hypotheses = [made(), made("second", Box(200, 60, 240, 90), level=100)]
    first, second = (int(hypothesis.component.ink.sum()) for hypothesis in hypotheses)
    evidence = several(hypotheses, sure(2, 0.9), sure(1, 0.5))
    assert (evidence["several"], evidence["one"], evidence["inverted"]) == (1, 1, 0)
    widths = columns(hypotheses)[:, FEATURES.index("width")]  # of pens, by the longer sides
    pens = abs(widths[0] - widths[1] + math.log(60 / 40))
    expected = (0, math.log(second / first), math.log(0.5), pens, math.log(2), 0)
    names = ("less sure", "lighter", "lower", "pen", "contrast", "overlap")
    assert [evidence[name] for name in names] == pytest.approx(expected, abs=1e-4)
    assert several([made(), made("second", Box(120, 130, 145, 190))])["overlap"] == 0.8
    assert several([made(inverted=True), made("second", BESIDE, inverted=True)])["inverted"] == 1
