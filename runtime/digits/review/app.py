"""The application: the page, what it shows of an item, and the labels that come back."""

import asyncio
import base64
import re
import secrets
import shlex
from collections.abc import Sequence

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from digits.classifier import Classifier
from digits.commands.drawing import close_up
from digits.commands.results import ResultsFile, WriteFailed
from digits.errors import DigitsError
from digits.review.items import NUMBER, Item
from digits.serve.labelled import LABELS, check_origin
from digits.serve.metrics import Metrics
from digits.serve.middleware import AllowedHosts, RequestMiddleware
from digits.serve.pages import REVALIDATE, Assets, read_folder
from digits.serve.settings import Settings
from digits.tables import csv_row, plain_signs

_SHARED = ("evidence.js", "helpers.js", "icon.svg", "keypad.js", "style.css")
_NO_DIGIT = {"none": "none", "blank": "none", "several": ""}  # what to guess then
_OTHER_WINDOW = "another window has stored labels, too; reload the page"


class Review:
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
    ) -> None:
        self._items, self._labels, self._classifier = items, labels, classifier
        self._has_numbers = has_numbers
        self._stored = dict[int, tuple[str, int]]()  # labels, and sizes of the file before
        self._looking = asyncio.Lock()
        network = "--network reader " * has_numbers
        self._state = {
            "session": secrets.token_hex(8),  # for addresses: a restart gives items other numbers
            "total": len(items),
            "unsure": sum(item.is_unsure for item in items),
            "before": before,
            "numbers": has_numbers,
            "next": f"digits train {network}--start bundled --data {shlex.quote(str(labels.path))}",
        }

    def app(self, settings: Settings) -> RequestMiddleware:
        """The application, with what every server has around it."""
        own, shared = (read_folder(f"digits.{name}", "page") for name in ("review", "serve"))
        index = own.pop("index.html").decode()
        contents = own | {name: shared[name] for name in _SHARED}
        assets = Assets(contents)
        page = assets.fill("index.html", index, {})
        item = f"/{self._state['session']}/{{number}}"
        routes = [
            Route("/", lambda request: page.answer(request, REVALIDATE)),
            assets.route(),
            Route("/state", self.state),
            Route(item, self.item),
            Route(item, self.label, methods=["POST", "DELETE"]),
        ]
        handlers = {DigitsError: _explain, IndexError: _explain, 404: _explain}
        app = Starlette(routes=routes, exception_handlers=handlers)
        return RequestMiddleware(AllowedHosts(app, settings.hosts), settings, Metrics())

    async def state(self, _: Request) -> Response:
        return JSONResponse(self._state | {"labelled": [*self._stored]})

    async def item(self, request: Request) -> Response:
        async with self._looking:  # one at a time: a picture may take much memory
            shown = await asyncio.to_thread(self._look_at, _number(request))
        return JSONResponse(shown)

    async def label(self, request: Request) -> Response:
        check_origin(request.headers, ())
        number = _number(request)
        label = plain_signs(request.query_params.get("label", ""))
        if request.method == "POST":
            self._store(number, label)
        else:
            self._undo(number)
        self._labels.fsync()
        return JSONResponse({})

    def _look_at(self, number: int) -> dict[str, object]:
        """What the page shows. Raises PictureError, and IndexError if there is no such item."""
        item = self._items[number]
        shown: dict[str, object] = {"guess": item.guess, "remark": item.remark}
        box = item.box
        if not box:
            read = self._classifier.predict(item.file)
            guess, box = _NO_DIGIT.get(read.status, str(read.top1)), read.box
            shown = {"guess": guess, "remark": read.note or read.status}
            shown |= read.to_dict(item.file, frame=True)
        name = item.cells(self._labels.path.parent)[0]
        jpeg = base64.b64encode(close_up(item.file, box)).decode()
        return shown | {"file": name, "picture": jpeg}

    def _store(self, number: int, label: str) -> None:
        """Raises HTTPException and DigitsError, as `_undo`."""
        item, text = self._items[number], "" if label == "none" else label
        fits = NUMBER.fullmatch(text) if self._has_numbers else label in LABELS
        if not (label and fits):
            raise HTTPException(422, "a label is none, 0 to 9, or a number of up to 64 symbols")
        if number not in self._stored:
            cell = text if self._has_numbers else label
            line = csv_row([*item.cells(self._labels.path.parent), cell])
            self._stored[number] = label, self._labels.append(line)
        elif self._stored[number][0] != label:  # else the first answer was lost
            raise HTTPException(409, _OTHER_WINDOW)

    def _undo(self, number: int) -> None:
        """Take back the last label, unless that is done, and the first answer was lost."""
        if number in self._stored:
            if number != next(reversed(self._stored)):
                raise HTTPException(409, _OTHER_WINDOW)
            self._labels.truncate_to(self._stored[number][1])
            del self._stored[number]


def _number(request: Request) -> int:
    """An item's number. Raises IndexError if it can't be one."""
    text = str(request.path_params["number"])
    if not re.fullmatch("[0-9]{1,9}", text, re.ASCII):
        raise IndexError(text[:20])
    return int(text)


async def _explain(_: Request, error: Exception) -> Response:
    if isinstance(error, DigitsError):  # 507: try again
        return PlainTextResponse(str(error), 507 if isinstance(error, WriteFailed) else 422)
    return PlainTextResponse("the server has been restarted; reload the page", 404)
