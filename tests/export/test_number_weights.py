"""How much either network counts, by who is right."""

import math
from collections.abc import Iterator

import numpy as np
import pytest

from digits.reader.opinions import Opinions, Weights, opinions_of
from digits_export.number_weights import fit_weights, read_crops, read_pages
from digits_train.camera.crops import Crop
from digits_train.symbols import Truth
from tests.drawings import lattice, steps, views
from tests.export.detector_pages import drawn_page, ink_maps


def hints(seed: int, scales: tuple[float, float]) -> Iterator[tuple[Opinions, str]]:
    """Numbers of one digit, of which both networks see independent hints.

    scales: of their log odds, where 1 is as sure as either should be.
    """
    random = np.random.default_rng(seed)
    for _ in range(400):
        says = []
        is_seven = random.random() < 0.5
        for scale in scales:
            odds = 2 * random.normal() + (2 if is_seven else -2)  # of a normal distribution
            seven = 0.998 / (1 + math.exp(-scale * odds))
            says.append({"7": seven, "1": 0.998 - seven})
        seen = views(lattice("", says[0]), steps("", says[1]))
        yield opinions_of(seen), "7" if is_seven else "1"


@pytest.mark.slow
@pytest.mark.parametrize("scales", [(1.0, 1.0), (2.0, 0.5)])
def test_weights_undo_over_and_underconfidence(scales: tuple[float, float]) -> None:
    fitted = fit_weights([*hints(0, scales)], [])
    assert fitted.detector_weight * scales[0] == pytest.approx(1, rel=0.25)
    assert fitted.recognizer_weight * scales[1] == pytest.approx(1, rel=0.25)


@pytest.mark.slow
def test_slips_are_as_frequent_as_they_are() -> None:
    """One in five numbers has a symbol that the detector overlooks; in the others, it is right."""
    doubtful = [{"7": share, "1": 0.998 - share} for share in (0.3, 0.6, 0.7, 0.4)]
    honest = [views(lattice("127"), steps("12", each)) for each in doubtful]
    pairs = [(opinions_of(each), "127") for each in [*honest, views(lattice("12"), steps("127"))]]
    often, seldom = (fit_weights(some, []).detector_slip_rate for some in (pairs, pairs[:-1]))
    assert often > 10 * seldom


@pytest.mark.parametrize(
    ("written", "count", "expected"),
    [("777", 3, ["777"]), ("7", 1, ["7"]), ("", 0, [""]), ("7 77", 3, [])],
)
def test_what_is_read_is_paired_with_what_is_written_there(
    written: str, count: int, expected: list[str]
) -> None:
    """The detector takes what is dark for sevens; what is in two lines, nobody knows."""
    boxes, symbols = drawn_page(0).truth
    truth = Truth(boxes[:count], symbols[:count])
    page = drawn_page(0)._replace(text=written, truth=truth)
    [*read] = read_pages(ink_maps, lambda crops: [steps("777")] * len(crops), [page])
    assert [text for _, text in read] == expected
    crops = [Crop(page.pixels, written)] * 2
    [*again] = read_crops(ink_maps, lambda crops: [steps("777")] * len(crops), crops)
    assert [text for _, text in again] == [written] * 2
    for opinions, _ in [*read, *again]:
        pool = opinions.pool(Weights(1.0, 1.0, 1e-6, 1e-6))
        assert max(pool.texts, key=lambda text: pool.texts[text]) == "777"


@pytest.mark.slow
def test_pages_say_how_sure_a_number_is() -> None:
    """Where four of five are read right, the surest isn't surer than that."""
    [*pairs] = hints(0, (1.0, 1.0))
    wrong = [
        (opinion, "3" if index % 5 == 0 else text) for index, (opinion, text) in enumerate(pairs)
    ]
    sure, unsure = (fit_weights(numbers, pairs) for numbers in (pairs, wrong))
    assert unsure.calibrated(0.99) < 0.9 < sure.calibrated(0.99)
