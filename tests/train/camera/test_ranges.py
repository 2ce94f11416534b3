"""Each value of the camera changes what is generated."""

from collections.abc import Callable, Iterator
from itertools import chain, product
from typing import Any

import numpy as np
import pytest
from msgspec.structs import fields

from digits_train.camera import fonts, single
from digits_train.camera.crops import draw_crops, vary
from digits_train.camera.distributions import Chance, Chances, Mixture, Positive, Size
from digits_train.camera.exposure import photograph
from digits_train.camera.materials import Materials, make_materials
from digits_train.camera.page import compose
from digits_train.camera.ranges import RANGES, Ranges, changed
from digits_train.data.detector_batches import DetectorBatches
from digits_train.pixels import Random
from tests.train import short, subset_unipen
from tests.train.conftest import FONT

_TRIES = 100
_NAMES = [
    (section.name, field.name) for section in fields(RANGES) for field in fields(section.default)
]


def _often(kind: Any, value: Any) -> Any:
    """A value with which whatever may happen does so half of the time."""
    if kind == Chance:
        return 0.5
    if kind == Chances:
        return (1 / len(value),) * len(value)
    return value._replace(chance=0.5) if kind is Mixture else value


def _other(kind: Any, value: Any) -> Any:
    """Another value of the same kind."""
    if kind == Chance:
        return 1.0
    if kind in (Size, Positive):
        return value / 2
    if kind == Chances:
        return (0.0,) * (len(value) - 1) + (1.0,)
    if kind is Mixture:
        return Mixture(1.0, (sum(value.first) / 3,) * 2)
    return (value[1],) * len(value)


def _busy() -> Ranges:
    """Ranges of small pictures, on which much happens."""
    ranges = RANGES
    for section in fields(ranges):
        values = section.default
        often = {
            each.name: _often(each.type, getattr(values, each.name)) for each in fields(values)
        }
        ranges = changed(ranges, **{section.name: often})
    heights = {"height": (20.0, 60.0), "several_height": (20.0, 60.0)}
    return changed(
        ranges,
        paper=dict.fromkeys(("squared", "ruled", "table", "pattern"), 0.2),
        window={"tight": 0.3, "alone": 0.3},
        single=heights | {"largest": 50.0, "max_side": 80.0},
    )


def _glyphs(random: Random, materials: Materials) -> bytes:
    seed, people = int(random.integers(2**32)), subset_unipen.writings(1, 2)
    hands, texts, marks, *_ = make_materials(people, seed, materials.ranges, 2, 4)
    variants = [each for hand in hands for each in hand.variants.values()]
    glyphs = chain(*variants, *texts, marks)
    return b"".join(glyph.coverage.tobytes() for glyph in glyphs)


def _composed(random: Random, materials: Materials) -> bytes:
    window = compose(random, materials, (150, 250))
    return window.ink.tobytes() + window.printed.tobytes()


def _photo(random: Random, materials: Materials) -> bytes:
    written = compose(np.random.default_rng(0), materials._replace(ranges=RANGES), (64, 64), 24)
    return photograph(written, 24, random, materials.ranges, written).pixels.tobytes()


def _crops(random: Random, materials: Materials) -> bytes:
    crop = next(draw_crops(materials, random))
    return crop.pixels.tobytes() + vary(crop.pixels, random, materials.ranges).tobytes()


def _windows(random: Random, materials: Materials) -> bytes:
    pages = DetectorBatches(materials, short.DETECTOR, int(random.integers(2**32)), 1)[0]
    return b"".join(each.pixels.tobytes() for each in pages)


def _single(random: Random, materials: Materials) -> bytes:
    return single.draw(dict.fromkeys(single.KINDS, 0.25), random, materials).pixels.tobytes()


_DRAWS: dict[str, list[Callable[[Random, Materials], bytes]]] = {
    **dict.fromkeys(("hand", "text"), [_composed, _glyphs]),
    **dict.fromkeys(("layout", "form"), [_composed]),
    "paper": [_photo, _crops],
    **dict.fromkeys(("light", "lens", "file"), [_photo]),
    **{"crop": [_crops], "window": [_windows], "single": [_single]},
}


@pytest.fixture(scope="module")
def drawn() -> Iterator[tuple[Materials, dict[Any, bytes]]]:
    """What pictures are made of, and those that have been made."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fonts, "printed", lambda _: [FONT])
        yield make_materials(subset_unipen.writings(), 0, _busy(), 20, 20), {}


@pytest.mark.slow
@pytest.mark.parametrize(("section", "name"), _NAMES)
def test_another_value_gives_other_pictures(
    section: str, name: str, drawn: tuple[Materials, dict[Any, bytes]]
) -> None:
    materials, made = drawn
    values = getattr(materials.ranges, section)
    [kind] = [field.type for field in fields(values) if field.name == name]
    other = changed(materials.ranges, **{section: {name: _other(kind, getattr(values, name))}})
    for number, draw in product(range(_TRIES), _DRAWS[section]):
        if (draw, number) not in made:
            made[draw, number] = draw(np.random.default_rng(number), materials)
        varied = draw(np.random.default_rng(number), materials._replace(ranges=other))
        if varied != made[draw, number]:
            return
    pytest.fail("nothing has changed")
