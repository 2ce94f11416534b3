"""The application: what each URL does."""

import asyncio
from collections.abc import Callable
from functools import partial
from http import HTTPStatus

import msgspec
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from digits.classifier import Classifier
from digits.errors import DigitsError, ModelError
from digits.inference import model_file
from digits.inference.reader_model import ReaderModel
from digits.serve import openapi, pages, pictures, schemas, v2
from digits.serve.batcher import Batcher
from digits.serve.body import BodyReader
from digits.serve.metrics import Metrics
from digits.serve.middleware import AllowedHosts, BearerToken, RequestMiddleware, request_id
from digits.serve.picture_queue import PictureQueue
from digits.serve.pictures import PictureWorker
from digits.serve.refusals import Refused, default_reason, error_response
from digits.serve.settings import Settings
from digits.serve.uploads import Uploads
from digits.terminal import print_stderr

_OPENAPI_PATH = "/openapi.json"
_MODELS = ("/v2/models/{name}", "/v2/models/{name}/versions/{version}")
_ID = "x-request-id"


class App:
    """The application.

    classifier: the first model to serve; by default the one in the settings. start_worker: starts
    what reads pictures with a model; by default a process.

    Raises ModelError when the model can't be used, and DigitsError when the folder for labelled
    digits can't.
    """

    def __init__(
        self,
        settings: Settings,
        classifier: Classifier | None = None,
        start_worker: Callable[[Classifier], PictureWorker] | None = None,
    ) -> None:
        self.settings, self.metrics = settings, Metrics()
        limits, metrics = settings.limits, self.metrics
        classifier = classifier or _load(settings)
        self._start_worker = start_worker or partial(pictures.start_worker, limits=limits)
        self._name = classifier.model.metadata.architecture
        self._bodies = BodyReader(limits)
        self._batcher = batcher = Batcher(classifier.model, limits, metrics)
        start = partial(self._start_worker, classifier)
        self._pictures = queue = PictureQueue(start, settings.workers, limits, metrics)
        metrics.add_gauge("digits_queued_digits", "That wait or run.", lambda: batcher.waiting)
        metrics.add_gauge("digits_queued_pictures", "That wait or run.", lambda: queue.waiting)
        self._openapi = _json(openapi.schema(self._name, limits, settings.token is not None))
        self._pages = pages.Pages()
        self._publish_model(classifier)
        self._starlette = Starlette(
            routes=self._routes(),
            middleware=_middleware(settings),
            exception_handlers={
                HTTPException: _http_error,
                ModelError: _model_error,
                Exception: _internal_error,
            },
        )
        self._starlette.router.redirect_slashes = False
        self._middleware = RequestMiddleware(self._starlette, settings, metrics)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":  # the start and the end
            await self._starlette.router(scope, receive, send)
            return
        path = scope["path"].removesuffix("/")
        if path not in pages.PATHS:  # their links are relative
            scope["path"] = path or "/"
        await self._middleware(scope, receive, send)

    def stop(self) -> None:
        """Make each answer from now on the last on its connection."""
        self._middleware.stop()

    async def reload(self) -> None:
        """Serve what the model's and the reader's file hold now.

        An unusable file is logged and changes nothing. The previous ones answer the requests that
        came before.
        """
        try:
            classifier = await asyncio.to_thread(_load, self.settings)
            await self._pictures.replace(partial(self._start_worker, classifier))
        except DigitsError as error:
            print_stderr(f"error: the model was not reloaded: {error}")
            self.metrics.reloads.labels("failed").inc()
        else:
            self._batcher.model = classifier.model
            self._publish_model(classifier)
            print_stderr("the model was reloaded")
            self.metrics.reloads.labels("done").inc()

    def _publish_model(self, classifier: Classifier) -> None:
        network = classifier.model
        self._model = _json(v2.model_metadata(self._name, network.metadata))
        self._pages.publish(network.metadata, self.settings)
        self._threshold = classifier.threshold
        self.metrics.set_model(self._name, v2.VERSION, network)

    def _routes(self) -> list[Route]:
        uploads = Uploads(self.settings, self.metrics, self._bodies, self._pictures)

        async def metrics(_: Request) -> Response:
            return Response(self.metrics.render(), media_type=CONTENT_TYPE_PLAIN_0_0_4)

        return [  # what is asked most comes first: they are tried in turn
            *(Route(f"{path}/infer", self.infer, methods=["POST"]) for path in _MODELS),
            *uploads.routes(),
            Route("/v2", self.server),
            Route("/v2/health/live", self.live),
            Route("/v2/health/ready", self.ready),
            *(Route(path, self.model) for path in _MODELS),
            *(Route(f"{path}/ready", self.model_ready) for path in _MODELS),
            Route("/metrics", metrics),
            Route(_OPENAPI_PATH, self.openapi),
            *self._pages.routes(),
        ]

    async def server(self, _: Request) -> Response:
        return _json(v2.SERVER)

    async def live(self, _: Request) -> Response:
        return _json(schemas.Live(True))

    async def ready(self, _: Request) -> Response:
        return _json(schemas.Ready(True))

    async def model(self, request: Request) -> Response:
        self._check_model(request)
        return self._model

    async def model_ready(self, request: Request) -> Response:
        self._check_model(request)
        return _json(schemas.ModelReady(True, self._name))

    async def infer(self, request: Request) -> Response:
        self._check_model(request)
        length = request.headers.get(v2.JSON_LENGTH)
        limits = self.settings.limits
        async with self._bodies.read(request, limits.max_tensor_bytes) as body:
            # Here: 2 MB take at most 30 ms, for which a thread would stop the event loop, too.
            asked = v2.parse_request(body, length, limits.max_batch)
        rows = await self._batcher.probabilities(asked.images)
        confidences = rows.max(1).tolist()
        unsure = sum(confidence < self._threshold for confidence in confidences)
        self.metrics.count_digits("infer", confidences, unsure)
        content, headers = v2.encode_response(asked, rows, self._name)
        return Response(content, headers=headers)

    async def openapi(self, _: Request) -> Response:
        return self._openapi

    def _check_model(self, request: Request) -> None:
        name, version = request.path_params["name"], request.path_params.get("version", v2.VERSION)
        if (name, version) != (self._name, v2.VERSION):
            raise HTTPException(404, f"the only model is {self._name}, version {v2.VERSION}")


def _load(settings: Settings) -> Classifier:
    """Keep the files in memory, for processes that start after they have changed.

    Raises ModelError if the model or the reader can't be used.
    """
    reader = model_file.read_file(settings.reader, "reader")
    ReaderModel(reader)  # each process opens its own
    return Classifier(model_file.read_file(settings.model), reader=reader)


def _middleware(settings: Settings) -> list[Middleware]:
    middleware = [Middleware(AllowedHosts, settings.hosts)]
    if settings.origins:
        cors = Middleware(
            CORSMiddleware,
            allow_origins=settings.origins,
            allow_methods=["GET", "POST"],
            allow_headers=["authorization", "content-type", v2.JSON_LENGTH, _ID],
            expose_headers=["retry-after", v2.JSON_LENGTH, _ID],
        )
        middleware.append(cors)
    if settings.token is not None:
        public = {*pages.PATHS, _OPENAPI_PATH}
        middleware.append(Middleware(BearerToken, settings.token, public))
    return middleware


def _json(content: object) -> Response:
    return Response(msgspec.json.encode(content), media_type="application/json")


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    reason = error.reason if isinstance(error, Refused) else default_reason(error.status_code)
    request.scope["digits.refusal"] = reason
    message, headers = error.detail, error.headers
    if message == HTTPStatus.METHOD_NOT_ALLOWED.phrase and headers:
        headers = {"allow": ", ".join(sorted(headers["Allow"].split(", ")))}
        message = f"{request.method} is not allowed here, only {headers['allow']}"
    elif message == HTTPStatus.NOT_FOUND.phrase:
        message = "there is no such address; see /docs"
    return error_response(error.status_code, message, headers)


async def _model_error(request: Request, error: Exception) -> Response:
    """Log the message, which names a file; the client needn't know where it is."""
    print_stderr(f"error: {error} (request {request_id(request.scope)})")
    return error_response(500, "the model failed; see the server's log")


async def _internal_error(_: Request, error: Exception) -> Response:
    """A bug: uvicorn prints the traceback to stderr; the client doesn't get it."""
    return error_response(500, "internal error; see the server's log")
