"""The documentation site: `make docs` builds it, with warnings as errors."""

import sys
from importlib.metadata import version
from pathlib import Path

from sphinx.application import Sphinx

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

from generators import write_pages  # noqa: E402  found beside this file only now

project = "statsig-export"
author = "the authors of statsig-export"
release = version("statsig-export")
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx_copybutton", "sphinxcontrib.mermaid"]
exclude_patterns = ["_build", "generators"]

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 4
myst_fence_as_directive = ["mermaid"]

autodoc_typehints = "signature"
autodoc_member_order = "bysource"
nitpicky = False

html_theme = "furo"
html_title = "statsig-export"
html_show_sphinx = False
copybutton_prompt_text = "$ "


def setup(app: Sphinx) -> None:
    app.connect("builder-inited", lambda _app: write_pages(HERE / "reference"))
