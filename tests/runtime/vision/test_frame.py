import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from digits.data.mnist import Split
from digits.vision import frame


def cut(ink: np.ndarray) -> np.ndarray:
    """Up to the edges of what is inked."""
    rows, columns = np.flatnonzero(ink.any(1)), np.flatnonzero(ink.any(0))
    return ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def enlarged(digit: np.ndarray, side: int) -> np.ndarray:
    return np.asarray(Image.fromarray(digit).resize((side, side), Image.Resampling.BICUBIC))


def test_a_digit_of_mnist_stays_as_it_is(test_slice: Split) -> None:
    """They were framed by the same rule, so framing them again must change next to nothing."""
    differences = [
        np.abs(frame.frame(cut(image)).astype(int) - image).mean()
        for image in test_slice.images[:200]
    ]
    assert np.median(differences) < 4
    assert np.quantile(differences, 0.9) < 12


@pytest.mark.parametrize("side", [14, 28, 100, 500])
def test_the_frame_is_mnist_s(test_slice: Split, side: int) -> None:
    place = np.arange(28) + 0.5
    for image in test_slice.images[:50]:
        framed = frame.frame(cut(enlarged(image, side)))
        assert (framed.shape, framed.dtype) == ((28, 28), np.uint8)
        inked = cut(framed)
        assert max(inked.shape) in (18, 19, 20)
        assert framed.max() == 255
        mass = framed.sum()
        assert abs((framed.sum(1) * place).sum() / mass - 14.5) <= 0.51
        assert abs((framed.sum(0) * place).sum() / mass - 14.5) <= 0.51


@pytest.mark.parametrize("side", [28, 120, 400])
def test_faint_ink_is_drawn_at_full_contrast(test_slice: Split, side: int) -> None:
    for image in test_slice.images[:20]:
        ink = cut(enlarged(image, side))
        full, faint = frame.frame(ink), frame.frame(np.ceil(ink / 5).astype(np.uint8))
        assert np.abs(full.astype(int) - faint).mean() < 4


@pytest.mark.parametrize("side", [60, 200, 400])
def test_a_hairline_is_drawn_with_a_pen(side: int) -> None:
    ring = np.zeros((side, side), np.uint8)
    ring[[0, -1]] = ring[:, [0, -1]] = 255
    framed = frame.frame(ring)
    assert 1.1 <= frame.stroke_width(framed / np.float32(255)) <= 1.8
    assert max(cut(framed).shape) in (19, 20)


@pytest.mark.parametrize("width", [1, 2, 3, 5])
def test_the_width_of_a_stroke(width: int) -> None:
    bar = np.ones((80, width), np.float32)
    assert frame.stroke_width(bar) == pytest.approx(width, rel=0.1)


def test_strokes_as_wide_as_mnist_s_are_not_thickened(test_slice: Split) -> None:
    for image in test_slice.images[:50]:
        ink = cut(image)
        before, after = (frame.stroke_width(x / np.float32(255)) for x in (ink, frame.frame(ink)))
        if before > 2:
            assert after == pytest.approx(before, rel=0.15)


@settings(deadline=None)
@given(
    hnp.arrays(
        np.uint8,
        hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=60),
        elements=st.integers(1, 255),
    )
)
def test_any_ink_can_be_framed(ink: np.ndarray) -> None:
    framed = frame.frame(ink)
    assert framed.shape == (28, 28)
    assert framed.max() > 0


@pytest.mark.parametrize("shape", [(1, 5000), (5000, 1), (2, 3000), (1000, 1000)])
def test_extreme_shapes(shape: tuple[int, int]) -> None:
    assert frame.frame(np.full(shape, 200, np.uint8)).max() == 255


@given(st.integers(1, 60), st.integers(1, 20))
def test_reduction_keeps_the_mean(length: int, reduced: int) -> None:
    if reduced <= length:
        matrix = frame._area(length, reduced)
        np.testing.assert_allclose(matrix.sum(1), 1, atol=1e-4)
        np.testing.assert_allclose(matrix.sum(0), reduced / length, atol=1e-4)


@given(hnp.arrays(np.float32, st.integers(1, 300), elements=st.floats(0, 255, width=32)))
def test_the_quantile_is_numpy_s(values: np.ndarray) -> None:
    # NumPy 1, 2.1 and 2.3 round it differently, by a bit or two of float32.
    expected = float(np.quantile(values.astype(np.float64), 0.8))
    assert frame._quantile(values, 0.8) == pytest.approx(expected, rel=1e-6, abs=1e-4)
