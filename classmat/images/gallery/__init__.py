from .scene import Scene
from .shapes import checker, disc, two_colours, wedge
