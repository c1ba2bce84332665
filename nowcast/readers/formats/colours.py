"""What the colours of a palette mean: a value for each index, by a stated table."""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nowcast.errors import InputError

__all__ = ["TABLES", "ColourTable", "colour_table"]

LARGEST_FILE = 100_000


@dataclass(frozen=True)
class ColourTable:
    """Values by index, dims `(256,)`, NaN where an index means missing or nothing; and the field's attributes."""

    name: str
    values: np.ndarray
    attrs: dict[str, str]


def _meteoswiss() -> ColourTable:
    """MeteoSwiss AQC: R = (10^((v - 71.5) / 20) / 316)^(1 / 1.5) mm/h; v < 2 and 251 to 254 are dry, 255 is nodata.

    As read by pysteps' importer of this product (`import_mch_gif`, https://doi.org/10.5194/gmd-12-4185-2019).
    """
    code = np.arange(256)
    values = (10 ** ((code - 71.5) / 20) / 316) ** (1 / 1.5)
    values[(code < 2) | ((code > 250) & (code < 255))] = 0
    values[255] = np.nan
    attrs = {"units": "mm h-1", "standard_name": "rainfall_rate", "long_name": "rain rate"}
    return ColourTable("rain_rate", values.astype("float32"), attrs)


TABLES = {"meteoswiss": _meteoswiss}


def colour_table(told: str | None, *, label: str) -> ColourTable:
    """The table of that name, or in that CSV file: lines `index,value` (`nan` for missing), `# units: mm h-1` above.

    Raises
    ------
    InputError
        None was told, or it is neither a name nor such a file.
    """
    if told is None:
        raise InputError(
            f"{label}: a picture with a palette, which does not say what its colours mean",
            needed=f"a table: {', '.join(TABLES)}, or a CSV file of index,value",
            next_step=f"--colour-table {next(iter(TABLES))}, or --colour-table table.csv",
        )
    if told in TABLES:
        return TABLES[told]()
    path = Path(told)
    if not path.is_file() or path.stat().st_size > LARGEST_FILE:
        raise InputError(
            f"--colour-table {told!r} is no table", needed=f"{', '.join(TABLES)}, or a CSV file of index,value"
        )
    return _from_csv(path)


def _from_csv(path: Path) -> ColourTable:
    values = np.full(256, np.nan, dtype="float32")
    attrs = {"long_name": path.stem}
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
        for line in lines:
            said = re.match(r"#\s*(units|standard_name|long_name)\s*:\s*(.+)", line)
            if said:
                attrs[said[1]] = said[2].strip()
        for row in csv.reader(line for line in lines if line.strip() and not line.startswith("#")):
            index, value = row
            if row == ["index", "value"]:
                continue
            if not 0 <= int(index) < 256:
                raise ValueError(f"index {index} is not between 0 and 255")
            values[int(index)] = float(value)
    except (ValueError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: no table of colours", found=str(error), needed="lines index,value") from error
    name = re.sub(r"\W+", "_", attrs["long_name"]).strip("_").lower() or "field"
    return ColourTable(name, values, attrs)
