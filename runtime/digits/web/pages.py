"""A page and what it loads, and how browsers keep them.

The folder `page` here has what all pages share.
"""

import hashlib
from collections.abc import Mapping
from importlib import resources
from types import MappingProxyType

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

ASSETS = "/assets/"

_TYPES = {
    "css": "text/css",
    "js": "text/javascript",
    "json": "application/json",
    "svg": "image/svg+xml",
    "webp": "image/webp",
}
_FOREVER = "public, max-age=31536000, immutable"


class Page:
    """Answers requests for a document, index.html, and for its assets.

    The assets are the other files in the folders `page` of a package and of `digits.web`. Their
    addresses contain a hash of them all, so browsers needn't ask again for one that they have, and
    modules can import each other by relative paths.

    values: the texts that replace their names in braces in the document.
    """

    def __init__(self, package: str, values: Mapping[str, str] = MappingProxyType({})) -> None:
        folders = (resources.files(name) / "page" for name in ("digits.web", package))
        files = (file for folder in folders for file in folder.iterdir())
        contents = dict(sorted((file.name, file.read_bytes()) for file in files))
        text = contents.pop("index.html").decode()
        self._assets = contents
        self._hash = hashlib.sha256(repr(contents).encode()).hexdigest()[:16]
        # Relative, as a proxy may serve all this below a path.
        folder = f"{ASSETS.removeprefix('/')}{self._hash}/"
        modules = [name for name in contents if name.endswith(".js")]
        preloads = [f'<link rel="modulepreload" href="{folder}{name}">' for name in modules]
        replacements = {"assets": folder, "modules": "\n".join(preloads), **values}
        for name, value in replacements.items():
            text = text.replace(f"{{{name}}}", value)
        self._document = text

    def routes(self) -> list[Route]:
        """The routes of the document and of all assets."""
        return [Route("/", self.document), Route(f"{ASSETS}{{hash}}/{{name}}", self.asset)]

    async def document(self, _: Request) -> Response:
        return HTMLResponse(self._document, headers={"cache-control": "no-cache"})

    async def asset(self, request: Request) -> Response:
        """Answer with an asset, and let browsers keep it if the hash is the current one.

        A page that was opened before an upgrade, or at another server, has another hash.
        """
        is_current = request.path_params["hash"] == self._hash
        caching = _FOREVER if is_current else "no-store"
        return self.answer(request.path_params["name"], caching)

    def answer(self, name: str, caching: str = "no-cache") -> Response:
        """Answer with an asset. Raises HTTPException (404) if there is none of that name."""
        if name not in self._assets:
            raise HTTPException(404)
        media_type = _TYPES[name.rpartition(".")[2]]
        return Response(
            self._assets[name], headers={"cache-control": caching}, media_type=media_type
        )
