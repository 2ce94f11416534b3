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
    -5.188,  # digit
    0.545,  # confidence
    3.167,  # height
    -2.842,  # height squared
    -1.273,  # too wide
    -2.501,  # cuts
    -0.167,  # crossed
    2.372,  # joins
    2.362,  # contrast
    -0.700,  # contrast squared
    -2.558,  # softness
    0.699,  # between lines
    -1.404,  # one
    0.407,  # page
    0.154,  # line
    0.965,  # junk
    -0.288,  # junk's mass
    -1.201,  # junk's seams
)
PAIR = (
    1.610,  # digit beside digit
    -2.604,  # digit beside letter
    1.071,  # letter beside letter
)
