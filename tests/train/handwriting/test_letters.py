import numpy as np
import pytest

from digits_train.handwriting.glyphs import LATIN, SCRIPTS, SIGNS, parse_path
from digits_train.handwriting.letters import LETTERS, draw_glyph, random_letter, write_letter
from digits_train.handwriting.strokes import Glyph, arc, curve, join, line, size

# Some people's digits look like these.
LOOKALIKES = "BDGIOQSZbgiloqsyz|/!"


def test_path_of_every_command() -> None:
    glyph = parse_path(
        "M0,0 L0,100 40,50.5 R20,-5 40,50 E60,50 20,30 180,550"
        " E5,5 3,3 0,370 O0,0 50,0\n25,50 M1,1 L2,2"
    )
    bow = curve((0.4, 0.505), (0.2, -0.05), (0.4, 0.5))
    expected = [
        join(line((0, 0), (0, 1), (0.4, 0.505)), bow, arc((0.6, 0.5), (0.2, 0.3), 180, 550)),
        arc((0.05, 0.05), (0.03, 0.03), 0, 370),
        curve((0, 0), (0.5, 0), (0.25, 0.5), closed=True),
        line((0.01, 0.01), (0.02, 0.02)),
    ]
    assert len(glyph) == len(expected)
    assert all(map(np.array_equal, glyph, expected))


def test_accented_letter_is_letter_and_mark_and_none_looks_like_a_digit() -> None:
    assert all(map(np.array_equal, LATIN["ä"], LATIN["a"]))
    assert size(LATIN["ä"])[1] > size(LATIN["a"])[1] + 0.3
    assert not {name.split()[0] for name in LATIN} & {*LOOKALIKES, *"0123456789"}


@pytest.mark.parametrize("letters", [LATIN, SCRIPTS, SIGNS])
def test_letters_vary(letters: dict[str, Glyph]) -> None:
    rng = np.random.default_rng(0)
    for name, glyph in letters.items():
        assert 0.45 < max(size(glyph)) < 1.6, name  # or a point is misplaced
        drawn = [draw_glyph(write_letter(name, rng), rng) for _ in range(3)]
        assert len({picture.tobytes() for picture in drawn}) == 3, name
        for picture in drawn:
            assert picture.dtype == np.uint8
            assert 90 <= max(picture.shape) <= 140, name
            assert 0.005 < (picture > 127).mean() < 0.9, name


def test_most_letters_are_latin() -> None:
    rng = np.random.default_rng(0)
    names = [random_letter(rng) for _ in range(3000)]
    assert 0.6 < sum(name in LATIN for name in names) / 3000 < 0.72
    assert set(names) == set(LETTERS)


def test_letters_do_not_become_digits() -> None:
    """The stem of a Y stays upright; the four rungs of a ladder stay apart, as dots do.

    Without its dot, a question mark would be a 2 and a j a 1.
    """
    rng = np.random.default_rng(0)
    stems = [write_letter("Y", rng)[1] for _ in range(200)]
    assert np.mean([abs(stem[-1, 0] - stem[0, 0]) < 0.12 for stem in stems]) > 0.9
    for _ in range(100):
        picture = draw_glyph(LETTERS["ladder"], rng)
        ink = picture[:, picture.shape[1] // 2] > 127
        assert np.count_nonzero(np.diff(ink)) + ink[0] + ink[-1] >= 8
        for name in ("question mark", "j", "j with a serif", "semicolon"):
            dotted = draw_glyph(write_letter(name, rng), rng)
            assert not (dotted[5:-5] > 127).any(1).all(), name
