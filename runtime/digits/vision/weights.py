"""Weights of the model that judges hypotheses.

Written by `python -m digits_train.fit_judge`, which fits them on synthetic pictures.
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
