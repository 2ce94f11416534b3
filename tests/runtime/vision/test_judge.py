import math
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from digits.vision import judge as judging
from digits.vision import weights
from digits.vision.components import Box, Component
from digits.vision.frame import DIGIT_SIDE, to_mnist
from digits.vision.hypotheses import KINDS, Hypothesis, propose
from digits.vision.judge import (
    FEATURES,
    SEVERAL_FEATURES,
    Judgement,
    features,
    is_doubtful,
    judge,
)

SHAPE = 200, 300


def made(
    kind: str = "main",
    box: Box = Box(100, 60, 140, 120),  # noqa: B008
    share: float = 1.0,
    level: int = 200,
    inverted: bool = False,
) -> Hypothesis:
    """The outline of a box, four pixels wide."""
    ink = np.full((box.height, box.width), level, np.uint8)
    ink[4:-4, 4:-4] = 0
    return Hypothesis(kind, Component(ink, box), share, inverted)


def sure(digit: int, confidence: float = 0.99) -> np.ndarray:
    """Probabilities of one digit, with the rest spread evenly."""
    answer = np.full(10, (1 - confidence) / 9, np.float32)
    answer[digit] = confidence
    return answer


def frames(found: list[Hypothesis]) -> np.ndarray:
    return to_mnist([one.component.ink for one in found])


def judged(found: list[Hypothesis], *answers: np.ndarray) -> Judgement:
    return judge(found, frames(found), np.array(answers, np.float32), SHAPE)


@st.composite
def boxes(draw: st.DrawFn) -> Box:
    left, top = draw(st.integers(0, 299)), draw(st.integers(0, 199))
    width, height = draw(st.integers(1, 60)), draw(st.integers(1, 60))
    return Box(left, top, min(left + width, 300), min(top + height, 200))


@st.composite
def pictures(draw: st.DrawFn) -> tuple[list[Hypothesis], list[np.ndarray]]:
    """Hypotheses of one polarity and the network's answers for them."""
    others = draw(st.lists(st.sampled_from(KINDS[1:]), unique=True))
    found, answers = [], []
    for kind in ("main", *others):
        share, level = draw(st.floats(1e-4, 1)), draw(st.integers(1, 255))
        found.append(made(kind, draw(boxes()), share, level))
        odds = np.array([draw(st.floats(-30, 30)) for _ in range(10)])
        answer = np.exp(odds - odds.max())
        answers.append((answer / answer.sum()).astype(np.float32))
    return found, answers


@settings(max_examples=60)
@given(pictures())
def test_probabilities_sum_to_1(picture: tuple[list[Hypothesis], list[np.ndarray]]) -> None:
    found, answers = picture
    judgement = judged(found, *answers)
    assert (judgement.probabilities.shape, judgement.hypotheses.shape) == ((10,), (len(found),))
    total = judgement.hypotheses.sum() + judgement.several + judgement.none
    assert total == pytest.approx(1, abs=1e-9)
    assert judgement.probabilities.sum() == pytest.approx(1, abs=1e-9)
    every = [*judgement.hypotheses, *judgement.probabilities, judgement.several, judgement.none]
    assert np.isfinite(every).all()
    assert min(every) >= 0
    if "second" not in {one.kind for one in found}:
        assert judgement.several == 0
    # The digit is what the hypotheses say, each as far as it is believed.
    expected = judgement.hypotheses @ np.array(answers)
    expected += (judgement.several + judgement.none) / 10
    np.testing.assert_allclose(judgement.probabilities, expected, atol=1e-5)


@settings(max_examples=60)
@given(pictures(), st.randoms(use_true_random=False))
def test_judge_any_input_order(
    picture: tuple[list[Hypothesis], list[np.ndarray]], random: Random
) -> None:
    found, answers = picture
    order = list(range(len(found)))
    random.shuffle(order)
    before = judged(found, *answers)
    after = judged([found[k] for k in order], *(answers[k] for k in order))
    np.testing.assert_allclose(after.hypotheses, before.hypotheses[order], atol=1e-6)
    np.testing.assert_allclose(after.probabilities, before.probabilities, atol=1e-6)
    assert after.several == pytest.approx(before.several, abs=1e-6)


def test_no_hypotheses() -> None:
    judgement = judge([], np.zeros((0, 28, 28), np.uint8), np.zeros((0, 10), np.float32), SHAPE)
    assert judgement.probabilities.tolist() == [0.1] * 10
    assert judgement.hypotheses.shape == (0,)
    assert (judgement.several, judgement.none) == (0, 1)


def test_softmax_of_linear_scores(monkeypatch: pytest.MonkeyPatch) -> None:
    """The scores of each hypothesis, of "several" and of "none", which is 0."""
    monkeypatch.setattr(weights, "JUDGE", tuple(float(k == "main") for k in FEATURES))
    monkeypatch.setattr(weights, "SEVERAL", tuple(2.0 * (k == "several") for k in SEVERAL_FEATURES))
    found = [made("main"), made("second", Box(200, 60, 240, 120))]
    judgement = judged(found, sure(3), sure(4))
    expected = np.exp([1.0, 0.0, 2.0, 0.0])
    expected /= expected.sum()
    actual = [*judgement.hypotheses, judgement.several, judgement.none]
    assert actual == pytest.approx(expected.tolist())


def test_weights_match_features() -> None:
    found = [made("main"), made("second", Box(200, 60, 240, 120))]
    answers = np.array([sure(1), sure(2)])
    columns = features(found, frames(found), answers, SHAPE)
    assert columns.shape == (2, len(FEATURES))
    assert len(FEATURES) == len(set(FEATURES)) == len(weights.JUDGE)
    evidence = evidence_of_several(found, answers)
    assert evidence is not None
    assert evidence.shape == (len(SEVERAL_FEATURES),)
    assert len(SEVERAL_FEATURES) == len(weights.SEVERAL)
    assert np.isfinite([*weights.JUDGE, *weights.SEVERAL]).all()


def evidence_of_several(found: list[Hypothesis], answers: np.ndarray) -> np.ndarray | None:
    return judging.several_features(found, features(found, frames(found), answers, SHAPE))


def column(name: str, found: list[Hypothesis], *answers: np.ndarray) -> list[float]:
    given = np.array(answers or [sure(1)] * len(found), np.float32)
    values = features(found, frames(found), given, SHAPE)[:, FEATURES.index(name)]
    return [float(value) for value in values]


def test_features_of_kind_and_side() -> None:
    found = [made(kind) for kind in KINDS]
    for kind in KINDS:
        assert column(kind, found) == [float(kind == other) for other in KINDS]
    assert column("inverted", [made(), made(inverted=True)]) == [0, 1]


def test_features_of_answers() -> None:
    found = [made(), made("alone"), made("crop")]
    answers = sure(3, 0.9), sure(3, 0.5), sure(7, 0.9)
    assert column("confidence", found, *answers) == pytest.approx(
        [math.log(9), 0, math.log(9)], abs=1e-4
    )
    agreement = column("agreement", found, *answers)
    assert agreement[0] == agreement[1] > agreement[2]  # two of three say 3


def test_finite_features_of_certain_answer() -> None:
    one = np.eye(10, dtype=np.float32)[4]
    found = [made()]
    assert np.isfinite(features(found, frames(found), one[None], SHAPE)).all()
    assert 5 < column("confidence", found, one)[0] < 10


def test_features_of_place() -> None:
    middle, corner = made(box=Box(100, 50, 200, 150)), made(box=Box(0, 0, 20, 20))
    whole = made(box=Box(0, 0, 300, 200))
    assert column("distance", [middle, whole]) == pytest.approx([0, 0])
    assert column("distance", [made(box=Box(290, 95, 300, 105))])[0] == pytest.approx(1, abs=0.1)
    assert column("distance", [corner])[0] > 1.5
    assert column("border", [middle, corner, whole]) == [0, 2, 4]
    assert column("size", [whole, middle]) == pytest.approx([0, math.log(1 / 3)])


def test_features_of_ink() -> None:
    assert column("share", [made(), made(share=0.5)]) == pytest.approx([0, math.log(0.5)])
    assert column("contrast", [made(level=255), made(level=51)]) == pytest.approx(
        [0, math.log(0.2)]
    )
    small, large = made(box=Box(50, 50, 60, 60)), made(box=Box(50, 50, 90, 90))
    assert column("enlarged", [small, large]) == pytest.approx([math.log(DIGIT_SIDE / 10), 0])
    thick, thin = column("width", [small, made(box=Box(0, 0, 150, 150))])
    assert thick > thin


def test_features_of_dark_ink() -> None:
    """Fainter ink may be the lines of ruled paper."""
    name = FEATURES[-1]
    assert name.startswith("dark")
    assert column(name, [made("dark"), made("main")]) == [1, 0]
    assert column(name, [made("dark"), made("main"), made("unruled")]) == [0, 0, 0]


def test_several_needs_second() -> None:
    assert evidence_of_several([made(), made("alone")], np.array([sure(1)] * 2)) is None


def test_features_of_several() -> None:
    found = [made("main"), made("second", Box(200, 60, 240, 90))]
    answers = np.array([sure(1, 0.9), sure(2, 0.5)])
    evidence = evidence_of_several(found, answers)
    assert evidence is not None
    several = dict(zip(SEVERAL_FEATURES, evidence.tolist(), strict=True))
    first, second = (int(one.component.ink.sum()) for one in found)
    assert several["several"] == 1
    assert several["less sure"] == pytest.approx(0, abs=1e-4)
    assert several["lighter"] == pytest.approx(math.log(second / first))
    assert several["lower"] == pytest.approx(math.log(0.5))
    assert several["overlap"] == 0
    above = evidence_of_several([made("main"), made("second", Box(120, 130, 160, 190))], answers)
    assert above is not None
    assert above[SEVERAL_FEATURES.index("overlap")] == pytest.approx(0.5)


def test_several_uses_alone_not_main() -> None:
    """ "main" may contain the second one as a piece."""
    alone, second = made("alone"), made("second", Box(150, 60, 190, 120))
    main = made("main", Box(100, 60, 190, 120))
    answers = np.array([sure(8, 0.2), sure(1), sure(2)])
    evidence = evidence_of_several([main, alone, second], answers)
    expected = evidence_of_several([alone, second], answers[1:])
    assert evidence is not None
    assert evidence.tolist() == (expected.tolist() if expected is not None else None)


def test_several_of_one_side() -> None:
    """A second component counts only beside a first one of the same polarity."""
    dark = [made("main"), made("second", Box(200, 60, 240, 120))]
    light = [
        made("main", Box(0, 0, 300, 200), inverted=True),
        made("alone", Box(0, 0, 100, 200), inverted=True),
    ]
    answers = np.array([sure(1), sure(2), sure(8, 0.2), sure(8, 0.3)])
    evidence = evidence_of_several([*dark, *light], answers)
    expected = evidence_of_several(dark, answers[:2])
    assert evidence is not None
    assert expected is not None
    assert evidence.tolist() == expected.tolist()


@pytest.mark.parametrize("top", [0, 5])
def test_several_with_second_from_border(top: int) -> None:
    """If the second one touches the border, "inner" replaces "alone"."""
    photo = np.full((120, 120), 230, np.uint8)
    photo[20:90, 50:58] = photo[top:50, 70:78] = 40
    found = propose(photo)
    evidence = evidence_of_several(found, np.array([sure(1)] * len(found)))
    assert evidence is not None
    assert evidence[SEVERAL_FEATURES.index("overlap")] == 0, [one.kind for one in found]


# What follows is coarse enough to hold whatever the weights are fitted on.


@pytest.mark.parametrize("kind", ["main", "crop", "inner", "unruled", "alone"])
def test_sure_hypothesis_outweighs_unsure(kind: str) -> None:
    other = "main" if kind != "main" else "all"
    found = [made(kind, Box(100, 60, 140, 120)), made(other, Box(98, 58, 142, 122))]
    judgement = judged(found, sure(5), sure(8, 0.15))
    assert judgement.hypotheses.argmax() == 0
    assert judgement.probabilities.argmax() == 5
    assert judged(found, sure(8, 0.15), sure(5)).hypotheses.argmax() == 1


@pytest.mark.parametrize("kind", KINDS)
def test_confidence_is_monotonic(kind: str) -> None:
    found = [made(kind), made("all" if kind != "all" else "main", Box(60, 60, 180, 120))]
    shares = [
        float(judged(found, sure(5, confidence), sure(2, 0.4)).hypotheses[0])
        for confidence in (0.2, 0.6, 0.9, 0.99)
    ]
    assert shares == sorted(shares)
    assert shares[-1] > shares[0] + 0.1


def test_none_unlikely_for_centred_digit() -> None:
    judgement = judged([made()], sure(5))
    assert judgement.none < 0.1
    assert judgement.probabilities[5] > 0.9


def test_none_with_unsure_network() -> None:
    unsure = judged([made()], sure(5, 0.12))
    assert unsure.none > judged([made()], sure(5)).none + 0.3
    assert unsure.none > unsure.hypotheses[0]


def test_several_with_two_sure_digits() -> None:
    found = [made("all", Box(100, 60, 220, 120)), made("main", share=0.5)]
    found.append(made("second", Box(180, 60, 220, 120), share=0.5))
    both = judged(found, sure(8, 0.2), sure(3), sure(7))
    one = judged(found, sure(8, 0.2), sure(3), sure(7, 0.15))
    assert both.several > one.several
    assert both.several > both.none


@pytest.mark.parametrize(
    ("pens", "apart"), [((3, 3), 0), ((3, 6), math.log(2)), ((6, 3), math.log(2))]
)
def test_pens_of_several_are_compared_in_pixels_of_the_picture(
    pens: tuple[int, int], apart: float
) -> None:
    """The same pen draws a thicker line in the frame of the smaller digit."""
    found = [made("main"), made("second", Box(200, 60, 220, 90))]
    sides = [max(one.component.box.width, one.component.box.height) for one in found]
    assert sides[0] != sides[1]
    values = features(found, frames(found), np.array([sure(1)] * 2), SHAPE)
    values[:, FEATURES.index("width")] = np.log(np.divide(pens, sides))
    evidence = judging.several_features(found, values)
    assert evidence is not None
    assert evidence[SEVERAL_FEATURES.index("pen")] == pytest.approx(apart)


@pytest.mark.parametrize(("confidence", "doubtful"), [(0.69, True), (0.7, False), (0.99, False)])
def test_unsure_digit_is_doubtful(confidence: float, doubtful: bool) -> None:
    judgement = Judgement(sure(3, confidence).astype(float), np.ones(1), 0.0, 0.0)
    assert is_doubtful([made()], judgement, 0.6999) == doubtful


def test_blank_picture_is_not_doubtful() -> None:
    assert not is_doubtful([], Judgement(np.full(10, 0.1), np.zeros(0), 0.0, 1.0), 0.7)


@pytest.mark.parametrize(
    ("kind", "height", "doubtful"),
    [
        ("second", 60, True),
        ("second", 31, True),
        ("second", 29, False),  # dirt, or the bar of a 5
        ("second", 119, True),
        ("second", 121, False),  # the edge of a sheet
        ("all", 60, False),
    ],
)
def test_sure_digit_is_doubtful_beside_one_as_high(kind: str, height: int, doubtful: bool) -> None:
    """The likeliest hypothesis is 60 pixels high, the other one says whether more is there."""
    found = [made(), made("alone", Box(0, 0, 9, 200)), made(kind, Box(200, 0, 230, height))]
    judgement = Judgement(sure(3).astype(float), np.array([0.9, 0.05, 0.05]), 0.0, 0.0)
    assert is_doubtful(found, judgement, 0.7) == doubtful
