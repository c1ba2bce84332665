"""Where else a training's figures go: TensorBoard in the run's folder, and any logger of Lightning's."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

import lightning as L
from lightning.pytorch.loggers import Logger, TensorBoardLogger

from nowcast.errors import InputError
from nowcast.progress import tell
from nowcast.training.steps import Task

__all__ = ["LearningRate", "loggers_for"]

TENSORBOARD = "tensorboard"


def loggers_for(
    log: str | None,
    logger: Logger | Sequence[Logger] | None,
    *,
    folder: Path,
    settings: Mapping[str, Any],
) -> list[Logger]:
    """Those that are asked for, each told the settings.

    Parameters
    ----------
    log
        `"tensorboard"`, whose files then lie in the folder under that name; None: none.
    logger
        One of Lightning's, or several.

    Raises
    ------
    InputError
        What is no logger of Lightning's.
    """
    given = [] if logger is None else [logger] if isinstance(logger, Logger) else list(logger)
    for each in given:
        if not isinstance(each, Logger):
            raise InputError(
                "logger: not one of Lightning's",
                found=type(each).__name__,
                needed="a lightning.pytorch.loggers.Logger, such as WandbLogger or MLFlowLogger",
            )
    if log == TENSORBOARD:
        given.append(TensorBoardLogger(folder, name=TENSORBOARD, version="", default_hp_metric=False))
        tell(f"watch    tensorboard --logdir {shlex.quote(str(folder / TENSORBOARD))}")
    for each in given:
        each.log_hyperparams(dict(settings))
    return given


class LearningRate(L.Callback):
    """Tells the loggers the learning rate of each epoch, which the task does not log.

    Of a training that is taken up, TensorBoard is told to forget what came after the step that it goes on from.
    """

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        taken = cast(Task, pl_module).taken
        for logger in trainer.loggers if taken and trainer.is_global_zero else []:
            if isinstance(logger, TensorBoardLogger):
                with suppress(ImportError):  # one that writes by tensorboardX alone
                    _forget(logger, after=taken)

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        rate = trainer.optimizers[0].param_groups[0]["lr"]
        for logger in trainer.loggers:
            logger.log_metrics({"learning_rate": rate}, step=cast(Task, pl_module).taken)


def _forget(logger: TensorBoardLogger, *, after: int) -> None:
    """What the `purge_step` of a writer does; ours had to be there before it was known where the training goes on."""
    from tensorboard.compat.proto.event_pb2 import Event, SessionLog

    begun = Event(step=after + 1, session_log=SessionLog(status=SessionLog.START))
    logger.experiment.file_writer.add_event(begun)
