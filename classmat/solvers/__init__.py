"""``A x = b`` for symmetric positive definite sparse A: `solve`, and `factorise` for several right-hand sides."""

from .choose import METHODS, factorise, solve
from .factor import Callback, Factor
from .solution import ConvergenceWarning, Solution

__all__ = ["METHODS", "Callback", "ConvergenceWarning", "Factor", "Solution", "factorise", "solve"]
