"""Weights of the models that judge hypotheses and paths through a line.

Written by `python -m tests.benchmarks.fit`, which fits them on synthetic pictures.
"""

JUDGE = (
    -0.244,  # main
    -0.456,  # narrow
    1.386,  # narrow unruled
    0.254,  # crop
    0.914,  # inner
    1.437,  # unruled
    0.700,  # dark
    -2.631,  # alone
    -0.160,  # all
    -2.774,  # second
    -0.251,  # inverted
    0.691,  # confidence
    1.755,  # agreement
    0.773,  # share
    -2.714,  # distance
    -0.379,  # border
    0.686,  # size
    -0.828,  # width
    -0.380,  # contrast
    1.955,  # enlarged
    -1.385,  # one
    -2.219,  # dark, no lines
)
SEVERAL = (
    2.962,  # several
    0.546,  # less sure
    0.091,  # lighter
    0.424,  # lower
    -1.120,  # overlap
    0.057,  # pen
    0.105,  # contrast
    -0.616,  # one
)
ARC = (
    -2.617,  # digit
    0.475,  # confidence
    1.229,  # height
    -5.416,  # height squared
    0.945,  # too wide
    -1.516,  # cuts
    -1.150,  # crossed
    1.186,  # joins
    0.220,  # contrast
    -3.622,  # contrast squared
    0.874,  # softness
    -0.621,  # between lines
    -1.798,  # one
    0.333,  # page
    0.422,  # word
    0.112,  # junk
    -0.475,  # junk's mass
    -1.122,  # junk's seams
)
PAIR = (
    2.074,  # digit beside digit
    -2.545,  # digit beside letter
    1.393,  # letter beside letter
)
