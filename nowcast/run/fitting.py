"""Files in, a trained, scored run out."""

from __future__ import annotations

import os
import shlex
import shutil
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import xarray as xr

from nowcast import config, ranks
from nowcast.config import Settings
from nowcast.cube import label
from nowcast.errors import MachineError
from nowcast.progress import quiet, tell
from nowcast.readers import reading
from nowcast.readers.options import given
from nowcast.run import folder
from nowcast.run.folder.circumstances import Durations, begun_on, paths_of
from nowcast.run.learning.objective import settled
from nowcast.run.learning.training import train
from nowcast.run.preparing.several import fingerprint, prepare_all
from nowcast.run.source import Sources, cubes_from, held, stem
from nowcast.sizes import bytes_of

if TYPE_CHECKING:
    from lightning.pytorch.loggers import Logger

__all__ = ["fit"]


def fit(
    source: Sources,
    *,
    run: str | os.PathLike[str] | None = None,
    config_file: str | os.PathLike[str] | None = None,
    resume: bool = False,
    variable: str | None = None,
    channel: str | int | None = None,
    options: Mapping[str, Any] | None = None,
    model: str | None = None,
    frame: str | None = None,
    output: str | None = None,
    hidden: Sequence[int] | None = None,
    kernel: int | None = None,
    context: int | None = None,
    horizon: int | None = None,
    stride: int | None = None,
    patch: int | None = None,
    fractions: Sequence[float] | None = None,
    gaps: str | None = None,
    max_missing: int | None = None,
    scaling: str | None = None,
    loss: Mapping[str, float] | None = None,
    optimiser: str | None = None,
    learning_rate: float | str | None = None,
    adversarial: float | None = None,
    batch: int | None = None,
    epochs: int | None = None,
    max_minutes: float | None = None,
    schedule: str | None = None,
    accumulate: int | None = None,
    ema: float | None = None,
    monitor: str | None = None,
    precision: str | None = None,
    low_memory: bool | None = None,
    seed: int | None = None,
    events: str | None = None,
    weights: Sequence[float] | None = None,
    augment: str | None = None,
    memory: str | None = None,
    workers: int | None = None,
    thresholds: Sequence[float] | None = None,
    log: str | None = None,
    logger: Logger | Sequence[Logger] | None = None,
    progress: bool = True,
) -> xr.Dataset:
    """Train a forecaster on a cube and score it, beside baselines, on the last part of its time.

    What is not given comes from `config_file`, and what is not there either is chosen from the data and told.

    Parameters
    ----------
    source
        A cube `(time, channel, y, x)`, or paths. Several cubes of one quantity and time step, or paths that make
        several, are one training set: patches come from each, scaled by the statistics of all, split each on its own.
        Where each is too short for that, whole events are parts: the last is the test, the one before it validation.
    run
        The folder to write to; None: `runs/<name>-<date>-<time>`.
    resume
        Go on with the run in that folder from its newest checkpoint, with its own settings, as if nothing had been.
    options
        What else `nowcast.open_cube` is told of the files, by its keywords: `{"axes": "TYX", "time_step": "30s"}`.
    frame
        `"still"`, the grid's own; `"lagrangian"`: what moves is held still and carried along afterwards; `"auto"`: of
        these the one in which less changes in the training part. For the cascade auto if None, else still.
    output
        `"mean"`, or `"chances"` to reach thresholds beside it. For the cascade chances if None, else mean.
    fractions
        Shares of the windows for training, validation and test, 0.7, 0.15, 0.15 if None. `(0.8, 0.2, 0)` leaves no test
        part, so that nothing is scored; `(1, 0, 0)` no validation either, so that the last weights are kept.
    learning_rate
        At its highest; `"find"`: by a range test before training.
    schedule
        Of the learning rate: `"cosine"`, `"one_cycle"` or `"constant"`.
    accumulate
        Batches that make a step, as one large batch would.
    ema
        Decay of a moving average of the weights, such as 0.999, which is judged and kept in their place.
    monitor
        The score on the validation part by which weights are kept and training ends: `"csi@1mm/h"`, `"fss@1mm/h/11"`,
        `"mae"`; if None the validation loss.
    precision
        Of convolutions: `"float32"` or `"bfloat16"`, for GPUs; what they are added to stays float32.
    low_memory
        Steps are worked out again on the way back: about a third slower, and less memory; None: if they must be.
    adversarial
        Weight of a discriminator's term beside the loss, such as 0.01: sharper frames, from longer training.
    events
        Training windows are drawn by how much happens in them: `"rain"`, `"motion"`, `"divisions"`, `"auto"`.
    weights
        Of several cubes: in what proportion their windows make an epoch; None: all windows.
    augment
        Training windows are turned and mirrored as the grid allows: `"auto"`, `"flips"`, `"rotations"`, `"all"`.
    memory
        That the program may take, `"2GB"`: windows of larger cubes are cut from blocks that a quarter of it holds.
    workers
        Processes that read blocks; 0: a thread, which is enough unless a cube is computed by slow Python.
    log
        `"tensorboard"`: each epoch's figures are written for it, into the run's folder.
    logger
        Any logger of Lightning's, or several, that are told each epoch's figures too.

    Returns
    -------
    xarray.Dataset
        The scores on the test part (see `nowcast.evaluate`); attributes `run` and `model_file` tell where all lies.
        Without a test part no variable is in it, the coordinates `forecaster` (the model) and `lead_time` alone.

    Raises
    ------
    InputError
        Files or settings that do not fit, too few frames, no value at all.
    MachineError
        The disk is full or may not be written; a package that is asked for is not installed.
    StoppedError
        SIGTERM or Ctrl-C came while it trained: all that was learnt is kept in a checkpoint, and `resume` goes on.
    """
    flags = {name: value for name, value in locals().items() if name in config.FLAGS}
    flags |= given(options)
    with quiet(not progress or not ranks.here().first), ranks.joined() as among:
        place = Path(ranks.from_first(lambda: str(folder.place(run, stem(source), resume=resume))))
        if resume and config_file is None and (place / folder.CONFIG).exists():
            config_file = place / folder.CONFIG
        settings = config.resolve(config_file, flags)
        _require_extras(settings)
        if settings.training.adversarial is not None:
            ranks.require_alone("--adversarial")
        durations = Durations()
        with durations.phase("preparing"):
            cubes = cubes_from(source, settings.data, options=options)
        with durations.phase("preparing"), reading(label(cubes[0])):
            most = bytes_of(settings.loading.memory) // 2 // len(cubes)
            parts = settled(prepare_all([held(cube, memory=most) for cube in cubes], settings))
        place.mkdir(parents=True, exist_ok=True)
        again = _again(source, place)
        try:
            whole = fingerprint(parts)
            ranks.require_same(whole, what="data or settings")
            ranks.from_first(lambda: folder.begin(place, whole, resume=resume))
            if among.first and not resume:
                begun_on(place, source, cubes)
            return train(parts, place, resume=resume, durations=durations, logger=logger, again=again)
        except BaseException as error:
            if any((place / "checkpoints").glob("*.ckpt")):
                ended = isinstance(error, KeyboardInterrupt | SystemExit) or ranks.is_of_others(error)
                if ended or (isinstance(error, MachineError) and again not in str(error)):
                    tell(f"stopped  what was learnt is kept; to go on: {again}")
            elif among.first and not resume:
                shutil.rmtree(place, ignore_errors=True)
            raise


def _again(source: Sources, place: Path) -> str:
    """The command that goes on with the run, or the call where the source is no file."""
    paths = paths_of(source)
    held = [source] if isinstance(source, xr.DataArray | str | os.PathLike) else list(source)
    if len(paths) < len(held):
        return f"nowcast.fit(cube, run={str(place)!r}, resume=True)"
    return shlex.join(["nowcast", "fit", *paths, "--resume", "--run", str(place)])


def _require_extras(settings: Settings) -> None:
    """Refuse what is not installed before anything is read."""
    if settings.training.log == "tensorboard" and find_spec("tensorboard") is None:
        raise MachineError("--log tensorboard: needs the package tensorboard", next_step="pip install 'nowcast[track]'")
