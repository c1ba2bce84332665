"""Everything that `nowcast fit` can be told: one closed, typed model per room, and the flags that set it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, field_validator, model_validator

from nowcast.sizes import bytes_of

__all__ = [
    "FLAGS",
    "LOSSES",
    "Data",
    "Finite",
    "Loading",
    "Model",
    "Positive",
    "PositiveFloat",
    "Sampling",
    "Scaling",
    "Scores",
    "Settings",
    "Training",
    "Windows",
]

LOSSES = ("mse", "mae", "ssim", "ms_ssim", "balanced_mse", "balanced_mae", "csi", "fss")
"""The names of `nowcast.losses.LOSSES`, which would bring torch along."""

Positive = Annotated[int, Field(ge=1)]
Finite = Annotated[float, Field(allow_inf_nan=False)]
PositiveFloat = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Rate = Annotated[
    Annotated[PositiveFloat, Tag("number")] | Annotated[Literal["find"], Tag("find")],
    Discriminator(lambda value: "find" if value == "find" else "number"),  # so that what is neither is one error
]


class _Room(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Data(_Room):
    """What is read."""

    variable: str | None = Field(None, description="the field to forecast, where a file holds several")
    channel: str | int | None = Field(None, description="one channel of several, by name or number")
    axes: str | None = Field(None, description="a letter for each axis of an unlabelled stack, such as TYX")
    time_step: str | float | None = Field(None, description="between frames, where the files do not say: 30s, 5min")
    start_time: str | None = Field(None, description="of the first frame, where the files do not say")
    pixel_size: str | float | None = Field(None, description="of a side, where the files do not say: 0.35um, 1km")
    z: str | int | None = Field(None, description="of a stack: max, mean, sum, or the number of a plane")
    colour_table: str | None = Field(
        None, description="what the colours of a palette mean: meteoswiss, or a CSV of index,value"
    )
    rgb: bool = Field(False, description="keep the three colours, not their grey")
    trust_pickle: bool = Field(
        False, description="unpickle dates in .npz files, which can run any program that they hold: by the flag alone"
    )
    remote: bool = Field(False, description="what is read may be the address of a zarr store: s3://, https://, file://")
    missing: Literal["nan"] | None = Field(
        None, description="what is absent or cut off becomes missing, and is recorded"
    )
    missing_value: float | None = Field(None, description="a value that stands for missing, where the files do not say")
    classes: str | None = Field(None, description="of a field of classes, those to forecast: '7,8'")
    zr: str | None = Field(None, description="reflectivity (dBZ) to rain (mm h-1) by Z = a R^b: '223,1.53'")
    since: str | None = Field(None, description="leave out frames before this time")
    until: str | None = Field(None, description="leave out frames after this time")
    crop: str | None = Field(None, description="rows and columns to keep: '100:356,0:256'")
    coarsen: Positive | None = Field(None, description="average blocks of so many pixels along each side")
    size: str | None = Field(None, description="resize frames to rows x columns: '128x128'")


class Windows(_Room):
    """What a sample is."""

    context: Positive | None = Field(None, description="frames given; chosen from the data's length if not set")
    horizon: Positive | None = Field(None, description="frames asked for; chosen from the data's length if not set")
    stride: Positive = Field(1, description="frames between neighbouring starts")
    patch: Positive | None = Field(
        None, description="side of training patches in pixels; at most 256 if not set, 128 in a frame that is still"
    )
    fractions: tuple[float, float, float] = Field(
        (0.7, 0.15, 0.15), description="training, validation, test: contiguous blocks of time; 0: no such part"
    )
    embargo: Positive | None = Field(None, description="unused frames between parts; one window if not set, never less")
    gaps: Literal["skip", "mask", "hold"] = Field(
        "skip", description="absent frames: no window reaches across, or they are masked, or the frame before is held"
    )
    max_missing: Positive | None = Field(
        None, description="frames missing per context at most, by mask and hold; a quarter if not set"
    )


class Scaling(_Room):
    """How values become numbers near 1."""

    method: Literal["unit", "symmetric", "zscore", "log", "db"] | None = Field(
        None, description="chosen by the field if not set"
    )


class Model(_Room):
    """What answers."""

    name: Literal["cascade", "convlstm", "multiscale", "predrnn", "predrnn++", "e3dlstm"] = Field(
        "cascade", description="the network"
    )
    frame: Literal["auto", "still", "lagrangian"] | None = Field(
        None, description="what moves is seen to move, or held still; auto for cascade: what suits the data; else still"
    )
    output: Literal["mean", "chances"] | None = Field(
        None, description="the mean alone, or chances to reach thresholds beside it; chances for cascade, else mean"
    )
    hidden: tuple[Positive, ...] | None = Field(
        None, description="channels of each layer, or scale, such as [64, 64]; by the model if not set", min_length=1
    )
    kernel: Positive | None = Field(None, description="not of cascade: odd side of the convolutions, 3 if not set")
    patch: Positive | None = Field(
        None, description="not of cascade: pixels folded, along each side; 4 up to 128 x 128 if not set, 8 beyond"
    )
    blend: bool | None = Field(
        None, description="not of cascade: mix the newest frame in, in shares learnt pixel by pixel; true if not set"
    )
    fed_back: bool | None = Field(None, description="convlstm: one stack that is fed its own frames")
    decoupling: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = Field(
        None, description="predrnn: weight of V2's decoupling term, such as 0.1"
    )
    recalled: Positive | None = Field(None, description="e3dlstm: how many past states are recalled; all if not set")

    @field_validator("kernel")
    @classmethod
    def _odd(cls, kernel: int | None) -> int | None:
        if kernel is not None and kernel % 2 == 0:
            raise ValueError("the side of a convolution must be odd")
        return kernel

    @model_validator(mode="after")
    def _of_its_own(self) -> Model:
        for key, name in (("fed_back", "convlstm"), ("decoupling", "predrnn"), ("recalled", "e3dlstm")):
            if getattr(self, key) is not None and self.name != name:
                raise ValueError(f"{key} is a setting of {name}, not of {self.name}")
        for key in ("kernel", "patch", "blend"):
            if getattr(self, key) is not None and self.name == "cascade":
                raise ValueError(f"{key} is a setting of the recurrent networks, not of cascade")
        if self.name not in ("cascade", "convlstm", "multiscale") and len(set(self.hidden or ())) > 1:
            raise ValueError(f"the memory of {self.name} runs through all layers: their widths must be equal")
        return self

    def keywords(self) -> dict[str, Any]:
        """Of the network itself, for `nowcast.models.build`; what is not set is left to the model."""
        return self.model_dump(exclude={"name", "frame", "output"}, exclude_none=True, mode="json")


class Loading(_Room):
    """How windows are read."""

    memory: str = Field("2GB", description="that the program may take; a quarter of it is for blocks of windows")
    workers: int = Field(0, ge=0, description="processes that read; 0: a thread, enough unless reading is slow Python")

    @field_validator("memory")
    @classmethod
    def _size(cls, memory: str) -> str:
        bytes_of(memory)
        return memory


class Sampling(_Room):
    """Which training windows are seen how often; validation and test are never weighted."""

    events: Literal["none", "auto", "rain", "motion", "divisions"] | None = Field(
        None, description="windows are drawn by how much happens in them; rain for cascade where it rains, else none"
    )
    floor: float = Field(0.1, gt=0, le=1, description="chance of a window in which nothing happens to be in an epoch")
    weights: tuple[PositiveFloat, ...] | None = Field(
        None, description="of several cubes: what share of an epoch each has, such as [2, 1]; as they are if not set"
    )
    share: float = Field(0.5, gt=0, le=1, description="of the training windows, in an epoch")


class Training(_Room):
    """How it learns."""

    epochs: Positive | None = Field(None, description="suits machine and data, about 6 minutes, if not set")
    epoch_batches: Positive | None = Field(None, description="of an epoch; as many as suit the time if not set")
    max_minutes: PositiveFloat | None = Field(None, description="the longest that training may take")
    batch: Positive | None = Field(
        None, description="windows a step; 8 for patches of up to 128 pixels, 2 up to 256, if not set"
    )
    loss: dict[str, PositiveFloat] = Field(
        default_factory=lambda: {"mse": 1.0}, description=f"shares of a mixture of {', '.join(LOSSES)}", min_length=1
    )
    optimiser: Literal["adam", "adamw", "rmsprop"] = Field("adamw", description="what turns gradients into steps")
    learning_rate: Rate = Field(2e-3, description="at its highest; find: by a range test before training")
    schedule: Literal["cosine", "one_cycle", "constant"] = Field(
        "cosine", description="how the learning rate changes over the steps"
    )
    weight_decay: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = Field(
        None, description="by which weights shrink; the optimiser's own if not set: 0.01 for adamw, 0 for others"
    )
    clip: PositiveFloat = Field(1.0, description="the gradients' norm is cut to this")
    accumulate: Positive = Field(1, description="batches that make a step: the mean over all their observed pixels")
    ema: Annotated[float, Field(gt=0, lt=1)] | None = Field(
        None, description="decay of a moving average of the weights, judged and kept in their place: 0.999"
    )
    nonfinite: Literal["stop", "skip"] = Field("stop", description="at a loss or gradients that are not finite")
    most_skipped: Positive = Field(10, description="steps that may be skipped before training stops all the same")
    adversarial: PositiveFloat | None = Field(
        None, description="weight of a discriminator's term, such as 0.01: sharper frames, and slower"
    )
    patience: Positive = Field(15, description="epochs without a better validation loss or score before it ends")
    monitor: str | None = Field(
        None, description="the score on validation that weights are kept by: csi@1mm/h; the validation loss if not set"
    )
    augment: Literal["none", "auto", "flips", "rotations", "all"] | None = Field(
        None, description="windows turned and mirrored as the grid allows; auto for cascade, else none, if not set"
    )
    teaching: Literal["none", "scheduled", "reverse"] | None = Field(
        None, description="how networks that are fed their own frames are shown the truth; scheduled if not set"
    )
    thresholds: tuple[Finite, ...] | None = Field(
        None,
        description="of balanced losses, csi and fss, in the field's units; as the scores' if not set",
        min_length=1,
    )
    lead_weights: tuple[PositiveFloat, ...] | None = Field(
        None, description="how much each lead time counts, such as [1, 0.5, 0.25]; as the model likes if not set"
    )
    precision: Literal["float32", "bfloat16"] = Field(
        "float32", description="of convolutions; bfloat16 is for GPUs: cells, loss and weights stay float32"
    )
    compiled: bool = Field(
        False, description="compile a recurrent network for a GPU: a minute or two, then quicker steps"
    )
    checkpoint_minutes: PositiveFloat = Field(5.0, description="between checkpoints in an epoch; each ends with one")
    low_memory: bool | None = Field(
        None, description="work steps out again on the way back, and remember less; where memory asks for it if not set"
    )
    seed: int = Field(0, ge=0, description="of weights, order and augmentation")
    log: Literal["tensorboard"] | None = Field(None, description="where else figures go: files in the run's folder")

    @field_validator("loss")
    @classmethod
    def _known(cls, loss: dict[str, float]) -> dict[str, float]:
        unknown = sorted(set(loss) - set(LOSSES))
        if unknown:
            raise ValueError(f"{unknown[0]!r} is not one of {', '.join(LOSSES)}")
        return loss


class Scores(_Room):
    """How it is judged."""

    thresholds: tuple[float, ...] | None = Field(None, description="in the field's units; by the units if not set")
    scales: tuple[Positive, ...] | None = Field(None, description="sides of FSS neighbourhoods in pixels, odd")
    most_references: Positive = Field(40, description="test forecasts scored at the end of fit, at most")


class Settings(_Room):
    """Everything that `nowcast fit` can be told."""

    data: Data = Data()
    windows: Windows = Windows()
    scaling: Scaling = Scaling()
    model: Model = Model()
    loading: Loading = Loading()
    sampling: Sampling = Sampling()
    training: Training = Training()
    scores: Scores = Scores()


FLAGS = {
    "variable": "data.variable",
    "channel": "data.channel",
    **{name: f"data.{name}" for name in Data.model_fields if name not in ("variable", "channel")},
    **{name: f"windows.{name}" for name in Windows.model_fields if name != "embargo"},
    "scaling": "scaling.method",
    "model": "model.name",
    **{name: f"model.{name}" for name in ("frame", "output", "hidden", "kernel")},
    "events": "sampling.events",
    "weights": "sampling.weights",
    "augment": "training.augment",
    "memory": "loading.memory",
    "workers": "loading.workers",
    "epochs": "training.epochs",
    "max_minutes": "training.max_minutes",
    "batch": "training.batch",
    "loss": "training.loss",
    "optimiser": "training.optimiser",
    "learning_rate": "training.learning_rate",
    **{name: f"training.{name}" for name in ("schedule", "accumulate", "ema", "monitor", "precision")},
    "low_memory": "training.low_memory",
    "adversarial": "training.adversarial",
    "seed": "training.seed",
    "log": "training.log",
    "thresholds": "scores.thresholds",
}
"""Flags of `nowcast fit`, which are keywords of `nowcast.fit` or of its `options`, and the settings that they set."""
