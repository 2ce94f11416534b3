"""Ranges for what is seldom, or plain: real paper, legible pages, clear pictures."""

from functools import cache

from digits_train.camera.distributions import Mixture
from digits_train.camera.ranges import RANGES, Ranges, changed

# For crops of numbers: more cheques, forms and black-and-white scans, and longer numbers.
REAL_PAPER = changed(
    RANGES,
    layout={"after_number": (0.8, 8.0)},
    text={
        "kinds": (0.25, 0.13, 0.1, 0.17, 0.05, 0.12, 0.18),
        "fraction": 0.08,
        "contents": (0.86, 0.08, 0.06),
    },
    form={
        "framed": 0.15,
        "frame": (0.02, 0.8),
        "line": (0.02, 0.2),
        "cell": Mixture(0.18, (0.7, 1.8)),
    },
    paper={"secured": 0.25, "min_contrast": 40.0, "edge": 0.03},
    file={"bilevel": 0.2},
)


def legible(ranges: Ranges) -> Ranges:
    """Narrow ranges to pages of nothing but numbers, a line each, on plain lines."""
    return changed(
        ranges,
        layout={
            "max_slope": 0.03,
            "as_written": 0.0,
            "wider": Mixture(0.25, (0.1, 0.4)),
            "pitch": Mixture(1.0, (1.7, 2.6)),
        },
        form={"cell": Mixture(0.0, (0.0, 0.0))},
    )


@cache
def clear(ranges: Ranges) -> Ranges:
    """Narrow ranges to what a person reads without effort, as nearly all that is photographed."""
    return changed(
        ranges,
        paper={
            "kept": Mixture(0.0, (0.0, 0.0)),
            "min_contrast": 80.0,
            "tint": (0.03, 0.25),
            "through": (0.03, 0.1),
        },
        light={"shadow": Mixture(0.12, (0.1, 0.3))},
        lens={"blur": (0.3, 1.0), "noise": Mixture(1.0, (0.0, 4.0))},
        file={"threshold": (0.2, 0.45), "worn": (-2.0, -0.7), "speckled": (0.0, 0.05)},
        crop={"digit_height": (16.0, 48.0), "misplaced": 0.03},
    )
