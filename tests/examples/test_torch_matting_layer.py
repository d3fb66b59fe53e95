"""The example that trains through the matting layer runs, at its smallest size."""

import runpy
from pathlib import Path

import pytest

import classmat as cm

EXAMPLE = Path(__file__).parent.parent.parent / "examples" / "torch_matting_layer.py"
SIZES = {"height": 32, "scenes": 4, "held-out": 2, "steps": 2, "batch": 2, "width": 4}


@pytest.mark.slow
def test_the_smallest_run(tmp_path, capsys):
    sheet = tmp_path / "sheet.png"
    options = [word for name, value in SIZES.items() for word in (f"--{name}", str(value))]
    before, after = runpy.run_path(str(EXAMPLE))["main"]([*options, "--output", str(sheet)])
    assert 0 < before < 1
    assert 0 < after < 1
    assert cm.read_image(sheet).shape == (3 * 2 * 32, 3 * 6 * 24, 3)
    assert "end to end     2/2" in capsys.readouterr().out
