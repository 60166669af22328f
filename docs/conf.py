"""Sphinx's configuration: `make docs` builds these pages into `docs/_build`, without a network."""

import logging
import os
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

# Before anything imports Airflow, which reads its settings here, and writes a key of its own to them.
airflow_home = TemporaryDirectory(prefix="airflow-docs-")
os.environ["AIRFLOW_HOME"] = airflow_home.name
logging.getLogger("airflow").setLevel(logging.WARNING)
sys.path.insert(0, str(Path(__file__).parent))

from airflow_wisdom import __version__  # noqa: E402 - see above

project = "airflow-wisdom"
author = "the authors of airflow-wisdom"
version = release = __version__

extensions = ["generated", "myst_parser", "narrow", "parameters", "sphinx.ext.autodoc", "sphinx_copybutton"]
exclude_patterns = ["_build", "system-table.md"]
# In the docstrings, `name` in single backticks is a parameter.
default_role = "code"

autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented_params"
autodoc_typehints_format = "short"
maximum_signature_line_length = 80
python_display_short_literal_types = True
python_use_unqualified_type_names = True

# What is copied are the commands alone, without what they print.
copybutton_prompt_text = "$ "
copybutton_line_continuation_character = "\\"

myst_enable_extensions = ["attrs_inline", "colon_fence", "deflist"]
myst_heading_anchors = 3

# Names that docstrings and annotations mention without a page of their own here.
nitpick_ignore_regex = [
    # Other people's classes: their inventories would have to be downloaded.
    (r"py:.*", r"(airflow|asyncio|botocore|collections|datetime|openlineage|os|pathlib|threading|typing)\..*"),
    (r"py:class", r"AbstractContextManager|Asset|AssetWatcher|Connection|Context|Dataset|Event|OperatorLineage|Path"),
    (r"py:class", r"PokeReturnValue|SplitResult|TaskInstanceKey|TriggerEvent|datetime|timedelta"),
    (r"py:class", r"BaseTrigger|ObjectStoragePath|OperationModel|OperatorPartial|UploadSource|XComArg"),
    # Values of a Literal, its name, other names of types, and a type variable.
    (r"py:class", r"'\w+'|Field|Format|Flow|Knows|Kind|Step|Verb|Where|T|Values?|ABFSS|WASBS"),
]

html_theme = "furo"
html_static_path = ["_static"]
html_css_files = ["custom.css"]
html_title = f"airflow-wisdom {__version__}"
html_copy_source = False
html_show_copyright = False
html_theme_options = {"navigation_with_keys": True}


def signature(_app: Any, what: str, name: str, obj: Any, _options: Any, text: str, returns: str) -> tuple[str, str]:
    """Leave out constructors that nobody calls by hand: inherited ones of exceptions, and of AWS's answers."""
    ours = what == "exception" and name.startswith("airflow_wisdom.exceptions.")
    inherited = ours and "__init__" not in vars(obj)
    return ("", returns) if inherited or name == "airflow_wisdom.model.import_job.ImportJob" else (text, returns)


def setup(app: Any) -> None:
    """Connect the above."""
    app.connect("autodoc-process-signature", signature)
