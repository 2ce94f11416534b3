"""Weights of the features that rank hypotheses, in the order of `ranker.features`.

Written by `python -m digits_train.fit_ranker`, which fits them on synthetic pictures.
"""

RANKER = {
    "main": -0.014,
    "narrow": -0.126,
    "narrow unruled": 2.089,
    "crop": 0.978,
    "inner": 0.813,
    "unruled": 2.180,
    "dark": 0.354,
    "alone": -3.270,
    "all": -0.320,
    "second": -2.793,
    "inverted": -0.424,
    "confidence": 0.764,
    "agreement": 1.850,
    "share": 0.627,
    "distance": -3.120,
    "border": -0.358,
    "size": 1.007,
    "width": -0.933,
    "contrast": -0.674,
    "unevenness": -1.591,
    "enlarged": 2.399,
    "one": -1.470,
    "dark, no lines": -1.033,
}
SEVERAL = {
    "several": 2.579,
    "less sure": 0.546,
    "lighter": -0.073,
    "lower": 0.806,
    "overlap": -0.875,
    "pen": 0.672,
    "contrast": -0.025,
    "one": -0.431,
    "inverted": -0.913,
}
