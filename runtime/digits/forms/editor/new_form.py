"""What a form says before a person has laid it out: its printed boxes, if there is a blank."""

import os
import random
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from digits.forms.form import MARKER_SETS, MAX_DIGIT_BOXES, MAX_FIELDS, Box
from digits.forms.form_file import load_form, read_toml
from digits.forms.pdf import PAPERS
from digits.images import picture
from digits.images.grey import Grey

if TYPE_CHECKING:
    from digits.forms.editor.api import Editor
    from digits.web.settings import Settings

_MAX_BOXES = 1000  # which are compared in pairs


def open_editor(
    path: Path, blank: Path | None, find_by: str, paper: str, settings: "Settings"
) -> "Editor":
    """Open the page of a form, which may be new; arguments as of `new_form`."""
    from digits.forms.editor.api import Editor  # needs Starlette

    return Editor(new_form(path, blank, find_by, paper), path, settings)


def new_form(path: Path, blank: Path | None, find_by: str, paper: str) -> dict[str, Any]:
    """The values of a form's file: as it is, or else of a new one. Raises DigitsError.

    blank: a picture of an empty sheet; None for sheets with markers on such a paper.
    """
    if path.exists():
        load_form(path)  # which says what is wrong with it
        return read_toml(path)
    if not blank:
        marker_set = random.randrange(MARKER_SETS)  # so that each form refuses the sheets of others
        return {"size": PAPERS[paper], "find": "marks", "markers": marker_set, "fields": []}
    sheet = picture.load(blank, picture.PAGE_MAX_SIDE)
    fields = list[dict[str, Any]]()
    for index, (box, count) in enumerate(propose(sheet.pixels)[:MAX_FIELDS], 1):
        edges = [round(sheet.downscale * edge) for edge in box]
        fields.append({"name": f"field{index}", "box": edges, "cells": min(count, MAX_DIGIT_BOXES)})
    name = Path(os.path.relpath(blank, path.parent)).as_posix()
    return {"find": find_by, "blank": name, "size": sheet.size, "fields": fields}


def propose(page: Grey) -> list[tuple[Box, int]]:
    """The printed rectangles inside, and how many boxes of a digit each comb of them has.

    page: uint8 [h, w]. Rectangles are in its pixels, in reading order; plain ones have 0 boxes.
    """
    side, boxes, combs = max(page.shape), list[Box](), list[list[Box]]()
    ink = (page < cv2.blur(page, [side // 20 + 3] * 2) - 10.0).astype(np.uint8)
    # Not RETR_CCOMP, which takes time quadratic in the holes of a piece of ink.
    outlines, _ = cv2.findContours(ink, cv2.RETR_LIST, cv2.CHAIN_APPROX_SIMPLE)
    for outline in outlines:
        x, y, width, height = cv2.boundingRect(outline)
        area = cv2.contourArea(outline, oriented=True)  # negative, unless it is a hole
        if area > 0.9 * (width - 1) * (height - 1) and min(width, height) > side / 100:
            boxes.append((x, y, x + width, y + height))
    near, far = np.split(np.array(boxes).reshape(-1, 4)[:_MAX_BOXES], 2, 1)
    contains = ((near >= near[:, None]) & (far <= far[:, None])).all(2)
    boxes = [box for box, n in zip(boxes, contains.sum(1), strict=False) if n == 1]  # no frames
    for box in sorted(boxes):
        comb = next((comb for comb in combs if _adjoin(comb[-1], box)), None)
        if comb:
            comb.append(box)
        else:
            combs.append([box])
    combs.sort(key=lambda comb: (comb[0][1] * 60 // side, comb[0][0]))
    return [((*comb[0][:2], *comb[-1][2:]), len(comb) if len(comb) > 1 else 0) for comb in combs]


def _adjoin(box: Box, other: Box) -> bool:
    """Whether another box is on the right of one, and like it."""
    width, height = box[2] - box[0], box[3] - box[1]
    left, top, right, bottom = np.abs(np.subtract(other, box)).tolist()
    is_like = max(top, bottom) < height / 8 and abs(right - left) < 0.3 * width
    return is_like and 0 <= other[0] - box[2] < width / 3
