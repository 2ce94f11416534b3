"""Fuzz the image pipeline, from bytes to the network's input, with libFuzzer by atheris.

    python -m tests.fuzz.pictures 600 -rss_limit_mb=2048    # for 600 seconds

Options go to libFuzzer (https://llvm.org/docs/LibFuzzer.html#options). Seeds are in a temporary
folder, findings in .fuzz/.
"""

import os
import subprocess
import sys
import tempfile
import time
from contextlib import nullcontext
from pathlib import Path

try:
    import atheris
except ModuleNotFoundError:  # it has wheels for some versions of Python on Linux
    atheris = None

with atheris.instrument_imports(include=["digits", "PIL"]) if atheris else nullcontext():
    from digits.errors import PictureError
    from digits.images import picture
    from digits.terminal import print_warnings
    from digits.vision.frame import to_mnist
    from digits.vision.hypotheses import propose

from tests.robustness import specimens

FINDINGS = Path(".fuzz")
# After so many seconds another process continues from the corpus, because code instrumented by
# atheris leaks 8 to 30 KB with each image (and none without atheris).
ROUND_SECONDS = 100
CORPUS = "DIGITS_FUZZ_CORPUS"


def attempt(raw: bytes) -> None:
    """Process one image. Any exception but PictureError is a finding."""
    if raw.startswith(b"\x89PNG"):
        raw = specimens.with_checksums(raw)  # almost all mutants would fail the checksums
    try:
        grey = picture.load(raw).pixels
    except PictureError:
        return
    to_mnist([hypothesis.component.ink for hypothesis in propose(grey)])


def fuzz(seconds: float, options: list[str]) -> None:
    """Fuzz in one process after the other, and exit with libFuzzer's exit code on a finding."""
    FINDINGS.mkdir(exist_ok=True)
    files = specimens.pictures()
    seeds = [*files.values(), *(mutant for _, mutant in specimens.mutants(files, 5))]
    with tempfile.TemporaryDirectory(prefix="digits-fuzz-") as folder:
        for number, seed in enumerate(seeds):
            (Path(folder) / f"{number:05}").write_bytes(seed)
        command = [sys.executable, "-m", "tests.fuzz.pictures", *options]
        end = time.monotonic() + seconds
        while (left := round(end - time.monotonic())) > 0:
            limit = f"-max_total_time={min(left, ROUND_SECONDS)}"
            code = subprocess.run([*command, limit], env=os.environ | {CORPUS: folder}).returncode
            if code:
                sys.exit(code)


if __name__ == "__main__":
    print_warnings()
    if atheris is None:
        print("nothing is fuzzed: atheris has no wheel for this Python", file=sys.stderr)
    elif folder := os.environ.get(CORPUS):
        atheris.Setup([*sys.argv, f"-artifact_prefix={FINDINGS}/pictures-", folder], attempt)
        atheris.Fuzz()
    else:
        fuzz(float(sys.argv[1]), sys.argv[2:])
