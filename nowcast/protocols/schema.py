"""What a protocol may say: one closed, typed model per room, as `nowcast.config` has for settings."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from nowcast.config import Finite, Model, Positive, PositiveFloat, Sampling, Scaling, Training

__all__ = ["Budget", "Data", "Metrics", "Protocol", "Reading", "Recipe", "SplitRule", "Values", "Windows"]

Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
Clip = tuple[Finite, Finite]


class _Room(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Reading(_Room):
    """How paths are read: the options of `nowcast.open_cube` that run nothing and lead nowhere else."""

    variable: str | None = None
    channel: str | int | None = None
    axes: str | None = None
    time_step: str | float | None = None
    start_time: str | None = None
    pixel_size: str | float | None = None
    z: str | int | None = None
    rgb: bool = False
    missing_value: float | None = None
    zr: str | None = None
    since: str | None = None
    until: str | None = None
    crop: str | None = None
    coarsen: Positive | None = None
    size: str | None = None


class Data(_Room):
    """What is forecast, and the hash that it must have."""

    dataset: Literal["moving-mnist", "kth", "ucf101", "sevir", "ctc"] | None = Field(
        None, description="a standard dataset; its folder is --data"
    )
    keywords: dict[str, int | str] = Field(default_factory=dict, description="of the dataset: sequences, seed, split")
    paths: tuple[str, ...] | None = Field(
        None, description="relative to the protocol's folder, or to --data", min_length=1
    )
    reading: Reading = Reading()
    file: str | None = Field(None, description="that must lie in --data, or be it", pattern=r"^[\w.-]+$")
    file_md5: Annotated[str, Field(pattern="^[0-9a-f]{32}$")] | None = Field(None, description="of that file")
    sha256: Sha256 | None = Field(None, description="of the frames tested on: values, times, grid")
    training_sha256: Sha256 | None = Field(None, description="of the frames learnt from, where models are fitted")

    @model_validator(mode="after")
    def _one(self) -> Data:
        if (self.dataset is None) == (self.paths is None):
            raise ValueError("either dataset or paths says what the data are")
        return self


class Windows(_Room):
    """Frames given, frames asked for, frames between starting times of the test."""

    context: Positive
    horizon: Positive
    stride: Positive = Field(description="frames between neighbouring starts in the test")


class SplitRule(_Room):
    """Which frames are the test."""

    rule: Literal["published", "sequences", "time", "all"] = Field(
        description="published parts, whole sequences, blocks of time, or all frames are the test"
    )
    fractions: tuple[PositiveFloat, PositiveFloat, PositiveFloat] = (0.7, 0.15, 0.15)
    embargo: Positive | None = Field(None, description="unused frames between blocks of time; one window if not set")
    sha256: Sha256 | None = Field(None, description="of these settings and the windows that they come to")


class Values(_Room):
    """A linear map of the field, before anything is measured: `given` 0 to 255 `become` 0 to 1."""

    given: Clip
    become: Clip = (0.0, 1.0)

    @field_validator("given", "become")
    @classmethod
    def _rising(cls, ends: Clip) -> Clip:
        if not ends[0] < ends[1]:
            raise ValueError("a range rises from its first number to its second")
        return ends


class _Clipped(_Room):
    clip: Clip | None = Field(None, description="to which forecasts are clipped first; the truth never is")

    @field_validator("clip")
    @classmethod
    def _rising(cls, ends: Clip | None) -> Clip | None:
        if ends is not None and not ends[0] < ends[1]:
            raise ValueError("a range rises from its first number to its second")
        return ends


class Errors(_Clipped):
    """Summed or averaged over the pixels and channels of a frame, then averaged over frames."""

    over: Literal["sum", "mean"]


class Psnr(_Clipped):
    """Peak signal-to-noise ratio in dB."""

    over: Literal["frame", "all"] = Field(description="the mean of each frame's, or that of the mean squared error")
    peak: PositiveFloat


class Ssim(_Clipped):
    """Structural similarity, averaged over frames."""

    window: Literal["uniform-7", "gaussian-11"] = Field(
        description="scikit-image's default, or that of the paper (Wang et al. 2004)"
    )
    range: PositiveFloat = Field(description="the data range of its two constants")


class Csi(_Clipped):
    """Critical success index of `value >= threshold`, of all frames together."""

    thresholds: tuple[Finite, ...] = Field(min_length=1)


class Crps(_Clipped):
    """Continuous ranked probability score, per pixel; the absolute error of a forecast without probabilities."""


class Metrics(_Room):
    """What is measured, and how it is defined."""

    mse: Errors | None = None
    mae: Errors | None = None
    psnr: Psnr | None = None
    ssim: Ssim | None = None
    csi: Csi | None = None
    crps: Crps | None = None

    @model_validator(mode="after")
    def _some(self) -> Metrics:
        if not self.asked():
            raise ValueError("at least one metric")
        if self.crps is not None and self.crps.clip is not None:
            raise ValueError("crps is not clipped: a distribution is taken as it is")
        return self

    def asked(self) -> dict[str, _Clipped]:
        """Those that are asked for, by name."""
        found = {name: getattr(self, name) for name in type(self).model_fields}
        return {name: metric for name, metric in found.items() if metric is not None}


class Recipe(_Room):
    """A network and its training, as in a configuration of `nowcast fit`."""

    model: Model
    training: Training = Training()
    scaling: Scaling = Scaling()
    sampling: Sampling = Sampling()
    patch: Positive | None = None

    @model_validator(mode="after")
    def _named(self) -> Recipe:
        if "name" not in self.model.model_fields_set:
            raise ValueError("model.name must be said: what is the default may change")
        if self.training.seed or self.training.max_minutes or self.training.epochs:
            raise ValueError("seeds and the budget are the protocol's, not a recipe's")
        return self


class Budget(_Room):
    """Of each training. Epochs are the same anywhere; what a minute holds is not."""

    epochs: Positive | None = None
    max_minutes: PositiveFloat | None = None


class Protocol(_Room):
    """Everything that a result depends on."""

    name: str = Field(pattern=r"^[\w-]{1,60}$")
    description: str = Field(min_length=1)
    data: Data
    instead: str | None = Field(None, description="a shipped protocol to run where --data does not hold data.file")
    windows: Windows
    split: SplitRule
    values: Values | None = None
    missing: Literal["newest", "left out"] = Field(
        "newest", description="a pixel that a forecaster tells nothing of: the newest value given, or left out for it"
    )
    metrics: Metrics
    seeds: tuple[Annotated[int, Field(ge=0)], ...] = Field((0,), min_length=1)
    baselines: tuple[Literal["persistence", "advection"], ...] = ("persistence", "advection")
    models: dict[str, Recipe] = Field(default_factory=dict, description="fitted once for each seed")
    budget: Budget = Budget()

    @model_validator(mode="after")
    def _learnable(self) -> Protocol:
        if self.models and self.split.rule == "all":
            raise ValueError("split.rule all leaves nothing to fit models on")
        if self.models and not (self.budget.epochs or self.budget.max_minutes):
            raise ValueError("models need a budget: epochs or max_minutes")
        if len(set(self.seeds)) < len(self.seeds):
            raise ValueError("a seed occurs twice")
        return self
