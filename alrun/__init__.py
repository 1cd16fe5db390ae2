"""alrun: a declarative batch runner for active learning on a labelling platform."""

__version__ = "0.1.0"
