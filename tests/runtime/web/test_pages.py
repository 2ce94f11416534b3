"""What pages load, and how browsers keep it."""

import re

import pytest
from starlette.testclient import TestClient

from digits.web.application import Application
from digits.web.pages import Page
from digits.web.settings import Settings


@pytest.fixture(params=["digits.serve", "digits.review", "digits.forms.editor"])
def client(request: pytest.FixtureRequest) -> TestClient:
    return TestClient(Application(Page(request.param).routes(), Settings()), "http://127.0.0.1")


def loaded(client: TestClient) -> set[str]:
    """The paths that the document's tags name, except the API's description."""
    named = re.findall(r'(?:src|href)="([^":]+)"', client.get("/").text)
    return {f"/{path}" for path in named} - {"/openapi.json"}


def assets(client: TestClient) -> str:
    """The folder of all assets."""
    folder = re.search(r'"(assets/\w+/)style\.css"', client.get("/").text)
    assert folder
    return f"/{folder[1]}"


def test_assets_are_cached_for_a_year_and_load_nothing_external(client: TestClient) -> None:
    paths = loaded(client)
    scripts = [path for path in paths if path.endswith(".js")]
    assert scripts
    for path in paths:
        answer = client.get(path)
        assert answer.status_code == 200 and path.startswith(assets(client))
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    imported = {
        name for path in scripts for name in re.findall(r'from "\./([^"]+)"', client.get(path).text)
    }
    assert imported <= {path.rpartition("/")[2] for path in scripts}
    for path in ["/", *(path for path in paths if not path.endswith(".webp"))]:
        text = client.get(path).text.replace("http://www.w3.org/2000/svg", "")
        for words in ("http:", "https:", "style=", "innerHTML"):
            assert words not in text, path
