"""Which address does what."""

import asyncio
import html
import json
from collections.abc import Callable
from functools import partial
from importlib import resources
from typing import Literal

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from digits.classifier import Classifier
from digits.errors import ModelError, PictureError
from digits.models.metadata import Metadata
from digits.serve import limits, metrics, openapi, pictures, v2
from digits.serve.batcher import Batcher
from digits.serve.body import Bodies
from digits.serve.guard import Guard, failed
from digits.serve.metrics import Metrics
from digits.serve.pictures import Pictures, PictureWorker, Upload, sent
from digits.terminal import complain

_PAGE = resources.files("digits.serve") / "page"
_TYPES = {
    "html": "text/html",
    "css": "text/css",
    "js": "text/javascript",
    "svg": "image/svg+xml",
    "webp": "image/webp",
}

_SMALL = 64 << 10  # bytes of JSON that are parsed in less time than a thread takes to begin


def create(
    classifier: Classifier, start_worker: Callable[[], PictureWorker] | None = None
) -> ASGIApp:
    """The application.

    classifier: the model that it serves; its architecture is the name. start_worker: gives what
    reads pictures, by default a process.
    """
    shown = Metrics()
    service = _Service(
        classifier, shown, start_worker or partial(pictures.start_worker, classifier)
    )
    model = "/v2/models/{name}"
    routes = [
        Route("/v2", service.server),
        Route("/v2/health/live", service.live),
        Route("/v2/health/ready", service.ready),
        *(
            route
            for path in (model, f"{model}/versions/{{version}}")
            for route in (
                Route(path, service.model),
                Route(f"{path}/ready", service.model_ready),
                Route(f"{path}/infer", service.infer, methods=["POST"]),
            )
        ),
        Route("/predict", service.predict, methods=["POST"]),
        Route("/read", service.read, methods=["POST"]),
        Route("/metrics", service.metrics),
        Route("/openapi.json", service.openapi),
        *(Route(f"/{name}", service.page) for name in ("", *service.files)),
    ]
    app = Starlette(
        routes=routes,
        exception_handlers={
            HTTPException: _refused,
            PictureError: _no_picture,
            ModelError: _bad_model,
            Exception: _broken,
        },
    )
    app.router.redirect_slashes = False
    return Guard(app, shown)


class _Service:
    def __init__(
        self, classifier: Classifier, shown: Metrics, start_worker: Callable[[], PictureWorker]
    ) -> None:
        metadata = classifier.model.metadata
        self._name = metadata.architecture
        self._shown = shown
        self._bodies = Bodies()
        self._batcher = Batcher(classifier.model, shown)
        self._pictures = Pictures(start_worker)
        self._model = _json(v2.model(self._name, metadata))
        self._description = _json(openapi.description(self._name))
        self.files = {file.name: file.read_bytes() for file in _PAGE.iterdir()}
        self.files["index.html"] = _filled(self.files["index.html"], metadata)

    async def server(self, _: Request) -> Response:
        return _json(v2.SERVER)

    async def live(self, _: Request) -> Response:
        return _json({"live": True})

    async def ready(self, _: Request) -> Response:
        return _json({"ready": True})

    async def model(self, request: Request) -> Response:
        self._check_model(request)
        return self._model

    async def model_ready(self, request: Request) -> Response:
        self._check_model(request)
        return _json({"name": self._name, "ready": True})

    async def infer(self, request: Request) -> Response:
        self._check_model(request)
        length = request.headers.get(v2.JSON_LENGTH)
        async with self._bodies.read(request, limits.TENSOR_BYTES) as body:
            if len(body) < _SMALL:
                asked = v2.request(body, length)
            else:
                asked = await asyncio.to_thread(v2.request, body, length)
        rows = await self._batcher.probabilities(asked.images)
        content, headers = v2.response(asked, rows, self._name)
        return Response(content, headers=headers)

    async def predict(self, request: Request) -> Response:
        return await self._picture(request, "predict")

    async def read(self, request: Request) -> Response:
        return await self._picture(request, "read")

    async def _picture(self, request: Request, command: Literal["predict", "read"]) -> Response:
        frame = request.query_params.get("frame", "false")
        if frame not in ("true", "false"):
            raise HTTPException(422, "frame must be true or false")
        async with self._bodies.read(request, limits.FORM_BYTES + limits.PICTURE_BYTES) as body:
            name, content = await sent(request, body)
            text = await self._pictures.answer(Upload(command, name, content, frame == "true"))
        return Response(text, media_type="application/json")

    async def metrics(self, _: Request) -> Response:
        return Response(self._shown.text(), media_type=metrics.CONTENT_TYPE)

    async def openapi(self, _: Request) -> Response:
        return self._description

    async def page(self, request: Request) -> Response:
        name = request.scope["path"][1:] or "index.html"
        return Response(self.files[name], media_type=_TYPES[name.rpartition(".")[2]])

    def _check_model(self, request: Request) -> None:
        name = request.path_params["name"]
        version = request.path_params.get("version", v2.VERSION)
        if (name, version) != (self._name, v2.VERSION):
            raise HTTPException(404, f"the only model is {self._name}, version {v2.VERSION}")


def _filled(page: bytes, metadata: Metadata) -> bytes:
    """The page, which says what the model is."""
    values = {
        "model": metadata.architecture,
        "accuracy": f"{100 * metadata.test_accuracy:.2f} %",
        "checkpoint": metadata.checkpoint_sha256[:8],
        "version": metadata.digits_version,
    }
    text = page.decode()
    for name, value in values.items():
        text = text.replace(f"{{{name}}}", html.escape(value))
    return text.encode()


def _json(content: object) -> Response:
    return Response(json.dumps(content), media_type="application/json")


async def _refused(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return failed(error.status_code, error.detail, error.headers)


async def _no_picture(_: Request, error: Exception) -> Response:
    return failed(422, str(error))


async def _bad_model(_: Request, error: Exception) -> Response:
    """The log gets the sentence, which names a file; the client needn't know where it is."""
    complain(f"error: {error}")
    return failed(500, "the model failed on this; the server's log says how")


async def _broken(_: Request, error: Exception) -> Response:
    """A bug: uvicorn prints the traceback on stderr, the client gets none of it."""
    return failed(500, "digits has failed; its log says how")
