"""How the pages become a site: `make docs`. Warnings are errors; nothing is fetched."""

from __future__ import annotations

import sys
from pathlib import Path

import nowcast

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "extensions"))

project = "nowcast"
author = "The nowcast developers"
copyright = author  # noqa: A001  (Sphinx's name)
version = release = nowcast.__version__

extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "sphinx_copybutton",
    "sphinx_design",
    "commands",
    "notebooks",
]
exclude_patterns = ["_build", "extensions"]
suppress_warnings = ["toc.empty_glob"]
nitpicky = True
# Other libraries' names are no links: their pages cannot be looked up without a network.
nitpick_ignore_regex = [("py:.*", r"(?!nowcast\.).*")]

html_theme = "pydata_sphinx_theme"
html_title = "nowcast"
html_static_path = ["_static"]
html_css_files = ["nowcast.css"]
html_show_sourcelink = False
html_theme_options = {
    "show_toc_level": 2,
    "navigation_with_keys": False,
    "navbar_align": "left",
    "header_links_before_dropdown": 8,
    "secondary_sidebar_items": {"**": ["page-toc"], "explanation/beside_others": []},  # a wide table
    "footer_start": ["copyright"],
    "footer_end": [],
}

# Markdown: pages are read on the web too, so anchors are those of GitHub.
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 4
copybutton_prompt_text = r">>> |\$ "
copybutton_prompt_is_regexp = True

# Docstrings are plain sentences with `code` in single backticks and numpydoc's sections.
default_role = "code"
autosummary_generate = True
autodoc_default_options = {"members": True, "member-order": "bysource"}
autodoc_typehints = "none"  # the signature shows them
python_maximum_signature_line_length = 88
napoleon_google_docstring = False
napoleon_use_rtype = False
napoleon_use_ivar = True

# Notebooks are kept without outputs, and executed here: in a folder of their own, again only if their code changed.
nb_execution_mode = "cache"
nb_execution_cache_path = str(HERE / "_build" / "executed")
nb_execution_in_temp = True
nb_execution_raise_on_error = True
nb_execution_timeout = 1200
nb_output_stderr = "remove"  # progress
nb_merge_streams = True
