"""A file and flags go in, settings come out, and what is wrong is told all at once, in the user's own words."""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from nowcast.config.settings import FLAGS, Settings
from nowcast.errors import InputError, UnsafeError
from nowcast.plain_yaml import read_plain

__all__ = ["dump", "flat", "resolve"]


def resolve(path: str | os.PathLike[str] | None = None, flags: Mapping[str, Any] | None = None) -> Settings:
    """Settings from a YAML file, if any, with flags over it; a flag of None is not set.

    Raises
    ------
    InputError
        No such file, no YAML, an unknown key (the nearest one is named), or a value of the wrong kind.
    UnsafeError
        YAML that asks for objects, or that refers to itself; a file that would have data unpickled, where no flag does.
    """
    plain = {} if path is None else read_plain(Path(path))
    _require_no_risk(path, plain, flags or {})
    given = {FLAGS[name]: value for name, value in (flags or {}).items() if value is not None}
    for where, value in given.items():
        room, key = where.split(".")
        if not isinstance(plain.setdefault(room, {}), dict):
            break
        plain[room] = {**plain[room], key: value}
    try:
        return Settings.model_validate(plain)
    except ValidationError as error:
        raise InputError(
            f"{path or 'the options'}: {error.error_count()} setting(s) are not right; nothing was done",
            found="\n          ".join(_explain(error, set(given))),
            next_step="every setting with its meaning: nowcast config --all",
        ) from error


def dump(settings: Settings) -> str:
    """The settings as YAML that `resolve` reads back to the same settings, but for the risk that is taken once."""
    plain = settings.model_dump(mode="json")
    plain["data"]["trust_pickle"] = False
    text: str = yaml.safe_dump(plain, sort_keys=False)
    return text


def _require_no_risk(path: str | os.PathLike[str] | None, plain: Mapping[str, Any], flags: Mapping[str, Any]) -> None:
    """Refuse a file that trusts pickles on behalf of whom it is given to."""
    data = plain.get("data")
    if isinstance(data, dict) and data.get("trust_pickle") and not flags.get("trust_pickle"):
        raise UnsafeError(
            f"{path}: data.trust_pickle would let data run any program, which no file can allow; nothing was read",
            next_step="take it out of the file; where you know who made the data: --trust-pickle",
        )


def flat(settings: Settings) -> dict[str, Any]:
    """Each setting by its room and its name, `training.learning_rate`; those that are not set are left out."""
    rooms = settings.model_dump(mode="json", exclude_none=True)
    return {f"{room}.{name}": value for room, held in rooms.items() for name, value in held.items()}


def _explain(error: ValidationError, given: set[str]) -> Iterator[str]:
    flag_of = {where: "--" + name.replace("_", "-") for name, where in FLAGS.items()}
    for entry in error.errors():
        where = ".".join(str(part) for part in entry["loc"])
        setting = ".".join(str(part) for part in entry["loc"][:2])
        name = flag_of[setting] if setting in given else where
        if entry["type"] == "extra_forbidden":
            nearest = difflib.get_close_matches(str(entry["loc"][-1]), _names(entry["loc"][:-1]), n=1)
            yield f"{where} is not a setting" + (f"; did you mean {nearest[0]}?" if nearest else "")
        else:
            yield f"{name}: {entry['msg']} (found {entry['input']!r})"


def _names(loc: tuple[Any, ...]) -> list[str]:
    room = Settings if not loc else Settings.model_fields[str(loc[0])].annotation
    return list(room.model_fields) if isinstance(room, type) and issubclass(room, BaseModel) else []
