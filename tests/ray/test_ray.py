"""Run the code for a cluster in docs/devices.md with Ray on this machine."""

import csv
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("ray", reason="make test-ray installs Ray")

DOCS = Path(__file__).parents[2] / "docs" / "devices.md"
START = "import ray\nray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)\n"


def test_documented_map_batches_code(pictures: list[Path], tmp_path: Path) -> None:
    scans = tmp_path / "scans"
    scans.mkdir()
    for picture in pictures:
        shutil.copy(picture, scans)
    (scans / "broken.png").write_text("no picture")
    [code] = re.findall(r"```python\n(import digits\nimport ray\n.*?)```", DOCS.read_text(), re.S)
    assert "s3://bucket/scans" in code
    done = subprocess.run(
        [sys.executable, "-c", START + code.replace("s3://bucket/scans", str(scans))],
        cwd=tmp_path,
        env=os.environ | {"RAY_USAGE_STATS_ENABLED": "0"},
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr
    # In a column with a missing value, the others are floats: 7.0.
    answers = {
        Path(row["path"]).name: row["digit"].removesuffix(".0")
        for file in (tmp_path / "answers").glob("*.csv")
        for row in csv.DictReader(file.open(newline=""))
    }
    assert answers == {path.name: path.stem for path in pictures} | {"broken.png": ""}
