"""A page and what it loads, and how browsers keep them."""

import gzip
import hashlib
import html
from collections.abc import Mapping, Sequence
from importlib import resources

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from digits.inference.metadata import Metadata
from digits.serve.settings import Settings

ASSETS = "/assets/"

_TYPES = {
    "html": "text/html",
    "css": "text/css",
    "js": "text/javascript",
    "json": "application/json",
    "svg": "image/svg+xml",
    "webp": "image/webp",
}
_FOREVER = "public, max-age=31536000, immutable"


class _File:
    def __init__(self, name: str, content: bytes) -> None:
        self._content, self._media_type = content, _TYPES[name.rpartition(".")[2]]
        self._compressed = b"" if name.endswith(".webp") else gzip.compress(content, mtime=0)
        self._tag = f'"{_digest(content)}"'

    def answer(self, request: Request, caching: str) -> Response:
        """What is new to the client, compressed if it accepts that."""
        # Weak, as the compressed file has the same tag.
        headers = {"cache-control": caching, "etag": f"W/{self._tag}", "vary": "accept-encoding"}
        if self._tag in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        content = self._content
        if self._compressed and "gzip" in request.headers.get("accept-encoding", "").lower():
            headers["content-encoding"] = "gzip"
            content = self._compressed
        return Response(content, headers=headers, media_type=self._media_type)


class Page:
    """Answers requests for a document and for its assets: the files in a package's folder `page`.

    The address of an asset contains a hash of all assets, so browsers needn't ask again for one
    that they have, and modules can import each other by relative paths.

    shared: names of assets that the server's page has, too. values: what is written into the
    document, in the place of their names in braces.
    """

    def __init__(
        self, package: str, shared: Sequence[str] = (), values: Mapping[str, str] | None = None
    ) -> None:
        files = [resources.files("digits.serve") / "page" / name for name in shared]
        files += (resources.files(package) / "page").iterdir()
        contents = {file.name: file.read_bytes() for file in sorted(files, key=str)}
        text = contents.pop("index.html").decode()
        self._assets = {name: _File(name, content) for name, content in contents.items()}
        self._hash = _digest(repr(contents).encode())
        # Relative, as a proxy may serve all this below a path.
        folder = f"{ASSETS.removeprefix('/')}{self._hash}/"
        modules = [name for name in self._assets if name.endswith(".js")]
        preloads = [f'<link rel="modulepreload" href="{folder}{name}">' for name in modules]
        written = {"assets": folder, "modules": "\n".join(preloads), **(values or {})}
        for name, value in written.items():
            text = text.replace(f"{{{name}}}", value)
        self._document = _File("index.html", text.encode())

    def routes(self) -> list[Route]:
        """The routes of the document and of all assets."""
        return [Route("/", self.page), Route(f"{ASSETS}{{hash}}/{{name}}", self.asset)]

    async def page(self, request: Request) -> Response:
        return self._document.answer(request, "no-cache")

    async def openapi(self, request: Request) -> Response:
        """Answer with the asset of that name at an address that never changes."""
        return self._assets["openapi.json"].answer(request, "no-cache")

    async def asset(self, request: Request) -> Response:
        """Answer with the file, and let browsers keep it if the hash is the current one.

        A page of the version before, which is open or comes from another server, has its hash.
        """
        file = self._assets.get(request.path_params["name"])
        if file is None:
            raise HTTPException(404)
        current = request.path_params["hash"] == self._hash
        return file.answer(request, _FOREVER if current else "no-store")


def values(metadata: Metadata, settings: Settings) -> dict[str, str]:
    """What the server's page shows of the model, of the token's need and of the limits."""
    texts = {
        "needed": "data-needed" if settings.token is not None else "",
        "bytes": str(settings.limits.max_picture_bytes),
        "pixels": str(settings.limits.max_pixels),
        "seconds": str(settings.limits.body_timeout + settings.limits.answer_timeout),
        "model": metadata.architecture,
        "accuracy": f"{100 * metadata.test_accuracy:.2f} %",
        "checkpoint": metadata.checkpoint_sha256[:8],
        "version": metadata.digits_version,
    }
    return {name: html.escape(text) for name, text in texts.items()}


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]
