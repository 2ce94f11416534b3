"""Map between a form, its page, and what is seen from straight above, by homographies [3, 3]."""

from collections.abc import Sequence
from typing import Any, cast

import cv2
import numpy as np

from digits.forms.form import Box
from digits.images.grey import Grey
from digits.reader.detections import Floats

_MAX_CROP = 2048  # pixels of a rectified box's side


def project(homography: Floats, points: Floats) -> Floats:
    """Map points, float64 [n, 2], by a homography."""
    return cast(Floats, cv2.perspectiveTransform(points[None], homography)[0])


def bounds(homography: Floats, boxes: Sequence[Box]) -> list[Box]:
    """Map boxes by a homography, each to the box around it."""
    if not boxes:
        return []
    corners = project(homography, np.concatenate([*map(corners_of, boxes)])).reshape(-1, 4, 2)
    sides = np.concatenate([corners.min(1), corners.max(1)], 1).tolist()
    return [(left, top, right, bottom) for left, top, right, bottom in sides]


def rectify(page: Grey, homography: Floats, box: Box) -> tuple[Grey, Floats]:
    """See a box, in the form's unit, from straight above, about as large as in the page.

    Beyond the page, its border goes on. Returns uint8 [h, w], and the homography from its pixels to
    the page's.
    """
    left, top, right, bottom = box
    extent = np.array([right - left, bottom - top])
    sides = project(homography, corners_of(box))
    lengths = np.linalg.norm(sides - np.roll(sides, -1, 0), axis=1).reshape(2, 2).mean(0)
    scale = min((lengths / extent).max(), _MAX_CROP / extent.max())
    size = (scale * extent).round().clip(1)
    to_box = np.diag([*(extent / size), 1])
    to_box[:2, 2] = left, top
    return warp(page, homography @ to_box, size), homography @ to_box


def warp(page: Grey, to_page: Floats, size: Any) -> Grey:
    """A picture of this width and height, whose pixels a homography maps to a page."""
    half = np.array([[1, 0, 0.5], [0, 1, 0.5], [0, 0, 1]])  # OpenCV's 0 is a pixel's middle
    matrix = np.linalg.inv(half) @ to_page @ half
    flags, shape = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, [*map(int, size)]
    warped = cv2.warpPerspective(page, matrix, shape, None, flags, cv2.BORDER_REPLICATE)
    return cast(Grey, warped)


def corners_of(box: Box) -> Floats:
    """A box's corners, float64 [4, 2], from the upper left clockwise."""
    left, top, right, bottom = box
    return np.array([(left, top), (right, top), (right, bottom), (left, bottom)], np.float64)
