"""The numbers that training pages say."""

import re

import numpy as np
import pytest

from digits_train.camera.numbers import KINDS, random_number


def numbers(kind: str, count: int = 200) -> list[str]:
    random = np.random.default_rng(0)
    return [random_number(random, kind) for _ in range(count)]


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_holds_a_digit(kind: str) -> None:
    assert all(any(character.isdecimal() for character in text) for text in numbers(kind))


def test_doubled_numbers_repeat_digits_and_hold_zeros() -> None:
    made = numbers("doubled")
    assert sum(bool(re.search(r"(\d)\1", text)) for text in made) > 100
    assert sum("0" in text for text in made) > 80


def test_ones_are_the_numbers_that_readers_lose() -> None:
    made = set(numbers("ones", 500))
    assert {"11", "111", "10", "12", "19"} <= made


def test_amounts_have_signs_points_and_commas() -> None:
    made = numbers("amount", 500)
    assert any(text.startswith("-") for text in made)
    assert any(re.fullmatch(r"-?\d+\.\d\d", text) for text in made)
    assert any(re.fullmatch(r"-?\d+,\d\d", text) for text in made)


def test_the_same_seed_gives_the_same_numbers() -> None:
    assert numbers("date") == numbers("date")
