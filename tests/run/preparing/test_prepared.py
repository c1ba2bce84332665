"""What fit settles before the first step."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from nowcast.config import resolve
from nowcast.cube import runs
from nowcast.datasets import advected_echoes
from nowcast.errors import InputError
from nowcast.progress import quiet
from nowcast.run.preparing.prepared import cut, prepare
from nowcast.timeline import absent_frames, with_absent_frames
from nowcast.windows import PARTS


@pytest.fixture(autouse=True)
def _silent() -> Any:
    with quiet():
        yield


def test_nothing_is_left_to_be_chosen(showers: xr.DataArray) -> None:
    prepared = prepare(showers, resolve())
    plain = prepared.settings.model_dump()
    chosen = [plain["windows"][name] for name in ("context", "horizon", "patch", "embargo")]
    assert None not in [*chosen, plain["scaling"]["method"], plain["model"]["frame"], plain["data"]["variable"]]
    assert None not in [plain["model"]["output"], plain["training"]["batch"], plain["sampling"]["events"]]
    assert prepared.keywords()["frame"] in ("still", "lagrangian")
    assert prepared.keywords()["exceedance"]["thresholds"]
    assert set(prepared.plans) == set(PARTS)
    assert prepare(showers, prepared.settings).fingerprint() == prepared.fingerprint()


def test_a_large_field_is_folded_more() -> None:
    large = xr.concat([advected_echoes(frames=40, size=32).drop_vars(["x", "y"])] * 5, "x", coords="minimal")
    recurrent = {"model": "convlstm"}
    assert prepare(large, resolve(None, recurrent)).keywords()["patch"] == 8
    own = prepare(large, resolve(None, {**recurrent, "patch": 16}))
    assert own.keywords()["patch"] == 8, "--patch is that of the windows"


@pytest.mark.parametrize("hole", [slice(30, 35), slice(20, 21)])
def test_a_gap_in_time_is_kept_out_of_every_window(showers: xr.DataArray, hole: slice) -> None:
    holed = showers.isel(time=[i for i in range(60) if not hole.start <= i < hole.stop])
    prepared = prepare(holed, resolve())
    pieces = runs(holed)
    assert len(pieces) == 2
    length = prepared.plans["training"].context + prepared.plans["training"].horizon
    for plan in prepared.plans.values():
        for start in plan.starts:
            assert any(run.start <= start and start + length <= run.stop for run in pieces)


def test_what_is_not_finite_counts_as_missing(showers: xr.DataArray) -> None:
    values = showers.values.copy()
    values[3, 0, 5, 5] = np.inf
    prepared = prepare(showers.copy(data=values), resolve())
    assert prepared.masked
    assert prepared.scaler.factor == prepare(showers, resolve()).scaler.factor
    assert not prepare(showers, resolve()).masked


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ({"thresholds": [float("nan")]}, "thresholds"),
        ({"loss": {"ssim": 1.0}, "patch": 8}, "SSIM loss needs patches of 11 x 11"),
        ({"loss": {"mse": 1.0, "ms_ssim": 1.0}, "patch": 10}, "MS-SSIM loss needs patches of 11 x 11"),
        ({"loss": {"fss": 1.0}, "patch": 4}, "FSS loss needs patches of 5 x 5"),
        ({"context": 40}, "'rain_rate'.*too few frames"),
    ],
)
def test_what_could_not_be_fitted_or_scored_is_refused_first(
    showers: xr.DataArray, flags: dict[str, Any], said: str
) -> None:
    with pytest.raises(InputError, match=said):
        prepare(showers, resolve(None, flags))


def test_a_loss_s_patches_are_told_with_what_to_do(showers: xr.DataArray) -> None:
    flags = {"context": 4, "horizon": 3, "loss": {"fss": 1.0, "ms_ssim": 1.0}}
    with pytest.raises(InputError, match="MS-SSIM") as caught:
        prepare(showers, resolve(None, {**flags, "patch": 8}))
    assert (caught.value.found, caught.value.next_step) == ("8 x 8", "--patch 11 or more")
    with pytest.raises(InputError, match="FSS loss needs patches of 5 x 5") as caught:
        prepare(showers[..., :4], resolve(None, flags))
    assert (caught.value.found, caught.value.next_step) == ("32 x 4", "another --loss: the field is smaller than that")
    for shares, side in (({"fss": 1.0}, 5), ({"ms_ssim": 1.0}, 11), ({"csi": 1.0}, 2)):
        prepare(showers, resolve(None, {**flags, "loss": shares, "patch": side}))


@pytest.mark.parametrize(
    ("training", "flags", "said"),
    [
        ("lead_weights: [1, 0.5]", {}, ("lead_weights: each lead time", "2 weights for a horizon of 3", "--horizon 2")),
        (
            "teaching: scheduled",
            {"model": "convlstm"},
            ("convlstm takes in no frames of its own", "scheduled", "predrnn++, e3dlstm"),
        ),
        (
            "teaching: reverse",
            {"model": "convlstm"},
            ("convlstm takes in no frames of its own", "reverse", "fed_back: true"),
        ),
        (
            "loss: {mae: 1}",
            {"output": "chances"},
            ("chances are learnt by their squared error", "--loss mae", "--output mean"),
        ),
        ("thresholds: [1]", {"loss": {"mse": 1.0}}, ("none of the losses has any", "mse", "balanced_mse")),
    ],
)
def test_learning_that_does_not_fit_is_refused_before_anything_is_read(
    training: str, flags: dict[str, Any], said: tuple[str, ...], showers: xr.DataArray, tmp_path: Path
) -> None:
    (tmp_path / "c.yaml").write_text(f"training: {{{training}}}\n")
    unreadable = showers.copy(data=showers.chunk().data.map_blocks(lambda _: 1 / 0, dtype="float32", meta=np.array(())))
    with pytest.raises(InputError) as caught:
        prepare(unreadable, resolve(tmp_path / "c.yaml", {"context": 4, "horizon": 3, **flags}))
    assert all(words in str(caught.value) for words in said)


def test_an_embargo_that_is_asked_for_is_part_of_the_choice(showers: xr.DataArray) -> None:
    settings = resolve()
    longer = settings.model_copy(update={"windows": settings.windows.model_copy(update={"embargo": 14})})
    context, horizon, parts = cut(showers, longer)
    assert parts.embargo == 14
    assert context + horizon <= 14


# Gaps


def holed(cube: xr.DataArray, *dropped: int) -> xr.DataArray:
    return cube.drop_isel(time=list(dropped))


@pytest.mark.parametrize("policy", ["mask", "hold"])
def test_windows_reach_across_short_gaps_if_asked_to(showers: xr.DataArray, policy: str) -> None:
    flags = {"context": 4, "horizon": 3}
    source = holed(showers, 20, 30, 31, 40)
    skipped = prepare(source, resolve(None, flags))
    prepared = prepare(source, resolve(None, {**flags, "gaps": policy}))
    assert prepared.gaps == {"policy": policy, "most": 1}
    assert prepared.held == (policy == "hold")
    assert prepared.masked
    assert not skipped.masked
    assert skipped.gaps == {"policy": "skip", "most": 0}
    assert skipped.cube is source
    assert prepared.cube.sizes["time"] == 58
    absent = absent_frames(prepared.cube)
    assert absent.nonzero()[0].tolist() == [20, 38]
    seen = 0
    for plan in prepared.plans.values():
        for start in plan.starts:
            given, asked = absent[start : start + 4], absent[start + 4 : start + 7]
            assert given.sum() <= 1
            assert not asked.all()
            seen += int(given.sum())
            assert any(run.start <= start and start + 7 <= run.stop for run in runs(prepared.cube))
    assert seen > 0
    starts = {name: len(plan.starts) for name, plan in prepared.plans.items()}
    assert sum(starts.values()) > sum(len(plan.starts) for plan in skipped.plans.values())
    assert prepared.scaler.factor > 0
    again = prepare(source, prepared.settings)
    assert again.fingerprint() == prepared.fingerprint()
    assert again.plans == prepared.plans
    assert prepared.fingerprint()["gaps"] == prepared.gaps
    assert skipped.fingerprint()["gaps"] is None, "as in runs that were begun before there was a choice"


@given(st.frozensets(st.integers(1, 78), max_size=14), st.integers(1, 3))
@settings(max_examples=40)
def test_parts_stay_a_window_apart_in_true_time_whatever_is_dropped(drop: frozenset[int], most: int) -> None:
    cube = clips(1, 80, counted=False).isel(time=[i for i in range(80) if i not in drop])
    flags = {"context": 3, "horizon": 2, "gaps": "mask", "max_missing": most}
    try:
        prepared = prepare(cube, resolve(None, flags))
    except InputError:
        return
    time, step = prepared.cube["time"].values, np.timedelta64(60, "s")
    absent = absent_frames(prepared.cube)
    np.testing.assert_array_equal(np.sort(time[~absent]), cube["time"].values)
    shown: dict[str, list[np.datetime64]] = {}
    for name, plan in prepared.plans.items():
        for start in plan.starts:
            window = time[start : start + 5]
            assert (np.diff(window) == step).all(), "no window crosses a gap that is not bridged"
            assert absent[start : start + 3].sum() <= min(most, 2)
            shown.setdefault(name, []).extend(window)
    for before, after in (("training", "validation"), ("validation", "test")):
        assert min(shown[after]) - max(shown[before]) > 5 * step


@pytest.mark.parametrize("lazy", [False, True])
def test_training_frames_without_a_value_count_as_absent(showers: xr.DataArray, lazy: bool) -> None:
    values = showers.values.copy()
    values[[5, 6, 12]] = np.nan
    source = showers.copy(data=values)
    source = source.chunk(time=7) if lazy else source
    flags = {"context": 4, "horizon": 3, "gaps": "mask"}
    prepared = prepare(source, resolve(None, flags))
    assert absent_frames(prepared.cube).nonzero()[0].tolist() == [5, 6, 12]
    starts = set(prepared.plans["training"].starts)
    assert {3, 4, 5} & starts == set(), "two of their four frames are missing"
    assert {9, 12} <= starts
    as_today = prepare(source, resolve(None, {"context": 4, "horizon": 3}))
    assert {3, 4, 5} <= set(as_today.plans["training"].starts)
    assert prepared.scaler == as_today.scaler


def test_absent_frames_of_a_cube_that_was_given_with_them_are_not_shown_untold(showers: xr.DataArray) -> None:
    joined = with_absent_frames(holed(showers, 20), most=1)
    prepared = prepare(joined, resolve(None, {"context": 4, "horizon": 3}))
    assert not {17, 18, 19, 20} & set(prepared.plans["training"].starts)
    assert not prepared.masked


# Sequences


def clips(count: int, length: int, parts: list[str] | None = None, *, counted: bool = True) -> xr.DataArray:
    """Noise, in sequences that start at the same time."""
    seconds = np.tile(np.arange(length), count)
    coords: dict[str, Any] = {
        "time": (
            "time",
            np.datetime64("2026-05-01", "ns") + seconds * np.timedelta64(60, "s"),
            {"counted_from": "first frame"} if counted else {},
        ),
        "sequence": ("time", np.repeat([f"clip{i:02d}" for i in range(count)], length)),
    }
    if parts is not None:
        coords["part"] = ("time", np.repeat(parts, length))
    values = np.random.default_rng(0).random((count * length, 1, 12, 12), dtype=np.float32)
    dims = ("time", "channel", "y", "x")
    return xr.DataArray(values, dims=dims, coords=coords, name="grey", attrs={"units": "1"})


def test_published_parts_are_kept_and_the_scaler_sees_training_alone() -> None:
    cube = clips(20, 10, ["test"] * 4 + ["training"] * 16)
    cube[:40] += 100.0
    prepared = prepare(cube, resolve(None, {"context": 2, "horizon": 2}))
    assert prepared.split.frames("test") == list(range(40))
    assert prepared.scaler.invert(np.float32(1.0)) < 1.01
    assert prepared.split.audit(cube)["shared_sequences"] == 0
    again = prepare(cube, prepared.settings)
    assert again.split == prepared.split, "a run taken up again is split as before"


@pytest.mark.parametrize(
    ("suggested", "asked", "chosen"),
    [
        ((3, 5), {}, (3, 5)),
        ((3, 5), {"horizon": 2}, (3, 2)),
        ((3, 5), {"context": 4, "horizon": 1}, (4, 1)),
        ((30, 50), {}, (6, 6)),
    ],
)
def test_a_dataset_suggests_its_context_and_horizon(
    suggested: tuple[int, int], asked: dict[str, Any], chosen: tuple[int, int]
) -> None:
    cube = clips(40, 12).assign_attrs(suggested_context=suggested[0], suggested_horizon=suggested[1])
    context, horizon, parts = cut(cube, resolve(None, asked))
    assert (context, horizon) == chosen
    assert parts.basis == "whole sequences"


def told_of(cube: xr.DataArray, capsys: pytest.CaptureFixture[str]) -> str:
    from nowcast.progress import _silent

    token = _silent.set(False)
    try:
        prepare(cube, resolve(None, {"context": 2, "horizon": 2}))
    finally:
        _silent.reset(token)
    return capsys.readouterr().err


def test_it_is_told_how_sequences_are_kept_apart(capsys: pytest.CaptureFixture[str]) -> None:
    told = told_of(clips(20, 10), capsys)
    assert "by whole sequences: none is in two parts" in told
    assert "14 sequence(s): 98 starting times" in told
    assert "share times" not in told
    assert "embargo" not in told
    assert "last share of what was published for training" in told_of(clips(9, 9, ["training"] * 8 + ["test"]), capsys)
    assert "published parts cannot be kept, nothing long enough for test" in told_of(
        clips(9, 9, ["training"] * 9), capsys
    )
    assert "sequences share times" in told_of(clips(9, 9, counted=False), capsys)
