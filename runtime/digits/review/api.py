"""The application: the page, the items that it shows, and the labels that come back."""

import asyncio
import base64
import shlex
from collections.abc import Sequence
from typing import TYPE_CHECKING

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from digits.commands.results import ResultsFile, WriteFailed
from digits.data.table import LABELS
from digits.drawing import close_up
from digits.errors import DigitsError
from digits.images import documents
from digits.images.picture import PAGE_MAX_SIDE
from digits.recognize import Reader
from digits.review.items import LABEL_TEXT, ReviewItem
from digits.tables import csv_row, normalize_signs
from digits.web.application import Application
from digits.web.pages import Page
from digits.web.requests import error_response
from digits.web.settings import Settings

if TYPE_CHECKING:  # else each review would load OpenCV
    from digits.forms import FieldCorrection

_GUESSES = {"not_a_digit": "none", "blank": "none", "several": ""}  # by the reason; else the digit
_OTHER_WINDOW = "another window has stored labels, too; reload the page"


class Review(Application):
    """Shows items, whose pictures are opened only when they are shown, and stores their labels.

    items: those without a label, the least sure first.
    labelled_before: how many items had a label before.
    labels: the file of the labels; None if they correct a table of sheets.
    has_numbers: whether the items are numbers, not digits.
    reader: reads the digits that are shown.
    """

    def __init__(
        self,
        items: Sequence[ReviewItem],
        labelled_before: int,
        labels: ResultsFile | None,
        has_numbers: bool,
        reader: Reader,
        settings: Settings,
    ) -> None:
        self._items = {str(index): item for index, item in enumerate(items)}
        self._labels, self._classifier, self._has_numbers = labels, reader, has_numbers
        # By the item's index: its label, and the size that the file had before it.
        self._stored = dict[str, tuple[str, int]]()
        self._lock = asyncio.Lock()  # one at a time: a picture may take much memory
        command = "eval numbers" if has_numbers else "train --start runs/lenet5 --data"
        following = f"digits {command} {shlex.quote(str(labels.path))}" if labels else ""
        self._state = {
            "total": len(items),
            "unsure": sum(item.is_unsure for item in items),
            "before": labelled_before,
            "numbers": has_numbers,
            "next": following,
        }
        routes = [
            *Page("digits.review").routes(),
            Route("/state", self.state),
            Route("/items/{index}", self.item),
            Route("/items/{index}", self.label, methods=["POST", "DELETE"]),
            Route("/items/{index}/details", self.details),
            Route("/items/{index}/refusal", self.refusal),
            Route("/items/{index}/sheet", self.sheet),
        ]
        super().__init__(routes, settings, {DigitsError: _refuse})

    async def state(self, _: Request) -> Response:
        return JSONResponse(self._state | {"labelled": [int(index) for index in self._stored]})

    async def item(self, request: Request) -> Response:
        item = self._item(request)
        async with self._lock:
            return JSONResponse(await asyncio.to_thread(self._view, item))

    async def details(self, request: Request) -> Response:
        """What the form's list says beside a label, such as a name."""
        details = self._correction(request).details.get(_label(request), "")
        return JSONResponse({"details": details})

    async def refusal(self, request: Request) -> Response:
        """Why the form forbids a label, if it does; it may be stored all the same."""
        correction, text = self._correction(request), _text(_label(request))
        refusal = await asyncio.to_thread(correction.violations, text)
        return JSONResponse({"refusal": refusal})

    async def sheet(self, request: Request) -> Response:
        """The whole sheet of a field."""
        correction = self._correction(request)
        async with self._lock:
            jpeg = await asyncio.to_thread(correction.whole_sheet)
        return JSONResponse({"picture": base64.b64encode(jpeg).decode()})

    async def label(self, request: Request) -> Response:
        item, index, label = self._item(request), request.path_params["index"], _label(request)
        async with self._lock:
            if request.method == "POST":
                await asyncio.to_thread(self._store, index, item, label)
            elif index in self._stored:  # else this is done, and its answer was lost
                await asyncio.to_thread(self._undo, index)
            if self._labels:
                self._labels.fsync()
        return JSONResponse({})

    def _item(self, request: Request) -> ReviewItem:
        """The item that a request names. Raises HTTPException (404) if there is none."""
        item = self._items.get(request.path_params["index"])
        if item is None:
            raise HTTPException(404, "there is no such item")
        return item

    def _correction(self, request: Request) -> "FieldCorrection":
        """The field of the item. Raises HTTPException (404) if it is none of a form's."""
        if correction := self._item(request).correction:
            return correction
        raise HTTPException(404, "it is no field of a form")

    def _view(self, item: ReviewItem) -> dict[str, object]:
        """What the page shows of an item. Raises PictureError."""
        view: dict[str, object] = {"guess": item.guess, "remark": item.remark}
        if item.correction:
            jpeg = item.correction.close_up()
        elif item.box:
            jpeg = close_up(documents.load(item.file, PAGE_MAX_SIDE), item.box)
        else:
            page = documents.load(item.file, PAGE_MAX_SIDE)
            prediction = self._classifier.predict(page)
            guess = _GUESSES.get(prediction.reason, str(prediction.guess))
            remark = prediction.note or prediction.reason or prediction.status
            view = prediction.to_dict(item.file, with_frame=True)
            view |= {"guess": guess, "remark": remark}
            jpeg = close_up(page, prediction.box)
        name = item.cells(self._labels.path.parent)[0] if self._labels else item.file
        picture = base64.b64encode(jpeg).decode()
        return view | {"has_form": bool(item.correction), "file": name, "picture": picture}

    def _store(self, index: str, item: ReviewItem, label: str) -> None:
        """Store a label. Raises HTTPException and DigitsError."""
        text = _text(label)
        is_valid = LABEL_TEXT.fullmatch(text) if self._has_numbers else label in LABELS
        if not (label and is_valid):
            raise HTTPException(422, "a label is none, 0 to 9, or a number of up to 64 symbols")
        if index not in self._stored:
            size = 0
            if item.correction:
                item.correction.store(text)
            elif self._labels:
                cells = item.cells(self._labels.path.parent)
                size = self._labels.append(csv_row([*cells, text if self._has_numbers else label]))
            self._stored[index] = label, size
        elif self._stored[index][0] != label:  # else this is done, and its answer was lost
            raise HTTPException(409, _OTHER_WINDOW)

    def _undo(self, index: str) -> None:
        """Take back the last label. Raises HTTPException (409) for another, and DigitsError."""
        if index != next(reversed(self._stored)):
            raise HTTPException(409, _OTHER_WINDOW)
        if correction := self._items[index].correction:
            correction.undo()
        elif self._labels:
            self._labels.truncate_to(self._stored[index][1])
        del self._stored[index]


def _label(request: Request) -> str:
    return normalize_signs(request.query_params.get("label", ""))


def _text(label: str) -> str:
    """What is written, by a label; nothing by `none`."""
    return "" if label == "none" else label


async def _refuse(_: Request, error: Exception) -> Response:
    """Answer with the error's message; the status is 507 if the same may work later."""
    return error_response(507 if isinstance(error, WriteFailed) else 422, str(error))
