"""A client that is generated from openapi.json, as docs/serve.md does it, is typed and works."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.served import served

# In an environment of its own: it needs an older Typer.
PACKAGES = ["--with", "openapi-python-client==0.29.1", "--with", "ruff"]

CLIENT = """
import subprocess, sys
from io import BytesIO

url, picture = sys.argv[1:]
content = open(picture, "rb").read()
generate = ["openapi-python-client", "generate", "--url", f"{url}/openapi.json"]
options = ["--meta", "none", "--config", "config.yaml", "--output-path", "digits_client"]
done = subprocess.run([*generate, *options], check=True, capture_output=True, text=True)
said = done.stdout + done.stderr
assert not {"warning", "unable"} & set(said.lower().split()), said  # it has generated everything

from digits_client import Client
from digits_client.api.pictures import label, predict, read
from digits_client.api.tensors import infer
from digits_client.models import *
from digits_client.types import File

client = Client(base_url=url)
digit = predict.sync(client=client, body=File(BytesIO(content)), frame=True)
assert isinstance(digit, Prediction) and digit.digit == 7, digit
files = [File(BytesIO(content), "7.png", "image/png"), File(BytesIO(b""), "no.png", "image/png")]
several = predict.sync(client=client, body=PredictFilesBody(files=files))
assert [*map(type, several)] == [Prediction, RefusedFile], several
page = read.sync(client=client, body=File(BytesIO(content)), length="1")
assert isinstance(page, Reading) and page.numbers[0].text == "7", page
refused = label.sync(client=client, body=LabelBody(none=files))
assert isinstance(refused, Error) and "save-labelled" in refused.error, refused
pixels = [pixel for row in digit.frame for pixel in row]
tensor = InputTensor(name="images", shape=[1, 1, 28, 28], datatype="UINT8", data=pixels)
wanted = WantedOutput("probabilities", parameters=OutputParameters(classification=2))
request = InferRequest(inputs=[tensor], outputs=[wanted], id="a")
answer = infer.sync("lenet5", client=client, body=request)
assert isinstance(answer, InferResponse) and answer.id == "a", answer
assert answer.outputs[0].data[0].endswith(":7"), answer
"""


def test_generated_client(tmp_path: Path, pictures: list[Path]) -> None:
    (tmp_path / "config.yaml").write_text("post_hooks: []\npackage_name_override: digits_client\n")
    (tmp_path / "client.py").write_text(CLIENT)
    uv = str(Path(sys.executable).parent / "uv")
    python = [uv, "run", "--no-project", "--isolated", "--python", sys.executable, *PACKAGES]
    with served() as server:
        run = [*python, "python", "client.py", server.url, str(pictures[7])]
        done = subprocess.run(run, cwd=tmp_path, capture_output=True, text=True)
    if done.returncode and "dns error" in done.stderr:
        pytest.skip("there is no network")
    assert done.returncode == 0, done.stderr
