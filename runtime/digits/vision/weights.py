"""Weights of the models that judge hypotheses and ways through a line.

Written by `python -m tests.benchmarks.fit`, which fits them on synthetic pictures.
"""

JUDGE = (
    -0.216,  # main
    -0.571,  # narrow
    1.269,  # narrow unruled
    0.414,  # crop
    0.805,  # inner
    1.426,  # unruled
    0.683,  # dark
    -2.599,  # alone
    -0.185,  # all
    -2.719,  # second
    -0.262,  # other side
    0.706,  # confidence
    1.790,  # agreement
    0.784,  # share
    -2.765,  # distance
    -0.428,  # border
    0.737,  # size
    -0.883,  # width
    -0.380,  # contrast
    1.988,  # enlarged
    -1.491,  # one
    -2.170,  # dark, no lines
)
SEVERAL = (
    3.032,  # several
    0.560,  # less sure
    0.092,  # lighter
    0.407,  # lower
    -1.179,  # overlap
    0.010,  # pen
    0.139,  # contrast
    -0.614,  # one
)
ARC = (
    -2.848,  # digit
    0.468,  # confidence
    0.328,  # height
    -3.476,  # height squared
    1.273,  # too wide
    -1.675,  # cuts
    -0.023,  # crossed
    1.050,  # joins
    -2.595,  # contrast
    -6.859,  # contrast squared
    -1.807,  # softness
    -0.426,  # between lines
    -1.473,  # one
    0.224,  # page
    0.055,  # line
    0.368,  # junk
    -0.208,  # junk's mass
    -1.183,  # junk's seams
)
PAIR = (
    1.218,  # digit beside digit
    -2.942,  # digit beside letter
    2.033,  # letter beside letter
)
