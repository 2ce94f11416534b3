"""How the pages that teach and measure vary: how they are composed and photographed.

The numbers that make a shape, a shadow, a texture or a text are where it is drawn. Ranges are drawn
from evenly; there are chances, and normal distributions. A length in heights is by the height of
the page's digits, or by that of a character where that is drawn on its own.
"""

from typing import Any

from msgspec import Struct
from msgspec.structs import fields, replace

from digits_train.camera.distributions import (
    Chance,
    Chances,
    Counts,
    LogRange,
    Mixture,
    Positive,
    Range,
    Size,
    check,
)


class Section(Struct, frozen=True, forbid_unknown_fields=True):
    """Some of the ranges."""

    def __post_init__(self) -> None:
        """Raise ValueError for a range without numbers, or chances whose sum isn't 1."""
        for field in fields(self):
            check(field.name, field.type, getattr(self, field.name), field.default)


class Hand(Section, frozen=True):
    """How someone's pen and hand vary."""

    pen: Range = (0.035, 0.2)  # heights: width of the strokes
    pen_shape: tuple[Positive, Positive] = (1.1, 2.0)  # of the beta distribution in this range
    bent: Range = (0.0, 0.03)  # heights: displacement of the strokes
    slant: Size = 0.08  # standard deviation, beside the hand's own
    widths: Size = 0.06  # spread of the logarithm of a hand's width
    ink: Range = (0.5, 1.0)  # coverage of words and marks
    faint: Range = (0.0, 0.25)  # share of a digit's ink that may be missing


class Layout(Section, frozen=True):
    """How big it is written, in which lines.

    Pages are read at a scale at which digits are 24 to 36 pixels high; smaller and larger ones
    matter where that scale is looked for.
    """

    height: Positive = 28.0  # pixels: median
    heights: Size = 0.45  # spread of its logarithm
    height_limits: Range = (9.0, 110.0)  # pixels
    turns: tuple[Size, ...] = (0.0, 0.05, 0.18)  # standard deviations of the lines' slope, down
    turned: Chances = (0.4, 0.42, 0.18)  # chances of these
    max_slope: Size = 0.5  # slope
    pitch: Mixture = Mixture(0.5, (1.3, 2.0), (1.6, 4.0))  # heights, from line to line
    pitches: Range = (0.9, 1.1)  # of a line's, by the page's
    at_left: Chance = 0.6  # chance that a row begins at the left, not anywhere
    start: Range = (-1.0, 0.6)  # heights from the left; or up to this share of the width
    as_written: Chance = 0.3  # chance of a whole number of the hand's, if it has some
    wider: Mixture = Mixture(0.25, (0.1, 1.2))  # heights of room between digits, beside the usual
    after_number: Range = (0.5, 3.0)  # heights
    after_word: Range = (0.15, 1.2)
    row_ends: Chance = 0.4  # chance, after each number


class Text(Section, frozen=True):
    """What is written: numbers, words and marks."""

    contents: Chances = (0.66, 0.26, 0.08)  # windows with numbers, words, marks alone
    kinds: Chances = (0.32, 0.13, 0.13, 0.23, 0.09, 0.05, 0.05)  # of `numbers.KINDS`
    with_words: Chance = 0.5  # chance that there are words between numbers
    word: Chance = 0.6  # chance of one in such a place
    one_hand: Chance = 0.6  # chance that all words are by one person or in one font, not three
    word_sizes: Size = 0.18  # spread of the logarithm of a word's size
    wobble: Range = (0.0, 0.03)  # heights: displacement of a text's strokes
    with_marks: Chance = 0.35  # chance that there are marks beside writing
    marks: Counts = (1, 6)  # number
    mark_size: LogRange = (0.5, 2.5)  # by that of the writing
    mark_pen: Range = (0.04, 0.16)  # heights
    struck_out: Chance = 0.03  # chance, of a number
    fraction: Chance = 0.0  # chance, of a number
    small: Range = (0.45, 1.0)  # heights of its digits
    raised: Range = (0.2, 0.6)  # heights of its numerator above the other digits' baseline


class Form(Section, frozen=True):
    """Frames around numbers, and the cells of a form."""

    framed: Chance = 0.1  # chance that all numbers are
    whole: Chance = 0.5  # chance that a frame is around a number, not around each digit
    ringed: Chance = 0.4  # chance that it is a ring
    frame: Range = (0.02, 0.4)  # heights of room in it
    spare: Mixture = Mixture(0.3, (0.2, 3.0))  # heights of more room on the right of a number
    line: Range = (0.02, 0.1)  # heights: width of a form's lines
    cell: Mixture = Mixture(0.08, (0.9, 1.8))  # heights: width of the cells for each digit
    above: Range = (1.1, 1.5)  # heights: of a cell, from the baseline up
    below: Range = (0.1, 0.4)  # and down
    ticks: Mixture = Mixture(0.3, (0.2, 1.0), (1.5, 1.5))  # heights of a cell's bars, by `above`
    empty_cells: Size = 0.4  # mean number before the digits, and behind them
    closed: Chance = 0.9  # chance of a line around the cells
    divided: Chance = 0.85  # chance of bars between them


class Paper(Section, frozen=True):
    """The sheet: its grain, rules, security print, edge, and what shines through from behind."""

    level: Range = (120.0, 255.0)  # grey value
    min_contrast: Size = 30.0  # grey values
    kept: Mixture = Mixture(0.12, (0.55, 0.95))  # share of strokes that paper's hollows leave inked
    mottle: Mixture = Mixture(0.3, (1.0, 10.0))  # grey values
    bumps: LogRange = (1.0, 25.0)  # pixels
    printed: Range = (0.1, 0.9)  # darkness of rules and forms, by that of the ink
    squared: Chance = 0.12  # chance of squared paper
    ruled: Chance = 0.18
    table: Chance = 0.1  # of one line, or two that cross
    crossing: Chance = 0.3  # chance of the second
    pattern: Chance = 0.06  # of crosses or dashes
    crosses: Chance = 0.6  # chance of crosses, not dashes
    dashes: Range = (0.1, 0.5)  # share of the lines
    rule: Range = (0.015, 0.06)  # heights: width
    pattern_rule: Range = (0.03, 0.1)
    squares: Range = (0.4, 2.5)  # heights
    pattern_squares: Range = (0.4, 1.6)
    rules: Range = (0.9, 2.5)  # heights from one to the next
    tilt: Size = 2.0  # degrees: standard deviation, of ruled or squared paper
    faded: Range = (0.2, 1.0)  # coverage of rules
    edge: Chance = 0.1  # chance that the sheet ends, or another lies on it
    edge_at: Range = (0.15, 0.5)  # of the picture's side, from the middle
    shining_through: Chance = 0.2  # chance of what is on its other side, mirrored
    through: Range = (0.03, 0.25)  # share of its ink that is seen
    softened: tuple[Size, Size] = (0.3, 0.06)  # blur: pixels, and heights up to which it is more
    secured: Chance = 0.08  # chance of security print
    curves: LogRange = (0.08, 0.5)  # heights from one of its curves to the next
    tint: Range = (0.03, 0.4)  # its darkness, by that of the ink


class Light(Section, frozen=True):
    """Uneven light and shadows."""

    falloff: Mixture = Mixture(0.4, (0.05, 0.7))  # share of the light lost where it is darkest
    shadow: Mixture = Mixture(0.12, (0.1, 0.6))  # share of the light that is lost
    shadow_edge: Range = (-2.5, -0.7)  # share of the longer side, as a power of 10


class Lens(Section, frozen=True):
    """What lens and sensor do to a picture."""

    curved: Chance = 0.3  # chance that brightness isn't linear
    curve: Size = 0.3  # spread of the logarithm of its exponent
    blurred: Chance = 0.5  # chance
    blur: Range = (0.3, 2.0)  # pixels: standard deviation
    max_blur: Size = 0.045  # heights, at most
    noisy: Chance = 0.6  # chance
    noise: Mixture = Mixture(0.7, (0.0, 4.0), (4.0, 12.0))  # grey values: standard deviation


class File(Section, frozen=True):
    """How a picture is stored or scanned."""

    compressed: Chance = 0.35  # chance of a JPEG
    quality: Counts = (25, 94)
    negative: Chance = 0.25  # chance of white on black
    bilevel: Chance = 0.08  # chance of a scan in black and white
    threshold: Range = (0.12, 0.5)  # of black, by the contrast, from paper down
    worn: Range = (-2.0, 0.3)  # standard deviations of clouds, below which its lines are missing
    speckled: Range = (0.0, 0.15)  # standard deviation of the noise before it, by the contrast


class Crop(Section, frozen=True):
    """The crops of numbers that the recognizer learns from."""

    clear: Chance = 0.7  # chance that a window is drawn with the `clear` ranges
    digit_height: LogRange = (9.0, 48.0)  # pixels
    beside: LogRange = (0.05, 1.5)  # heights of room left and right
    over: LogRange = (0.05, 0.8)  # above and below
    misplaced: Size = 0.05  # standard deviation of a box's sides, in heights
    unlevel: Size = 0.02  # standard deviation of the slope that is left
    unseen: Chance = 0.05  # chance that the first boxes are missing, or the last ones
    no_number: Chance = 0.1  # chance that what isn't a number is cut out
    coarse: Mixture = Mixture(0.25, (0.45, 0.85))  # scale from which a crop is enlarged
    stretch: LogRange = (0.8, 1.25)  # factor of its width
    restroked: Chance = 0.3  # chance that strokes are thicker or thinner by a pixel
    dulled: Mixture = Mixture(0.25, (0.3, 1.0))  # pixels of blur
    grained: Mixture = Mixture(0.3, (0.01, 0.1))  # standard deviation of noise, by the contrast


class Window(Section, frozen=True):
    """The batches that the detector learns from."""

    textures: Chance = 0.12  # chance that a window is nothing but paper
    tight: Chance = 0.125  # chance that a batch is of tight crops
    room: Range = (0.0, 0.6)  # heights between ink and the crop's edge
    alone: Chance = 0.125  # chance that a batch is of pictures of one digit, or of none
    seen_height: LogRange = (9.0, 60.0)  # pixels: of the digit in such a picture
    enlarged: Mixture = Mixture(0.25, (7.0, 16.0))  # pixels of its height before it is enlarged


class Single(Section, frozen=True):
    """Pictures of one digit, of several, or of none."""

    height: LogRange = (7.0, 360.0)  # pixels: of a single digit
    several_height: LogRange = (7.0, 160.0)  # pixels: of several digits, of words and marks
    largest: Size = 360.0  # pixels: what would be higher is as high as this
    max_side: Size = 640.0  # pixels of a picture's side; larger ones are reduced to that
    around: LogRange = (0.04, 3.0)  # heights around the writing
    lopsided: Size = 0.45  # spread of the logarithm of this room, on each side
    square: Chance = 0.6  # chance that a picture is square but for that
    cut: Chance = 0.1  # chance that ink is missing on a side
    missing: Range = (0.0, 0.1)  # share of it
    neighbour: Chance = 0.2  # chance
    neighbour_gap: Range = (0.05, 0.4)  # heights
    neighbour_end: Range = (0.02, 0.2)  # heights of it that are seen
    boxed: Chance = 0.15  # chance of a frame around a digit
    cut_out: Chance = 0.5  # chance that the picture ends at such a frame
    cell_edge: Range = (-0.06, 0.1)  # heights, from there to the picture's edge
    drawn: Chance = 0.15  # chance that it is drawn on a screen, not photographed
    on_table: Chance = 0.1  # chance that the sheet lies on a table
    table_side: Chance = 0.6  # chance that the table is seen on a side
    mark: Chance = 0.3  # chance of a mark, among what is no number
    letter: Chance = 0.7  # chance of a letter or sign, not a word


class Ranges(Struct, frozen=True, forbid_unknown_fields=True):
    """All of them; `changed` makes others of them."""

    hand: Hand = Hand()
    layout: Layout = Layout()
    text: Text = Text()
    form: Form = Form()
    paper: Paper = Paper()
    light: Light = Light()
    lens: Lens = Lens()
    file: File = File()
    crop: Crop = Crop()
    window: Window = Window()
    single: Single = Single()


def changed(ranges: Ranges, **sections: dict[str, Any]) -> Ranges:
    """Ranges with other values in some sections, such as hand={"bent": (0.0, 0.5)}."""
    others = {name: replace(getattr(ranges, name), **new) for name, new in sections.items()}
    return replace(ranges, **others)


RANGES = Ranges()
