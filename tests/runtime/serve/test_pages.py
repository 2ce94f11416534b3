"""How browsers keep the pages and what they load: names with hashes, compression, validators."""

import base64
import hashlib
import json
import re
from typing import Any

import pytest
from starlette.testclient import TestClient

from digits.classifier import Classifier
from digits.serve.pages import Pages
from tests.runtime.serve.conftest import application

DOCUMENTS = ["/", "/index.html", "/docs"]
IDENTITY = {"accept-encoding": "identity"}


def loaded(client: TestClient, document: str = "/") -> set[str]:
    """Return the paths that a document's tags name, except the API's description."""
    named = re.findall(r'(?:src|href)="([^":]+)"', client.get(document).text)
    return {f"/{path}" for path in named} - {"/openapi.json", "/docs"}


def assets(client: TestClient) -> str:
    """The folder of all assets."""
    folder = re.search(r'"(assets/\w+/)page\.js"', client.get("/").text)
    assert folder
    return f"/{folder[1]}"


@pytest.mark.parametrize("document", DOCUMENTS)
def test_assets_are_cached_for_a_year_and_load_nothing_external(
    client: TestClient, document: str
) -> None:
    paths = loaded(client, document)
    assert len(paths) >= 2
    for path in paths:
        answer = client.get(path)
        assert answer.status_code == 200, path
        assert path.startswith(assets(client))
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    texts = [path for path in (document, *paths) if not path.endswith(".webp")]
    for path in texts:
        text = client.get(path).text.replace("http://www.w3.org/2000/svg", "")
        for words in ("http:", "https:", "style=", "innerHTML"):
            assert words not in text, path


@pytest.mark.parametrize("path", [*DOCUMENTS, "/worker.js"])
def test_documents_are_revalidated(client: TestClient, path: str) -> None:
    first = client.get(path)
    assert first.headers["cache-control"] == "no-cache"
    tag = first.headers["etag"]
    for known in (tag, tag.removeprefix("W/"), f'"another", {tag}'):
        again = client.get(path, headers={"if-none-match": known})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == tag and again.headers["cache-control"] == "no-cache"
    assert client.get(path, headers={"if-none-match": '"another"'}).content == first.content
    assert client.head(path).headers["etag"] == tag


def test_changed_settings_change_document_and_worker(classifier: Classifier) -> None:
    for path in ("/", "/worker.js"):
        contents = {
            TestClient(application(classifier, **settings)).get(path).headers["etag"]
            for settings in ({}, {}, {"max_pixels": 7}, {"token": "secret"})
        }
        assert len(contents) == 3


def test_modules_are_preloaded(client: TestClient) -> None:
    """So that the browser needn't read one to learn of the next."""
    page = client.get("/").text
    preloaded = set(re.findall(r'<link rel="modulepreload" href="([^"]+)">', page))
    imported = {
        f"{assets(client)}{name}"[1:]
        for path in loaded(client)
        if path.endswith(".js")
        for name in re.findall(r'from "\./([^"]+)"', client.get(path).text)
    }
    assert len(imported) > 5 and imported <= preloaded


def test_hash_of_another_version(client: TestClient) -> None:
    """A page that is open while the server is upgraded gets what there is, and doesn't keep it."""
    current = client.get(f"{assets(client)}page.js")
    answer = client.get("/assets/0123456789abcdef/page.js")
    assert (answer.status_code, answer.content) == (200, current.content)
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("name", ["none.js", "index.html", "worker.js", "%2e%2e/pages.py", ""])
def test_unknown_asset(client: TestClient, name: str) -> None:
    answer = client.get(assets(client) + name)
    assert answer.status_code == 404 and list(answer.json()) == ["error"]
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    ("accepted", "encoding"),
    [
        ("gzip, deflate, br, zstd", "gzip"),
        ("br;q=1.0, GZIP;q=0.5", "gzip"),
        ("gzip;q=0, br", None),
        ("gzip; q=0.00", None),
        ("gzip;q=0.01", "gzip"),
        ("br", None),
        ("", None),
    ],
)
def test_text_is_compressed_for_whom_accepts_it(
    client: TestClient, accepted: str, encoding: str | None
) -> None:
    for path in ("/", f"{assets(client)}page.js", f"{assets(client)}style.css"):
        answer = client.get(path, headers={"accept-encoding": accepted})
        assert answer.headers.get("content-encoding") == encoding
        assert answer.headers["vary"] == "accept-encoding"
        whole = client.get(path, headers=IDENTITY)
        assert answer.content == whole.content
        if encoding:
            assert int(answer.headers["content-length"]) < 0.6 * len(whole.content)
    assert "content-encoding" not in client.get(f"{assets(client)}page.webp").headers


def test_example_pictures_are_readable(client: TestClient) -> None:
    sources = re.findall(r'<img src="([^"]+)" alt="[^"]', client.get("/").text)
    assert len(sources) == 5
    for source in sources:
        assert client.post("/predict", content=client.get(f"/{source}").content).is_success


def test_worker_keeps_the_document_and_what_it_loads(client: TestClient) -> None:
    listed = re.search(r"const FILES = new Map\((.*?)\.map", client.get("/worker.js").text, re.S)
    assert listed
    files = {f"/{path}": integrity for path, integrity in json.loads(listed[1])}
    assert {"/", *loaded(client)} == files.keys()
    for path, integrity in files.items():
        content = client.get(path, headers=IDENTITY).content
        digest = base64.b64encode(hashlib.sha256(content).digest()).decode()
        assert integrity == f"sha256-{digest}", path


def test_manifest(client: TestClient) -> None:
    path = f"{assets(client)}manifest.webmanifest"
    assert path in loaded(client)
    answer = client.get(path)
    manifest: dict[str, Any] = answer.json()
    for key in ("start_url", "scope"):
        assert str(answer.url.join(manifest[key])) == "http://testserver/"
    for icon in manifest["icons"]:
        kind = client.get(str(answer.url.join(icon["src"]))).headers["content-type"]
        assert kind == icon["type"]


def test_compressed_files_are_reproducible() -> None:
    assert Pages().assets == Pages().assets
