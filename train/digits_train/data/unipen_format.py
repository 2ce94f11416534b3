"""Parse pen strokes in the format of UNIPEN.

I. Guyon et al., "UNIPEN project of on-line data exchange and recognizer benchmarks", ICPR 1994,
doi 10.1109/ICPR.1994.576870. A file of data/ includes files of include/ and says which of their
components are what: `.SEGMENT CHARACTER 1-2,4 ? "8"`. A component is a `.PEN_DOWN` or `.PEN_UP`
with points, counted in the order of inclusion; `3:10-4:25` are points of components.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from digits.errors import DataError
from digits_train.writings import Stroke

_MAX_DEPTH, _MAX_INCLUDES = 8, 1_000  # of files that include others, for one file of data/
_KEYWORD = re.compile(r"^\.(?=[A-Z])", re.MULTILINE)
_SEGMENT = re.compile(r'(\S+)\s+(\S+)\s+(\S+)\s+"(.*)"')
_PIECE = re.compile(r"(\d{1,9})(?::(\d{1,9}))?(?:-(\d{1,9})(?::(\d{1,9}))?)?")
_NUMBERS = re.compile(r"[\s\d.+-]+")
_MAX_ASPECT = 2.0  # of a tablet's resolutions, beyond which one of them is wrong


class Segment(NamedTuple):
    """What a file says of some strokes. kind: such as CHARACTER. quality: GOOD, OK, BAD or "?"."""

    kind: str
    quality: str
    text: str
    strokes: Sequence[Stroke]


class Recording(NamedTuple):
    """A file. writer: its .WRITER_ID, or "" without one."""

    writer: str
    segments: Sequence[Segment]


def parse(content: bytes, included: Mapping[str, bytes]) -> Recording:
    """Parse a file of data/.

    included: the files of include/ by their paths there, in small letters. A segment that names
    components which aren't there is left out. Raises DataError for an endless inclusion.
    """
    parser = _Parser(included)
    parser.read(content, _MAX_DEPTH)
    components = [component for component in parser.components if len(component.points())]
    scale = np.array([parser.aspect(), -1], np.float32)
    segments = []
    for kind, delineation, quality, label in parser.segments:
        strokes = [points * scale for points in _strokes(components, delineation)]
        if strokes:
            segments.append(Segment(kind, quality, re.sub(r"\\(.)", r"\1", label), strokes))
    return Recording(parser.info.get("WRITER_ID", ""), segments)


class _Component:
    """A pen's way. columns: names of its numbers."""

    def __init__(self, is_down: bool, columns: Sequence[str]) -> None:
        self.is_down, self.columns, self.lines = is_down, columns, list[str]()
        self._points: Stroke | None = None

    def points(self) -> Stroke:
        """Its points in the tablet's units, y up: float32 [n, 2]."""
        if self._points is None:
            values = [value for line in self.lines for value in line.split()]
            across = len(self.columns)
            table = _floats(values[: len(values) // across * across]).reshape(-1, across)
            has_names = {"X", "Y"} <= set(self.columns)
            x, y = map(self.columns.index, "XY") if has_names else (0, min(1, across - 1))
            self._points = table[:, (x, y)]
        return self._points


def _floats(values: Sequence[str]) -> NDArray[np.float32]:
    try:
        return np.array(values, np.float32)
    except ValueError:  # such as "1-2"
        return np.zeros(0, np.float32)


class _Parser:
    """What a file and those that it includes say, in this order."""

    def __init__(self, included: Mapping[str, bytes]) -> None:
        self.included, self.includes_left = included, _MAX_INCLUDES
        self.components, self.columns = list[_Component](), ["X", "Y"]
        self.segments, self.info = list[tuple[str, ...]](), dict[str, str]()

    def read(self, content: bytes, depth: int) -> None:
        component: _Component | None = None
        for statement in _KEYWORD.split(content.decode("latin-1"))[1:]:
            first, *lines = statement.splitlines()
            keyword, _, rest = first.replace("\t", " ").partition(" ")
            rest = rest.strip()
            if keyword in ("PEN_DOWN", "PEN_UP"):
                component = _Component(keyword == "PEN_DOWN", self.columns)
                self.components.append(component)
                lines = [rest, *lines]
            elif keyword != "DT":  # the time since the last component, which goes on
                component = None
                self._note(keyword, rest, depth)
            if component:
                component.lines += [line for line in lines if _NUMBERS.fullmatch(line)]

    def _note(self, keyword: str, rest: str, depth: int) -> None:
        if keyword == "INCLUDE":
            self.includes_left -= 1
            if not depth or self.includes_left < 0:
                raise DataError(f"a file includes {rest} endlessly")
            self.read(self.included.get(rest.lower(), b""), depth - 1)
        elif keyword == "COORD":
            self.columns = rest.split() or self.columns
        elif keyword == "SEGMENT":
            if match := _SEGMENT.match(rest):
                self.segments.append(match.groups())
        else:
            self.info[keyword] = rest

    def aspect(self) -> float:
        """By how much x has to be stretched, as a tablet may be finer in one direction."""
        try:
            x, y = (float(self.info[f"{axis}_POINTS_PER_INCH"]) for axis in "XY")
        except (KeyError, ValueError):
            return 1.0
        is_known = x > 0 and y > 0 and 1 / _MAX_ASPECT < y / x < _MAX_ASPECT
        return y / x if is_known else 1.0


def _strokes(components: Sequence[_Component], delineation: str) -> Iterator[Stroke]:
    """The strokes of a list such as "1-2,4" or "3:10-4:25"; none if it can't be understood."""
    pieces = [_PIECE.fullmatch(piece) for piece in delineation.split(",")]
    for piece in pieces if all(pieces) else ():
        assert piece is not None
        first, start, last, end = (None if n is None else int(n) for n in piece.groups())
        last, end = (first, None) if last is None else (last, end)
        assert first is not None and last is not None
        for number in range(first, min(last + 1, len(components))):
            begin = start if number == first else None
            stop = end + 1 if number == last and end is not None else None
            points = components[number].points()[begin:stop]
            if components[number].is_down and len(points):
                yield points
