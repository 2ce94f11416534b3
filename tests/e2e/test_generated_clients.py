"""A client that is generated from openapi.json is typed and works."""

import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.served import Served, served

pytestmark = pytest.mark.slow

# In an environment of its own: it needs an older Typer.
PYTHON = ("openapi-python-client==0.29.1", "ruff")

PYTHON_CLIENT = """
import sys
from io import BytesIO
from digits_client import Client
from digits_client.api.pictures import predict, read
from digits_client.api.tensors import infer
from digits_client.api.pictures import label
from digits_client.models import ClassTensor, Error, InferRequest, InferResponse, InputTensor
from digits_client.models import LabelBody, OutputParameters, OutputTensor, PredictFilesBody
from digits_client.models import Prediction, Reading, RefusedFile, WantedOutput
from digits_client.types import File

url, picture = sys.argv[1:]
content = open(picture, "rb").read()
client = Client(base_url=url)
found = predict.sync(client=client, body=File(BytesIO(content)), frame=True)
assert isinstance(found, Prediction) and found.digit == 7 and len(found.frame) == 28, found
form = PredictFilesBody(file=File(BytesIO(content), "7.png", "image/png"))
assert predict.sync(client=client, body=form).file == "7.png"
files = [File(BytesIO(content), "7.png", "image/png"), File(BytesIO(b""), "no.png", "image/png")]
several = predict.sync(client=client, body=PredictFilesBody(files=files))
assert isinstance(several[0], Prediction) and several[0].digit == 7, several
assert isinstance(several[1], RefusedFile) and several[1].file == "no.png", several
page = read.sync(client=client, body=File(BytesIO(content)), frame=True, length="1")
assert isinstance(page, Reading) and page.numbers[0].text == "7", page
assert len(page.numbers[0].symbols[0].frame) == 28, page
blank = read.sync(client=client, body=File(BytesIO(b"P5 9 9 255 " + bytes([255] * 81))))
assert isinstance(blank, Reading) and blank.numbers == [] and blank.text == "", blank
refused = predict.sync(client=client, body=File(BytesIO(b"no picture")))
assert isinstance(refused, Error) and "picture" in refused.error, refused
pixels = [pixel for row in found.frame for pixel in row]
tensor = InputTensor(name="images", shape=[1, 1, 28, 28], datatype="UINT8", data=pixels)
answer = infer.sync("lenet5", client=client, body=InferRequest(inputs=[tensor], id="a"))
assert isinstance(answer, InferResponse) and answer.id == "a", answer
[output] = answer.outputs
assert isinstance(output, OutputTensor), output
assert output.shape == [1, 10] and output.data.index(max(output.data)) == 7, output
wanted = WantedOutput("probabilities", parameters=OutputParameters(classification=2))
request = InferRequest(inputs=[tensor], outputs=[wanted])
[classes] = infer.sync("lenet5", client=client, body=request).outputs
assert isinstance(classes, ClassTensor) and classes.data[0].endswith(":7"), classes
unkept = label.sync(client=client, body=LabelBody(none=files[:1]))
assert isinstance(unkept, Error) and "save-labelled" in unkept.error, unkept
print("typed")
"""


@pytest.fixture(scope="module")
def server() -> Iterator[Served]:
    with served() as server:
        yield server


@pytest.fixture
def description(server: Served, tmp_path: Path) -> Path:
    path = tmp_path / "openapi.json"
    with urllib.request.urlopen(f"{server.url}/openapi.json") as answer:
        path.write_bytes(answer.read())
    return path


def run(command: list[str], folder: Path) -> str:
    """Return stdout; skips if packages can't be downloaded without a network."""
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300)
    said = (done.stdout + done.stderr).lower()
    if done.returncode and any(word in said for word in ("dns error", "enotfound", "network")):
        pytest.skip("there is no network")
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_generated_python_client(
    server: Served, description: Path, tmp_path: Path, pictures: list[Path]
) -> None:
    config = {"post_hooks": [], "package_name_override": "digits_client"}
    (tmp_path / "config.json").write_text(json.dumps(config))
    (tmp_path / "client.py").write_text(PYTHON_CLIENT)
    uv = str(Path(sys.executable).parent / "uv")
    packages = [option for package in PYTHON for option in ("--with", package)]
    python = [uv, "run", "--no-project", "--isolated", "--python", sys.executable, *packages]
    options = ["--meta", "none", "--config", "config.json", "--output-path", "digits_client"]
    generate = ["openapi-python-client", "generate", "--path", str(description), *options]
    said = run([*python, *generate], tmp_path)
    assert not {"warning", "unable"} & set(said.lower().split())  # it has generated everything
    client = [*python, "python", "client.py", server.url, str(pictures[7])]
    assert run(client, tmp_path) == "typed\n"
