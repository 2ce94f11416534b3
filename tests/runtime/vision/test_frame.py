import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from digits.data.mnist import Split
from digits.vision import frame
from digits.vision.frame import stroke_width, to_mnist

INKS = hnp.arrays(
    np.uint8,
    hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=60),
    elements=st.integers(0, 255),
).filter(lambda ink: bool(ink.any()))


def cut(ink: np.ndarray) -> np.ndarray:
    """Crop to the bounding box of the ink."""
    rows, columns = np.flatnonzero(ink.any(1)), np.flatnonzero(ink.any(0))
    return ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def enlarged(digit: np.ndarray, side: int) -> np.ndarray:
    return np.asarray(Image.fromarray(digit).resize((side, side), Image.Resampling.BICUBIC))


def width_of(ink: np.ndarray) -> float:
    """The mean width of the strokes of one picture, uint8 [height, width]."""
    return float(stroke_width(ink[None].astype(np.float32) / np.float32(255))[0])


def test_mnist_digit_unchanged(test_slice: Split) -> None:
    """MNIST's digits are framed by the same rule, so framing must hardly change them."""
    frames = to_mnist([cut(image) for image in test_slice.images[:200]])
    differences = np.abs(frames.astype(int) - test_slice.images[:200]).mean((1, 2))
    assert np.median(differences) < 4
    assert np.quantile(differences, 0.9) < 12


@pytest.mark.parametrize("side", [14, 28, 100, 500])
def test_frame_like_mnist(test_slice: Split, side: int) -> None:
    place = np.arange(28) + 0.5
    frames = to_mnist([cut(enlarged(image, side)) for image in test_slice.images[:50]])
    assert frames.shape == (50, 28, 28)
    assert frames.dtype == np.uint8
    for framed in frames:
        inked = cut(framed)
        assert max(inked.shape) in (18, 19, 20)
        assert framed.max() == 255
        mass = framed.sum()
        assert abs((framed.sum(1) * place).sum() / mass - 14.5) <= 0.51
        assert abs((framed.sum(0) * place).sum() / mass - 14.5) <= 0.51


@settings(max_examples=50)
@given(st.lists(INKS, min_size=1, max_size=6))
def test_batch_equals_one_by_one(inks: list[np.ndarray]) -> None:
    alone = np.concatenate([to_mnist([ink]) for ink in inks])
    np.testing.assert_array_equal(to_mnist(inks), alone)


def test_batch_of_thick_and_thin_strokes(test_slice: Split) -> None:
    """Only the ones with hairlines are drawn again."""
    ring = np.zeros((90, 60), np.uint8)
    ring[[0, -1]] = ring[:, [0, -1]] = 200
    inks = [ring, *(cut(image) for image in test_slice.images[:20]), ring.T, ring[:40]]
    alone = np.concatenate([to_mnist([ink]) for ink in inks])
    np.testing.assert_array_equal(to_mnist(inks), alone)


def test_empty_batch() -> None:
    frames = to_mnist([])
    assert frames.shape == (0, 28, 28)
    assert frames.dtype == np.uint8


@pytest.mark.parametrize("side", [28, 120, 400])
def test_faint_ink_at_full_contrast(test_slice: Split, side: int) -> None:
    inks = [cut(enlarged(image, side)) for image in test_slice.images[:20]]
    full = to_mnist(inks)
    faint = to_mnist([np.ceil(ink / 5).astype(np.uint8) for ink in inks])
    assert np.abs(full.astype(int) - faint).mean((1, 2)).max() < 4


@pytest.mark.parametrize("side", [60, 200, 400])
def test_hairline_drawn_thicker(side: int) -> None:
    ring = np.zeros((side, side), np.uint8)
    ring[[0, -1]] = ring[:, [0, -1]] = 255
    [framed] = to_mnist([ring])
    assert 1.1 <= width_of(framed) <= 1.8
    assert max(cut(framed).shape) in (19, 20)


@pytest.mark.parametrize("width", [1, 2, 3, 5])
def test_stroke_width_of_bar(width: int) -> None:
    bar = np.ones((80, width), np.float32)
    assert stroke_width(bar[None]) == pytest.approx(width, rel=0.1)


def test_stroke_width_of_batch() -> None:
    bars = np.zeros((4, 40, 12), np.float32)
    for place, width in enumerate([0, 1, 3, 6]):
        bars[place, :, :width] = 1
    widths = stroke_width(bars)
    assert widths.shape == (4,)
    assert widths.dtype == np.float32
    assert widths[0] == 0
    for bar, width in zip(bars, widths, strict=True):
        assert stroke_width(bar[None]) == pytest.approx(width)
    assert (np.diff(widths) > 0).all()


def test_wide_strokes_not_thickened(test_slice: Split) -> None:
    inks = [cut(image) for image in test_slice.images[:50]]
    for ink, framed in zip(inks, to_mnist(inks), strict=True):
        before = width_of(ink)
        if before > 2:
            assert width_of(framed) == pytest.approx(before, rel=0.15)


def test_inks_unchanged(test_slice: Split) -> None:
    inks = [cut(image) for image in test_slice.images[:5]]
    before = [ink.copy() for ink in inks]
    to_mnist(inks)
    for ink, same in zip(inks, before, strict=True):
        np.testing.assert_array_equal(ink, same)


@given(INKS)
def test_frame_of_any_ink(ink: np.ndarray) -> None:
    [framed] = to_mnist([ink])
    assert framed.shape == (28, 28)
    assert framed.max() > 0
    assert max(cut(framed).shape) <= 20


@pytest.mark.parametrize("shape", [(1, 5000), (5000, 1), (2, 3000), (1000, 1000), (1, 1)])
def test_extreme_shapes(shape: tuple[int, int]) -> None:
    [framed] = to_mnist([np.full(shape, 200, np.uint8)])
    assert framed.max() == 255


@given(st.integers(1, 60), st.integers(1, 20))
def test_reduction_keeps_mean(length: int, reduced: int) -> None:
    if reduced <= length:
        matrix = frame._area_matrix(length, reduced)
        np.testing.assert_allclose(matrix.sum(1), 1, atol=1e-4)
        np.testing.assert_allclose(matrix.sum(0), reduced / length, atol=1e-4)


@given(
    hnp.arrays(np.uint8, st.integers(1, 300), elements=st.integers(0, 255)).filter(np.any),
    st.floats(0.1, 300),
)
def test_full_contrast_quantile(values: np.ndarray, scale: float) -> None:
    """The quantile is that of inked pixels."""
    digit = (values * np.float32(scale))[None]
    drawn = frame._stretch_contrast(digit.copy())[0]
    inked = digit[0] > np.float32(0.1) * digit.max()
    full = (drawn == 1) & inked
    assert full.sum() >= max(0.2 * inked.sum(), 1)
    # No more than that are, but for others as dark as the lightest of them.
    assert (digit[0, full] > digit[0, full].min()).sum() <= 0.2 * inked.sum() + 1
    assert (np.diff(drawn[np.argsort(digit[0], kind="stable")]) >= 0).all()


def test_dilate_grows_alike_on_all_sides() -> None:
    dot = np.zeros((1, 1), np.float32) + 0.5
    for growth in (1, 2):
        down, right = np.indices((2 * growth + 1, 2 * growth + 1)) - growth
        diamond = 0.5 * (abs(down) + abs(right) <= growth)
        np.testing.assert_array_equal(frame._dilate(dot, growth), diamond)


@pytest.mark.parametrize("turns", range(4))
def test_lopsided_digit_is_not_cut_off(turns: int) -> None:
    """Its centre of mass can't be in the middle: the end of its tail would be outside."""
    ink = np.zeros((20, 20), np.uint8)
    ink[:, :5] = ink[9:11] = 255
    framed = frame.to_mnist([np.rot90(ink, turns)])[0]
    assert (framed > 0).sum() == (ink > 0).sum()
