"""Information flow matting (Aksoy, Aydin, Pollefeys 2017)."""

from typing import Any
import numpy as np
from numpy.typing import NDArray
from ..images.validate import FOREGROUND, UNKNOWN
from ..laplacians.closed_form import three_channels
from ..laplacians import information_flow as flows
from ..solvers.multigrid import Multigrid
from ..solvers.cg import PreconditionedCG
from ..solvers.stencil import Stencil
from .trimming import trim_edges, trim_patches
