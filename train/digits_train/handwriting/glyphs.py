"""Handwritten letters, signs and small drawings, none of which is a digit.

glyphs.toml holds them, and says which forms are left out because someone's digit looks like them.
"""

import re
import tomllib
from pathlib import Path

import numpy as np

from digits_train.handwriting.strokes import Glyph, Point, Stroke, arc, curve, join, line


def parse_path(path: str) -> Glyph:
    """The strokes of a path in the notation of glyphs.toml."""
    strokes: list[list[Stroke]] = []
    end: Point = (np.nan, np.nan)
    for command, numbers in re.findall("([A-Z])([^A-Z]*)", path):
        pairs = np.array(re.split("[, \n]", numbers.strip()), np.float64).reshape(-1, 2)
        points = (pairs / 100).tolist()
        match command:
            case "M":
                strokes.append([])
                [end] = points
            case "E":
                segment = arc(points[0], points[1], *pairs[2].tolist())
                if not np.allclose(segment[0], end):
                    strokes.append([])
                strokes[-1].append(segment)
                end = segment[-1].tolist()
            case "O":
                strokes.append([curve(*points, closed=True)])
            case _:
                draw = {"L": line, "R": curve}[command]
                strokes[-1].append(draw(end, *points))
                end = points[-1]
    return [join(*segments) for segments in strokes]


_TABLES: dict[str, dict[str, str]] = tomllib.loads(
    Path(__file__).with_suffix(".toml").read_text(encoding="utf-8")
)
_NAMED = _TABLES["latin"] | _TABLES["marks"]

LATIN, SCRIPTS, SIGNS = (
    {name: parse_path(path.format_map(_NAMED)) for name, path in _TABLES[script].items()}
    for script in ("latin", "scripts", "signs")
)
