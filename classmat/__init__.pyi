from .images import gallery as gallery
from .images import metrics as metrics
from .images.composite import composite as composite
from .images.composite import to_rgba as to_rgba
from .images.io import read_image as read_image
from .images.io import read_matte as read_matte
from .images.io import read_rgba as read_rgba
from .images.io import read_trimap as read_trimap
from .images.io import write_image as write_image
from .images.trimap import trimap_from_alpha as trimap_from_alpha
from .images.trimap import trimap_from_mask as trimap_from_mask
from .images.trimap import trimap_from_scribbles as trimap_from_scribbles
from .laplacians.closed_form import closed_form_laplacian as closed_form_laplacian
from .matting.closed_form import closed_form_matting as closed_form_matting
from .matting.closed_form import matting_with_prior as matting_with_prior
from .matting.foreground import cutout as cutout
from .matting.foreground import estimate_foreground as estimate_foreground
from .matting.methods import METHODS as METHODS
from .solvers import ConvergenceWarning as ConvergenceWarning
from .solvers import Factor as Factor
from .solvers import Solution as Solution
from .solvers import factorise as factorise
from .solvers import solve as solve

__version__: str
