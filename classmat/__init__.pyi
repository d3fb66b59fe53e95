from .images import gallery as gallery
from .images import metrics as metrics
from .images.io import read_image as read_image
from .images.io import read_matte as read_matte
from .images.io import read_trimap as read_trimap
from .images.io import write_image as write_image

__version__: str
