"""The Containerfile: run its commands directly, and build the image if an engine is installed."""

import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import suppress
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parent.parent.parent
# Ten times as fast as pip, for it keeps what it has downloaded.
INSTALL = rf"{Path(sys.executable).parent / 'uv'} pip install --link-mode=copy --python \1"
ENGINE = shutil.which("podman") or shutil.which("docker")


def instructions() -> list[tuple[str, str]]:
    """Return the instructions of the Containerfile, each with its arguments."""
    text = re.sub(r"\\\n\s*", " ", (ROOT / "Containerfile").read_text())
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [(line.partition(" ")[0], line.partition(" ")[2]) for line in lines]


def arguments_of(name: str) -> list[str]:
    return [rest for instruction, rest in instructions() if instruction == name]


def command(json_after: str) -> list[str]:
    """Parse a command in exec form, which needs no shell in the image."""
    words: list[str] = json.loads(json_after[json_after.index("[") :])
    return words


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in place of the image's root, after COPY and RUN."""
    root = tmp_path_factory.mktemp("image")
    for rest in arguments_of("COPY"):
        *sources, target = rest.split()
        if sources[0].startswith("--from"):
            continue
        for source in sources:
            folder = root / target.strip("/")
            if (ROOT / source).is_dir():
                shutil.copytree(ROOT / source, folder)
            else:
                folder.mkdir(exist_ok=True)
                shutil.copy(ROOT / source, folder)
    for run in arguments_of("RUN"):
        moved = re.sub(r"(?<![\w.])/(?=opt/|src\b)", f"{root}/", run)
        moved = re.sub(r"(\S+) -m pip install --no-cache-dir", INSTALL, moved)
        done = subprocess.run(moved, shell=True, capture_output=True, text=True, timeout=600)
        if done.returncode and "connection" in done.stderr.lower():
            pytest.skip("there is no network")
        assert done.returncode == 0, f"{run}: {done.stderr}"
    return root


def environment(root: Path, writable: Path) -> dict[str, str]:
    """Return the variables of ENV, a free port, and one folder for all files that are written."""
    variables = os.environ | {"HOME": str(writable), "TMPDIR": str(writable)}
    for rest in arguments_of("ENV"):
        for assignment in shlex.split(rest):
            name, _, value = assignment.partition("=")
            variables[name] = value.replace("/opt/", f"{root}/opt/").replace(
                "$PATH", variables["PATH"]
            )
    variables.pop("PYTHONPATH", None)  # the image's own digits
    with socket.create_server(("127.0.0.1", 0)) as free:
        return variables | {"DIGITS_PORT": str(free.getsockname()[1])}


def files(root: Path) -> set[str]:
    return {str(path) for path in root.rglob("*")}


def exit_code(command: list[str], env: dict[str, str]) -> int:
    program = shutil.which(command[0], path=env["PATH"])
    assert program
    done = subprocess.run([program, *command[1:]], env=env, capture_output=True, timeout=60)
    return done.returncode


def test_container_commands_serve_and_check_health(image: Path, tmp_path: Path) -> None:
    env = environment(image, tmp_path)
    health = command(arguments_of("HEALTHCHECK")[0])
    serve = command(arguments_of("CMD")[0])
    assert exit_code(health, env) == 1
    program = shutil.which(serve[0], path=env["PATH"])
    assert program and program.startswith(str(image))
    before = files(image)
    with subprocess.Popen(
        [program, *serve[1:]], env=env, cwd="/", stderr=subprocess.DEVNULL
    ) as run:
        try:
            while exit_code(health, env):
                assert run.poll() is None
            picture = (ROOT / "tests" / "pictures" / "7.jpg").read_bytes()
            url = f"http://127.0.0.1:{env['DIGITS_PORT']}/predict"
            with urllib.request.urlopen(url, picture) as answer:
                assert json.loads(answer.read())["digit"] == 7
            run.send_signal(getattr(signal, arguments_of("STOPSIGNAL")[0]))
            assert run.wait(60) == 0
        finally:
            run.kill()
    assert exit_code(health, env) == 1
    assert (files(image), files(tmp_path)) == (
        before,
        set(),
    )  # nothing was written: it works on a read-only file system


@pytest.mark.skipif(not ENGINE, reason="neither podman nor docker is installed")
def test_image_builds_and_serves() -> None:
    assert ENGINE
    # podman's own format drops the health check.
    format = ["--format", "docker"] if Path(ENGINE).name == "podman" else []
    build = [ENGINE, "build", *format, "--tag", "digits-test", "--file", "Containerfile", "."]
    subprocess.run(build, cwd=ROOT, check=True, timeout=900)
    show = [ENGINE, "inspect", "--type", "image", "digits-test"]
    [image] = json.loads(subprocess.check_output(show))
    assert "digits.serve.probe" in str(image.get("Healthcheck") or image["Config"]["Healthcheck"])
    start = [ENGINE, "run", "--detach", "--rm", "--read-only", "--publish", "127.0.0.1::8000"]
    done = subprocess.run([*start, "digits-test"], check=True, capture_output=True, text=True)
    name = done.stdout.strip()
    try:
        shown = subprocess.run(
            [ENGINE, "port", name, "8000"], check=True, capture_output=True, text=True
        )
        for _ in range(300):
            with suppress(OSError), urllib.request.urlopen(f"http://{shown.stdout.split()[0]}/v2"):
                return
            time.sleep(0.1)
        pytest.fail("the container doesn't answer")
    finally:
        subprocess.run([ENGINE, "kill", name], check=True)


def test_containerfile_and_its_documentation() -> None:
    assert arguments_of("USER") == ["10001:10001"]
    assert "--interval" in arguments_of("HEALTHCHECK")[0]
    assert not [rest for rest in arguments_of("COPY") if "--chown" in rest]
    for path in (ROOT / "Containerfile", ROOT / "docs" / "serve.md"):  # or the check is lost
        commands = re.findall(r"podman build .*", path.read_text())
        assert commands and all("--format docker" in command for command in commands), path
    allowed = (ROOT / ".containerignore").read_text().splitlines()
    copied = {
        word for rest in arguments_of("COPY") if "--from" not in rest for word in rest.split()[:-1]
    }
    assert allowed[0] == "*" and {f"!{name}" for name in copied} <= set(allowed)
