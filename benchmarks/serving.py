"""`digits serve` under load.

wrk (a Debian package) keeps connections busy with one picture per request: one of MNIST's digits as
a PNG of 280x280 pixels, or a photo. It shares the server's cores, so the figures are those of both
together.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks import processes
from benchmarks.tables import ROOT
from benchmarks.timing import Row
from tests.served import Served, served


def load(server: Served, path: str, sent: Path, seconds: int = 4) -> float:
    """Load the server with a script on 16 connections, and return the answers per second.

    Raises AssertionError if it refuses or drops anything.
    """
    done = subprocess.run(
        [
            *("wrk", "-c16", "-t1", f"-d{seconds}s", "--timeout", "60s"),
            *("-s", str(sent), server.url + path),
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "Socket errors" not in done.stdout and "Non-2xx" not in done.stdout, done.stdout
    [(total, took)] = re.findall(r"(\d+) requests in ([\d.]+)s,", done.stdout)
    return int(total) / float(took)


def resident(server: Served) -> float:
    """Megabytes that the server and its workers occupy."""
    own = Path(f"/proc/{server.process.pid}")
    children = [child for task in own.glob("task/*/children") for child in task.read_text().split()]
    processes = [own, *(own.with_name(child) for child in children)]
    pages = sum(int((process / "statm").read_text().split()[1]) for process in processes)
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def scripts(folder: Path) -> dict[str, Path]:
    """Scripts for wrk that send pictures of one digit in turn."""
    photos = sorted((ROOT / "tests" / "pictures").glob("*.jpg"))
    sent = {"PNGs": processes.write(folder / "280", 280, 10), "photos": photos}
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
        load(server, "/predict", sent["PNGs"], 2)  # warm up all processes
        for path in ("/predict", "/read"):
            for kind, file in sent.items():
                rate = load(server, path, file)
                yield Row(f"`{path}` of {kind}", "pictures/s", {"digits": rate})
        yield Row("memory", "MB", {"digits": resident(server)})
