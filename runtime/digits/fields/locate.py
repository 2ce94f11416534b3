"""Find the sheet of a form in a picture, and see its fields from straight above."""

from contextlib import suppress
from functools import partial
from typing import Any, NamedTuple, cast

import cv2
import numpy as np

from digits.errors import DataError, PictureError
from digits.fields.form import Box, Form
from digits.images import picture
from digits.images.grey import Grey
from digits.reader.detections import Floats

_CORNERS = "upper left", "upper right", "lower right", "lower left"
_SIDE = 1000  # pixels of a sheet's longer side in which its print is compared
_MIN_FEATURES = 40  # of a blank: ten times what a homography needs
_AGREEMENT = 0.5  # as Cohen's kappa: halfway between chance and the same print
_MIN_INK = 60  # pixels of a region's print
_AGREEING = 0.85  # of the regions
_ADVICE = "photograph the sheet whole, sharp and flat"
_NOT_FOUND = f"the form's print isn't seen: {_ADVICE}"
_TWO_SHEETS = "two sheets are in the picture: photograph each alone"
_MAX_CROP = 2048  # pixels of a rectified box's side


class SheetNotFound(PictureError):
    """No sheet of the form, or more than one, is in a picture, or it is cut off."""


class Location(NamedTuple):
    """Where a sheet is.

    homography: float64 [3, 3], from the form's unit (x, y) to the page's pixels, of which the first
    is from 0 to 1. note: a remark for people, such as a missing marker; or empty.
    """

    homography: Floats
    note: str = ""


class Locator:
    """Finds a form's sheets. Raises DataError if its blank can't be used."""

    def __init__(self, form: Form) -> None:
        self._form = form
        by_marks = partial(_by_marks if form.find == "marks" else _by_size, form)
        self._find = _Print(form).locate if form.find == "blank" else by_marks

    def locate(self, page: Grey) -> Location:
        """page: uint8 [h, w], turned in any way. Raises SheetNotFound."""
        try:
            location = self._find(page)
        except cv2.error as error:  # OpenCV asks for more pixels than there are, say
            raise SheetNotFound(_NOT_FOUND) from error
        homography = location.homography
        sheet = np.column_stack([_corners((0, 0, *self._form.size)), np.ones(4)])
        if np.linalg.det(homography) <= 0 or (sheet @ homography[2] <= 0).any():
            raise SheetNotFound(_NOT_FOUND)  # mirrored, or partly behind the camera
        for each in self._form.fields:
            corners = project(homography, _corners(each.box))
            if not ((corners >= 0) & (corners <= page.shape[::-1])).all():
                raise SheetNotFound(
                    f"the field {each.name} is outside the picture: is the sheet cut off?"
                )
        return location


def project(homography: Floats, points: Floats) -> Floats:
    """Map points, float64 [n, 2], by a homography."""
    mapped = np.column_stack([points, np.ones(len(points))]) @ homography.T
    return mapped[:, :2] / mapped[:, 2:]


def rectify(page: Grey, homography: Floats, box: Box) -> tuple[Grey, Floats]:
    """See a box, in the form's unit, from straight above, about as large as in the page.

    Beyond the page, its border goes on. Returns uint8 [h, w], and the homography from its pixels to
    the page's.
    """
    left, top, right, bottom = box
    sides = project(homography, _corners(box))
    lengths = np.linalg.norm(sides - np.roll(sides, -1, 0), axis=1)
    scale = max(lengths[::2].mean() / (right - left), lengths[1::2].mean() / (bottom - top))
    scale = min(scale, _MAX_CROP / max(right - left, bottom - top))
    size = [max(1, round(side * scale)) for side in (right - left, bottom - top)]
    to_box = [[(right - left) / size[0], 0, left], [0, (bottom - top) / size[1], top], [0, 0, 1]]
    to_page = homography @ np.array(to_box)
    return _warp(page, to_page, size), to_page


def _warp(page: Grey, to_page: Floats, size: list[int]) -> Grey:
    half = np.array([[1, 0, 0.5], [0, 1, 0.5], [0, 0, 1]])  # OpenCV's 0 is a pixel's middle
    matrix = np.linalg.inv(half) @ to_page @ half
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    border = cv2.BORDER_REPLICATE
    return cast(Grey, cv2.warpPerspective(page, matrix, size, flags=flags, borderMode=border))


def _corners(box: Box) -> Floats:
    left, top, right, bottom = box
    return np.array([(left, top), (right, top), (right, bottom), (left, bottom)], np.float64)


def _by_size(form: Form, page: Grey) -> Location:
    x, y = page.shape[1] / form.size[0], page.shape[0] / form.size[1]
    if abs(x / y - 1) > 0.01:
        raise SheetNotFound("the picture has another shape than the form: is it the same camera?")
    return Location(np.diag([x, y, 1.0]))


def _by_marks(form: Form, page: Grey) -> Location:
    """AprilTags (Olson 2011; family 36h11)."""
    parameters = cv2.aruco.DetectorParameters()
    parameters.adaptiveThreshWinSizeMin = 13
    parameters.perspectiveRemovePixelPerCell = 8  # 4 misses one marker in a hundred
    parameters.minMarkerPerimeterRate = 0.04  # of a sheet over a third of the picture's height
    parameters.cornerRefinementMethod = cv2.aruco.CORNER_REFINE_SUBPIX
    family = cv2.aruco.getPredefinedDictionary(cv2.aruco.DICT_APRILTAG_36h11)
    corners, ids, _ = cv2.aruco.ArucoDetector(family, parameters).detectMarkers(page)
    numbers: list[int] = [] if ids is None else cast(Any, ids).ravel().tolist()
    boxes = form.marker_boxes
    seen = {n: at[0] + 0.5 for n, at in zip(numbers, corners, strict=True) if n in boxes}
    if len(seen) < sum(number in boxes for number in numbers):
        raise SheetNotFound(_TWO_SHEETS)
    if numbers and not seen:
        raise SheetNotFound("the markers are those of another form")
    if len(seen) < 3:
        raise SheetNotFound(f"{len(seen)} of the four markers are seen: {_ADVICE}")
    printed = np.concatenate([_corners(boxes[number]) for number in seen])
    homography = _fit(printed, np.concatenate(list(seen.values())), 0)
    missing = [name for name, n in zip(_CORNERS, boxes, strict=True) if n not in seen]
    note = f"the {missing[0]} marker is missing or hidden" if missing else ""
    return Location(homography, note)


def _fit(source: Floats, target: Floats, method: int) -> Floats:
    """The homography between points. Raises SheetNotFound if there are too few, or all in line."""
    matrix = None
    if len(source) >= 4:
        matrix, _ = cv2.findHomography(source, target, method, 2.0, maxIters=3000, confidence=0.999)
    if matrix is None or not np.isfinite(matrix).all():
        raise SheetNotFound(_NOT_FOUND)
    return cast(Floats, matrix)


def _reduce(page: Grey, side: int) -> Grey:
    """Reduce a picture to this longer side."""
    scale = min(1.0, side / max(page.shape))
    size = [max(1, round(each * scale)) for each in page.shape[::-1]]
    return cast(Grey, cv2.resize(page, size, interpolation=cv2.INTER_AREA))


def _even(pixels: Grey) -> Grey:
    """Take out uneven light."""
    return cast(Grey, cv2.divide(pixels, cv2.blur(pixels, (81, 81)), scale=200))


def _features(pixels: Grey) -> tuple[Floats, Floats]:
    """SIFT (Lowe 2004): points [n, 2], and descriptors whose roots compare better (RootSIFT)."""
    sift: Any = cv2.SIFT.create(nfeatures=20_000, contrastThreshold=0.02)  # its types lack None
    points, values = sift.detectAndCompute(pixels, None)
    if not points:
        return np.empty((0, 2)), np.empty((0, 128), np.float32)
    roots = np.sqrt(values / (values.sum(1, keepdims=True) + 1e-9))
    return np.array([point.pt for point in points]) + 0.5, roots


def _ink(pixels: Grey) -> Grey:
    smooth = cv2.GaussianBlur(pixels, (0, 0), 1)
    how = cv2.ADAPTIVE_THRESH_MEAN_C, cv2.THRESH_BINARY_INV
    return cast(Grey, cv2.adaptiveThreshold(smooth, 1, *how, 41, 8))


class _Print:
    """What is printed on a blank form."""

    def __init__(self, form: Form) -> None:
        try:
            pixels = picture.load(str(form.blank), picture.PAGE_MAX_SIDE).pixels
        except PictureError as error:
            raise DataError(f"the blank form: {error}") from error
        small = _reduce(pixels, _SIDE)
        self._points, self._descriptors = _features(small)
        self._pixels = _even(small)
        if len(self._points) < _MIN_FEATURES:
            raise DataError(f"{form.blank} has too little print: print sheets with markers instead")
        self._corners: Any = cv2.goodFeaturesToTrack(self._pixels, 600, 0.02, 8)  # [n, 1, 2]
        self._ink = _ink(self._pixels)
        height, width = self._pixels.shape
        self._to_pixels = np.diag([width / form.size[0], height / form.size[1], 1.0])

    def locate(self, page: Grey) -> Location:
        """As Locator's."""
        sheets = self._search(page, _SIDE) or self._search(page, 3 * _SIDE // 2)
        if len(sheets) != 1:
            raise SheetNotFound(_TWO_SHEETS if sheets else _NOT_FOUND)
        return Location(sheets[0] @ self._to_pixels)

    def _search(self, page: Grey, side: int) -> list[Floats]:
        """From the blank's pixels to at most two sheets; the page is reduced to this side."""
        points, descriptors = _features(_reduce(page, side))
        matches = cv2.BFMatcher().knnMatch(descriptors, self._descriptors, 2) if len(points) else []
        pairs = [(a.trainIdx, a.queryIdx) for a, b in matches if a.distance < 0.8 * b.distance]
        on_blank, on_page = np.array(pairs, int).reshape(-1, 2).T
        source, target = self._points[on_blank], points[on_page] * max(1, max(page.shape) / side)
        sheets = list[Floats]()
        with suppress(SheetNotFound):
            while len(sheets) < 2:
                rough = _fit(source, target, cv2.USAC_MAGSAC)
                sheet = self._refine(page, self._refine(page, rough))
                self._check(page, sheet)
                sheets.append(sheet)
                inside = project(np.asarray(np.linalg.inv(sheet), np.float64), target)
                others = ((inside < 0) | (inside > self._pixels.shape[::-1])).any(1)
                source, target = source[others], target[others]
        return sheets

    def _refine(self, page: Grey, homography: Floats) -> Floats:
        """Follow the blank's corners (Lucas and Kanade 1981) to the rectified page's."""
        seen = _even(_warp(page, homography, [*self._pixels.shape[::-1]]))
        to: Any = self._corners.copy()
        to, kept, _ = cv2.calcOpticalFlowPyrLK(self._pixels, seen, self._corners, to, maxLevel=3)
        source, target = self._corners[kept == 1] + 0.5, to[kept == 1] + 0.5
        return homography @ _fit(source, target, cv2.RANSAC)

    def _check(self, page: Grey, homography: Floats) -> None:
        """Raises SheetNotFound unless nearly every region has ink where the blank has."""
        seen = _even(_warp(page, homography, [*self._pixels.shape[::-1]]))
        ink_seen = cv2.dilate(_ink(seen), np.ones((3, 3)))
        agree = list[bool]()
        for rows in zip(np.array_split(self._ink, 5), np.array_split(ink_seen, 5), strict=True):
            for ink, on_page in zip(*(np.array_split(each, 4, 1) for each in rows), strict=True):
                if ink.sum() > _MIN_INK:
                    chance = on_page.mean()
                    agree.append(on_page[ink > 0].mean() - chance > _AGREEMENT * (1 - chance))
        if not agree or np.mean(agree) < _AGREEING:
            raise SheetNotFound(_NOT_FOUND)
