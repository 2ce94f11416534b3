"""Weights of the model that judges hypotheses.

Written by `python -m digits_train.fit_judge`, which fits them on synthetic pictures.
"""

JUDGE = (
    0.124,  # main
    -0.202,  # narrow
    1.655,  # narrow unruled
    0.591,  # crop
    0.903,  # inner
    1.735,  # unruled
    0.229,  # dark
    -3.149,  # alone
    -0.054,  # all
    -2.937,  # second
    -0.574,  # inverted
    0.765,  # confidence
    1.540,  # agreement
    0.799,  # share
    -3.186,  # distance
    -0.344,  # border
    0.985,  # size
    -0.836,  # width
    -0.742,  # contrast
    -1.695,  # unevenness
    2.148,  # enlarged
    -1.286,  # one
    -1.590,  # dark, no lines
)
SEVERAL = (
    2.430,  # several
    0.514,  # less sure
    -0.075,  # lighter
    0.704,  # lower
    -0.850,  # overlap
    0.588,  # pen
    -0.062,  # contrast
    -0.363,  # one
    -0.779,  # inverted
)
