import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from digits import ink
from digits.errors import PictureError
from digits.mnist import Split


def framed(grey: np.ndarray) -> np.ndarray:
    strokes = ink.extract(grey)
    return ink.frame(strokes, *ink.find_digit(strokes))


def photo(digit: np.ndarray, size: int = 140, margin: int = 30) -> np.ndarray:
    """Dark ink on white paper: the digit [28, 28] enlarged, with a margin; float, 0 to 255."""
    from PIL import Image

    big = Image.fromarray(digit).resize((size, size), Image.Resampling.BICUBIC)
    return 255 - np.pad(np.asarray(big), margin).astype(float) * 0.9


def flood_fill(mask: np.ndarray) -> list[set[tuple[int, int]]]:
    """The connected components, the slow and obvious way."""
    left = {(int(y), int(x)) for y, x in zip(*np.nonzero(mask), strict=True)}
    found = []
    while left:
        component, front = set(), {left.pop()}
        while front:
            component |= front
            front = {
                (y + dy, x + dx) for y, x in front for dy in (-1, 0, 1) for dx in (-1, 0, 1)
            } & left
            left -= front
        found.append(component)
    return found


def test_a_digit_of_mnist_stays_as_it_is(test_slice: Split) -> None:
    """They were framed by the same rule, so framing them again must change next to nothing."""
    differences = [
        np.abs(framed(image).astype(int) - image).mean() for image in test_slice.images[:200]
    ]
    assert np.median(differences) < 4
    assert np.quantile(differences, 0.9) < 15


def test_the_frame_is_mnist_s(test_slice: Split) -> None:
    rows = np.arange(28) + 0.5
    for image in test_slice.images[:100]:
        frame = framed(photo(image).astype(np.uint8))
        assert frame.shape == (28, 28)
        assert frame.dtype == np.uint8
        box = ink.bounds(frame > 0)
        assert max(box.right - box.left, box.bottom - box.top) in (19, 20)
        assert frame.max() == 255
        mass = frame.sum()
        assert abs((frame.sum(1) * rows).sum() / mass - 14.5) <= 0.51
        assert abs((frame.sum(0) * rows).sum() / mass - 14.5) <= 0.51


def test_light_on_dark_gives_the_same_frame(test_slice: Split) -> None:
    for image in test_slice.images[:20]:
        page = photo(image)
        dark, light = framed(page.astype(np.uint8)), framed((255 - page).astype(np.uint8))
        assert np.abs(dark.astype(int) - light).mean() < 12


def test_light_that_falls_off_changes_little(test_slice: Split) -> None:
    for image in test_slice.images[:20]:
        page = photo(image)
        lamp = (
            np.linspace(1, 0.5, page.shape[1])[None, :]
            * np.linspace(1, 0.8, page.shape[0])[:, None]
        )
        even, uneven = framed(page.astype(np.uint8)), framed((page * lamp).astype(np.uint8))
        assert np.abs(even.astype(int) - uneven).mean() < 10


def test_specks_and_a_border_are_not_the_digit(test_slice: Split) -> None:
    page = photo(test_slice.images[0])
    clean = framed(page.astype(np.uint8))
    page[5:8, 5:8] = 20
    page[-2:] = 60
    np.testing.assert_allclose(framed(page.astype(np.uint8)).astype(int), clean, atol=40)


@pytest.mark.parametrize("shape", [(1, 1), (1, 500), (500, 1), (28, 28), (300, 200)])
@pytest.mark.parametrize("value", [0, 128, 255])
def test_an_even_sheet_is_blank(shape: tuple[int, int], value: int) -> None:
    with pytest.raises(PictureError, match="no ink"):
        framed(np.full(shape, value, np.uint8))


def test_constant_ink_is_blank() -> None:
    with pytest.raises(PictureError, match="no ink"):
        ink.find_digit(np.full((5, 5), 0.5, np.float32))


def test_a_shaded_noisy_sheet_is_blank() -> None:
    random = np.random.default_rng(0)
    page = np.linspace(250, 120, 300)[None, :] + random.normal(0, 3, (200, 300))
    page = page.clip(0, 255)
    with pytest.raises(PictureError, match="no ink"):
        framed(page.astype(np.uint8))


def test_a_speck_is_no_digit() -> None:
    page = np.full((100, 100), 240, np.uint8)
    page[50, 50] = 0
    with pytest.raises(PictureError, match="too small"):
        ink.find_digit(np.where(page < 100, 1, 0).astype(np.float32)[40:60, 50:51])


@settings(deadline=None)
@given(hnp.arrays(np.uint8, hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=40)))
def test_any_grey_picture_gives_a_frame_or_a_picture_error(grey: np.ndarray) -> None:
    try:
        frame = framed(grey)
    except PictureError:
        return
    assert frame.shape == (28, 28)
    assert frame.max() > 0


@settings(deadline=None)
@given(hnp.arrays(np.bool_, hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=12)))
def test_components_are_those_of_a_flood_fill(mask: np.ndarray) -> None:
    labels, count = ink.components(mask)
    assert ((labels > 0) == mask).all()
    found = [
        {(int(y), int(x)) for y, x in zip(*np.nonzero(labels == label), strict=True)}
        for label in range(1, count + 1)
    ]
    assert sorted(map(sorted, found)) == sorted(map(sorted, flood_fill(mask)))


@given(st.integers(1, 60), st.integers(1, 20))
def test_reduction_keeps_the_mean(length: int, reduced: int) -> None:
    if reduced <= length:
        matrix = ink._area(length, reduced)
        np.testing.assert_allclose(matrix.sum(1), 1, atol=1e-4)
        np.testing.assert_allclose(matrix.sum(0), reduced / length, atol=1e-4)
