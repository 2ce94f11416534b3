"""Weights of the features that rank hypotheses, in the order of `ranker.features`.

Written by `python -m digits_train.fit_ranker`, which fits them on synthetic pictures.
"""

RANKER = {
    "main": 0.305,
    "narrow": 0.442,
    "narrow unruled": 0.907,
    "crop": -0.072,
    "inner": 1.462,
    "unruled": 1.395,
    "dark": 2.113,
    "alone": -2.189,
    "all": -1.012,
    "second": -2.760,
    "inverted": -0.978,
    "confidence": 0.652,
    "agreement": 1.232,
    "share": 0.676,
    "distance": -4.735,
    "border": -0.560,
    "size": 0.055,
    "width": -0.713,
    "contrast": -0.244,
    "unevenness": -0.313,
    "enlarged": 1.540,
    "one": -1.104,
    "dark, no lines": -1.903,
}
SEVERAL = {
    "several": 3.009,
    "less sure": 0.603,
    "lighter": -0.269,
    "lower": 0.761,
    "overlap": -1.012,
    "pen": 0.191,
    "contrast": -0.607,
    "one": -2.343,
    "inverted": -0.899,
}
