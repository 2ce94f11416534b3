"""Weights of the models that judge hypotheses and ways through a line.

Written by `python -m tests.benchmarks.fit`, which fits them on synthetic pictures.
"""

JUDGE = (
    -0.364,  # main
    -1.081,  # narrow
    1.093,  # narrow unruled
    0.025,  # crop
    0.314,  # inner
    1.629,  # unruled
    0.422,  # dark
    -3.079,  # alone
    -0.717,  # all
    -2.547,  # second
    -0.456,  # other side
    0.586,  # confidence
    1.379,  # agreement
    0.861,  # share
    -3.667,  # distance
    -0.504,  # border
    0.420,  # size
    -0.628,  # width
    -0.177,  # contrast
    1.599,  # enlarged
    -1.070,  # one
    -1.913,  # dark, no lines
)
SEVERAL = (
    2.444,  # several
    0.298,  # less sure
    0.032,  # lighter
    0.628,  # lower
    -1.284,  # overlap
    0.278,  # pen
    0.126,  # contrast
    -0.440,  # one
)
ARC = (
    -4.747,  # digit
    0.544,  # confidence
    1.931,  # height
    -3.190,  # height squared
    -0.482,  # too wide
    -2.438,  # cuts
    -0.176,  # crossed
    2.123,  # joins
    2.228,  # contrast
    -0.972,  # contrast squared
    -2.631,  # softness
    0.263,  # between lines
    -1.745,  # one
    0.374,  # page
    0.065,  # line
    0.894,  # junk
    -0.109,  # junk's mass
    -1.023,  # junk's seams
)
PAIR = (
    1.371,  # digit beside digit
    -2.639,  # digit beside letter
    0.893,  # letter beside letter
)
