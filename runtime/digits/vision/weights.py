"""Weights of the model that judges hypotheses.

Written by `python -m digits_train.fit_judge`, which fits them on synthetic pictures.
"""

JUDGE = (
    -0.014,  # main
    -0.126,  # narrow
    2.089,  # narrow unruled
    0.978,  # crop
    0.813,  # inner
    2.180,  # unruled
    0.354,  # dark
    -3.270,  # alone
    -0.320,  # all
    -2.793,  # second
    -0.424,  # inverted
    0.764,  # confidence
    1.850,  # agreement
    0.627,  # share
    -3.120,  # distance
    -0.358,  # border
    1.007,  # size
    -0.933,  # width
    -0.674,  # contrast
    -1.591,  # unevenness
    2.399,  # enlarged
    -1.470,  # one
    -1.033,  # dark, no lines
)
SEVERAL = (
    2.579,  # several
    0.546,  # less sure
    -0.073,  # lighter
    0.806,  # lower
    -0.875,  # overlap
    0.672,  # pen
    -0.025,  # contrast
    -0.431,  # one
    -0.913,  # inverted
)
