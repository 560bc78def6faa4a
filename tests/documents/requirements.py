"""Stands in for pip: checks that the extras which a page installs exist."""

import sys
from importlib.metadata import metadata

from packaging.requirements import Requirement

for argument in sys.argv[1:]:
    if argument.startswith("statsig-export"):
        unknown = Requirement(argument).extras - set(metadata("statsig-export").get_all("Provides-Extra") or ())
        if unknown:
            sys.exit(f"no extra {unknown}")
