"""Run libFuzzer by atheris: seeds in a temporary folder, findings in .fuzz/.

    python -m tests.fuzz.pictures 600 -rss_limit_mb=2048    # for 600 seconds

Options go to libFuzzer (https://llvm.org/docs/LibFuzzer.html#options).
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

FINDINGS = Path(".fuzz")

# After so many seconds another process continues from the corpus, because code instrumented by
# atheris leaks 8 to 30 KB with each image (and none without atheris).
_ROUND_SECONDS = 100
_CORPUS = "DIGITS_FUZZ_CORPUS"

try:
    import atheris
except ModuleNotFoundError:  # it has wheels for some versions of Python on Linux
    atheris = None


def instrumented(*packages: str) -> AbstractContextManager[None]:
    """Return a context in which imported modules report coverage to the fuzzer."""
    return atheris.instrument_imports(include=list(packages)) if atheris else nullcontext()


def fuzz(name: str, attempt: Callable[[bytes], None], seeds: Callable[[], Iterable[bytes]]) -> None:
    """Call `attempt` with new bytes until it raises an exception or the time is over.

    name: of the module in tests.fuzz, and a prefix of findings. Exits with libFuzzer's exit code
    on a finding.
    """
    if atheris is None:
        print(f"{name} isn't fuzzed: atheris has no wheel for this Python", file=sys.stderr)
        return
    if folder := os.environ.get(_CORPUS):
        atheris.Setup([*sys.argv, f"-artifact_prefix={FINDINGS}/{name}-", folder], attempt)
        atheris.Fuzz()
    FINDINGS.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="digits-fuzz-") as folder:
        for number, seed in enumerate(seeds()):
            (Path(folder) / f"{number:05}").write_bytes(seed)
        _in_rounds(name, folder, float(sys.argv[1]), sys.argv[2:])


def _in_rounds(name: str, folder: str, seconds: float, options: list[str]) -> None:
    """Fuzz in one process after the other, for so many seconds in total."""
    command = [sys.executable, "-m", f"tests.fuzz.{name}", *options]
    end = time.monotonic() + seconds
    while (left := round(end - time.monotonic())) > 0:
        limit = f"-max_total_time={min(left, _ROUND_SECONDS)}"
        code = subprocess.run([*command, limit], env=os.environ | {_CORPUS: folder}).returncode
        if code:
            sys.exit(code)
