"""Find the sheet of a form in a picture, and see its fields from straight above."""

from contextlib import suppress
from functools import partial
from typing import Any, cast

import cv2
import numpy as np

from digits.errors import DataError, PictureError
from digits.forms.form import Box, Form
from digits.images import picture
from digits.images.grey import Grey
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
_LEAST_HEIGHT = 8  # pixels of a field, in which nobody can read a digit
_MAX_CROP = 2048  # pixels of a rectified box's side
# The homography, float64 [3, 3], from the form's unit (x, y) to the page's pixels, of which the
# first is from 0 to 1; and a remark for people, such as a missing marker, or "".
Location = tuple[Floats, str]


class SheetNotFound(PictureError):
    """No sheet of the form, or more than one, is in a picture, or it is cut off."""


class Locator:
    """Finds a form's sheets. Raises DataError if its blank can't be used."""

    def __init__(self, form: Form) -> None:
        self._form = form
        by_marks = partial(_by_marks if form.find == "marks" else _by_size, form)
        self._find = _Blank(form).locate if form.find == "blank" else by_marks

    def locate(self, page: Grey) -> Location:
        """Find the sheet in a page, uint8 [h, w], that may be turned. Raises SheetNotFound."""
        try:
            homography, note = self._find(page)
        except cv2.error as error:  # OpenCV asks for more pixels or points than there are, say
            raise SheetNotFound(_NOT_FOUND) from error
        sheet = np.column_stack([_corners((0, 0, *self._form.size)), np.ones(4)])
        if not (np.linalg.det(homography) > 0 and (sheet @ homography[2] > 0).all()):
            raise SheetNotFound(_NOT_FOUND)  # mirrored, or partly behind the camera
        for each in self._form.fields:
            corners = project(homography, _corners(each.box))
            if np.linalg.norm(corners[3] - corners[0]) < _LEAST_HEIGHT:
                raise SheetNotFound(
                    f"the field {each.name} is too small: photograph it from nearer"
                )
            if not ((corners >= 0) & (corners <= page.shape[::-1])).all():
                raise SheetNotFound(f"the field {each.name} is cut off: {_ADVICE}")
        return homography, note


def project(homography: Floats, points: Floats) -> Floats:
    """Map points, float64 [n, 2], by a homography."""
    return cast(Floats, cv2.perspectiveTransform(points[None], homography)[0])


def rectify(page: Grey, homography: Floats, box: Box) -> tuple[Grey, Floats]:
    """See a box, in the form's unit, from straight above, about as large as in the page.

    Beyond the page, its border goes on. Returns uint8 [h, w], and the homography from its pixels to
    the page's.
    """
    left, top, right, bottom = box
    extent = np.array([right - left, bottom - top])
    sides = project(homography, _corners(box))
    lengths = np.linalg.norm(sides - np.roll(sides, -1, 0), axis=1).reshape(2, 2).mean(0)
    scale = min((lengths / extent).max(), _MAX_CROP / extent.max())
    size = (scale * extent).round().clip(1)
    to_box = np.diag([*(extent / size), 1])
    to_box[:2, 2] = left, top
    return _warp(page, homography @ to_box, size), homography @ to_box


def _warp(page: Grey, to_page: Floats, size: Any) -> Grey:
    half = np.array([[1, 0, 0.5], [0, 1, 0.5], [0, 0, 1]])  # OpenCV's 0 is a pixel's middle
    matrix = np.linalg.inv(half) @ to_page @ half
    how: Any = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, cv2.BORDER_REPLICATE
    return cast(Grey, cv2.warpPerspective(page, matrix, [*map(int, size)], None, *how))


def _corners(box: Box) -> Floats:
    left, top, right, bottom = box
    return np.array([(left, top), (right, top), (right, bottom), (left, bottom)], np.float64)


def _by_size(form: Form, page: Grey) -> Location:
    x, y = page.shape[1] / form.size[0], page.shape[0] / form.size[1]
    if abs(x / y - 1) > _SAME_SHAPE:
        raise SheetNotFound("the picture has another shape than the form: is it the same camera?")
    return np.diag([x, y, 1.0]), ""


def _by_marks(form: Form, page: Grey) -> Location:
    """AprilTags (Olson 2011; family 36h11)."""
    parameters = cv2.aruco.DetectorParameters()
    parameters.adaptiveThreshWinSizeMin = 13
    parameters.perspectiveRemovePixelPerCell = 8  # 4 misses one marker in a hundred
    parameters.minMarkerPerimeterRate = 0.04  # of a sheet over a third of the picture's height
    parameters.cornerRefinementMethod = cv2.aruco.CORNER_REFINE_SUBPIX
    family = cv2.aruco.getPredefinedDictionary(cv2.aruco.DICT_APRILTAG_36h11)
    corners, ids, _ = cv2.aruco.ArucoDetector(family, parameters).detectMarkers(page)
    numbers: list[int] = np.ravel(cast(Any, () if ids is None else ids)).tolist()
    boxes = form.marker_boxes
    seen = [(n, at[0] + 0.5) for n, at in zip(numbers, corners, strict=True) if n in boxes]
    missing = [name for name, n in zip(_CORNERS, boxes, strict=True) if n not in dict(seen)]
    if numbers and not seen:
        raise SheetNotFound("the markers are those of another form")
    if len(missing) > 1:
        raise SheetNotFound(f"{4 - len(missing)} of the four markers are seen: {_ADVICE}")
    printed = np.concatenate([_corners(boxes[n]) for n, _ in seen])
    on_page = np.concatenate([at for _, at in seen])
    homography = _fit(printed, on_page, 0)
    if np.abs(project(homography, printed) - on_page).max() > np.ptp(on_page[:4], 0).max() / 4:
        raise SheetNotFound(_TWO_SHEETS)
    return homography, f"the {missing[0]} marker is missing or hidden" if missing else ""


def _fit(source: Floats, target: Floats, method: int) -> Floats:
    """The homography between points [n, 2]. Raises SheetNotFound if all are in line."""
    matrix, _ = cv2.findHomography(source, target, method, 2.0, maxIters=3000, confidence=0.999)
    if matrix is None:
        raise SheetNotFound(_NOT_FOUND)
    return cast(Floats, matrix)


class _Blank:
    """What is printed on a form."""

    def __init__(self, form: Form) -> None:
        try:
            page = picture.load(str(form.blank), picture.PAGE_MAX_SIDE).pixels
        except PictureError as error:
            raise DataError(f"the blank form: {error}") from error
        page = _reduce(page, _BLANK_SIDE)
        self._points, self._descriptors = _features(page)
        if len(self._points) < _MIN_FEATURES:
            raise DataError(f"{form.blank} has too little print: print sheets with markers instead")
        self._pixels = _even(page)
        self._corners = cv2.goodFeaturesToTrack(self._pixels, 600, 0.02, 8)  # float32 [n, 1, 2]
        darker = _PAPER - self._pixels.astype(float)
        # Spots of the paper are fainter.
        self._ink = darker > max(8, np.quantile(darker, 0.995) / 2)
        self._size = self._pixels.shape[::-1]
        if abs(self._size[0] * form.size[1] / (self._size[1] * form.size[0]) - 1) > _SAME_SHAPE:
            raise DataError(f"{form.blank} has another shape than the form's size")
        self._to_pixels = np.diag([*np.divide(self._size, form.size), 1])

    def locate(self, page: Grey) -> Location:
        """As Locator's."""
        points, descriptors = _features(_reduce(page, _PAGE_SIDE))
        matches = cv2.BFMatcher().knnMatch(descriptors, self._descriptors, 2)
        pairs = [(a.trainIdx, a.queryIdx) for a, b in matches if a.distance < 0.8 * b.distance]
        on_blank, on_page = np.array(pairs, int).reshape(-1, 2).T
        scale = max(1, max(page.shape) / _PAGE_SIDE)
        source, target = self._points[on_blank], points[on_page] * scale
        sheets = list[Floats]()
        with suppress(SheetNotFound, cv2.error):
            while len(sheets) < 2:
                sheets.append(self._refine(page, _fit(source, target, cv2.USAC_MAGSAC)))
                inside = project(cast(Floats, np.linalg.inv(sheets[-1])), target)
                others = ((inside < 0) | (inside > self._size)).any(1)
                source, target = source[others], target[others]
        if len(sheets) != 1:
            raise SheetNotFound(_TWO_SHEETS if sheets else _NOT_FOUND)
        return sheets[0] @ self._to_pixels, ""

    def _refine(self, page: Grey, homography: Floats) -> Floats:
        """Follow the blank's corners (Lucas and Kanade 1981) to the rectified page's.

        Raises SheetNotFound unless nearly every region is dark where the blank has ink, however
        faint its print is.
        """
        for _ in range(2):
            seen = _even(_warp(page, homography, self._size))
            flow = cv2.calcOpticalFlowPyrLK(self._pixels, seen, self._corners, cast(Any, None))
            is_seen = flow[1] == 1
            moved = _fit(self._corners[is_seen] + 0.5, flow[0][is_seen] + 0.5, cv2.RANSAC)
            homography = homography @ moved
        dark = cv2.erode(_even(_warp(page, homography, self._size)), np.ones((3, 3)))
        agree = list[bool]()
        for ink, on_page in zip(_regions(self._ink), _regions(dark), strict=True):
            if ink.sum() > _MIN_INK:
                is_dark = on_page < np.quantile(on_page, min(0.9, 0.1 + 2 * ink.mean()))
                agree.append(is_dark[ink].mean() > (1 + is_dark.mean()) / 2)
        if not agree or np.mean(agree) < _AGREEING:
            raise SheetNotFound(_NOT_FOUND)
        return homography


def _regions(pixels: Any) -> list[Any]:
    return [each for rows in np.array_split(pixels, 5) for each in np.array_split(rows, 4, 1)]


def _reduce(page: Grey, side: int) -> Grey:
    scale = min(1, side / max(page.shape))
    return cast(Grey, cv2.resize(page, None, None, scale, scale, cv2.INTER_AREA))


def _features(page: Grey) -> tuple[Floats, Floats]:
    """SIFT (Lowe 2004): points [n, 2], and descriptors [n, 128]."""
    sift: Any = cv2.SIFT.create(nfeatures=20_000, contrastThreshold=0.02)  # its types lack None
    points, values = sift.detectAndCompute(page, None)
    if not points:
        return np.empty((0, 2)), np.empty((0, 128), np.float32)
    return np.array([point.pt for point in points]) + 0.5, values


def _even(page: Grey) -> Grey:
    """Take out uneven light, with shadows' edges, and noise."""
    smooth = cv2.GaussianBlur(page, (0, 0), 1)
    return cast(Grey, cv2.divide(smooth, cv2.medianBlur(page, 41), scale=_PAPER))
