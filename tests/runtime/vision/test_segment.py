from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from digits.data.mnist import Split
from digits.vision import segment as segmenting
from digits.vision import weights
from digits.vision.ink import Ink
from digits.vision.lattice import ARC_FEATURES, DIGIT, LETTER, SPECK, Lattice, best_path
from digits.vision.page import MAX_PIECES
from digits.vision.segment import Segmentation, segment
from tests.runtime.vision.pages import Network, bar, bars, ink_of
from tests.synthetic import Sheet, chosen


def found_in(ink: Ink, network: Network | None = None) -> Segmentation:
    found = segment(ink, network or Network())
    assert found is not None
    return found


def lefts(lattices: list[Lattice]) -> list[list[int]]:
    return [[atom.component.box.left for atom in lattice.atoms] for lattice in lattices]


@pytest.mark.parametrize("shape", [(1, 1), (4, 300), (300, 400)])
def test_blank_page(shape: tuple[int, int]) -> None:
    network = Network()
    assert segment(np.zeros(shape, np.uint8), network) is None
    assert network.batches == []


def test_lines_and_lattices_in_reading_order() -> None:
    ink = bars(*(bar(x) for x in (20, 50, 80, 300, 330)), *(bar(x, 200) for x in (60, 400)))
    found = found_in(ink)
    assert [lefts(line) for line in found.lines] == [[[20, 50, 80], [300, 330]], [[60], [400]]]
    assert found.height == 40


def test_clusters_break_at_wide_gaps() -> None:
    boxes = np.array([bar(0), bar(30), bar(35, 90, 60), bar(40), bar(134), bar(187)])
    clusters = segmenting._clusters(np.arange(6), boxes, 40.0)
    # From the furthest right of those before: 95 to 134, then 146 to 187.
    assert list(clusters) == [[0, 1, 2, 3, 4], [5]]
    assert list(segmenting._clusters(np.arange(0), boxes, 40.0)) == []


@pytest.mark.parametrize(("gap", "near"), [(10, True), (39, True), (42, False), (60, False)])
def test_lattice_of_close_pieces(gap: int, near: bool) -> None:
    """Pieces are close when less than a digit's height apart."""
    places = [100, 112 + gap, 124 + 2 * gap]
    [row] = found_in(bars(*(bar(left) for left in places))).lines
    assert lefts(row) == ([places] if near else [[left] for left in places])


def check(lattice: Lattice, height: float) -> None:
    """Check the invariants of a lattice."""
    atoms, arcs = lattice
    ends = [arc.end for arc in arcs]
    assert ends == sorted(ends)
    numbers = [atom.number for atom in atoms]
    components = {(numbers.index(n), len(numbers) - numbers[::-1].index(n)) for n in numbers}
    junk = {(arc.start, arc.end) for arc in arcs if arc.kind != DIGIT}
    # There is always a way, and no component is letters of which each costs.
    assert junk == {(k, k + 1) for k in range(len(atoms))} | components
    assert not atoms[0].seams[0] and not atoms[-1].seams[1]
    for one, other in pairwise(atoms):
        assert (one.seams[1] > 0) == (other.seams[0] > 0) == (one.number == other.number)
    for arc in arcs:
        assert np.isfinite(arc.features).all()
        if arc.kind != DIGIT:
            assert (arc.component, arc.frame, arc.answer) == (None, None, None)
            highest = max(atom.component.box.height for atom in atoms[arc.start : arc.end])
            assert arc.kind == (LETTER if highest >= 0.35 * height else SPECK)
            continue
        assert arc.component is not None and arc.frame is not None and arc.answer is not None
        own = atoms[arc.start : arc.end]
        box = arc.component.box
        assert arc.component.ink.shape == (box.height, box.width)
        assert 0.35 * height <= box.height <= 2.5 * height
        assert arc.frame.shape == (28, 28) and arc.answer.shape == (10,)
        assert len({atom.number for atom in own}) <= 4
        if len(own) > 1:
            assert box.width <= 1.6 * height
        drawn = np.zeros_like(arc.component.ink)
        for atom in own:
            ink, at = atom.component
            part = drawn[at.top - box.top :, at.left - box.left :][: at.height, : at.width]
            np.maximum(part, ink, out=part)
        assert (drawn == arc.component.ink).all()


@pytest.mark.parametrize("sure", [0.2, 0.97])
@pytest.mark.parametrize("gap", [-6, 1, 10])
def test_spans_obey_widths(test_slice: Split, sure: float, gap: int) -> None:
    sheet = Sheet()
    sheet.write(chosen(test_slice, "3141592"), 60, 100, gap=gap)
    sheet.write(chosen(test_slice, "65358", start=3), 60, 220, gap=gap)
    found = found_in(ink_of(sheet.photograph()), Network(sure))
    arcs = 0
    for line in found.lines:
        for lattice in line:
            check(lattice, found.height)
            arcs += sum(arc.kind == DIGIT for arc in lattice.arcs)
    assert arcs >= 12


@settings(max_examples=60)
@given(
    st.lists(
        st.tuples(st.integers(0, 280), st.integers(0, 180), st.integers(1, 60), st.integers(1, 60)),
        min_size=1,
        max_size=12,
    ),
    st.sampled_from([0.2, 0.97]),
)
def test_lattices_of_any_boxes(places: list[tuple[int, ...]], sure: float) -> None:
    ink = bars(*(bar(*place) for place in places), shape=(200, 300))
    found = segment(ink, Network(sure))
    if found is not None:
        for line in found.lines:
            assert line
            for lattice in line:
                check(lattice, found.height)


def test_components_of_digit_arcs() -> None:
    """A digit's arc has at most four components."""
    [[lattice]] = found_in(bars(*(bar(100 + 7 * k, width=4) for k in range(6)))).lines
    spans = {(arc.start, arc.end) for arc in lattice.arcs if arc.kind == DIGIT}
    assert (0, 4) in spans
    assert max(end - start for start, end in spans) == 4


def test_height_limits_of_digit_arcs() -> None:
    row = [bar(x) for x in range(100, 280, 30)]
    found = found_in(bars(*row, bar(280, 132, 4, 8), bar(300, 20, 12, 130)))
    assert found.height == 40
    kinds: dict[int, set[int]] = {}
    for lattice in (lattice for line in found.lines for lattice in line):
        for arc in lattice.arcs:
            if arc.end == arc.start + 1:
                height = lattice.atoms[arc.start].component.box.height
                kinds.setdefault(height, set()).add(arc.kind)
    assert kinds == {40: {DIGIT, LETTER}, 8: {SPECK}, 130: {LETTER}}


def test_classified_in_two_batches() -> None:
    """All joined pieces of a page form the second batch."""
    network = Network()
    found = found_in(bars(*(bar(x) for x in (100, 130, 160, 300))), network)
    assert len(network.batches) <= 2
    composed = {
        (id(lattice), arc.start, arc.end)
        for line in found.lines
        for lattice in line
        for arc in lattice.arcs
        if arc.kind == DIGIT and arc.end > arc.start + 1
    }
    assert network.batches == [4, len(composed)]


def test_seams_in_wide_and_unsure_pieces(test_slice: Split) -> None:
    sheet = Sheet()
    sheet.write(chosen(test_slice, "00"), 60, 100, gap=-4)
    sheet.write(chosen(test_slice, "1"), 300, 100)
    lattices = [lattice for line in found_in(ink_of(sheet.photograph())).lines for lattice in line]
    assert any(atom.seams[1] for atom in lattices[0].atoms)
    assert len(lattices[1].atoms) == 1
    unsure = found_in(ink_of(sheet.photograph()), Network(0.3))
    assert len([atom for lattice in unsure.lines[0] for atom in lattice.atoms]) > 2


def test_too_wide_is_cut_even_if_sure() -> None:
    class OfAll(Network):
        """Is certain of everything."""

        def __call__(self, inks: Sequence[Ink]) -> tuple[np.ndarray, np.ndarray]:
            frames, answers = super().__call__(inks)
            return frames, np.tile(np.eye(10, dtype=np.float32)[3], (len(answers), 1))

    ink = bars(*(bar(x) for x in (100, 130, 160)), bar(300), bar(348), bar(300, 118, 60, 4))
    ink[100:140, 420:432] = ink[118:122, 432:446] = ink[100:140, 446:452] = 220
    [row] = found_in(ink, OfAll()).lines
    assert [len(lattice.atoms) > 1 for lattice in row[1:]] == [True, False]


def test_atoms_hold_all_ink_of_component(test_slice: Split) -> None:
    sheet = Sheet()
    sheet.write(chosen(test_slice, "8888"), 60, 100, gap=-4)
    found = found_in(ink_of(sheet.photograph()), Network(0.3))
    [[lattice]] = found.lines
    assert len(lattice.atoms) > found.page.components.size
    for number in range(found.page.components.size):
        whole = found.page.components.crop([number], found.page.ink, found.page.levels.edge)
        own = [atom.component.ink for atom in lattice.atoms if atom.number == number]
        assert sum(int(ink.sum()) for ink in own) == whole.ink.sum()


def specks(equal: bool) -> Ink:
    """10,000 specks, all equal or all different."""
    random = np.random.default_rng(0)
    ink = np.zeros((1200, 1600), np.uint8)
    at = random.permutation(150 * 200)[:10_000]
    tall = np.full(len(at), 3) if equal else random.integers(2, 7, len(at))
    levels = np.full(len(at), 250) if equal else random.integers(150, 256, len(at))
    for (row, column), height, level in zip(
        np.stack(np.divmod(at, 200), 1), tall, levels, strict=True
    ):
        ink[8 * row : 8 * row + height, 8 * column : 8 * column + 2] = level
    return ink


@pytest.mark.slow
@pytest.mark.parametrize("equal", [False, True])
def test_max_pieces_of_10_000_specks(equal: bool) -> None:
    network = Network()
    segment(specks(equal), network)
    assert max(network.batches) <= 10 * MAX_PIECES
    assert network.batches[0] <= MAX_PIECES


@pytest.mark.slow
@pytest.mark.parametrize("cells", [0, 100, 400])
def test_max_pieces_of_noise(cells: int) -> None:
    random = np.random.default_rng(0)
    if cells:
        coarse = Image.fromarray(random.normal(size=(cells, cells)).astype(np.float32))
        field = np.asarray(coarse.resize((1024, 1024), Image.Resampling.BICUBIC))
        ink = np.where(field > 0.4, 200, 0).astype(np.uint8)
    else:
        ink = random.integers(0, 256, (1024, 1024), dtype=np.uint8)
    network = Network(0.3)
    segment(ink, network)
    assert network.batches[0] <= MAX_PIECES
    assert max(network.batches) <= 10 * MAX_PIECES


def test_digits_of_best_paths_don_t_overlap(
    monkeypatch: pytest.MonkeyPatch, test_slice: Split
) -> None:
    """Even if every additional digit improves a path."""
    monkeypatch.setattr(weights, "ARC", tuple(3.0 * (name == "digit") for name in ARC_FEATURES))
    monkeypatch.setattr(weights, "PAIR", (0.0, 0.0, 0.0))
    sheet = Sheet()
    sheet.write(chosen(test_slice, "3141592"), 60, 100, gap=-2)
    found = 0
    for line in found_in(ink_of(sheet.photograph()), Network(0.95)).lines:
        for lattice in line:
            steps = best_path(lattice)
            assert all(step.arc.kind == DIGIT for step in steps)
            for one, other in pairwise(steps):
                assert one.arc.end <= other.arc.start
            found += len(steps)
    assert found > 6
