"""Weights of the model that judges hypotheses.

Written by `python -m digits_train.fit_judge`, which fits them on synthetic pictures.
"""

JUDGE = (
    -0.084,  # main
    -0.387,  # narrow
    1.600,  # narrow unruled
    0.227,  # crop
    1.093,  # inner
    1.521,  # unruled
    0.785,  # dark
    -2.627,  # alone
    -0.142,  # all
    -2.641,  # second
    0.199,  # inverted
    0.706,  # confidence
    1.581,  # agreement
    0.811,  # share
    -2.503,  # distance
    -0.323,  # border
    0.996,  # size
    -0.811,  # width
    -0.695,  # contrast
    -1.426,  # unevenness
    1.958,  # enlarged
    -1.301,  # one
    -2.236,  # dark, no lines
)
SEVERAL = (
    2.856,  # several
    0.549,  # less sure
    0.062,  # lighter
    0.438,  # lower
    -1.016,  # overlap
    0.019,  # pen
    0.163,  # contrast
    -0.645,  # one
)
