"""The model file: the same bits back, and nothing executed."""

from __future__ import annotations

import json
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import xarray as xr
from safetensors import safe_open
from safetensors.torch import save_file

from nowcast import model_file
from nowcast.errors import InputError
from nowcast.model_file import Card, tensor_file
from nowcast.model_file.card import FORMAT
from nowcast.models import Forecaster, build
from nowcast.scaling import Scaler

Carder = Callable[..., Card]
KEYWORDS = {"channels": 1, "masked": True, "hidden": [4, 4], "kernel": 3, "patch": 2, "blend": True}


def tiny(seed: int = 0) -> Forecaster:
    torch.manual_seed(seed)
    model = build("convlstm", KEYWORDS)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return model


@pytest.fixture
def saved(card_of: Carder, cube: xr.DataArray, tmp_path: Path) -> Path:
    return model_file.save(tmp_path / "model.safetensors", tiny(), card_of(cube))


def with_card(path: Path, change: Callable[[dict[str, Any]], Any]) -> Path:
    """The same weights under another story."""
    with safe_open(path, framework="pt") as file:
        plain = json.loads(file.metadata()["nowcast"])
        weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    plain.pop("sha256")
    changed = change(plain)
    if isinstance(changed, dict):
        path.write_bytes(tensor_file.packed(changed, weights))
    else:
        save_file(weights, path, metadata={"nowcast": changed if isinstance(changed, str) else json.dumps(changed)})
    return path


# There and back


def test_what_is_loaded_answers_in_the_same_bits(card_of: Carder, saved: Path, cube: xr.DataArray) -> None:
    forecaster, card = model_file.load(saved)
    context = torch.rand(2, 3, 2, 9, 10)
    with torch.no_grad():
        assert torch.equal(forecaster(context, 4), tiny()(context, 4))
        assert not torch.equal(forecaster(context, 4), tiny(seed=1)(context, 4))
    assert not forecaster.training
    assert card == card_of(cube)
    assert Scaler.from_dict(card.scaler) == Scaler.fit(cube)


def test_the_card_lies_in_the_file_as_json_and_round_trips(card_of: Carder, saved: Path, cube: xr.DataArray) -> None:
    with safe_open(saved, framework="pt") as file:
        plain = json.loads(file.metadata()["nowcast"])
    assert len(plain.pop("sha256")) == 64
    assert Card(**plain) == card_of(cube)
    assert plain["format"] == FORMAT
    assert set(plain["versions"]) >= {"nowcast", "torch"}


def test_saving_and_loading_leave_no_other_file(saved: Path) -> None:
    model_file.load(saved)
    assert [path.name for path in saved.parent.iterdir()] == ["model.safetensors"]


def test_a_failure_leaves_the_previous_file_as_it_was(
    card_of: Carder, saved: Path, cube: xr.DataArray, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = saved.read_bytes()
    write = Path.write_bytes

    def half(path: Path, data: bytes) -> int:
        write(path, data[: len(data) // 2])
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr(Path, "write_bytes", half)
    with pytest.raises(Exception, match="could not be written; nothing in its place was changed"):
        model_file.save(saved, tiny(seed=1), card_of(cube))
    monkeypatch.undo()
    assert saved.read_bytes() == before
    assert [path.name for path in saved.parent.iterdir()] == ["model.safetensors"]


def test_a_file_from_before_gaps_were_told_skips_them(card_of: Carder, saved: Path, cube: xr.DataArray) -> None:
    gaps = {"policy": "hold", "most": 2}
    assert model_file.load_card(model_file.save(saved, tiny(), card_of(cube, gaps=gaps))).gaps == gaps
    older = with_card(saved, lambda card: {key: value for key, value in card.items() if key != "gaps"})
    assert model_file.load_card(older).gaps == {"policy": "skip", "most": 0}


def test_a_file_remembers_to_whom_its_model_lost_and_an_older_one_does_not(
    card_of: Carder, saved: Path, cube: xr.DataArray
) -> None:
    lost = {"against": "advection", "score": "mse", "lead_seconds": [300.0], "sure": True}
    verdict = {"reference_times": 4, "threshold": None, "units": "mm h-1", "lost": [lost]}
    assert model_file.load_card(model_file.save(saved, tiny(), card_of(cube, verdict=verdict))).verdict == verdict
    older = with_card(saved, lambda card: {key: value for key, value in card.items() if key != "verdict"})
    assert model_file.load_card(older).verdict == {}
    with pytest.raises(InputError, match="cannot be read"):
        model_file.load_card(with_card(saved, lambda card: {**card, "verdict": {"lost": "never"}}))


# What is refused


def test_a_file_that_is_not_there_is_told_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such model file") as caught:
        model_file.load(tmp_path / "model.safetensors")
    assert "nowcast fit" in str(caught.value)
    with pytest.raises(InputError, match="no such model file"):
        model_file.load(tmp_path)


def test_text_is_no_model(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    path.write_text("a readme, renamed\n" * 20)
    with pytest.raises(InputError, match="not a model file, or it is damaged"):
        model_file.load(path)
    path.write_bytes(b"")
    with pytest.raises(InputError, match="not a model file, or it is damaged"):
        model_file.load(path)


@pytest.mark.parametrize("share", [0.02, 0.5, 0.99])
def test_half_a_file_is_damaged(saved: Path, share: float) -> None:
    whole = saved.read_bytes()
    saved.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(InputError, match=r"model.safetensors: (this is not a model file, or it is damaged|damaged)"):
        model_file.load(saved)


def test_weights_of_somebody_else_are_refused(tmp_path: Path) -> None:
    for metadata in (None, {"format": "pt"}):
        save_file({"weight": torch.zeros(3)}, tmp_path / "other.safetensors", metadata=metadata)
        with pytest.raises(InputError, match="a safetensors file, but not one of nowcast"):
            model_file.load(tmp_path / "other.safetensors")


class Trap:
    """Touches a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.path),)


def test_a_pickle_by_the_name_of_a_model_is_refused_and_not_executed(tmp_path: Path) -> None:
    sprung = tmp_path / "sprung"
    for write in (
        lambda path: path.write_bytes(pickle.dumps(Trap(sprung))),
        lambda path: torch.save({"state_dict": Trap(sprung)}, path),
    ):
        write(tmp_path / "model.safetensors")
        with pytest.raises(InputError, match="not a model file"):
            model_file.load(tmp_path / "model.safetensors")
        assert not sprung.exists()
    pickle.loads(pickle.dumps(Trap(sprung)))
    assert sprung.exists(), "the trap works"


def test_a_file_of_a_newer_format_asks_for_an_update(saved: Path) -> None:
    newer = with_card(saved, lambda card: {**card, "format": FORMAT + 1, "versions": {"nowcast": "9.9"}, "more": 1})
    with pytest.raises(InputError, match=r"written by a newer nowcast \(9.9\)") as caught:
        model_file.load(newer)
    assert caught.value.next_step == "update nowcast"


def test_a_file_of_the_first_format_had_no_checksum_and_is_read(
    card_of: Carder, saved: Path, cube: xr.DataArray
) -> None:
    first = with_card(saved, lambda card: json.dumps({**card, "format": 1}))
    forecaster, card = model_file.load(first)
    assert card == card_of(cube, format=1)
    assert all(torch.equal(own, other) for own, other in zip(forecaster.parameters(), tiny().parameters(), strict=True))


def test_every_flipped_bit_is_noticed(saved: Path) -> None:
    whole = saved.read_bytes()
    places = [*range(40), *range(40, len(whole), len(whole) // 150)]
    for number, place in enumerate(places):
        flipped = bytearray(whole)
        flipped[place] ^= 1 << number % 8
        saved.write_bytes(flipped)
        for read in (model_file.load, model_file.load_card):
            with pytest.raises(InputError):
                read(saved)


def test_weights_that_are_not_finite_are_refused(card_of: Carder, saved: Path, cube: xr.DataArray) -> None:
    forecaster = tiny()
    next(forecaster.parameters()).data.view(-1)[0] = torch.nan
    with pytest.raises(InputError, match="not finite"):
        model_file.load(model_file.save(saved, forecaster, card_of(cube)))


STORIES: dict[str, tuple[Callable[[dict[str, Any]], Any], str]] = {
    "no json": (lambda card: "{", "not a model file"),
    "a list": (lambda card: [1], "not a model file"),
    "a field too few": (lambda card: {k: v for k, v in card.items() if k != "scaler"}, "cannot be read"),
    "a default too few": (lambda card: {k: v for k, v in card.items() if k != "format"}, "cannot be read"),
    "a field too many": (lambda card: {**card, "code": "1"}, "cannot be read"),
    "no horizon": (lambda card: {**card, "horizon": 0}, "cannot be read"),
    "half a frame": (lambda card: {**card, "context": 2.5}, "cannot be read"),
    "no time step": (lambda card: {**card, "time_step_seconds": 0}, "cannot be read"),
    "a step in words": (lambda card: {**card, "time_step_seconds": "5 min"}, "cannot be read"),
    "gaps of another kind": (lambda card: {**card, "gaps": {"policy": "guess", "most": 1}}, "cannot be read"),
    "gaps without a limit": (lambda card: {**card, "gaps": {"policy": "hold"}}, "cannot be read"),
    "gaps with more": (lambda card: {**card, "gaps": {"policy": "hold", "most": 1, "fill": 0}}, "cannot be read"),
    "half a missing frame": (lambda card: {**card, "gaps": {"policy": "hold", "most": 0.5}}, "cannot be read"),
    "a limit that is a truth": (lambda card: {**card, "gaps": {"policy": "hold", "most": True}}, "cannot be read"),
    "no frame may be missing": (lambda card: {**card, "gaps": {"policy": "mask", "most": 0}}, "cannot be read"),
    "skipped and missing": (lambda card: {**card, "gaps": {"policy": "skip", "most": 1}}, "cannot be read"),
    "no gaps": (lambda card: {**card, "gaps": None}, "cannot be read"),
    "missing untold": (
        lambda card: {**card, "masked": False, "gaps": {"policy": "mask", "most": 1}},
        "cannot be read",
    ),
    "no scaler": (lambda card: {**card, "scaler": {}}, "scaler is not one"),
    "a scaler in words": (lambda card: {**card, "scaler": "log"}, "scaler is not one"),
    "an unknown model": (lambda card: {**card, "model": "convltsm"}, "model 'convltsm' is not known"),
    "a class for a model": (lambda card: {**card, "model": "os.system"}, "is not known"),
    "a wrong keyword": (lambda card: {**card, "keywords": {"depth": 3}}, "no keyword 'depth'"),
    "keywords in words": (lambda card: {**card, "keywords": {**KEYWORDS, "hidden": "many"}}, "do not fit the model"),
    "another size": (lambda card: {**card, "keywords": {**KEYWORDS, "hidden": [4, 5]}}, "do not fit the model"),
    "another model": (lambda card: {**card, "model": "persistence", "keywords": {}}, "do not fit the model"),
}


@pytest.mark.parametrize(("change", "said"), STORIES.values(), ids=STORIES.keys())
def test_a_card_that_does_not_hold_together_is_refused(
    saved: Path, change: Callable[[dict[str, Any]], Any], said: str
) -> None:
    with pytest.raises(InputError, match=said):
        model_file.load(with_card(saved, change))
