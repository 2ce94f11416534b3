from digits.reader.path import best_path
from tests.drawings import detections


def test_of_what_overlaps_the_surest_sum_is_kept() -> None:
    left, right, both = (0.0, 0, 20, 30), (22.0, 0, 42, 30), (2.0, 0, 40, 30)
    for score, path in ((5.0, [left, right]), (9.0, [both])):
        symbols = best_path(detections([both, right, left], [score, 3.0, 4.0]))
        assert [*map(tuple, symbols.boxes.tolist())] == path
    assert not len(best_path(detections([left, right], [-1.0, -2.0])).scores)
    assert not len(best_path(detections([], [])).scores)
