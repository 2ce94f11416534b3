import numpy as np
import pytest

from digits_train.handwriting import letters
from digits_train.handwriting.latin import LATIN
from digits_train.handwriting.scripts import SCRIPTS
from digits_train.handwriting.signs import SIGNS
from digits_train.handwriting.strokes import Glyph, bounds

# Some people's digits look like these.
LOOKALIKES = "BDGIOQSZbgiloqsyz|/!"


def test_letters_exclude_digit_lookalikes() -> None:
    assert not {name.split()[0] for name in LATIN} & {*LOOKALIKES, *"0123456789"}


@pytest.mark.parametrize("models", [LATIN, SCRIPTS, SIGNS])
def test_letters_vary(models: dict[str, Glyph]) -> None:
    rng = np.random.default_rng(0)
    for name in models:
        drawn = [letters.draw_glyph(letters.write_letter(name, rng), rng) for _ in range(3)]
        assert len({picture.tobytes() for picture in drawn}) == 3, name
        for picture in drawn:
            assert picture.dtype == np.uint8
            assert 90 <= max(picture.shape) <= 140, name
            assert 0.005 < (picture > 127).mean() < 0.9, name


def test_letter_models_have_plausible_size() -> None:
    """A misplaced point would make a model too large."""
    for name, glyph in letters.LETTERS.items():
        left, top, right, bottom = bounds(glyph)
        assert 0.45 < max(right - left, bottom - top) < 1.6, name


def test_same_seed_gives_same_pictures() -> None:
    one, same, other = (letters.draw_letter(np.random.default_rng(seed)) for seed in (0, 0, 1))
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)


def test_most_letters_are_latin() -> None:
    rng = np.random.default_rng(0)
    names = [letters.random_letter(rng) for _ in range(3000)]
    assert 0.6 < sum(name in LATIN for name in names) / 3000 < 0.72
    assert set(names) == set(letters.LETTERS)


def test_stem_of_y_stays_upright() -> None:
    rng = np.random.default_rng(0)
    stems = [letters.write_letter("Y", rng)[1] for _ in range(200)]
    assert np.mean([abs(stem[-1, 0] - stem[0, 0]) < 0.12 for stem in stems]) > 0.9


def test_pen_does_not_fill_letter() -> None:
    """The four rungs of a ladder stay apart; the widest pen of all would leave a bar."""
    rng = np.random.default_rng(0)
    for _ in range(100):
        picture = letters.draw_glyph(letters.LETTERS["ladder"], rng)
        ink = picture[:, picture.shape[1] // 2] > 127
        assert np.count_nonzero(np.diff(ink)) + ink[0] + ink[-1] >= 8


@pytest.mark.parametrize("name", ["question mark", "j", "j with a serif", "semicolon"])
def test_pen_does_not_join_dot_to_letter(name: str) -> None:
    """Without its dot, a question mark would be a 2 and a j a 1."""
    rng = np.random.default_rng(0)
    for _ in range(100):
        picture = letters.draw_glyph(letters.write_letter(name, rng), rng)
        assert not (picture[5:-5] > 127).any(1).all()
