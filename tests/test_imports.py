"""The house rules: imports go down, libraries stay in their rooms, `import classmat` is light."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "classmat"
FLOORS = (  # from the roof to the cellar; rooms on one floor do not import each other
    {"cli"},
    {"annotate", "animate", "arm"},
    {"adapters"},
    {"nn"},
    {"matting"},
    {"ops"},
    {"laplacians"},
    {"solvers"},
    {"filters"},
    {"images"},
    {"testing"},
    {"kernels"},
)
LEVEL = {room: level for level, rooms in enumerate(FLOORS) for room in rooms}
ONLY_IN = {
    "numba": {"kernels", "arm"},
    "cv2": {"images/io.py", "annotate", "animate", "arm"},
    "torch": {"adapters"},
    "typer": {"cli"},
    "fastapi": {"annotate"},
    "uvicorn": {"annotate"},
    "rich": {"cli"},
    "PIL": {"cli", "annotate", "images/sheet.py"},
    "sqlite3": {"annotate"},
    "joblib": {"annotate"},
    "distributed": {"annotate"},
    "skimage": {"cli"},
    "pyamg": {"solvers"},
    "scipy": {"cli", "matting", "ops", "laplacians", "solvers", "filters", "images", "nn", "annotate"},
}
FILES = sorted(PACKAGE.rglob("*.py"))
ROOMS = {path.relative_to(PACKAGE).parts[0].removesuffix(".py") for path in FILES} - {"__init__"}


def imported_modules(path):
    """Absolute dotted names of everything a file imports, at any depth in it."""
    package = ("classmat", *path.relative_to(PACKAGE).parts[:-1])
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(package[: len(package) - node.level + 1]) if node.level else ""
            module = ".".join(filter(None, [base, node.module or ""]))
            yield from (f"{module}.{alias.name}" for alias in node.names)


def room_of(path):
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_go_down(path):
    here = room_of(path)
    for module in imported_modules(path):
        parts = module.split(".")
        if parts[0] != "classmat" or len(parts) < 2 or here == "__init__":
            continue
        there = parts[1]
        if there in ROOMS and there != here:  # else a public name, such as `cm.read_image`
            assert here in LEVEL, f"{here} has no floor in FLOORS"
            assert LEVEL[here] < LEVEL[there], f"{path} imports {module}, which is not below it"


@pytest.mark.parametrize("room", sorted(ROOMS))
def test_every_room_has_a_floor(room):
    assert room in LEVEL, f"say in FLOORS where {room} is"


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_libraries_stay_in_their_rooms(path):
    place = str(path.relative_to(PACKAGE))
    for module in imported_modules(path):
        rooms = ONLY_IN.get(module.split(".")[0])
        assert rooms is None or place in rooms or room_of(path) in rooms, f"{place} imports {module}"


def test_import_is_light():
    code = "import classmat, sys; print(sorted({'numpy', 'numba', 'scipy', 'cv2'} & set(sys.modules)))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
