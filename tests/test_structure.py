"""Who may import whom."""

import ast
import re
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
HEAVY = {"torch", "onnx", "matplotlib", "scipy", "cv2", "safetensors"}
FORBIDDEN = {
    "runtime/digits": HEAVY | {"digits_train", "digits_export"},
    "train/digits_train": {"onnx", "onnxruntime", "digits_export"},
}


ABOVE = {
    "vision": {"inference", "classifier", "data", "evaluation", "commands", "serve", "cli"},
    "inference": {"vision", "classifier", "data", "evaluation", "commands", "serve", "cli"},
    "data": {"evaluation", "commands", "serve", "cli"},
    "commands": {"serve", "cli"},
}


def imports(file: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.split(".")[0])
    return found


def modules_of_digits(file: Path) -> set[str]:
    """The rooms and files directly below `digits` that a file imports from."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        found |= {name.split(".")[1] for name in names if name.startswith("digits.")}
    return found


@pytest.mark.parametrize("package", FORBIDDEN)
def test_nothing_imports_upward(package: str) -> None:
    files = sorted((ROOT / package).rglob("*.py"))
    assert files
    for file in files:
        assert not imports(file) & FORBIDDEN[package], file


@pytest.mark.parametrize("room", ABOVE)
def test_no_room_of_the_runtime_imports_one_above_it(room: str) -> None:
    files = sorted((ROOT / "runtime" / "digits" / room).glob("*.py"))
    assert files
    for file in files:
        assert not ABOVE[room] & modules_of_digits(file), file


def test_rooms_of_the_runtime_import_each_other_in_no_circle() -> None:
    runtime = ROOT / "runtime" / "digits"
    graph: dict[str, set[str]] = {}
    for file in runtime.rglob("*.py"):
        room = file.relative_to(runtime).parts[0].removesuffix(".py")
        graph.setdefault(room, set()).update(modules_of_digits(file) - {room})
    assert {"vision", "prediction", "evaluation"} <= graph.keys()
    TopologicalSorter(graph).prepare()  # raises CycleError


def test_only_the_server_needs_what_its_extra_brings() -> None:
    extra = {"starlette", "uvicorn", "httptools", "python_multipart", "prometheus_client"}
    extra |= {"pydantic", "annotated_types"}
    runtime = ROOT / "runtime" / "digits"
    for file in sorted(set(runtime.rglob("*.py")) - set(runtime.glob("serve/*.py"))):
        assert not imports(file) & extra, file


def test_only_the_command_line_knows_of_training_and_export() -> None:
    for file in sorted((ROOT / "runtime" / "digits").rglob("*.py")):
        text = file.read_text()
        # Pillow's decoders are imported by name too.
        assert file.name in ("cli.py", "decoder.py") or "import_module" not in text, file
        assert "__import__" not in text, file


def test_one_module_asks_for_what_some_systems_lack() -> None:
    for folder in ("runtime", "train", "export"):
        for file in set(ROOT.glob(f"{folder}/**/*.py")) - {ROOT / "runtime/digits/system.py"}:
            assert not imports(file) & {"ctypes", "fcntl", "resource", "select"}, file


def test_importing_digits_and_its_command_line_stays_light() -> None:
    code = "import sys, digits.cli; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert not {"numpy", "onnxruntime", "PIL", *HEAVY} & set(loaded.stdout.split())


@pytest.mark.parametrize(
    ("options", "unused"),
    [
        ([], {"typer", "rich", "json", "csv", "pathlib", "glob", "multiprocessing", "numpy.ma"}),
        (["--json"], {"rich", "glob", "multiprocessing", "numpy.ma"}),
    ],
)
def test_predict_imports_only_what_it_uses(options: list[str], unused: set[str]) -> None:
    arguments = ["predict", str(ROOT / "tests" / "pictures" / "0.png"), *options]
    code = f"""
import sys
from digits.__main__ import main
sys.argv[1:] = {arguments}
try:
    main()
finally:
    print(*sys.modules, file=sys.stderr)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stderr.split())
    assert "onnxruntime" in loaded
    of_reading = {f"digits.vision.{name}" for name in ("page", "segment", "lattice", "cuts")}
    of_explaining = {
        "digits.inference.feature_maps",
        "digits.commands.explanation",
        "PIL.ImageDraw",
    }
    of_others = {"PIL.JpegImagePlugin", "PIL.ImageDraw", *of_reading, *of_explaining}
    assert not loaded & (unused | of_others | HEAVY)


def test_version_is_the_distribution_s() -> None:
    from importlib.metadata import version

    import digits

    assert digits.__version__ == version("digits")


def test_files_and_functions_fit_on_a_screen() -> None:
    files = [
        file for folder in ("runtime", "train", "export") for file in ROOT.glob(f"{folder}/**/*.py")
    ]
    assert files
    for file in files:
        text = file.read_text()
        assert text.count("\n") <= 300, file
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                assert node.end_lineno is not None
                assert node.end_lineno - node.lineno < 50, f"{file}: {node.name}"


def test_links_in_the_documents_lead_somewhere() -> None:
    documents = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")]
    assert len(documents) > 5
    for document in documents:
        for link in re.findall(r"\]\(([^)#]+)", document.read_text()):
            assert link.startswith("https://") or (document.parent / link).exists(), (
                f"{document}: {link}"
            )
