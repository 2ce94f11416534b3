"""Find the sheet of a form in a picture, and see its fields from straight above."""

from contextlib import suppress
from functools import lru_cache
from typing import Any, NamedTuple, cast

import cv2
import numpy as np

from digits.errors import DataError, PictureError
from digits.forms.form import Form
from digits.forms.homography import corners_of, project, warp
from digits.images import picture
from digits.images.grey import Grey
from digits.images.picture import GreyImage
from digits.reader.detections import Floats

_CORNERS = "upper left", "upper right", "lower right", "lower left"
_BLANK_SIDE, _PAGE_SIDE = 1000, 1500  # pixels at most in which print is sought
_MIN_FEATURES = 40  # of a blank: ten times what a homography needs
_PAPER = 200  # in even light
_MIN_INK = 60  # pixels of a region's print
_AGREEING = 0.85  # of the regions, by a Cohen's kappa of at least 0.5
_ADVICE = "photograph the sheet whole, sharp and flat"
_NOT_FOUND = f"the form's print isn't seen: {_ADVICE}"
_TWO_SHEETS = "two sheets are in the picture: photograph each alone"
_SAME_SHAPE = 0.01  # by the ratio of width and height
_MIN_HEIGHT = 8  # pixels of a field, in which nobody can read a digit


class Location(NamedTuple):
    """Where a sheet is.

    homography: float64 [3, 3], from the form's unit (x, y) to the page's pixels, of which the first
        is from 0 to 1.
    note: a remark for people, such as a missing marker, or empty.
    """

    homography: Floats
    note: str = ""


class SheetNotFound(PictureError):
    """No sheet of the form, or more than one, is in a picture, or it is cut off."""


def find_in_page(page: GreyImage, form: Form) -> Location:
    """Find the sheet of a form in a page, which is reduced for that; see `find_sheet`."""
    small = picture.reduce(page, picture.PAGE_MAX_SIDE)
    homography, note = find_sheet(form, small.pixels)
    scale = small.downscale / page.downscale
    return Location(np.diag([scale, scale, 1]) @ homography, note)


def find_sheet(form: Form, page: Grey) -> Location:
    """Find the sheet of a form in a page, uint8 [h, w], that may be turned.

    Raises SheetNotFound, and DataError if the form's blank can't be used.
    """
    try:
        finders = {"marks": _by_marks, "blank": _by_print, "fixed": _by_size}
        homography, note = finders[form.find_by](form, page)
    except cv2.error as error:  # OpenCV asks for more pixels or points than there are, say
        raise SheetNotFound(_NOT_FOUND) from error
    sheet = np.column_stack([corners_of((0, 0, *form.size)), np.ones(4)])
    if not (np.linalg.det(homography) > 0 and (sheet @ homography[2] > 0).all()):
        raise SheetNotFound(_NOT_FOUND)  # mirrored, or partly behind the camera
    for field in form.fields:
        corners = project(homography, corners_of(field.box))
        if np.linalg.norm(corners[3] - corners[0]) < _MIN_HEIGHT:
            raise SheetNotFound(f"the field {field.name} is too small: photograph it from nearer")
        if not ((corners >= 0) & (corners <= page.shape[::-1])).all():
            raise SheetNotFound(f"the field {field.name} is cut off: {_ADVICE}")
    return Location(homography, note)


def _by_size(form: Form, page: Grey) -> Location:
    """Scale the form to the picture of a fixed camera, which shows the sheet alone."""
    x, y = page.shape[1] / form.size[0], page.shape[0] / form.size[1]
    if abs(x / y - 1) > _SAME_SHAPE:
        raise SheetNotFound("the picture has another shape than the form: is it the same camera?")
    return Location(np.diag([x, y, 1.0]))


def _by_marks(form: Form, page: Grey) -> Location:
    """Find the four AprilTags of a form (Olson 2011; family 36h11)."""
    parameters = cv2.aruco.DetectorParameters()
    parameters.adaptiveThreshWinSizeMin = 13
    parameters.perspectiveRemovePixelPerCell = 8  # 4 misses one marker in a hundred
    parameters.minMarkerPerimeterRate = 0.04  # of a sheet over a third of the picture's height
    parameters.cornerRefinementMethod = cv2.aruco.CORNER_REFINE_SUBPIX
    family = cv2.aruco.getPredefinedDictionary(cv2.aruco.DICT_APRILTAG_36h11)
    corners, ids, _ = cv2.aruco.ArucoDetector(family, parameters).detectMarkers(page)
    marker_ids: list[int] = np.ravel(cast(Any, () if ids is None else ids)).tolist()
    boxes = form.marker_boxes
    detected = [
        (marker_id, at[0] + 0.5)
        for marker_id, at in zip(marker_ids, corners, strict=True)
        if marker_id in boxes
    ]
    missing = [name for name, n in zip(_CORNERS, boxes, strict=True) if n not in dict(detected)]
    if marker_ids and not detected:
        raise SheetNotFound("the markers are those of another form")
    if len(missing) > 1:
        raise SheetNotFound(f"{4 - len(missing)} of the four markers are seen: {_ADVICE}")
    printed = np.concatenate([corners_of(boxes[n]) for n, _ in detected])
    on_page = np.concatenate([at for _, at in detected])
    homography = _fit(printed, on_page, 0)
    if np.abs(project(homography, printed) - on_page).max() > np.ptp(on_page[:4], 0).max() / 4:
        raise SheetNotFound(_TWO_SHEETS)
    note = f"the {missing[0]} marker is missing or hidden" if missing else ""
    return Location(homography, note)


def _fit(source: Floats, target: Floats, method: int) -> Floats:
    """The homography between points [n, 2]. Raises SheetNotFound if all are in line."""
    matrix, _ = cv2.findHomography(source, target, method, 2.0, maxIters=3000, confidence=0.999)
    if matrix is None:
        raise SheetNotFound(_NOT_FOUND)
    return cast(Floats, matrix)


class Blank(NamedTuple):
    """What is printed on a form."""

    points: Floats  # [n, 2], of its features
    descriptors: Floats  # [n, 128]
    pixels: Grey  # [h, w], in even light
    corners: Any  # float32 [n, 1, 2], which can be followed from one picture to another
    ink: Any  # bool [h, w], where something is printed


@lru_cache(4)
def load_blank(form: Form) -> Blank:
    """Look at the picture of an empty sheet. Raises DataError if it can't be used."""
    try:
        page = picture.load(str(form.blank), picture.PAGE_MAX_SIDE).pixels
    except PictureError as error:
        raise DataError(f"the blank form: {error}") from error
    page = _reduce(page, _BLANK_SIDE)
    points, descriptors = _features(page)
    if len(points) < _MIN_FEATURES:
        raise DataError(f"{form.blank} has too little print: print sheets with markers instead")
    height, width = page.shape
    if abs(width * form.size[1] / (height * form.size[0]) - 1) > _SAME_SHAPE:
        raise DataError(f"{form.blank} has another shape than the form's size")
    pixels = _even(page)
    corners = cv2.goodFeaturesToTrack(pixels, 600, 0.02, 8)
    darkness = _PAPER - pixels.astype(float)
    ink = darkness > max(8, np.quantile(darkness, 0.995) / 2)  # spots of the paper are fainter
    return Blank(points, descriptors, pixels, corners, ink)


def _by_print(form: Form, page: Grey) -> Location:
    """Find the features of a form's blank, and then its print."""
    blank = load_blank(form)
    size = blank.pixels.shape[::-1]
    points, descriptors = _features(_reduce(page, _PAGE_SIDE))
    matches = cv2.BFMatcher().knnMatch(descriptors, blank.descriptors, 2)
    pairs = [(a.trainIdx, a.queryIdx) for a, b in matches if a.distance < 0.8 * b.distance]
    on_blank, on_page = np.array(pairs, int).reshape(-1, 2).T
    scale = max(1, max(page.shape) / _PAGE_SIDE)
    source, target = blank.points[on_blank], points[on_page] * scale
    sheets = list[Floats]()
    with suppress(SheetNotFound, cv2.error):
        while len(sheets) < 2:
            sheets.append(_refine(blank, page, _fit(source, target, cv2.USAC_MAGSAC)))
            positions = project(cast(Floats, np.linalg.inv(sheets[-1])), target)
            is_outside = ((positions < 0) | (positions > size)).any(1)
            source, target = source[is_outside], target[is_outside]
    if len(sheets) != 1:
        raise SheetNotFound(_TWO_SHEETS if sheets else _NOT_FOUND)
    return Location(sheets[0] @ np.diag([*np.divide(size, form.size), 1]))


def _refine(blank: Blank, page: Grey, homography: Floats) -> Floats:
    """Follow the blank's corners (Lucas and Kanade 1981) to the rectified page's.

    Raises SheetNotFound unless nearly every region is dark where the blank has ink, however
    faint its print is.
    """
    size = blank.pixels.shape[::-1]
    for _ in range(2):
        rectified = _even(warp(page, homography, size))
        flow = cv2.calcOpticalFlowPyrLK(blank.pixels, rectified, blank.corners, cast(Any, None))
        is_followed = flow[1] == 1
        source, target = blank.corners[is_followed], flow[0][is_followed]
        homography = homography @ _fit(source + 0.5, target + 0.5, cv2.RANSAC)
    dark = cv2.erode(_even(warp(page, homography, size)), np.ones((3, 3)))
    agree = list[bool]()
    for ink, on_page in zip(_regions(blank.ink), _regions(dark), strict=True):
        if ink.sum() > _MIN_INK:
            is_dark = on_page < np.quantile(on_page, min(0.9, 0.1 + 2 * ink.mean()))
            agree.append(is_dark[ink].mean() > (1 + is_dark.mean()) / 2)
    if not agree or np.mean(agree) < _AGREEING:
        raise SheetNotFound(_NOT_FOUND)
    return homography


def _regions(pixels: Any) -> list[Any]:
    """Twenty equal parts of a picture."""
    return [part for rows in np.array_split(pixels, 5) for part in np.array_split(rows, 4, 1)]


def _reduce(page: Grey, side: int) -> Grey:
    scale = min(1, side / max(page.shape))
    return cast(Grey, cv2.resize(page, None, None, scale, scale, cv2.INTER_AREA))


def _features(page: Grey) -> tuple[Floats, Floats]:
    """The features of a page by SIFT (Lowe 2004): points [n, 2], and descriptors [n, 128]."""
    sift: Any = cv2.SIFT.create(nfeatures=20_000, contrastThreshold=0.02)  # its types lack None
    points, values = sift.detectAndCompute(page, None)
    if not points:
        return np.empty((0, 2)), np.empty((0, 128), np.float32)
    return np.array([point.pt for point in points]) + 0.5, values


def _even(page: Grey) -> Grey:
    """Take uneven light, with shadows' edges, and noise out of a page."""
    smooth = cv2.GaussianBlur(page, (0, 0), 1)
    return cast(Grey, cv2.divide(smooth, cv2.medianBlur(page, 41), scale=_PAPER))
