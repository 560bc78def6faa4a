"""The version of the installed distribution: it goes into the lineage of every run."""

from importlib.metadata import version

VERSION = version("statsig-export")
