"""Weights of the models that judge hypotheses and ways through a line.

Written by `python -m tests.benchmarks.fit`, which fits them on synthetic pictures.
"""

JUDGE = (
    -0.013,  # main
    -0.957,  # narrow
    1.708,  # narrow unruled
    0.025,  # crop
    0.352,  # inner
    2.032,  # unruled
    0.822,  # dark
    -2.567,  # alone
    -0.177,  # all
    -2.402,  # second
    -0.665,  # other side
    0.582,  # confidence
    1.255,  # agreement
    0.704,  # share
    -3.892,  # distance
    -0.450,  # border
    0.524,  # size
    -0.391,  # width
    -0.192,  # contrast
    0.893,  # enlarged
    -1.000,  # one
    -1.800,  # dark, no lines
)
SEVERAL = (
    2.315,  # several
    0.392,  # less sure
    0.002,  # lighter
    0.393,  # lower
    -1.204,  # overlap
    -0.105,  # pen
    0.246,  # contrast
    0.000,  # one
)
ARC = (
    -5.152,  # digit
    0.497,  # confidence
    3.394,  # height
    -2.078,  # height squared
    -1.906,  # too wide
    -1.643,  # cuts
    -0.307,  # crossed
    0.788,  # joins
    -0.574,  # contrast
    -12.196,  # contrast squared
    -2.094,  # softness
    0.918,  # between lines
    -1.020,  # one
    0.388,  # page
    0.089,  # line
    -0.473,  # junk
    -0.205,  # junk's mass
    -0.810,  # junk's seams
)
PAIR = (
    1.282,  # digit beside digit
    -2.203,  # digit beside letter
    1.456,  # letter beside letter
)
