"""The version of asl."""

__version__ = "0.1.0"
