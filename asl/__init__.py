"""American Sign Language, from video to glosses."""

from pkgutil import extend_path

# In a checkout this folder holds the API only: the other rooms lie beside it, or in an installed copy.
__path__ = extend_path(__path__, __name__)
__version__ = "0.1.0"
