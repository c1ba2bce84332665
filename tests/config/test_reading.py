"""Flags over file over defaults; what is wrong is told all at once; nothing in a file is executed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from nowcast.config import FLAGS, Settings, dump, resolve
from nowcast.errors import InputError, UnsafeError
from nowcast.plain_yaml import LARGEST_FILE


@pytest.fixture
def write(tmp_path: Path) -> Any:
    def text(content: str) -> Path:
        path = tmp_path / "radar.yaml"
        path.write_text(content)
        return path

    return text


def value_of(settings: Settings, where: str) -> Any:
    room, key = where.split(".")
    return getattr(getattr(settings, room), key)


SAMPLES: dict[str, Any] = {
    "variable": "rain", "channel": "2", "context": 7, "horizon": 9, "stride": 2, "patch": 32, "scaling": "db",
    "model": "convlstm", "frame": "lagrangian", "output": "chances",
    "hidden": (5, 6), "kernel": 5, "epochs": 3, "max_minutes": 1.5, "batch": 2,
    "axes": "TYX", "time_step": "30s", "start_time": "2026-05-01", "pixel_size": "1km", "z": "max", "rgb": True,
    "colour_table": "meteoswiss", "trust_pickle": True, "missing": "nan", "missing_value": 0.0, "classes": "7,8",
    "zr": "223,1.53", "since": "2026-05-01", "until": "2026-05-02", "crop": "0:8,0:8", "coarsen": 2, "size": "8x8",
    "fractions": (0.8, 0.2, 0.0),
    "gaps": "hold", "max_missing": 2, "remote": True, "memory": "1.5GiB", "workers": 2,
    "events": "motion", "weights": (2.0, 1.0), "augment": "flips",
    "loss": {"mae": 2.0}, "optimiser": "adam", "learning_rate": 0.5, "adversarial": 0.02,
    "schedule": "one_cycle", "accumulate": 4, "ema": 0.99, "monitor": "csi@1mm/h",
    "precision": "bfloat16", "low_memory": True, "seed": 11, "log": "tensorboard",
    "thresholds": (1.0, 2.0),
}  # fmt: skip


# Flags, file, defaults


def test_every_flag_sets_a_setting_that_exists() -> None:
    assert set(SAMPLES) == set(FLAGS)
    for name, where in FLAGS.items():
        room, key = where.split(".")
        annotation = Settings.model_fields[room].annotation
        assert isinstance(annotation, type)
        assert issubclass(annotation, BaseModel)
        assert key in annotation.model_fields
        assert value_of(resolve(flags={"model": "convlstm", name: SAMPLES[name]}), where) == SAMPLES[name]


def test_flags_win_over_the_file_and_the_file_over_the_defaults(write: Any) -> None:
    path = write("training:\n  epochs: 7\n  batch: 4\nwindows:\n  context: 5\n")
    settings = resolve(path, {"epochs": 9, "horizon": 3})
    assert (settings.training.epochs, settings.training.batch) == (9, 4)
    assert (settings.windows.context, settings.windows.horizon) == (5, 3)
    assert settings.training.optimiser == Settings().training.optimiser


def test_pickles_are_trusted_by_the_flag_alone_and_once(write: Any) -> None:
    path = write("data:\n  trust_pickle: true\n")
    with pytest.raises(UnsafeError, match=r"(?s)radar\.yaml: data\.trust_pickle.*--trust-pickle"):
        resolve(path)
    settings = resolve(path, {"trust_pickle": True})
    assert settings.data.trust_pickle
    assert not resolve(write(dump(settings))).data.trust_pickle


def test_a_flag_that_is_not_given_changes_nothing(write: Any) -> None:
    path = write("training:\n  epochs: 7\n")
    assert resolve(path, {"epochs": None, "batch": None}) == resolve(path)
    assert resolve() == resolve(None, {}) == Settings()


def test_flags_are_not_changed_by_what_they_set(write: Any) -> None:
    flags = {"epochs": 9, "loss": {"mse": 1.0}}
    resolve(write("training:\n  epochs: 7\n"), flags)
    assert flags == {"epochs": 9, "loss": {"mse": 1.0}}


def test_an_empty_file_says_nothing(write: Any) -> None:
    assert resolve(write("")) == Settings()
    assert resolve(write("# only a comment\n")) == Settings()


@pytest.mark.parametrize(
    "flags", [{}, SAMPLES, *({name: value} for name, value in SAMPLES.items())], ids=lambda flags: " ".join(flags)[:20]
)
def test_what_is_dumped_resolves_to_the_same_settings(write: Any, flags: dict[str, Any]) -> None:
    settings = resolve(flags={"model": "convlstm", **flags})
    safe = settings.model_copy(update={"data": settings.data.model_copy(update={"trust_pickle": False})})
    assert resolve(write(dump(settings))) == safe


def test_numbers_are_read_as_people_write_them(write: Any) -> None:
    settings = resolve(write("training:\n  learning_rate: 1e-3\n  max_minutes: 2\nmodel:\n  hidden: [8, 8]\n"))
    assert settings.training.learning_rate == 0.001
    assert settings.training.max_minutes == 2.0
    assert settings.model.hidden == (8, 8)


# What is refused


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("training:\n  epoch: 3\n", "training.epoch is not a setting; did you mean epochs?"),
        ("trainnig:\n  epochs: 3\n", "trainnig is not a setting; did you mean training?"),
        ("windows:\n  horizont: 3\n", "windows.horizont is not a setting; did you mean horizon?"),
        ("model:\n  zzz: 3\n", "model.zzz is not a setting"),
    ],
)
def test_an_unknown_key_is_told_its_nearest_neighbour(write: Any, text: str, said: str) -> None:
    with pytest.raises(InputError, match=r"radar.yaml: 1 setting.s. are not right; nothing was done") as caught:
        resolve(write(text))
    assert caught.value.found == said


def test_all_that_is_wrong_is_told_at_once_flags_by_their_own_name(write: Any) -> None:
    path = write("windows:\n  context: 0\n  stride: often\nmodel:\n  name: unet\n")
    with pytest.raises(InputError, match="5 setting") as caught:
        resolve(path, {"max_minutes": -1, "learning_rate": "fast"})
    found = str(caught.value.found).replace("\n", " ")
    for words in ("windows.context", "windows.stride", "'often'", "model.name", "--max-minutes", "--learning-rate"):
        assert words in found
    assert "--context" not in found, "what the file said is not called a flag"
    assert "training.learning_rate" not in found


def test_wrong_flags_without_a_file_are_told_as_options() -> None:
    with pytest.raises(InputError, match="the options: 1 setting") as caught:
        resolve(flags={"hidden": []})
    assert "--hidden" in str(caught.value)


WRONG = {
    "epochs": 0, "max_minutes": 0, "batch": 0, "patch": -1, "seed": -1, "loss": {}, "optimiser": "sgd",
    "scaling": "minmax", "kernel": "x", "context": 2.5, "thresholds": "high", "learning_rate": float("nan"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_a_value_that_cannot_be_is_refused(name: str) -> None:
    with pytest.raises(InputError, match="--" + name.replace("_", "-")):
        resolve(flags={name: WRONG[name]})


@pytest.mark.parametrize(
    "text",
    [
        "teaching: forced",
        "lead_weights: [1, 0]",
        "lead_weights: [1, -1]",
        "lead_weights: [.inf]",
        "thresholds: []",
        "thresholds: [.nan]",
    ],
)
def test_learning_that_means_nothing_is_refused_by_its_setting(write: Any, text: str) -> None:
    with pytest.raises(InputError, match="training." + text.split(":")[0]):
        resolve(write(f"training: {{{text}}}\n"))


@pytest.mark.parametrize(
    "text",
    [
        "training: !!python/object/apply:os.system ['true']\n",
        "training:\n  epochs: !!int 3\n",
        "a: &all {epochs: 3}\ntraining: *all\n",
        "base: &base\n  epochs: 3\ntraining:\n  <<: *base\n",
        "a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n",
    ],
    ids=["object", "tag", "alias", "merge", "laughs"],
)
def test_tags_and_aliases_are_refused_as_unsafe(write: Any, text: str) -> None:
    with pytest.raises(UnsafeError, match="tags and aliases are not read"):
        resolve(write(text))


def test_a_file_too_large_for_settings_is_refused_unread(write: Any) -> None:
    path = write("#" * (LARGEST_FILE + 1))
    with pytest.raises(UnsafeError, match="too large"):
        resolve(path)
    assert resolve(write("#" * LARGEST_FILE)) == Settings()


def test_what_is_no_configuration_is_refused(write: Any, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such configuration file"):
        resolve(tmp_path / "none.yaml")
    for text in ("training: [", "a: b: c", "\t- x"):
        with pytest.raises(InputError, match="this is not YAML"):
            resolve(write(text))
    with pytest.raises(InputError, match="mapping of rooms"):
        resolve(write("- training\n"))
    (tmp_path / "bytes.yaml").write_bytes(b"\xff\xfe\x00\x01")
    with pytest.raises(InputError, match="this is not YAML"):
        resolve(tmp_path / "bytes.yaml")
    with pytest.raises(InputError, match="training"):
        resolve(write("training: fast\n"), {"epochs": 3})


@pytest.mark.parametrize("text", ["", "much", "-2GB", "2PB", "0GB", "GB"])
def test_what_is_no_size_of_memory_is_refused_by_its_flag(text: str) -> None:
    with pytest.raises(InputError, match=r"--memory: .*no size of memory, such as 2GB"):
        resolve(flags={"memory": text})
