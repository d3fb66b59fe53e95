"""Set-up shared by all tests: a Numba cache that changes whenever a kernel does."""

import hashlib
import os
import tempfile
from pathlib import Path

# A cached kernel is not rebuilt when a helper in another file changes, so the cache is keyed by all of them.
# This must happen before Numba is imported, which no module above `kernels` does.
_kernels = sorted((Path(__file__).parent.parent / "classmat" / "kernels").glob("*.py"))
_digest = hashlib.sha256(b"".join(path.read_bytes() for path in _kernels)).hexdigest()[:16]
os.environ.setdefault("NUMBA_CACHE_DIR", str(Path(tempfile.gettempdir()) / f"classmat-numba-{_digest}"))

from hypothesis import settings  # noqa: E402

# The first call of a kernel compiles it, which no deadline should judge; runs repeat exactly.
settings.register_profile("classmat", deadline=None, derandomize=True, max_examples=60)
settings.load_profile("classmat")
