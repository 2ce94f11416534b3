"""The page to draw on, the one about the API and what they load, and how browsers keep it."""

import base64
import gzip
import hashlib
import html
import json
import re
from collections.abc import Mapping
from importlib import resources
from importlib.resources.abc import Traversable
from typing import NamedTuple

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from digits.inference.metadata import Metadata
from digits.serve.settings import Settings

ASSETS = "/assets/"
PATHS = ("/", "/index.html", "/docs", "/worker.js")

_TYPES = {
    "html": "text/html",
    "css": "text/css",
    "js": "text/javascript",
    "svg": "image/svg+xml",
    "webmanifest": "application/manifest+json",
    "webp": "image/webp",
}
_FOREVER = "public, max-age=31536000, immutable"
REVALIDATE = "no-cache"
_GZIP = re.compile(r"\bgzip\b(?!\s*;\s*q=0(\.0*)?\s*(,|$))", re.IGNORECASE)


class File(NamedTuple):
    """compressed: with gzip, or empty where that saves nothing. tag: the entity tag, unquoted."""

    content: bytes
    compressed: bytes
    media_type: str
    tag: str

    def answer(self, request: Request, caching: str) -> Response:
        """What is new to the client, compressed if it accepts that."""
        # Weak, as the compressed file has the same tag. worker.js knows the pages by "digits-".
        headers = {
            "cache-control": caching,
            "etag": f'W/"digits-{self.tag}"',
            "vary": "accept-encoding",
        }
        if f'"digits-{self.tag}"' in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        content = self.content
        if self.compressed and _GZIP.search(request.headers.get("accept-encoding", "")):
            headers["content-encoding"] = "gzip"
            content = self.compressed
        return Response(content, headers=headers, media_type=self.media_type)


class Assets:
    """Answers requests for what documents load, and writes its addresses into them.

    The address of an asset contains a hash of all assets, so browsers needn't ask again for one
    that they have, and modules can import each other by relative paths. contents: by name; a
    document may load all scripts among them at once.
    """

    def __init__(self, contents: Mapping[str, bytes]) -> None:
        self.assets = {name: _file(name, content) for name, content in contents.items()}
        self._hash = _digest(
            repr([(name, file.tag) for name, file in self.assets.items()]).encode()
        )
        # Relative, as a proxy may serve all this below a path.
        self.folder = f"{ASSETS.removeprefix('/')}{self._hash}/"
        self._preloads = "\n".join(
            f'<link rel="modulepreload" href="{self.folder}{name}">'
            for name in contents
            if name.endswith(".js")
        )

    def fill(self, name: str, text: str, values: Mapping[str, str]) -> File:
        """Make a document of a text with {names} in the place of values."""
        for key, value in {**values, "assets": self.folder, "modules": self._preloads}.items():
            text = text.replace(f"{{{key}}}", value)
        return _file(name, text.encode())

    def route(self) -> Route:
        """The route of all assets."""
        return Route(f"{ASSETS}{{hash}}/{{name}}", self.asset)

    async def asset(self, request: Request) -> Response:
        """Answer with the file, and let browsers keep it if the hash is the current one.

        A page of the version before, which is open or comes from another server, has its hash.
        """
        file = self.assets.get(request.path_params["name"])
        if file is None:
            raise HTTPException(404)
        current = request.path_params["hash"] == self._hash
        return file.answer(request, _FOREVER if current else "no-store")


class Pages(Assets):
    """Answers requests for the documents and their assets, once they are published."""

    def __init__(self) -> None:
        self._page = read_folder("digits.serve", "page")
        self._index, self._docs, self._worker = (
            self._page.pop(name).decode() for name in ("index.html", "docs.html", "worker.js")
        )
        super().__init__(self._page)
        self._documents: dict[str, File] = {}

    def publish(self, metadata: Metadata, settings: Settings) -> None:
        """Write the model, the token's need and the limits into the documents."""
        index = self.fill("index.html", self._index, _values(metadata, settings))
        docs = self.fill("docs.html", self._docs, {})
        worker = self.fill("worker.js", self._worker, self._kept(index))
        self._documents = dict(zip(PATHS, (index, index, docs, worker), strict=True))

    def _kept(self, index: File) -> dict[str, str]:
        """What the service worker keeps: the document, and what it loads, with their hashes."""
        assets = {self.folder + name: content for name, content in self._page.items()}
        files = [
            [path, f"sha256-{base64.b64encode(hashlib.sha256(content).digest()).decode()}"]
            for path, content in ({"": index.content} | assets).items()
        ]
        return {"cache": index.tag, "files": json.dumps(files, indent=1)}

    def routes(self) -> list[Route]:
        """The routes of all documents and assets."""
        return [*(Route(path, self.page) for path in PATHS), self.route()]

    async def page(self, request: Request) -> Response:
        return self._documents[request.scope["path"]].answer(request, REVALIDATE)


def _values(metadata: Metadata, settings: Settings) -> dict[str, str]:
    values = {
        "needed": "data-needed" if settings.token is not None else "",
        "bytes": str(settings.limits.max_picture_bytes),
        "pixels": str(settings.limits.max_pixels),
        "seconds": str(settings.limits.body_timeout + settings.limits.answer_timeout),
        "saves": "yes" if settings.save_labelled else "no",
        "model": metadata.architecture,
        "accuracy": f"{100 * metadata.test_accuracy:.2f} %",
        "checkpoint": metadata.checkpoint_sha256[:8],
        "version": metadata.digits_version,
    }
    return {name: html.escape(value) for name, value in values.items()}


def read_folder(package: str, folder: str) -> dict[str, bytes]:
    """The contents of the files in a package's folder, by name."""
    entries = (resources.files(package) / folder).iterdir()
    files: list[Traversable] = sorted(entries, key=lambda file: file.name)
    return {file.name: file.read_bytes() for file in files if file.is_file()}


def _file(name: str, content: bytes) -> File:
    compressed = gzip.compress(content, mtime=0)
    if len(compressed) > 0.9 * len(content):
        compressed = b""
    media_type = _TYPES[name.rpartition(".")[2]]
    return File(content, compressed, media_type, _digest(content))


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]
