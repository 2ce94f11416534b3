"""Which packages may import which, and whether the documents' links resolve."""

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
ABOVE = {"classifier", "data", "evaluation", "page_evaluation", "commands", "serve", "cli"}
HIGHER_LAYERS = {
    "images": ABOVE | {"vision", "reader", "inference"},
    "vision": ABOVE | {"images", "reader", "inference"},
    "reader": ABOVE | {"images", "vision"},
    "inference": ABOVE | {"images", "vision", "reader"},
    "data": {"evaluation", "page_evaluation", "commands", "serve", "cli"},
    "commands": {"serve", "cli"},
}


def imports(file: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.split(".")[0])
    return found


def imported_digits_modules(file: Path) -> set[str]:
    """Return the names directly below `digits` that a file imports from."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        found |= {name.split(".")[1] for name in names if name.startswith("digits.")}
    return found


@pytest.mark.parametrize("package", FORBIDDEN)
def test_package_imports_no_forbidden_module(package: str) -> None:
    files = sorted((ROOT / package).rglob("*.py"))
    assert files
    for file in files:
        assert not imports(file) & FORBIDDEN[package], file


@pytest.mark.parametrize("subpackage", HIGHER_LAYERS)
def test_subpackage_imports_no_higher_layer(subpackage: str) -> None:
    files = sorted((ROOT / "runtime" / "digits" / subpackage).glob("*.py"))
    assert files
    for file in files:
        assert not HIGHER_LAYERS[subpackage] & imported_digits_modules(file), file


def test_subpackages_have_no_import_cycle() -> None:
    runtime = ROOT / "runtime" / "digits"
    graph: dict[str, set[str]] = {}
    for file in runtime.rglob("*.py"):
        subpackage = file.relative_to(runtime).parts[0].removesuffix(".py")
        graph.setdefault(subpackage, set()).update(imported_digits_modules(file) - {subpackage})
    assert {"vision", "prediction", "evaluation"} <= graph.keys()
    TopologicalSorter(graph).prepare()  # raises CycleError


def test_serve_extra_imported_only_by_serve() -> None:
    extra = {"starlette", "uvicorn", "httptools", "prometheus_client"}
    extra |= {"msgspec"}
    runtime = ROOT / "runtime" / "digits"
    for file in sorted(set(runtime.rglob("*.py")) - set(runtime.glob("serve/*.py"))):
        assert not imports(file) & extra, file


def test_dynamic_imports_only_in_cli_and_decoder() -> None:
    for file in sorted((ROOT / "runtime" / "digits").rglob("*.py")):
        text = file.read_text(encoding="utf-8")
        # Pillow's decoders are imported by name too.
        assert file.name in ("cli.py", "decoder.py") or "import_module" not in text, file
        assert "__import__" not in text, file


def test_system_specific_modules_imported_only_by_system() -> None:
    for folder in ("runtime", "train", "export"):
        for file in set(ROOT.glob(f"{folder}/**/*.py")) - {ROOT / "runtime/digits/system.py"}:
            assert not imports(file) & {"ctypes", "fcntl", "resource", "select"}, file


def test_matplotlib_is_imported_only_with_its_own_settings() -> None:
    for file in ROOT.glob("train/**/*.py"):
        assert "matplotlib" not in imports(file) or file.name == "plots.py", file


def test_import_of_cli_loads_no_heavy_module() -> None:
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
def test_predict_loads_no_unused_module(options: list[str], unused: set[str]) -> None:
    arguments = ["predict", str(ROOT / "tests" / "pictures" / "0.png"), *options]
    script = f"""
import sys
from digits.__main__ import main
sys.argv[1:] = {arguments}
try:
    main()
finally:
    print(*sys.modules, file=sys.stderr)
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    loaded = set(done.stderr.split())
    assert "onnxruntime" in loaded
    read_modules = {"digits.inference.reader_model", "digits.reader", "digits.reader.page"}
    explain_modules = {
        "digits.inference.feature_maps",
        "digits.commands.explanation",
        "PIL.ImageDraw",
    }
    unused_modules = {"PIL.JpegImagePlugin", "PIL.ImageDraw", *read_modules, *explain_modules}
    assert not loaded & (unused | unused_modules | HEAVY)


def test_version_matches_distribution() -> None:
    from importlib.metadata import version

    import digits

    assert digits.__version__ == version("digits")


def test_document_links_resolve() -> None:
    documents = [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")]
    assert len(documents) > 5
    for document in documents:
        for link in re.findall(r"\]\(([^)#]+)", document.read_text(encoding="utf-8")):
            assert link.startswith("https://") or (document.parent / link).exists(), (
                f"{document}: {link}"
            )
