"""The application: what each URL does."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from http import HTTPStatus

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from digits.classifier import Classifier
from digits.errors import DigitsError, ModelError, PictureError
from digits.inference import model_file
from digits.inference.reader_model import ReaderModel
from digits.serve import metrics, openapi, pages, pictures, schemas, v2
from digits.serve.access import AllowedHosts, BearerToken
from digits.serve.batcher import Batcher
from digits.serve.body import BodyReader
from digits.serve.metrics import Metrics
from digits.serve.middleware import LOG, RequestMiddleware, request_id
from digits.serve.picture_queue import PictureQueue
from digits.serve.pictures import PictureWorker
from digits.serve.refusals import Refused, default_reason, error_response
from digits.serve.settings import Settings
from digits.serve.uploads import Uploads
from digits.terminal import print_stderr

_OPENAPI_PATH = "/openapi.json"
_ID = "x-request-id"

_INLINE_BYTES = 64 << 10  # bytes of JSON that are parsed in less time than a thread takes to begin


class App:
    """The application.

    classifier: the first model to serve; by default the one in the settings. start_worker: starts
    what reads pictures with a model; by default a process.

    Raises ModelError when the model can't be used.
    """

    def __init__(
        self,
        settings: Settings,
        classifier: Classifier | None = None,
        start_worker: Callable[[Classifier], PictureWorker] | None = None,
    ) -> None:
        self.settings, self.metrics = settings, Metrics()
        start_worker = start_worker or partial(pictures.start_worker, limits=settings)
        classifier = classifier or _load(settings)
        self._service = _Service(settings, classifier, self.metrics, start_worker)
        starlette = Starlette(
            routes=self._service.routes(),
            middleware=_middleware(settings),
            exception_handlers={
                HTTPException: _http_error,
                PictureError: _picture_error,
                ModelError: _model_error,
                Exception: _internal_error,
            },
        )
        starlette.router.redirect_slashes = False
        self._app = RequestMiddleware(starlette, settings, self.metrics)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "").removesuffix("/")
        if path not in pages.PATHS:  # their links are relative
            scope["path"] = path or "/"
        await self._app(scope, receive, send)

    async def reload(self) -> None:
        """Serve what the model's and the reader's file hold now.

        An unusable file is logged and changes nothing. The previous ones answer the requests that
        came before.
        """
        try:
            await self._service.replace_model(await asyncio.to_thread(_load, self.settings))
        except DigitsError as error:
            LOG.error("the model was not reloaded: %s", error)
            self.metrics.reloads.labels("failed").inc()
        else:
            LOG.info("the model was reloaded")
            self.metrics.reloads.labels("done").inc()


def _load(settings: Settings) -> Classifier:
    """Keep the files in memory, for processes that start after they have changed.

    Raises ModelError if the model or the reader can't be used.
    """
    reader = model_file.read_file(settings.reader, "reader")
    ReaderModel(reader, sha256=settings.reader_sha256)  # each process opens its own
    return Classifier(
        model_file.read_file(settings.model),
        kernels=settings.kernels,
        reject=settings.reject == "unsure",
        sha256=settings.model_sha256,
        reader=reader,
        reader_sha256=settings.reader_sha256,
    )


def _middleware(settings: Settings) -> list[Middleware]:
    found = [Middleware(AllowedHosts, settings.hosts)]
    if settings.origins:
        headers = ["authorization", "content-type", v2.JSON_LENGTH, _ID]
        found.append(
            Middleware(
                CORSMiddleware,
                allow_origins=settings.origins,
                allow_methods=["GET", "POST"],
                allow_headers=headers,
                expose_headers=["retry-after", v2.JSON_LENGTH, _ID],
            )
        )
    if settings.token is not None:
        found.append(Middleware(BearerToken, settings.token, {*pages.PATHS, _OPENAPI_PATH}))
    return found


class _Service:
    """The endpoints."""

    def __init__(
        self,
        settings: Settings,
        classifier: Classifier,
        metrics: Metrics,
        start_worker: Callable[[Classifier], PictureWorker],
    ) -> None:
        self._settings, self._metrics, self._start_worker = settings, metrics, start_worker
        self._name = settings.model_name or classifier.model.metadata.architecture
        self._version = settings.model_version
        self._bodies = BodyReader(settings)
        # One: a thread that parses stops the event loop for as long, and several of them longer.
        self._parser = ThreadPoolExecutor(1, "json")
        self._batcher = Batcher(classifier.model, settings, metrics)
        self._pictures = PictureQueue(partial(start_worker, classifier), settings, metrics)
        self._uploads = Uploads(settings, metrics, self._bodies, self._pictures)
        token = settings.token is not None
        self._openapi = _json(openapi.schema(self._name, self._version, settings, token))
        self._pages = pages.Pages()
        metrics.add_gauge(
            "digits_queued_digits", "That wait or run.", lambda: self._batcher.waiting
        )
        metrics.add_gauge(
            "digits_queued_pictures", "That wait or run.", lambda: self._pictures.waiting
        )
        self._publish_model(classifier)

    async def replace_model(self, classifier: Classifier) -> None:
        """Answer with another model. Raises DigitsError, and all stays as it is."""
        await self._pictures.replace(partial(self._start_worker, classifier))
        self._batcher.model = classifier.model
        self._publish_model(classifier)

    def _publish_model(self, classifier: Classifier) -> None:
        network = classifier.model
        self._model = _json(v2.model_metadata(self._name, self._version, network.metadata))
        self._pages.publish(network.metadata, self._settings)
        self._threshold = classifier.threshold
        self._metrics.set_model(self._name, self._version, network)

    def routes(self) -> list[Route]:
        """All routes."""
        models = ("/v2/models/{name}", "/v2/models/{name}/versions/{version}")
        return [  # what is asked most comes first: they are tried in turn
            *(Route(f"{path}/infer", self.infer, methods=["POST"]) for path in models),
            *self._uploads.routes(),
            Route("/v2", self.server),
            Route("/v2/health/live", self.live),
            Route("/v2/health/ready", self.ready),
            *(
                route
                for path in models
                for route in (
                    Route(path, self.model),
                    Route(f"{path}/ready", self.model_ready),
                )
            ),
            Route("/metrics", self.metrics),
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
        return _json(schemas.ModelReady(self._name, True))

    async def infer(self, request: Request) -> Response:
        self._check_model(request)
        length = request.headers.get(v2.JSON_LENGTH)
        max_batch = self._settings.max_batch
        async with self._bodies.read(request, self._settings.max_tensor_bytes) as body:
            if len(body) < _INLINE_BYTES:
                asked = v2.parse_request(body, length, max_batch)
            else:
                asked = await asyncio.get_running_loop().run_in_executor(
                    self._parser, v2.parse_request, body, length, max_batch
                )
        rows = await self._batcher.probabilities(asked.images)
        confidences = rows.max(1).tolist()
        unsure = sum(confidence < self._threshold for confidence in confidences)
        self._metrics.count_digits("infer", confidences, unsure)
        content, headers = v2.encode_response(asked, rows, self._name, self._version)
        return Response(content, headers=headers)

    async def metrics(self, _: Request) -> Response:
        return Response(self._metrics.render(), media_type=metrics.CONTENT_TYPE)

    async def openapi(self, _: Request) -> Response:
        return self._openapi

    def _check_model(self, request: Request) -> None:
        name = request.path_params["name"]
        version = request.path_params.get("version", self._version)
        if (name, version) != (self._name, self._version):
            raise HTTPException(404, f"the only model is {self._name}, version {self._version}")


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


async def _picture_error(request: Request, error: Exception) -> Response:
    return error_response(422, str(error))


async def _model_error(request: Request, error: Exception) -> Response:
    """Log the message, which names a file; the client needn't know where it is."""
    print_stderr(f"error: {error} (request {request_id(request.scope)})")
    return error_response(500, "the model failed; see the server's log")


async def _internal_error(_: Request, error: Exception) -> Response:
    """A bug: uvicorn prints the traceback to stderr; the client doesn't get it."""
    return error_response(500, "internal error; see the server's log")
