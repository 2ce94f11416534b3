"""Weights of the models that judge hypotheses and paths through a line.

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
    -0.262,  # inverted
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
    -1.596,  # digit
    0.502,  # confidence
    0.700,  # height
    -3.603,  # height squared
    -0.204,  # too wide
    -0.966,  # cuts
    -1.046,  # crossed
    0.966,  # joins
    1.106,  # contrast
    -3.631,  # contrast squared
    2.415,  # softness
    0.607,  # between lines
    -1.433,  # one
    0.455,  # page
    -0.110,  # line
    -0.269,  # junk
    -0.118,  # junk's mass
    -0.833,  # junk's seams
)
PAIR = (
    1.224,  # digit beside digit
    -3.444,  # digit beside letter
    1.723,  # letter beside letter
)
