"""`digits serve` under load, beside a minimal server.

wrk (a Debian package) keeps connections busy with one digit per request, as JSON or as a picture:
one of MNIST's as a PNG of 280x280 pixels, or a photo. It shares the server's cores, so the figures
are those of both together.
"""

import io
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from benchmarks import processes
from benchmarks.tables import ROOT
from benchmarks.timing import Row
from digits.data import mnist
from digits.inference.model_file import BUNDLED
from tests.served import Served, served

INFER = "/v2/models/lenet5/infer"

# Reads the pixels and runs the network for each request, without checks, limits or batches.
PLAIN = f"""
import json, sys
import numpy as np, onnxruntime, uvicorn
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 1
session = onnxruntime.InferenceSession({BUNDLED!r}, options)
async def infer(request):
    tensor = json.loads(await request.body())["inputs"][0]
    images = np.array(tensor["data"], np.uint8).reshape(tensor["shape"])
    [rows] = session.run(None, {{"images": images}})
    return JSONResponse({{"outputs": [{{"data": rows.ravel().tolist()}}]}})
routes = [Route("{INFER}", infer, methods=["POST"])]
uvicorn.run(Starlette(routes=routes), port=int(sys.argv[1]), access_log=False, log_level="error")
"""


def request() -> str:
    """The body of a request with one digit."""
    pixels = mnist.load("validation").images[0].ravel().tolist()
    tensor = {"name": "images", "shape": [1, 1, 28, 28], "datatype": "UINT8", "data": pixels}
    return json.dumps({"inputs": [tensor]})


@contextmanager
def plain() -> Iterator[Served]:
    """Start the minimal server."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with subprocess.Popen([sys.executable, "-c", PLAIN, str(port)], text=True) as process:
        while True:
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                break
            except ConnectionRefusedError:
                time.sleep(0.01)
        yield Served(process, io.StringIO(f"serving http://127.0.0.1:{port}/"))
        process.kill()


class Load(NamedTuple):
    """rate: answers with 200 per second. p50, p99: seconds from request to answer."""

    rate: float
    p50: float
    p99: float


def load(server: Served, path: str, sent: Path, connections: int, seconds: int = 4) -> Load:
    """Load the server with a script. Raises AssertionError if it refuses or drops anything."""
    done = subprocess.run(
        [
            *("wrk", f"-c{connections}", "-t1", f"-d{seconds}s", "--latency", "--timeout", "60s"),
            *("-s", str(sent), server.url + path),
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "Socket errors" not in done.stdout and "Non-2xx" not in done.stdout, done.stdout
    scale = {"us": 1e-6, "ms": 1e-3, "s": 1.0}
    shares = re.findall(r"^ +(?:50|99)%\s+([\d.]+)(\w+)", done.stdout, re.MULTILINE)
    p50, p99 = (float(figure) * scale[unit] for figure, unit in shares)
    [(total, took)] = re.findall(r"(\d+) requests in ([\d.]+)s,", done.stdout)
    return Load(int(total) / float(took), p50, p99)


def resident(server: Served) -> float:
    """Megabytes that the server and its workers occupy."""
    own = Path(f"/proc/{server.process.pid}")
    children = [child for task in own.glob("task/*/children") for child in task.read_text().split()]
    processes = [own, *(own.with_name(child) for child in children)]
    pages = sum(int((each / "statm").read_text().split()[1]) for each in processes)
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def scripts(folder: Path) -> dict[str, Path]:
    """Scripts for wrk that send files in turn: a digit as JSON, or pictures of one digit each."""
    tensor = folder / "digit.json"
    tensor.write_text(request())
    photos = sorted((ROOT / "tests" / "pictures").glob("*.jpg"))
    sent = {"JSON": [tensor], "PNGs": processes.write(folder / "280", 280, 10), "photos": photos}
    return {kind: script(folder / f"{kind}.lua", files) for kind, files in sent.items()}


def script(path: Path, files: list[Path]) -> Path:
    path.write_text(
        'wrk.headers["host"] = "localhost"\nlocal bodies = {}\n'
        f"for i, name in ipairs({{{', '.join(json.dumps(str(file)) for file in files)}}}) do\n"
        '  bodies[i] = wrk.format("POST", nil, nil, io.open(name, "rb"):read("*a"))\nend\n'
        "local i = 0\nrequest = function() i = i % #bodies + 1; return bodies[i] end\n"
    )
    return path


def rows() -> Iterator[Row]:
    if not shutil.which("wrk"):
        print("skipped: `apt-get install wrk`", file=sys.stderr)
        return
    with TemporaryDirectory() as name, served(complains=True) as server:
        sent = scripts(Path(name))
        tensor = sent.pop("JSON")
        load(server, INFER, tensor, 16, 2)  # warm up all processes
        load(server, "/predict", sent["PNGs"], 16, 2)
        ours = load(server, INFER, tensor, 64)
        with plain() as other:
            load(other, INFER, tensor, 64, 1)
            theirs = load(other, INFER, tensor, 64)
        loads = {"digits": ours, "Starlette without checks, limits and batches": theirs}
        title = "digits as JSON, 64 connections"
        yield Row(title, "requests/s", {name: each.rate for name, each in loads.items()})
        yield Row("…, 99th percentile", "s", {name: each.p99 for name, each in loads.items()})
        for path in ("/predict", "/read"):
            for kind, file in sent.items():
                rate = load(server, path, file, 16).rate
                yield Row(f"`{path}` of {kind}", "pictures/s", {"digits": rate})
        yield Row("memory", "MB", {"digits": resident(server)})
