"""How browsers keep the pages and what they load: names with hashes, compression, validators."""

import base64
import gzip
import hashlib
import json
import re
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from digits.classifier import Classifier
from digits.serve import pages
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
def test_assets_are_cached_for_a_year(client: TestClient, document: str) -> None:
    paths = loaded(client, document)
    assert len(paths) > 2
    for path in paths:
        answer = client.get(path)
        assert answer.status_code == 200, path
        assert path.startswith(assets(client))
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"


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


def test_changed_settings_change_the_document(classifier: Classifier) -> None:
    tags = {
        TestClient(application(classifier, **settings)).get("/").headers["etag"]
        for settings in ({}, {"max_pixels": 7}, {"token": "secret"})
    }
    assert len(tags) == 3


def test_page_shows_whether_labelled_digits_are_saved(
    classifier: Classifier, tmp_path: Path
) -> None:
    for folder, saves in ((None, "no"), (tmp_path, "yes")):
        page = TestClient(application(classifier, save_labelled=folder)).get("/").text
        assert f'data-saves="{saves}"' in page


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


def test_pictures_are_not_compressed(client: TestClient) -> None:
    answer = client.get(f"{assets(client)}page.webp")
    assert "content-encoding" not in answer.headers
    assert answer.headers["content-type"] == "image/webp"


def test_head_request(client: TestClient) -> None:
    answer = client.head("/")
    assert answer.status_code == 200 and answer.headers["etag"]


def test_api_answers_are_not_cached(client: TestClient) -> None:
    for path in ("/v2", "/openapi.json", "/metrics", "/none"):
        assert client.get(path).headers["cache-control"] == "no-store"


def worker_files(client: TestClient) -> dict[str, str]:
    """The service worker's files by path, with the hashes that it expects."""
    listed = re.search(r"const FILES = new Map\((.*?)\.map", client.get("/worker.js").text, re.S)
    assert listed
    return {f"/{path}": integrity for path, integrity in json.loads(listed[1])}


def test_worker_keeps_the_document_and_what_it_loads(client: TestClient) -> None:
    files = worker_files(client)
    assert {"/", *loaded(client)} == files.keys()
    for path, integrity in files.items():
        content = client.get(path, headers=IDENTITY).content
        digest = base64.b64encode(hashlib.sha256(content).digest()).decode()
        assert integrity == f"sha256-{digest}", path


def test_worker_changes_with_the_document(classifier: Classifier) -> None:
    workers = {
        TestClient(application(classifier, max_pixels=pixels)).get("/worker.js").text
        for pixels in (5, 6, 6)
    }
    assert len(workers) == 2


def test_manifest(client: TestClient) -> None:
    path = f"{assets(client)}manifest.webmanifest"
    assert path in loaded(client)
    answer = client.get(path)
    assert answer.headers["content-type"] == "application/manifest+json"
    manifest: dict[str, Any] = answer.json()
    root = f"http://testserver{path}"
    assert str(answer.url.join(manifest["start_url"])) == "http://testserver/", root
    assert str(answer.url.join(manifest["scope"])) == "http://testserver/"
    for icon in manifest["icons"]:
        found = client.get(str(answer.url.join(icon["src"])))
        assert found.headers["content-type"] == icon["type"]


def test_content_security_policy_covers_manifest_and_worker(client: TestClient) -> None:
    policy = client.get("/").headers["content-security-policy"]
    assert "manifest-src 'self'" in policy and "worker-src 'self'" in policy


def test_compressed_files_are_reproducible() -> None:
    first, second = pages.Pages(), pages.Pages()
    assert first.assets == second.assets
    file = first.assets["page.js"]
    assert gzip.decompress(file.compressed) == file.content
