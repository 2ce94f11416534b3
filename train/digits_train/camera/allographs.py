"""Forms of digits that schools teach and hands shorten, and that MNIST and fonts rarely show.

A form is its strokes, each a few points x,y that a smooth curve goes through, with digits 100 high
and y down; a corner is where one stroke ends and the next begins.
"""

import numpy as np

from digits_train.camera.ink import EM, Glyph, parse_strokes, smooth, stroke
from digits_train.pixels import Random, pick

_WOBBLE = 0.03  # of the points: standard deviation, in heights
_WIDTH = 0.2  # of all widths: standard deviation of the logarithm
_UPSTROKE = (0.15, 1.0)  # heights: length of a 1's
_FROM_STEM = (20.0, 60.0)  # degrees between it and the stem; a flatter one makes a 7
_CROSSED = 0.75  # chance, of a 7
_BAR = (0.3, 0.15, -0.3), (0.7, 0.5, 0.3)  # heights: its middle, half its length; its slope

_FORMS = {
    "0": (
        "35,5 10,15 0,50 20,97 50,90 60,45 50,10",
        "30,0 0,50 30,100 60,50 30,0 / 0,95 60,5",
        "50,14 22,0 0,45 15,95 45,95 60,50 66,6",  # open
        "26,2 4,25 0,65 22,98 50,88 60,45 52,12",
    ),
    "1": ("0,0 0,100", "0,0 0,100", "0,0 0,100 / -30,100 30,100"),  # with an upstroke
    "2": (
        "0,5 55,2 / 55,2 0,98 / 0,98 60,100",
        "0,22 25,0 52,20 38,58 8,92 2,84 14,78 34,94 68,96",  # with a loop
        "6,22 22,0 42,14 28,60 4,94 2,86 16,80 56,94",
        "18,14 36,0 46,18 22,72 0,98 / 0,98 54,95",  # like an L
        "42,30 16,34 8,14 28,0 48,16 36,54 6,94 / 6,94 20,84 66,98",  # closed above
    ),
    "3": (
        "0,2 50,2 / 50,2 20,40 / 20,40 50,50 55,80 30,100 0,92",
        "4,12 28,0 50,18 24,44 / 24,44 56,62 40,98 0,88",
    ),
    "4": (
        "10,0 2,60 / 2,60 65,60 / 50,10 48,100",
        "5,5 0,55 / 0,55 60,55 / 82,0 80,100",
        "50,0 0,65 / 0,65 70,65 / 50,0 50,100",
        "22,0 2,55 / 2,55 62,52 / 48,30 38,100",
        "34,0 2,70 / 2,70 46,45 / 46,45 38,100",  # like an h
        "4,4 2,42 24,56 52,44 / 56,4 50,100",  # like a y
    ),
    "5": (
        "12,8 8,45 / 8,45 30,38 55,65 40,96 0,92 / 22,0 68,-2",
        "66,0 20,3 / 20,3 14,42 40,46 56,70 40,96 0,94",
        "58,6 30,0 8,20 20,42 48,58 52,82 28,100 0,90",  # like an S
        "82,0 34,4 / 34,4 32,55 26,94 10,90 0,66",  # with hardly a bowl
        "0,60 14,96 / 14,96 36,2 / 36,2 86,6",  # with none
    ),
    "7": (  # some of which are crossed
        "0,22 4,4 20,10 40,10 62,2 / 62,2 42,45 30,100",
        "0,3 60,3 / 60,3 25,100",
        "0,20 3,2 40,0 / 40,0 25,50 20,100",
        "0,0 48,2 / 58,8 30,100",
    ),
    "8": (
        "56,12 30,0 6,20 30,46 56,72 30,100 4,74 30,48 62,6",  # open
        "30,46 8,24 30,0 52,22 30,46 4,72 30,100 56,74 30,46",
    ),
    "9": (
        "55,15 30,0 0,25 20,50 52,30 / 55,8 50,100",
        "52,12 26,0 0,24 20,46 50,26 / 54,4 54,60 42,96 16,100 0,84",  # like a g
        "50,12 24,0 0,24 20,46 48,26 / 52,4 52,62 34,100 16,86 58,58",
        "34,42 8,36 6,12 30,0 52,14 44,36 24,44 / 30,42 22,100",  # like a P
        "0,22 30,38 62,20 60,4 36,0 14,12 22,34 / 34,36 30,100",
    ),
}


def draw(digit: str, pen: float, random: Random) -> Glyph | None:
    """Draw one of a digit's forms; None for a digit that has only one. pen: in pixels."""
    if digit not in _FORMS:
        return None
    strokes = parse_strokes(pick(random, _FORMS[digit]))
    if digit == "1":
        angle, length = np.radians(random.uniform(*_FROM_STEM)), random.uniform(*_UPSTROKE)
        start = length * np.array([-np.sin(angle), np.cos(angle)])
        strokes.append(np.linspace(start, strokes[0][0], 3))
    if digit == "7" and random.random() < _CROSSED:
        y, half, slope = random.uniform(*_BAR)
        x = np.interp(y, strokes[-1][:, 1], strokes[-1][:, 0])
        strokes.append(np.array([(x + end, y + slope * end) for end in (-half, 0, half)]))
    size = np.array([np.exp(random.normal(0, _WIDTH)), 1]) * (EM - pen)
    bent = [smooth(points + random.normal(0, _WOBBLE, points.shape)) * size for points in strokes]
    return Glyph(stroke(bent, pen * random.uniform(0.9, 1.1)))
