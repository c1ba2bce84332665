"""Which variable of a dataset is the field: the one that is asked for, or the only one on a grid."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

import xarray as xr

from nowcast import products
from nowcast.errors import InputError
from nowcast.readers.labelling.axes import meanings, roles

__all__ = ["REFERENCES", "Field", "SeveralFieldsError", "candidates", "pick", "shown_dims", "words"]

REFERENCES = ("bounds", "climatology", "ancillary_variables", "cell_measures", "formula_terms")
"""Attributes of CF that name other variables."""


class SeveralFieldsError(InputError):
    """A file holds several fields, and nobody said which."""


@dataclass(frozen=True)
class Field:
    """A variable on a grid: the roles of its dims by their source names, and whether y and x are told or guessed."""

    name: str
    roles: dict[str, str]
    sure: bool

    def dim(self, role: str) -> str | None:
        return next((dim for dim, found in self.roles.items() if found == role), None)


def candidates(dataset: xr.Dataset) -> list[Field]:
    """The variables that can be the field: numbers on y and x, no coordinate, bounds, grid mapping or quality flag."""
    known = meanings(dataset)
    helpers = _referenced(dataset)
    fields = []
    for key, variable in dataset.variables.items():
        name = str(key)
        if variable.dtype.kind not in "iuf" or variable.ndim < 2 or name in helpers or name in known:
            continue
        if "grid_mapping_name" in variable.attrs or name in dataset.coords:
            continue
        found, sure = roles(dataset, tuple(map(str, variable.dims)), known)
        if {"y", "x"} <= set(found.values()):
            fields.append(Field(name, found, sure))
    for kept in (
        [field for field in fields if field.sure],
        [field for field in fields if not _is_flag(dataset.variables[field.name])],
        [field for field in fields if field.dim("time") or field.dim("lead_time")],
    ):
        names = {field.name for field in kept}
        left = [field for field in fields if field.name in names]
        fields = left or fields
    return fields


def pick(dataset: xr.Dataset, label: str, variable: str | None) -> Field:
    """The variable asked for, the one of which all others are products, or the only one that there is.

    Raises
    ------
    InputError
        An unknown name, with the nearest; none that is a field.
    SeveralFieldsError
        Several, listed with the flag to choose by.
    """
    if variable is not None:
        return _asked(dataset, label, variable)
    fields = candidates(dataset)
    named = [field for field in fields if field.name == dataset.attrs.get(products.VARIABLE)]
    if named:
        return named[0]
    if not fields:
        shapes = [f"{name}{shown_dims(dataset, str(name))}" for name in list(dataset.variables)[:8]]
        raise InputError(
            f"{label}: holds no field on a grid",
            found=", ".join(shapes) or "no variables",
            needed="a numeric variable with the dims y and x (and time)",
        )
    if len(fields) > 1:
        lines = []
        for field in fields:
            attrs = dataset.variables[field.name].attrs
            told = attrs.get("long_name") or attrs.get("standard_name") or ""
            lines.append(f"{field.name} {shown_dims(dataset, field.name)} {told}".rstrip())
        raise SeveralFieldsError(
            f"{label}: holds {len(fields)} fields, choose one",
            found=("\n" + " " * 10).join(lines),
            next_step=f"--variable {fields[0].name}   (Python: variable={fields[0].name!r})",
        )
    return fields[0]


def _asked(dataset: xr.Dataset, label: str, variable: str) -> Field:
    names = [str(name) for name in dataset.variables]
    if variable not in names:
        near = get_close_matches(variable, names, n=1, cutoff=0.5)
        usable = [field.name for field in candidates(dataset)]
        raise InputError(
            f"{label}: no variable {variable!r}" + (f"; did you mean {near[0]!r}?" if near else ""),
            found=", ".join(usable or names),
            next_step=f"--variable {(near or usable or names or ['NAME'])[0]}",
        )
    found, sure = roles(dataset, tuple(map(str, dataset.variables[variable].dims)), meanings(dataset))
    if not {"y", "x"} <= set(found.values()) or dataset.variables[variable].dtype.kind not in "iuf":
        raise InputError(
            f"{label}: variable {variable!r} is no field on a grid",
            found=f"{dataset.variables[variable].dtype}, dims {shown_dims(dataset, variable)}",
            needed="numbers with the dims y and x (and time)",
        )
    return Field(variable, found, sure)


def shown_dims(dataset: xr.Dataset, name: str) -> str:
    """The dims of a variable as messages tell them: `(time 12, y 8, x 10)`."""
    variable = dataset.variables[name]
    return "(" + ", ".join(f"{dim} {size}" for dim, size in variable.sizes.items()) + ")"


def words(value: Any) -> list[str]:
    """The names in an attribute of CF: `area: cell_area` and `lat lon` alike."""
    return value.replace(":", " ").split() if isinstance(value, str) else []


def _referenced(dataset: xr.Dataset) -> set[str]:
    names: set[str] = set(words(dataset.attrs.get("coordinates")))
    for variable in dataset.variables.values():
        for key in (*REFERENCES, "coordinates", "grid_mapping"):
            names.update(words(variable.attrs.get(key)))
    return names


def _is_flag(variable: xr.Variable) -> bool:
    standard = str(variable.attrs.get("standard_name", ""))
    flags = {"flag_values", "flag_masks", "flag_meanings"} & set(variable.attrs)
    return bool(flags) or standard.endswith(("status_flag", "quality_flag"))
