"""Notebooks as they are executed: their own cells, told to be quick."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

DATA = Path(__file__).parents[3] / "shared" / "data"
SHOWN: dict[str, dict[str, Any]] = {
    "radar": {"CROP": "128:384,128:384"},
    "satellite": {"CROP": "60:220,300:460"},
    "microscopy": {},
    "video": {"COARSEN": 4},
}
"""What the notebooks are told here otherwise than in their parameters, to be quick."""
MINUTES = 1.0


def _as_executed(app: Any, name: str, source: list[str]) -> None:
    """A notebook's own cells, told after its parameters to be quick, and where the files lie."""
    folder, _, world = name.partition("/")
    if folder != "notebooks" or app.config.nb_execution_mode == "off":
        return
    notebook = json.loads(source[0])
    cells = notebook["cells"]
    place = next(index for index, cell in enumerate(cells) if "parameters" in cell["metadata"].get("tags", ()))
    own = "".join(cells[place]["source"])
    file = re.search(r'Path\("(?:\.\./)+shared/data/([^"]+)"\)', own)
    real = file is not None and (DATA / file[1]).exists()
    told = {"MINUTES": MINUTES, **(SHOWN[world] if real else {})}
    words = ", ".join(f"`{key} = {value!r}`" for key, value in told.items())
    which = "the files named above" if real else "synthetic data, for the files named above were not at hand"
    note = f"*What follows was executed as this page was built, with {words}, on {which}.*"
    code = "\n".join(f"{key} = {value!r}" for key, value in told.items())
    if real:
        code += f"\nimport os; os.symlink({os.fspath(DATA)!r}, 'data')"
        code += f"\nFILE{'S' if 'FILES' in own else ''} = " + _path_within(own)
    hidden = {"cell_type": "code", "metadata": {"tags": ["remove-cell"]}, "outputs": [], "source": code}
    shown = {"cell_type": "markdown", "metadata": {}, "source": note}
    for number, cell in enumerate((shown, {**hidden, "execution_count": None})):
        cells.insert(place + 1 + number, {**cell, "id": f"told-{number}"})
    source[0] = json.dumps(notebook)


def _path_within(parameters: str) -> str:
    """The notebook's own expression for its files, by the link to them in the folder it is executed in."""
    expression = re.search(r"^FILES? = (.*?)(?:  #.*)?$", parameters, flags=re.M)
    if expression is None:
        raise ValueError("no FILE or FILES among the parameters")
    return re.sub(r"(?:\.\./)+shared/data", "data", expression[1])


def setup(app: Any) -> dict[str, bool]:
    app.connect("source-read", _as_executed)
    return {"parallel_read_safe": True}
