"""A few people's pens, in place of UNIPEN: polylines of our own, a little different each time."""

import numpy as np

from digits_train.writings import Writing

# On a grid two wide and four high, from the top left.
_SHAPES = {
    "0": "00 20 24 04 00",
    "1": "02 20 24",
    "2": "01 10 21 04 24",
    "3": "00 20 12 23 14 04",
    "4": "10 03 23 / 12 14",
    "5": "20 00 02 12 23 14 04",
    "6": "20 02 04 24 22 02",
    "7": "00 20 04",
    "8": "00 20 04 24 00",
    "9": "22 02 00 20 24",
    "-": "02 22",
    ".": "04 04",
    ",": "14 05",
    "/": "20 04",
    "=": "01 21 / 03 23",
    "+": "02 22 / 11 13",
    "A": "04 10 24 / 02 22",
    "H": "00 04 / 02 22 / 20 24",
    "N": "04 00 24 20",
    "T": "00 20 / 10 14",
}
_WORDS = "HAT", "TAN", "ANTHANT"
_NUMBERS = "10", "1000", "2745", "638", "90"
_SIZE, _PITCH = 100.0, 3.0  # units of the tablet; of the grid, from one character to the next


def writings(donors: int = 4, people: int = 3) -> list[Writing]:
    """Two of each digit, sign and letter, three words and five whole numbers by each person."""
    texts = [*_SHAPES, *_SHAPES, *_WORDS, *_NUMBERS]
    return [
        Writing(text, f"donor{donor}/person{person}", _strokes(text, random))
        for donor in range(donors)
        for person in range(people)
        for random in [np.random.default_rng([donor, person])]
        for text in texts
    ]


def _strokes(text: str, random: np.random.Generator) -> list[np.ndarray]:
    lines = [
        np.array([[int(point[0]) + _PITCH * place, int(point[1])] for point in line.split()])
        for place, character in enumerate(text)
        for line in _SHAPES[character].split("/")
    ]
    return [
        (_SIZE * (line + random.normal(0, 0.05, line.shape))).astype(np.float32) for line in lines
    ]
