"""Ranges for what is seldom, or plain: real paper, legible pages, neat hands, clear pictures."""

from functools import cache

from digits_train.camera.distributions import Mixture
from digits_train.camera.ranges import RANGES, Ranges, changed

# For crops of numbers: more cheques, forms and black-and-white scans, and longer numbers.
REAL_PAPER = changed(
    RANGES,
    layout={"spacings": (0.35, 0.25, 0.25, 0.15), "after_number": (0.8, 8.0)},
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
    """Narrow ranges to pages of nothing but numbers, of which each character can be told apart."""
    return changed(
        ranges,
        hand={
            "size": (0.65, 1.5),  # the smallest digit can be read in the smallest hand, too
            "faint": Mixture(0.25, (0.2, 0.25), (0.0, 0.25)),
        },
        layout={
            "max_slope": 0.03,
            "gap": Mixture(0.65, (0.02, 0.35), (0.2, 0.5)),
            "pitch": Mixture(1.0, (1.5, 2.6)),
        },
        form={"cell": Mixture(0.0, (0.0, 0.0))},
    )


def neat(ranges: Ranges) -> Ranges:
    """Narrow ranges to the hand of someone who wants to be read: even digits with plain gaps.

    Fonts write, as nobody knows what some of MNIST's digits are, and several people wrote them.
    """
    never = Mixture(0.0, (0.0, 0.0))
    return changed(
        legible(ranges),
        hand={
            "in_font": 1.0,
            "other_pen": 0.0,
            "leaning": 0.0,
            "sizes": Mixture(1.0, (0.03, 0.06)),
            "size": (0.85, 1.2),
            "uneven": (0.03, 0.06),
            **dict.fromkeys(("tails", "bare", "faint"), never),
        },
        layout={
            "jitter": Mixture(1.0, (0.01, 0.04)),
            "gap": Mixture(1.0, (0.1, 0.3)),
            "gaps": (0.7, 1.3),
        },
    )


@cache
def clear(ranges: Ranges) -> Ranges:
    """Narrow ranges to what a person reads without effort, as nearly all that is photographed.

    Of a hand, only what is drawn anew for each page: its glyphs are the same.
    """
    return changed(
        ranges,
        hand={"uneven": (0.03, 0.1), "faint": Mixture(0.25, (0.2, 0.25), (0.0, 0.25))},
        layout={
            "jitter": Mixture(1.0, (0.01, 0.08)),
            "spacings": (0.55, 0.25, 0.13, 0.07),
        },
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
