"""`digits serve` under load, beside what one writes in twenty lines.

    python -m tests.benchmarks.serving [SECONDS]

wrk (Debian's package) keeps 64 connections busy, each with one digit a request as JSON. It runs on
the same cores as the server, so that the figures are what both together get out of them.
"""

import json
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

import numpy as np
from tests.served import Served, served

from digits.models.model import BUNDLED

CONNECTIONS = 64
INFER = "/v2/models/lenet5/infer"

# Reads the pixels and runs the network, request by request: no checks, no limits, no batches.
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
async def nothing(request):
    await request.body()
    return JSONResponse({{}})
routes = [Route("{INFER}", infer, methods=["POST"]), Route("/nothing", nothing, methods=["POST"])]
uvicorn.run(Starlette(routes=routes), port=int(sys.argv[1]), access_log=False, log_level="error")
"""


def request() -> str:
    """The body: one digit."""
    pixels = np.random.default_rng(0).integers(0, 256, 784) * (np.arange(784) % 3 == 0)
    tensor = {"name": "images", "shape": [1, 1, 28, 28], "datatype": "UINT8"}
    return json.dumps({"inputs": [tensor | {"data": pixels.tolist()}]})


@contextmanager
def plain() -> Iterator[Served]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with subprocess.Popen([sys.executable, "-c", PLAIN, str(port)], text=True) as process:
        try:
            time.sleep(2)
            yield Served(process, port)
        finally:
            process.kill()


def load(server: Served, path: str, seconds: int, script: Path) -> None:
    before = server.resident
    done = subprocess.run(
        [
            *("wrk", f"-c{CONNECTIONS}", "-t1", f"-d{seconds}s", "--latency"),
            *("-s", str(script), server.url + path),
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    share = dict(re.findall(r"^ +(50|99)%\s+(\S+)", done.stdout, re.MULTILINE))
    [rate] = re.findall(r"Requests/sec: +(\S+)", done.stdout)
    errors = re.findall(r"Socket errors: .*|Non-2xx.*", done.stdout) or ["no error"]
    print(
        f"{float(rate):8,.0f} requests/s   p50 {share['50']:>8}   p99 {share['99']:>8}   ", end=""
    )
    print(f"{', '.join(errors)}   {before / 1e6:.0f} -> {server.resident / 1e6:.0f} MB", flush=True)


def main() -> None:
    if not shutil.which("wrk"):
        sys.exit("wrk is missing: apt-get install wrk")
    seconds = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    with TemporaryDirectory() as folder:
        script = Path(folder) / "post.lua"
        script.write_text(f'wrk.method = "POST"\nwrk.body = [[{request()}]]\n')
        print(f"{CONNECTIONS} connections, one digit a request, {seconds} s")
        with served() as server:
            load(server, INFER, 2, script)
            print("digits serve                 ", end="")
            load(server, INFER, seconds, script)
        with plain() as server:
            load(server, INFER, 2, script)
            print("Starlette and onnxruntime    ", end="")
            load(server, INFER, seconds, script)
            print("Starlette, no inference      ", end="")
            load(server, "/nothing", seconds, script)


if __name__ == "__main__":
    main()
