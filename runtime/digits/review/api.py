"""The application: the page, what it shows of an item, and the labels that come back."""

import asyncio
import base64
import shlex
from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from digits.classifier import Classifier
from digits.commands.results import ResultsFile, WriteFailed
from digits.data.table import LABELS
from digits.drawing import close_up
from digits.errors import DigitsError
from digits.review.items import NUMBER, Item
from digits.tables import csv_row, plain_signs
from digits.web.application import Application
from digits.web.pages import Page
from digits.web.requests import Refused, error_response
from digits.web.settings import Settings

_NO_DIGIT = {"none": "none", "blank": "none", "several": ""}  # what to guess then
_OTHER_WINDOW = "another window has stored labels, too; reload the page"


class Review(Application):
    """Shows items, which are looked at only then, and stores their labels.

    items: without labels, the least sure first. before: how many others have one.
    """

    def __init__(
        self,
        items: Sequence[Item],
        before: int,
        labels: ResultsFile,
        has_numbers: bool,
        classifier: Classifier,
        settings: Settings,
    ) -> None:
        self._items = {str(number): item for number, item in enumerate(items)}
        self._labels, self._classifier, self._has_numbers = labels, classifier, has_numbers
        self._stored = dict[str, tuple[str, int]]()  # labels, and sizes of the file before
        self._looking = asyncio.Lock()
        network, data = "--network detector " * has_numbers, shlex.quote(str(labels.path))
        self._state = {
            "total": len(items),
            "unsure": sum(item.is_unsure for item in items),
            "before": before,
            "numbers": has_numbers,
            "next": f"digits train {network}--start bundled --data {data}",
        }
        routes = [
            *Page("digits.review").routes(),
            Route("/state", self.state),
            Route("/items/{number}", self.item),
            Route("/items/{number}", self.label, methods=["POST", "DELETE"]),
            Route("/items/{number}/refusal", self.refusal),
        ]
        super().__init__(routes, settings, {DigitsError: _refuse})

    async def state(self, _: Request) -> Response:
        return JSONResponse(self._state | {"labelled": [int(number) for number in self._stored]})

    async def item(self, request: Request) -> Response:
        item = self._item(request)
        async with self._looking:  # one at a time: a picture may take much memory
            return JSONResponse(await asyncio.to_thread(self._look_at, item))

    async def refusal(self, request: Request) -> Response:
        """Why the form forbids a label, if it does; it may be stored all the same."""
        sheet, text = self._item(request).sheet, _text(request)
        refusal = sheet.field.refusal("" if text == "none" else text) if sheet else ""
        return JSONResponse({"refusal": refusal})

    async def label(self, request: Request) -> Response:
        item, number, label = self._item(request), request.path_params["number"], _text(request)
        async with self._looking:
            if request.method == "POST":
                await asyncio.to_thread(self._store, number, item, label)
            elif number in self._stored:  # else it is done, and the first answer was lost
                await asyncio.to_thread(self._undo, number)
            self._labels.fsync()
        return JSONResponse({})

    def _item(self, request: Request) -> Item:
        """Raises Refused if there is no such item."""
        item = self._items.get(request.path_params["number"])
        if item is None:
            raise Refused(404, "there is no such item")
        return item

    def _look_at(self, item: Item) -> dict[str, object]:
        """What the page shows. Raises PictureError."""
        view: dict[str, object] = {"guess": item.guess, "remark": item.remark}
        view["has_form"] = bool(item.sheet)
        box = item.box
        if not (box or item.sheet):
            prediction = self._classifier.predict(item.file)
            guess = _NO_DIGIT.get(prediction.status, str(prediction.top1))
            box = prediction.box
            view |= {"guess": guess, "remark": prediction.note or prediction.status}
            view |= prediction.to_dict(item.file, frame=True)
        name = item.cells(self._labels.path.parent)[0]
        jpeg = item.sheet.close_up() if item.sheet else close_up(item.file, box)
        return view | {"file": name, "picture": base64.b64encode(jpeg).decode()}

    def _store(self, number: str, item: Item, label: str) -> None:
        """Raises Refused and DigitsError, as `_undo`."""
        text = "" if label == "none" else label
        fits = NUMBER.fullmatch(text) if self._has_numbers else label in LABELS
        if not (label and fits):
            raise Refused(422, "a label is none, 0 to 9, or a number of up to 64 symbols")
        if number not in self._stored:
            path, sheet = self._labels.path, item.sheet
            cells = [sheet.correct(text, path)] if sheet else item.cells(path.parent)
            line = csv_row([*cells, text if self._has_numbers else label])
            try:
                self._stored[number] = label, self._labels.append(line)
            except DigitsError:
                if sheet:
                    sheet.correct(text, path, undo=True)
                raise
        elif self._stored[number][0] != label:  # else the first answer was lost
            raise Refused(409, _OTHER_WINDOW)

    def _undo(self, number: str) -> None:
        """Take back the last label."""
        if number != next(reversed(self._stored)):
            raise Refused(409, _OTHER_WINDOW)
        (label, size), sheet = self._stored[number], self._items[number].sheet
        self._labels.truncate_to(size)
        if sheet:
            sheet.correct(label, self._labels.path, undo=True)
        del self._stored[number]


def _text(request: Request) -> str:
    return plain_signs(request.query_params.get("label", ""))


async def _refuse(_: Request, error: Exception) -> Response:
    """Say what is wrong; 507 if the same may work later."""
    return error_response(507 if isinstance(error, WriteFailed) else 422, str(error))
