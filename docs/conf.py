"""How the documentation is built: `sphinx-build -W -n docs DESTINATION`."""

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE / "_ext"), str(HERE.parent)]

import charrnn  # noqa: E402 (the copy that these pages describe)

project = "charrnn"
author = "The charrnn authors"
copyright = author  # noqa: A001 (Sphinx's name)
version = release = charrnn.__version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "charrnn_docs",
]
toc_object_entries = not tags.has("check")  # noqa: F821 (Sphinx defines it)
if toc_object_entries:  # they and pages of source take most of the time of a build
    extensions.append("sphinx.ext.viewcode")
exclude_patterns = ["_build"]
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_class_signature = "mixed"
default_role = "code"
napoleon_google_docstring = True
napoleon_numpy_docstring = False

nitpicky = True
nitpick_ignore_regex = [
    (
        "py:.*",
        r"(?!charrnn).*",
    ),  # other people's names: their addresses cannot be reached from here
    ("py:.*", r"charrnn\..*\._\w+"),  # private ones, in signatures
]
nitpick_ignore = [  # type variables
    ("py:class", "charrnn.pairs.side_by_side.Batch"),
    ("py:class", "charrnn.pairs.side_by_side.Result"),
    ("py:class", "charrnn.interpret.edits.Model"),
    ("py:class", "charrnn.settings.Kind"),
    ("py:class", "charrnn.text.generated.draws.Item"),
    ("py:class", "charrnn.training.writing.Job"),
    ("py:class", "charrnn.training.writing.Result"),
]
suppress_warnings = ["ref.python"]  # a type that has one name in two modules

html_theme = "furo"
html_title = "charrnn"
html_static_path = ["_static"]
html_css_files = ["charrnn.css"]
html_copy_source = False
html_show_sphinx = False
pygments_style = "default"
pygments_dark_style = "monokai"
highlight_language = "none"
smartquotes = False  # h' is a state, not a quotation
