"""Which settings are searched, of which model, among what values: a closed table; and settings with such values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nowcast.config import Settings
from nowcast.errors import InputError

if TYPE_CHECKING:
    import optuna
    from optuna.distributions import BaseDistribution

__all__ = ["SEARCHED", "Space", "space_for", "with_values"]

EVERY = ("learning_rate", "width", "batch", "context", "patch")
SEARCHED: dict[str, tuple[str, ...]] = {
    "cascade": (*EVERY, "frame"),
    "convlstm": (*EVERY, "kernel"),
    "multiscale": (*EVERY, "kernel"),
    "predrnn": (*EVERY, "kernel"),
    "predrnn++": (*EVERY, "kernel"),
    "e3dlstm": EVERY,
}
"""Of each model, the settings that are searched unless the user sets them."""

PLACES = {
    "learning_rate": "training.learning_rate",
    "width": "model.hidden",
    "batch": "training.batch",
    "context": "windows.context",
    "patch": "windows.patch",
    "frame": "model.frame",
    "kernel": "model.kernel",
}
"""Where each of them stands among the settings."""

RATES = (2e-4, 1e-2)
WIDTHS = (0.5, 1.0, 2.0)
"""Channels of each layer, times those of the model itself."""

BATCHES = (2, 4, 8, 16)
PATCHES = (32, 64, 128, 256)
KERNELS = (3, 5)
LEAST_CHANNELS = 4


@dataclass(frozen=True)
class Space:
    """What is searched: of each name its values; of a learning rate, the ends of a range.

    `hidden` are the channels that `width` is a multiple of.
    """

    values: dict[str, tuple[Any, ...]]
    hidden: tuple[int, ...]

    def distributions(self) -> dict[str, BaseDistribution]:
        from optuna.distributions import CategoricalDistribution, FloatDistribution

        made: dict[str, BaseDistribution] = {
            name: CategoricalDistribution(values) for name, values in self.values.items() if name != "learning_rate"
        }
        if "learning_rate" in self.values:
            low, high = self.values["learning_rate"]
            made["learning_rate"] = FloatDistribution(low, high, log=True)
        return made

    def suggested(self, trial: optuna.Trial) -> dict[str, Any]:
        """The values of a trial."""
        return {
            name: trial.suggest_float(name, values[0], values[1], log=True)
            if name == "learning_rate"
            else trial.suggest_categorical(name, values)
            for name, values in self.values.items()
        }

    def plain(self) -> dict[str, list[Any]]:
        """For JSON."""
        return {name: list(values) for name, values in self.values.items()}

    @classmethod
    def of(cls, values: Mapping[str, Sequence[Any]], hidden: Sequence[int]) -> Space:
        """From what `plain` told.

        Raises
        ------
        ValueError
            Names that are not searched of any model.
        """
        if not values or not set(values) <= set(PLACES):
            raise ValueError(f"searched: {', '.join(map(str, values)) or 'nothing'}")
        return cls({name: tuple(each) for name, each in values.items()}, tuple(int(each) for each in hidden))

    def usual(self, resolved: Settings) -> dict[str, Any]:
        """What fit would choose, as far as it is among what is searched."""
        found: dict[str, Any] = {}
        for name, values in self.values.items():
            room, key = PLACES[name].split(".")
            value = 1.0 if name == "width" else getattr(getattr(resolved, room), key)
            if name == "learning_rate" or value in values:
                found[name] = value
        return found


def space_for(asked: Settings, resolved: Settings, *, side: int, contexts: Sequence[int]) -> Space:
    """What is left to be searched for a model.

    Parameters
    ----------
    asked
        What the user set is held fast.
    resolved
        The same, with what fit would choose.
    side
        Of the smallest field, in pixels.
    contexts
        Numbers of frames that can be given.

    Raises
    ------
    InputError
        The user has set all of it.
    """
    name = resolved.model.name
    hidden = tuple(resolved.model.hidden or ())
    choices: dict[str, tuple[Any, ...]] = {
        "learning_rate": RATES,
        "width": WIDTHS if hidden else (),
        "batch": BATCHES,
        "context": tuple(contexts),
        "patch": tuple(patch for patch in PATCHES if patch <= side),
        "frame": ("still", "lagrangian"),
        "kernel": KERNELS,
    }
    held = {each for each in SEARCHED[name] if _is_set(asked, PLACES[each])}
    values = {each: choices[each] for each in SEARCHED[name] if each not in held and len(choices[each]) > 1}
    if not values:
        raise InputError(
            f"nothing is left to be searched for {name}",
            found=f"set already: {', '.join(PLACES[each] for each in sorted(held))}",
            next_step="leave some of them out of the configuration and the flags",
        )
    return Space(values, hidden)


def with_values(settings: Settings, space: Space, values: Mapping[str, Any]) -> Settings:
    """The settings with a trial's values in their places."""
    rooms: dict[str, dict[str, Any]] = {}
    for name, value in values.items():
        room, key = PLACES[name].split(".")
        rooms.setdefault(room, {})[key] = _hidden(space.hidden, value) if name == "width" else value
    held = {room: getattr(settings, room).model_copy(update=update) for room, update in rooms.items()}
    return settings.model_copy(update=held)


def _hidden(channels: Sequence[int], width: float) -> tuple[int, ...]:
    return tuple(max(LEAST_CHANNELS, round(each * width)) for each in channels)


def _is_set(settings: Settings, place: str) -> bool:
    room, key = place.split(".")
    held = getattr(settings, room)
    return key in held.model_fields_set and getattr(held, key) is not None
