"""The table of ops in the documentation is that of the code."""

import runpy
from pathlib import Path

DOCS = Path(__file__).parent.parent.parent / "docs"


def test_the_documentation_has_the_table_of_the_code():
    page = runpy.run_path(str(DOCS / "ops_table.py"))["page"]
    committed = (DOCS / "math" / "README.md").read_text(encoding="utf-8")
    assert committed == page(), "run `python docs/ops_table.py`"
