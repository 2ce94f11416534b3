"""Kinds of pages: their numbers, layout and paper."""

from typing import NamedTuple

from digits_train.raster import Random

COLUMN = 4.3  # heights, the least gap between columns; `read` starts a new one after 3

Cell = tuple[int, ...]  # the number of digits of each group of a number; () if the cell is empty
Lines = list[list[Cell]]  # the columns of each, from top to bottom


class Plan(NamedTuple):
    """A kind of page. Lengths are in heights of its digits.

    lines: one without columns has words. pitch: from
    one line to the next. columns: the gap between columns. indent: the greatest of a line. align:
    0 for left-aligned columns, 1 for right-aligned ones. group_gap: between the groups of a
    number. digit_gap: added to the handwriting's own. paper: "plain", "ruled" or "squared". form:
    "", "boxes" for one per digit, "frames" for one around each number, "table" or "account".
    words: whether there are words and signs, too.
    """

    lines: Lines
    pitch: float = 1.6
    columns: float = COLUMN
    indent: float = 0.0
    align: float = 0.0
    group_gap: float = 0.6
    digit_gap: float = 0.0
    paper: str = "plain"
    form: str = ""
    words: bool = False

    @property
    def width(self) -> float:
        """Approximate, for average gaps."""
        cells = [[0.95 * sum(c) + self.group_gap * len(c) for c in line] for line in self.lines]
        digits = max((sum(map(sum, line)) for line in self.lines), default=0)
        columns = max((len(line) for line in self.lines), default=1)
        columns_gap = self.columns * max(0, columns - 1)
        widest = max((sum(line) for line in cells), default=0.0)
        words = 9.0 if self.words else 0.0
        return widest + columns_gap + self.digit_gap * digits + self.indent + words + 2


def _count(random: Random, low: int, high: int) -> int:
    """A random count from low to high, both included; small ones are more frequent."""
    return low + int((high - low + 1) * random.beta(1.1, 1.6))


def _numbers(random: Random, most_digits: int, most_lines: int) -> Lines:
    """Lines of one number each."""
    return [[(_count(random, 1, most_digits),)] for _ in range(_count(random, 1, most_lines))]


def _lines(random: Random) -> Plan:
    lines = _numbers(random, 12, 8)
    indent = random.uniform(0, 6) if random.random() < 0.3 else random.uniform(0, 0.5)
    return Plan(lines, indent=indent, pitch=random.uniform(1.45, 2.6))


def _columns(random: Random) -> Plan:
    columns, most = int(random.integers(2, 4)), _count(random, 2, 6)
    present = random.uniform(0.7, 1) if random.random() < 0.3 else 1.0
    lines: Lines = [
        [(_count(random, 1, most),) if random.random() < present else () for _ in range(columns)]
        for _ in range(_count(random, 1, 8))
    ]
    lines = [line for line in lines if any(line)] or [[(2,), (3,)]]
    pitch, gap = random.uniform(1.45, 2.4), random.uniform(COLUMN, 6.5)
    return Plan(lines, pitch, gap, align=float(random.integers(0, 2)))


def _single(random: Random) -> Plan:
    return Plan([[(_count(random, 1, 9),)]], digit_gap=max(0.0, random.normal(0, 0.15)))


def _phone(random: Random) -> Plan:
    count = _count(random, 1, 5)
    groups = [random.integers(2, 5, random.integers(2, 5)).tolist() for _ in range(count)]
    lines: Lines = [[tuple(group)] for group in groups]
    return Plan(lines, random.uniform(1.5, 2.4), group_gap=random.uniform(0.5, 0.95))


def _amounts(random: Random) -> Plan:
    columns, cents = int(random.integers(1, 4)), random.random() < 0.6
    lines: Lines = [
        [(_count(random, 1, 5), 2) if cents else (_count(random, 1, 6),) for _ in range(columns)]
        for _ in range(_count(random, 2, 7))
    ]
    form = "table" if random.random() < 0.5 else ""
    gap = random.uniform(COLUMN, 5.5)
    return Plan(lines, random.uniform(1.5, 2.1), gap, align=1.0, form=form)


def _account(random: Random) -> Plan:
    plan = _amounts(random)
    return plan._replace(paper="ruled", form="account", pitch=random.uniform(1.25, 1.6))


def _boxes(random: Random) -> Plan:
    lines, form = _numbers(random, 10, 6), "boxes" if random.random() < 0.6 else "frames"
    return Plan(lines, random.uniform(1.9, 3), form=form, indent=random.choice([0.0, 3.0]))


def _spaced(random: Random) -> Plan:
    columns, count = int(random.integers(2, 8)), _count(random, 1, 5)
    least = max(1, columns - 2)
    lines: Lines = [[(1,) * int(random.integers(least, columns + 1))] for _ in range(count)]
    gap = random.uniform(0.5, 1.7)
    return Plan(lines, random.uniform(1.6, 3), group_gap=gap, indent=random.uniform(0, 1))


_KINDS = {
    **{_lines: 0.34, _columns: 0.13, _single: 0.12, _phone: 0.1},
    **{_amounts: 0.09, _account: 0.08, _boxes: 0.08, _spaced: 0.06},
}


def plain_numbers(random: Random) -> Plan:
    """Two to six numbers of the same length, one to ten digits that don't touch, on plain paper."""
    digits = (1,) * int(random.integers(1, 11))
    lines: Lines = [[digits] for _ in range(random.integers(2, 7))]
    return Plan(lines, pitch=random.uniform(1.5, 2.2), indent=0.5, group_gap=0.0)


def some_plan(random: Random) -> Plan:
    """A random kind of page on random paper."""
    plan = list(_KINDS)[random.choice(len(_KINDS), p=list(_KINDS.values()))](random)
    if plan.paper == "plain" and not plan.form:
        paper = str(random.choice(["plain", "ruled", "squared"], p=[0.6, 0.22, 0.18]))
        plan = plan._replace(paper=paper)
    words = random.random() < 0.35
    if words and random.random() < 0.5 and not plan.form:
        lines = list(plan.lines)
        for _ in range(_count(random, 1, 3)):
            lines.insert(int(random.integers(0, len(lines) + 1)), [])
        plan = plan._replace(lines=lines, pitch=max(1.8, plan.pitch))
    return plan._replace(words=words)
