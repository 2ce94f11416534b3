"""Hands of people's pens: what they have, in which size, how far apart."""

import numpy as np
import pytest

from digits_train.camera.hands import draw_hands, draw_texts
from digits_train.camera.ink import EM, stroke
from digits_train.camera.legibility import are_legible
from digits_train.camera.ranges import RANGES
from digits_train.camera.tracing import room_between, trace
from digits_train.writings import DIGITS, Writing, held_out_donors
from tests.train import subset_unipen


@pytest.fixture(scope="module")
def writings() -> list[Writing]:
    return subset_unipen.writings()


def test_a_hand_has_one_persons_characters(writings: list[Writing]) -> None:
    hands = draw_hands(writings, 20, np.random.default_rng(0), RANGES.hand)
    assert len(hands) == 20
    assert len({hand.pen for hand in hands}) == 20  # twelve people, with different pens
    for hand in hands:
        assert hand.digits() == list(DIGITS)
        assert {number.text for number in hand.numbers} == {"10", "1000", "2745", "638", "90"}
        heights = [len(glyph.coverage) for digit in "0258" for glyph in hand.variants[digit]]
        assert np.median(heights) == pytest.approx(EM, abs=hand.pen + 0.15 * EM)


def test_signs_stand_where_they_belong(writings: list[Writing]) -> None:
    [hand] = draw_hands(writings, 1, np.random.default_rng(0), RANGES.hand)
    minus, point, comma = (hand.variants[sign][0] for sign in "-.,")
    assert len(minus.coverage) / 2 - minus.below == pytest.approx(EM / 2, abs=1)
    assert point.below == 0 < comma.below


def test_same_seed_draws_the_same(writings: list[Writing]) -> None:
    first, second = (
        draw_hands(writings, 3, np.random.default_rng(7), RANGES.hand)[2] for _ in range(2)
    )
    assert first.pen == second.pen
    np.testing.assert_array_equal(first.variants["4"][0].coverage, second.variants["4"][0].coverage)


def test_digit_with_another_ones_label_is_left_out(writings: list[Writing]) -> None:
    seven = next(item for item in writings if item.text == "7")
    wrong = seven._replace(text="3")
    number = next(item for item in writings if item.text == "90")._replace(text="93")
    person = trace([wrong, number, *writings])[0]
    assert len(person.characters["3"]) == 3  # two, and that of 638
    assert [number.text for number in person.numbers] == ["10", "1000", "2745", "638", "90"]


def test_rare_shape_is_legible() -> None:
    """Its neighbours disagree: they are other people's other digits."""
    random = np.random.default_rng(0)
    shapes = [stroke([random.uniform(0, EM, (5, 2))], 5) for _ in range(12)]
    labels = list("00112233449") + ["9"]
    assert are_legible(shapes, labels, range(12)).all()


def test_spacing_is_that_of_the_number(writings: list[Writing]) -> None:
    person = trace(writings)[0]
    [number] = [number for number in person.numbers if number.text == "2745"]
    spacing = number.spacing
    assert len(spacing.gaps) == 3
    assert len(spacing.drops) == 4
    assert spacing.gaps == pytest.approx([0.25, 0.25, 0.25], abs=0.2)  # a unit of four
    assert np.abs(spacing.drops).max() < 0.1


@pytest.mark.parametrize(("lower", "room"), [(0, 0), (40, 20), (90, 0)])
def test_room_between(lower: int, room: int) -> None:
    """A 7, mirrored, leaves room below its bar for what comes next, unless that stands lower."""
    seven, dot = np.zeros((60, 30), np.uint8), np.full((30, 10), 255, np.uint8)
    seven[:10] = seven[:, :10] = 255
    assert room_between(seven, dot, lower) == room


def test_texts_have_no_digits_and_their_doubts(writings: list[Writing]) -> None:
    texts = draw_texts(writings, 10_000, np.random.default_rng(0), RANGES.hand)
    assert len(texts) == 12
    assert any(len(glyph.doubtful) for glyph in texts[0])  # points and minus signs
    assert any(not len(glyph.doubtful) for glyph in texts[0])


def test_whole_donors_are_held_out(writings: list[Writing]) -> None:
    many = [item._replace(writer=f"{item.writer}{n}") for item in writings for n in range(9)]
    held_out = held_out_donors(many, 1)
    assert len(held_out) == 1
    assert held_out < {f"donor{n}" for n in range(4)}
    assert not held_out_donors(writings[:20])
