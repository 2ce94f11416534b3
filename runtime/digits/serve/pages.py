"""The files of the page to draw on and of the API's documentation, by URL path."""

import html
from importlib import resources

from digits.inference.metadata import Metadata
from digits.serve.settings import Settings

_FOLDER = resources.files("digits.serve")
_TYPES = {
    "html": "text/html",
    "css": "text/css",
    "js": "text/javascript",
    "svg": "image/svg+xml",
    "webp": "image/webp",
}


def files() -> dict[str, bytes]:
    """Read the pages and what they load, by URL path."""
    found = {}
    for folder, prefix, start in (("page", "/", "/"), ("docs", "/docs/", "/docs")):
        for file in (_FOLDER / folder).iterdir():
            path = start if file.name == "index.html" else prefix + file.name
            found[path] = file.read_bytes()
    found["/index.html"] = found["/"]
    return found


def render(page: bytes, metadata: Metadata, settings: Settings) -> bytes:
    """The page, which says what the model is, and knows the token's need and the limits."""
    values = {
        "needed": "data-needed" if settings.token is not None else "",
        "bytes": str(settings.max_picture_bytes),
        "pixels": str(settings.max_pixels),
        "seconds": str(settings.body_timeout + settings.answer_timeout),
        "model": metadata.architecture,
        "accuracy": f"{100 * metadata.test_accuracy:.2f} %",
        "checkpoint": metadata.checkpoint_sha256[:8],
        "version": metadata.digits_version,
    }
    text = page.decode()
    for name, value in values.items():
        text = text.replace(f"{{{name}}}", html.escape(value))
    return text.encode()


def media_type(path: str) -> str:
    """The media type of a path's file."""
    return _TYPES[path.rpartition(".")[2] if "." in path else "html"]
