"""Read a page: by the reader, and by the classifier too where there may be one digit alone."""

import math

import numpy as np

from digits.examination import Examination, Networks, examine_alone
from digits.images import picture
from digits.images.picture import GreyImage
from digits.inference.interface import SYMBOLS
from digits.prediction import SIGNS, Prediction, Reading, Symbol
from digits.reader.detections import SAME, Detections, overlaps
from digits.reader.lattice import Arc
from digits.reader.page import best_lines, build_lattices, find_symbols


def read_page(
    networks: Networks, page: GreyImage, threshold: float, reader_threshold: float
) -> Reading:
    """Read all symbols of a page that was loaded with PAGE_MAX_SIDE; see `Classifier`."""
    detections = find_symbols(page.pixels, networks.reader.maps)
    reading = Reading(
        tuple(
            tuple(
                tuple(_to_symbol(arc, page, reader_threshold) for arc in column) for column in line
            )
            for line in best_lines(build_lattices(detections))
        )
    )
    if len(reading.symbols) > 1:
        return reading
    smaller = picture.reduce(page, picture.DIGIT_MAX_SIDE)
    [examined] = examine_alone(networks.model, [smaller])
    if not examined.hypotheses:
        return reading
    return _read_one(examined.combine(detections), detections, reading, page.downscale, threshold)


def _to_symbol(arc: Arc, page: GreyImage, least: float) -> Symbol:
    """least: confidence of a symbol that isn't rejected."""
    probabilities = tuple(arc.probabilities.tolist())
    confidence = max(probabilities)
    symbol = SYMBOLS[probabilities.index(confidence)] if confidence >= least else None
    (left, top, right, bottom), (height, width) = arc.box, page.pixels.shape
    near = max(math.floor(left), 0), max(math.floor(top), 0)
    far = min(math.ceil(right), width), min(math.ceil(bottom), height)
    return Symbol(symbol, confidence, probabilities, page.to_original((*near, *far)))


def _read_one(
    examined: Examination,
    detections: Detections,
    reading: Reading,
    downscale: float,
    threshold: float,
) -> Reading:
    """What the classifier makes of a picture in which the reader sees one symbol or none."""
    several, none = examined.judgement.several, examined.judgement.none
    # Several digits of which the reader sees none are something else.
    if none + several * (not reading.symbols) > 0.5:
        return Reading(())
    prediction = examined.prediction(threshold)
    # A digit that the reader sees may be a small part of the picture. One that it overlooks it
    # still takes for possible; without that, the classifier makes up digits on blank paper.
    seen = np.array([symbol.box for symbol in reading.symbols], np.float64)
    possible = downscale * detections.select(detections.are_digits).boxes
    shared, _ = overlaps(seen if len(seen) else possible, np.array(prediction.box, np.float64))
    if not (shared > SAME).any():
        return reading
    return Reading((((_as_symbol(prediction, several + none),),),))


def _as_symbol(prediction: Prediction, otherwise: float) -> Symbol:
    """otherwise: the probability of anything but one digit, spread over the prediction's ten."""
    shares = (np.array(prediction.probabilities) - otherwise / 10).clip(0)
    probabilities = (*shares.tolist(), *[0.0] * len(SIGNS))
    digit = None if prediction.digit is None else str(prediction.digit)
    return Symbol(digit, max(probabilities), probabilities, prediction.box, prediction.frame)
