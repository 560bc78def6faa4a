"""The documentation site: `make docs` builds it, with warnings as errors."""

import posixpath
import re
import sys
from importlib import metadata
from pathlib import Path

from sphinx.application import Sphinx

HERE = Path(__file__).parent
REPOSITORY = "https://github.com/statsig-export/statsig-export"
sys.path.insert(0, str(HERE))

from generators import write_pages  # noqa: E402  found beside this file only now

project = "statsig-export"
author = "the authors of statsig-export"
release = metadata.version("statsig-export")
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx_copybutton", "sphinxcontrib.mermaid"]
exclude_patterns = ["_build", "generators"]

myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 4
myst_fence_as_directive = ["mermaid"]

autodoc_typehints = "signature"
autodoc_member_order = "bysource"
nitpicky = False
smartquotes = False  # it makes an en dash of the two hyphens of an option

html_theme = "furo"
html_title = "statsig-export"
html_show_sphinx = False
html_show_copyright = False
copybutton_prompt_text = "$ "


def link_to_repository(_app: Sphinx, page: str, source: list[str]) -> None:
    """Let links to files outside the documentation lead to the repository, as they do on GitHub."""

    def absolute(link: re.Match[str]) -> str:
        path = posixpath.normpath(posixpath.join("docs", posixpath.dirname(page), link[1]))
        return link[0] if path.startswith("docs/") else f"]({REPOSITORY}/blob/main/{path}"

    source[0] = re.sub(r"\]\((\.\./[^)#\s]*)", absolute, source[0])


def setup(app: Sphinx) -> None:
    app.connect("builder-inited", lambda _app: write_pages(HERE / "reference"))
    app.connect("source-read", link_to_repository)
