"""Handwritten signs and small drawings, none of which is a digit.

Left out are | ! / and a slender ( or comma, which are a 1, as are an upright T upside down, an
arrow upwards and a tick with a short left side; a steep ~, which is a 2; () and [] and a circle
with a dot, which are a 0; an hourglass and an & with two loops, which are an 8. A house, a face, a
heart, an arrow to the right, a tree, a spiral, a grid and a zigzag are left out because networks
are measured with them (tests/benchmarks/nondigits.py).
"""

import numpy as np

from digits_train.handwriting.strokes import Glyph, arc, curve, join, line


def _star(corners: int, step: int) -> Glyph:
    """One stroke from each corner to the one `step` further."""
    angles = np.arange(corners + 1) * step * 2 * np.pi / corners - np.pi / 2
    return [line(*((0.5 + 0.5 * np.cos(a), 0.5 + 0.5 * np.sin(a)) for a in angles.tolist()))]


def _rays(count: int, inner: float) -> Glyph:
    """Strokes away from the centre. inner: where they begin, from 0 to 1."""
    angles = np.arange(count) * 2 * np.pi / count + 0.2
    return [
        line(*((0.5 + 0.5 * r * np.cos(a), 0.5 + 0.5 * r * np.sin(a)) for r in (inner, 1.0)))
        for a in angles.tolist()
    ]


def _dot(x: float, y: float) -> Glyph:
    """Large enough to be visible with a thin pen: a question mark without its dot is a 2."""
    return [arc((x, y), (0.03, 0.03), 0, 370)]


OPERATORS: dict[str, Glyph] = {
    "plus": [line((0, 0.5), (1.0, 0.5)), line((0.5, 0), (0.5, 1))],
    "minus": [line((0, 0.5), (1.0, 0.48))],
    "equals": [line((0, 0.3), (0.9, 0.28)), line((0.02, 0.7), (0.9, 0.7))],
    "not equal": [
        line((0, 0.3), (0.9, 0.28)),
        line((0, 0.7), (0.9, 0.7)),
        line((0.75, 0), (0.2, 1)),
    ],
    "plus or minus": [
        line((0, 0.4), (0.8, 0.4)),
        line((0.4, 0), (0.4, 0.76)),
        line((0, 1), (0.8, 1)),
    ],
    "divided by": [line((0, 0.5), (1.0, 0.5)), *_dot(0.5, 0.1), *_dot(0.5, 0.9)],
    "less": [line((1.0, 0), (0, 0.5), (1.0, 1))],
    "greater": [line((0, 0), (1.2, 0.5), (0, 1))],
    "less or equal": [line((0.8, 0), (0, 0.36), (0.8, 0.72)), line((0, 1), (0.8, 1))],
    "root": [line((0, 0.6), (0.14, 0.5), (0.34, 1), (0.56, 0), (1.3, 0))],
    "infinity": [
        curve(
            (0.5, 0.5), (0.25, 0.26), (0, 0.5), (0.25, 0.74), (0.5, 0.5), (0.8, 0.24), (1.1, 0.5)
        ),
        curve((1.1, 0.5), (0.8, 0.76), (0.5, 0.5)),
    ],
    "percent": [
        line((0.85, 0), (0.1, 1)),
        arc((0.16, 0.2), (0.15, 0.18), 0, 365),
        arc((0.8, 0.82), (0.15, 0.18), 0, 365),
    ],
    "caret": [line((0, 0.7), (0.6, 0.2), (1.2, 0.7))],
    "tilde": [curve((0, 0.6), (0.25, 0.4), (0.6, 0.6), (0.95, 0.62), (1.2, 0.4))],
    "for all": [line((0, 0), (0.42, 1), (0.84, 0)), line((0.17, 0.36), (0.68, 0.36))],
    "element": [
        curve((0.8, 0.04), (0.3, 0.06), (0, 0.5), (0.3, 0.94), (0.8, 0.96)),
        line((0.02, 0.5), (0.8, 0.5)),
    ],
}

PUNCTUATION: dict[str, Glyph] = {
    "ampersand of epsilon": [
        curve((0.66, 0.2), (0.4, 0.1), (0.1, 0.28), (0.36, 0.48)),
        curve((0.36, 0.48), (0.0, 0.66), (0.14, 0.9), (0.42, 0.92), (0.7, 0.76)),
        line((0.4, -0.06), (0.4, 1.08)),
    ],
    "at": [
        curve((0.7, 0.4), (0.5, 0.3), (0.36, 0.5), (0.5, 0.68), (0.68, 0.5), (0.7, 0.36)),
        curve((0.7, 0.36), (0.74, 0.66), (0.95, 0.56), (0.92, 0.2), (0.5, 0), (0.1, 0.2), (0, 0.6)),
        curve((0, 0.6), (0.2, 0.94), (0.55, 1), (0.85, 0.88)),
    ],
    "hash": [
        line((0.36, 0), (0.24, 1)),
        line((0.74, 0), (0.62, 1)),
        line((0.02, 0.34), (1.0, 0.32)),
        line((0, 0.68), (0.96, 0.66)),
    ],
    "question mark": [
        curve(
            (0, 0.2), (0.1, 0.03), (0.34, 0), (0.5, 0.18), (0.4, 0.36), (0.26, 0.48), (0.25, 0.62)
        ),
        *_dot(0.24, 1.0),
    ],
    "asterisk": _rays(6, 0.0),
    "asterisk of eight": _rays(8, 0.0),
    "colon": [*_dot(0.1, 0.0), *_dot(0.1, 0.6)],
    "semicolon": [*_dot(0.2, 0.0), curve((0.22, 0.5), (0.2, 0.7), (0.0, 0.9))],
    "ellipsis": [*_dot(0, 0), *_dot(0.5, 0.02), *_dot(1.0, 0)],
    "quotation marks": [line((0.04, 0), (0, 0.5)), line((0.44, 0), (0.4, 0.5))],
    "guillemets": [line((0.4, 0), (0, 0.4), (0.4, 0.8)), line((0.86, 0), (0.46, 0.4), (0.86, 0.8))],
    "bracket": [line((0.5, 0), (0, 0), (0, 1), (0.5, 1))],
    "parenthesis": [curve((0.55, 0), (0.14, 0.22), (0, 0.5), (0.14, 0.78), (0.55, 1))],
    "brace": [
        curve((0.5, 0), (0.3, 0.06), (0.28, 0.36), (0.0, 0.5)),
        curve((0.0, 0.5), (0.28, 0.64), (0.3, 0.94), (0.5, 1)),
    ],
    "euro": [
        curve(
            (0.8, 0.14), (0.5, 0), (0.22, 0.2), (0.16, 0.5), (0.24, 0.82), (0.52, 1), (0.82, 0.86)
        ),
        line((0, 0.4), (0.62, 0.38)),
        line((0, 0.6), (0.58, 0.58)),
    ],
    "dollar": [
        curve(
            (0.62, 0.2), (0.3, 0.1), (0.06, 0.28), (0.3, 0.48), (0.6, 0.68), (0.36, 0.9), (0, 0.8)
        ),
        line((0.26, -0.1), (0.24, 1.1)),
        line((0.4, -0.1), (0.38, 1.1)),
    ],
    "yen": [
        line((0, 0), (0.4, 0.46), (0.8, 0)),
        line((0.4, 0.46), (0.4, 1)),
        line((0.08, 0.56), (0.72, 0.56)),
        line((0.08, 0.76), (0.72, 0.76)),
    ],
    "tick": [line((0, 0.56), (0.3, 1), (0.95, 0))],
    "tick round": [curve((0, 0.6), (0.16, 0.72), (0.3, 1), (0.6, 0.4), (1.05, 0.02))],
    "cross in a box": [
        line((0, 0), (0, 1), (1.0, 1), (1.0, 0), (0, 0)),
        line((0.2, 0.2), (0.8, 0.8)),
        line((0.8, 0.2), (0.2, 0.8)),
    ],
    "tick in a box": [
        line((0, 0), (0, 1), (1.0, 1), (1.0, 0), (0, 0)),
        line((0.2, 0.5), (0.42, 0.84), (1.1, -0.1)),
    ],
}

DRAWINGS: dict[str, Glyph] = {
    "arrow down": [line((0.4, 0), (0.4, 1)), line((0, 0.66), (0.4, 1), (0.8, 0.66))],
    "arrow left and right": [
        line((0, 0.4), (1.3, 0.4)),
        line((0.24, 0.16), (0, 0.4), (0.24, 0.64)),
        line((1.06, 0.16), (1.3, 0.4), (1.06, 0.64)),
    ],
    "star of five": _star(5, 2),
    "star of seven": _star(7, 3),
    "star of six": [*_star(3, 1), *(1.0 - stroke for stroke in _star(3, 1))],
    "flower": [
        arc((0.5, 0.5), (0.16, 0.16), 0, 365),
        curve(
            *(
                (0.5 + r * np.cos(a), 0.5 + r * np.sin(a))
                for a, r in zip(np.arange(12) * np.pi / 6, [0.52, 0.22] * 6, strict=True)
            ),
            closed=True,
        ),
    ],
    "sun": [arc((0.5, 0.5), (0.22, 0.22), 0, 365), *_rays(9, 0.62)],
    "box": [line((0, 0), (0, 1), (1.0, 1), (1.0, 0), (0, 0))],
    "circle with a cross": [
        arc((0.5, 0.5), (0.5, 0.5), 0, 370),
        line((0.5, 0), (0.5, 1)),
        line((0, 0.5), (1.0, 0.5)),
    ],
    "two circles side by side": [
        arc((0.3, 0.4), (0.3, 0.3), 0, 370),
        arc((0.95, 0.4), (0.3, 0.3), 0, 370),
        line((0.6, 0.36), (0.66, 0.36)),
    ],
    "fish": [
        curve(
            (1.3, 0.1), (0.9, 0.4), (0.45, 0.68), (0, 0.36), (0.45, 0.04), (0.9, 0.34), (1.3, 0.66)
        ),
        *_dot(0.26, 0.28),
    ],
    "cup": [
        line((0, 0), (0.1, 1), (0.7, 1), (0.8, 0), (0, 0)),
        curve((0.78, 0.2), (1.14, 0.2), (1.1, 0.6), (0.74, 0.68)),
    ],
    "flag": [line((0, 0), (0, 1)), line((0, 0.02), (0.85, 0.26), (0, 0.5))],
    "umbrella": [
        join(arc((0.5, 0.48), (0.5, 0.46), 180, 360), line((1.0, 0.48), (0, 0.48))),
        curve((0.5, 0.48), (0.5, 0.9), (0.6, 1), (0.72, 0.88)),
    ],
    "boat": [
        line((0, 0.72), (0.2, 1), (0.8, 1), (1.0, 0.72), (0, 0.72)),
        line((0.48, 0.72), (0.48, 0), (0.86, 0.58), (0.48, 0.58)),
    ],
    "person": [
        arc((0.4, 0.12), (0.13, 0.13), 0, 365),
        line((0.4, 0.25), (0.4, 0.66)),
        line((0, 0.36), (0.8, 0.36)),
        line((0.08, 1), (0.4, 0.66), (0.72, 1)),
    ],
    "ladder": [
        line((0, 0), (0, 1)),
        line((0.4, 0), (0.4, 1)),
        *(line((0, y), (0.4, y)) for y in (0.18, 0.4, 0.62, 0.84)),
    ],
    "key": [
        arc((0.22, 0.3), (0.22, 0.22), 0, 370),
        line((0.44, 0.3), (1.3, 0.3), (1.3, 0.55)),
        line((1.05, 0.3), (1.05, 0.52)),
    ],
}

SIGNS: dict[str, Glyph] = OPERATORS | PUNCTUATION | DRAWINGS
