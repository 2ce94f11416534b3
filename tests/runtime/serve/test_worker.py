"""Reading pictures, in this process and in others."""

from typing import Any

import pytest
from starlette.testclient import TestClient

from digits.recognize import Reader
from digits.serve.api import Api
from tests.runtime.serve.conftest import png
from tests.runtime.web.conftest import settings
from tests.waiting import wait_until

# The pattern tries about 20^12 ways to match the number.
ENDLESS = {"list": "1111111111111", "pattern": 20 * "(" + r"\d" + 20 * "+)" + r"-\."}


@pytest.mark.slow
@pytest.mark.linux
@pytest.mark.parametrize(
    ("limit", "constraints", "sentence"),
    [
        ({"max_picture_memory": 40 << 20}, {}, "the picture takes too much memory"),
        ({"picture_timeout": 0.3}, ENDLESS, "the picture or the pattern takes too much time"),
    ],
)
def test_process_is_limited(
    reader: Reader, limit: dict[str, Any], constraints: dict[str, str], sentence: str
) -> None:
    picture = png(9, 9) if constraints else png(5000, 5000, "RGB")
    with TestClient(Api(settings(**limit), reader, workers=1)) as client:
        refused = client.post("/read", params=constraints, content=picture)
        assert (refused.status_code, refused.json()) == (503, {"error": sentence})
        # On a busy machine, a small one may take too much time, too.
        wait_until(lambda: client.post("/predict", content=png(9, 9)).is_success)
