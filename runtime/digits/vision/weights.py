"""Weights of the models that judge hypotheses and ways through a line.

Written by `python -m tests.benchmarks.fit`, which fits them on synthetic pictures.
"""

JUDGE = (
    -0.491,  # main
    -0.173,  # crop
    -0.106,  # inner
    1.128,  # unruled
    -0.426,  # dark
    -3.668,  # alone
    -0.888,  # all
    -3.078,  # second
    -0.664,  # other side
    0.715,  # confidence
    1.065,  # agreement
    0.686,  # share
    -4.860,  # distance
    -0.675,  # border
    0.356,  # size
    -0.640,  # width
    -0.045,  # contrast
    1.322,  # enlarged
    -1.473,  # dark, no lines
)
SEVERAL = (
    1.968,  # several
    0.246,  # less sure
    0.024,  # lighter
    0.561,  # lower
    -0.745,  # overlap
    0.309,  # pen
    -0.069,  # contrast
)
ARC = (
    -3.800,  # digit
    0.540,  # confidence
    0.777,  # height
    -1.321,  # height squared
    -0.791,  # too wide
    -2.202,  # cuts
    1.602,  # joins
    0.300,  # contrast
    -2.185,  # contrast squared
    -1.821,  # softness
    0.117,  # between lines
    0.528,  # page
    0.172,  # line
    -0.254,  # around
    0.521,  # junk
    -0.375,  # junk's mass
    -1.152,  # junk's seams
)
PAIR = (
    1.782,  # digit beside digit
    -2.305,  # digit beside letter
    1.081,  # letter beside letter
)
