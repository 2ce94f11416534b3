"""`digits serve` under load, compared with a minimal server.

    python -m benchmarks.serving [SECONDS]

wrk (a Debian package) keeps connections busy with one digit per request, as JSON or as a picture:
one of MNIST's as a PNG of 280x280 pixels, a drawing as the page sends it, or a photo. It shares the
server's cores, so the figures are those of both together; "of CPU" is the server's share.
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

import numpy as np
from PIL import Image, ImageDraw

from benchmarks import strokes
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
    pixels = np.random.default_rng(0).integers(0, 256, 784) * (np.arange(784) % 3 == 0)
    tensor = {"name": "images", "shape": [1, 1, 28, 28], "datatype": "UINT8"}
    return json.dumps({"inputs": [tensor | {"data": pixels.tolist()}]})


def pictures() -> dict[str, list[bytes]]:
    """Ten pictures of one digit each, by kind."""
    split = mnist.load("validation")
    size = (280, 280)
    enlarged = (
        Image.fromarray(255 - image).resize(size, Image.Resampling.BICUBIC)
        for image in split.images[:10]
    )
    drawn = (drawing for _, drawing in strokes.digits(split, 10, np.random.default_rng(0)))
    photos = sorted((Path(__file__).parents[1] / "tests" / "pictures").glob("*.jpg"))
    return {
        "enlarged": [png(image) for image in enlarged],
        "drawings": [png(draw(drawing, size)) for drawing in drawn],
        "photos": [photos[number % len(photos)].read_bytes() for number in range(10)],
    }


def draw(drawing: strokes.Drawing, size: tuple[int, int]) -> Image.Image:
    """A drawing as on the page's paper."""
    image = Image.new("RGB", size, "white")
    pen = ImageDraw.Draw(image)
    for stroke in drawing:
        pen.line([(x * size[0], y * size[1]) for x, y in stroke], "black", 5, "curve")
    return image


def png(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


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
        yield Served(process, port, io.StringIO())
        process.kill()


def load(server: Served, path: str, seconds: int, script: Path, connections: int = 64) -> float:
    """Load the server and print the figures; return the answers with 200 per second."""
    before, busy = resident(server), cpu_seconds(server)
    done = subprocess.run(
        [
            *("wrk", f"-c{connections}", "-t1", f"-d{seconds}s", "--latency", "--timeout", "60s"),
            *("-s", str(script), server.url + path),
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    share = dict(re.findall(r"^ +(50|99)%\s+(\S+)", done.stdout, re.MULTILINE))
    [(total, took)] = re.findall(r"(\d+) requests in (\S+)s,", done.stdout)
    refused = sum(map(int, re.findall(r"Non-2xx or 3xx responses: (\d+)", done.stdout)))
    rate = (int(total) - refused) / float(took)
    errors = re.findall(r"Socket errors: .*", done.stdout) or ["no error"]
    print(f"{rate:8,.0f} answers/s  {refused / float(took):6,.0f} refusals/s", end="")
    print(f"   p50 {share['50']:>8}   p99 {share['99']:>8}   {', '.join(errors)}", end="")
    print(f"   {1000 * (cpu_seconds(server) - busy) / int(total):.2f} ms of CPU", end="")
    print(f"   {before / 1e6:.0f} -> {resident(server) / 1e6:.0f} MB", flush=True)
    return rate


def processes(server: Served) -> list[Path]:
    """The server's and its workers' folders in /proc."""
    own = Path(f"/proc/{server.process.pid}")
    children = [child for task in own.glob("task/*/children") for child in task.read_text().split()]
    return [own, *(own.with_name(child) for child in children)]


def resident(server: Served) -> int:
    """Resident memory in bytes."""
    pages = sum(int((each / "statm").read_text().split()[1]) for each in processes(server))
    return pages * os.sysconf("SC_PAGE_SIZE")


def cpu_seconds(server: Served) -> float:
    """That the server and its processes have used."""
    fields = [
        (process / "stat").read_text().rpartition(")")[2].split() for process in processes(server)
    ]
    return sum(int(user) + int(system) for *_, user, system in (each[:13] for each in fields)) / (
        os.sysconf("SC_CLK_TCK")
    )


def picture_script(folder: Path, contents: list[bytes]) -> Path:
    """Write the pictures, and a script for wrk that sends them in turn."""
    folder.mkdir()
    for number, content in enumerate(contents):
        (folder / f"{number}").write_bytes(content)
    script = folder / "script.lua"
    script.write_text(
        'wrk.headers["host"] = "localhost"\nlocal bodies = {}\n'
        f"for i = 0, {len(contents) - 1} do\n"
        f'  local file = io.open("{folder}/" .. i, "rb")\n'
        '  bodies[i] = wrk.format("POST", nil, nil, file:read("*a"))\nend\nlocal i = 0\n'
        f"request = function() i = (i + 1) % {len(contents)}; return bodies[i] end\n"
    )
    return script


def main() -> None:
    if not shutil.which("wrk"):
        sys.exit("wrk is missing: apt-get install wrk")
    seconds = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    with TemporaryDirectory() as name:
        folder = Path(name)
        tensor = folder / "tensor.lua"
        tensor.write_text(
            'wrk.method = "POST"\nwrk.headers["content-type"] = "application/json"\n'
            f"wrk.body = [[{request()}]]\n"
        )
        kinds = {
            kind: picture_script(folder / kind, contents) for kind, contents in pictures().items()
        }
        print(f"digits serve, one digit a request, {seconds} s")
        with served(complains=True) as server:
            enlarged = kinds["enlarged"]
            for path, script in ((INFER, tensor), ("/predict", enlarged)):
                load(server, path, 3, script, 16)  # warm up all processes
            print("  tensors, 64 connections    ", end="")
            load(server, INFER, seconds, tensor)
            for path in ("/predict", "/read"):
                for kind, script in kinds.items():
                    print(f"  {path} {kind}, 16 connections".ljust(36), end="")
                    load(server, path, seconds, script, 16)
            print("  /predict enlarged, 256 connections".ljust(36), end="")
            load(server, "/predict", seconds, enlarged, 256)
        print("Starlette and onnxruntime")
        with plain() as server:
            load(server, INFER, 2, tensor)
            print("  tensors, 64 connections    ", end="")
            load(server, INFER, seconds, tensor)


if __name__ == "__main__":
    main()
