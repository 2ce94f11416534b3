"""How much either network counts, by who is right."""

import math
from collections.abc import Iterator

import numpy as np
import pytest

from digits.reader.numbers import ANY_TEXT, Opinions, Weights, ask
from digits_export.number_weights import fit_weights, read_pages
from tests.export.detector_pages import drawn_page, ink_maps
from tests.runtime.reader.drawn import lattice, steps, views


def opinions(seed: int, scales: tuple[float, float]) -> Iterator[tuple[Opinions, str]]:
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
        yield (
            ask(views(lattice("", says[0]), steps("", says[1])), ANY_TEXT),
            "7" if is_seven else "1",
        )


@pytest.mark.slow
@pytest.mark.parametrize("scales", [(1.0, 1.0), (2.0, 0.5)])
def test_weights_undo_over_and_underconfidence(scales: tuple[float, float]) -> None:
    fitted = fit_weights([*opinions(0, scales)])
    assert fitted.detector * scales[0] == pytest.approx(1, rel=0.25)
    assert fitted.recognizer * scales[1] == pytest.approx(1, rel=0.25)


@pytest.mark.slow
def test_slips_are_as_frequent_as_they_are() -> None:
    """One in five numbers has a symbol that the detector overlooks."""
    seen = [views(lattice("12"), steps(text)) for text in ["12"] * 4 + ["127"]] * 10
    written = ["12", "12", "12", "12", "127"] * 10
    pairs = [(ask(each, ANY_TEXT), text) for each, text in zip(seen, written, strict=True)]
    honest = [pair for pair in pairs if pair[1] == "12"]
    assert fit_weights(pairs).detector_slip > 10 * fit_weights(honest).detector_slip


def test_what_is_read_is_paired_with_what_is_written_there() -> None:
    pages = [drawn_page(0), drawn_page(1)]
    read = [*read_pages(ink_maps, lambda crops: [steps("7")] * len(crops), pages)]
    assert [text for _, text in read] == [text for page in pages for text in page.text.split()]
    for opinion, text in read:
        pool = opinion.pool(Weights(1.0, 1.0, 1e-6, 1e-6))
        assert max(pool.texts, key=lambda each: pool.texts[each]) == text == "7"
