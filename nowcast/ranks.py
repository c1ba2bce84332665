"""Several processes that train one model: which of them this is, and what the first of them settles for all.

`torchrun` starts them, and tells each its place by its environment.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from nowcast import errors
from nowcast.errors import InputError, MachineError, NowcastError

if TYPE_CHECKING:
    from torch import Tensor

__all__ = [
    "SILENCE",
    "Place",
    "first_alone",
    "from_first",
    "gathered",
    "gathered_bytes",
    "here",
    "is_of_others",
    "joined",
    "leave",
    "require_alone",
    "require_same",
    "summed",
]

SILENCE = timedelta(minutes=10)
"""After which a process that is not heard from is given up; of one that is killed its machine tells at once."""

T = TypeVar("T")


class Place(NamedTuple):
    """A process among others: the `rank` of `world`, counted from 0, and on its machine the `local` of `beside`."""

    rank: int = 0
    world: int = 1
    local: int = 0
    beside: int = 1

    @property
    def first(self) -> bool:
        """Whether it speaks, and writes files, for all."""
        return self.rank == 0

    @property
    def backend(self) -> str:
        """What carries gradients."""
        import torch

        return "nccl" if torch.cuda.is_available() else "gloo"


def here() -> Place:
    """As torchrun says; without it, the only one."""
    names = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE")
    if not all(os.environ.get(name, "").isdigit() for name in names) or not os.environ.get("MASTER_ADDR"):
        return Place()
    place = Place(*(int(os.environ[name]) for name in names))
    return place if place.world > 1 else Place()


@contextlib.contextmanager
def joined() -> Iterator[Place]:
    """While the block runs, the processes hear each other.

    Raises
    ------
    InputError
        Fewer GPUs than processes.
    MachineError
        Another process ended, or was not heard from.
    """
    place = here()
    if place.world == 1:
        yield place
        return
    import torch
    from torch import distributed

    gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if gpus and gpus < place.beside:
        raise InputError(
            f"{place.beside} processes on a machine with {gpus} GPU(s)",
            next_step=f"torchrun --nproc-per-node {gpus}",
        )
    if gpus:
        torch.cuda.set_device(place.local)
    try:
        distributed.init_process_group("cpu:gloo,cuda:nccl" if gpus else "gloo", timeout=SILENCE)
        yield place
    except RuntimeError as error:
        if not is_of_others(error):
            raise
        raise MachineError(
            f"another of the {place.world} processes of this training ended, and so does process {place.rank}",
            found=str(error).splitlines()[0],
            needed="all of them; why that one ended stands above, or in its log",
            next_step="the same with --resume and --run goes on from the newest checkpoint",
        ) from error
    finally:
        leave()


def leave() -> None:
    """From here on each is by itself."""
    if here().world > 1:
        from torch import distributed

        if distributed.is_initialized():
            distributed.destroy_process_group()


def from_first(make: Callable[[], T]) -> T:
    """What the first process makes, for all: plain values. An error of nowcast's that it meets is raised by all."""
    if not _several():
        return make()
    if not here().first:
        told = json.loads(_heard(""))
        if "error" in told:
            raise getattr(errors, told.pop("error"))(**told)
        value: T = told["value"]
        return value
    try:
        value = make()
    except NowcastError as error:
        told = {name: getattr(error, name) for name in ("what", "found", "needed", "next_step")}
        kind = next(each for each in type(error).__mro__ if hasattr(errors, each.__name__))
        _heard(json.dumps({"error": kind.__name__, **told}))
        raise
    _heard(json.dumps({"value": value}))
    return value


def first_alone(make: Callable[[], T]) -> T:
    """What each makes, the first before the others: they find what it wrote."""
    made: list[T] = []
    from_first(lambda: made.append(make()))
    return made[0] if made else make()


def require_alone(what: str) -> None:
    """Refuse what only one process can do.

    Raises
    ------
    InputError
        There are several.
    """
    if here().world > 1:
        raise InputError(
            f"{what} is for one process; nothing was trained",
            found=f"{here().world} processes",
            next_step="the same without torchrun",
        )


def require_same(value: object, *, what: str) -> None:
    """See that all processes have the same.

    Raises
    ------
    InputError
        They do not, on each of them.
    """
    every = gathered(hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest())
    others = [str(rank) for rank, each in enumerate(every) if each != every[0]]
    if others:
        raise InputError(
            f"the processes of this training have not the same {what}; nothing was changed",
            found=f"process {', '.join(others)} unlike process 0",
            needed="the same files and flags on all machines",
        )


def gathered(text: str) -> list[str]:
    """What each process says, in their order, for all."""
    return [each.decode() for each in gathered_bytes(text.encode())]


def gathered_bytes(data: bytes) -> list[bytes]:
    """What each process has, in their order, for all."""
    if not _several():
        return [data]
    import torch
    from torch import distributed

    sizes = [torch.zeros(1, dtype=torch.int64) for _ in range(here().world)]
    distributed.all_gather(sizes, torch.tensor([len(data)]))
    most = max(int(size) for size in sizes)
    every = [torch.empty(most, dtype=torch.uint8) for _ in sizes]
    distributed.all_gather(every, torch.tensor(list(data.ljust(most)), dtype=torch.uint8))
    return [bytes(each.tolist())[: int(size)] for each, size in zip(every, sizes, strict=True)]


def summed(values: Tensor) -> Tensor:
    """The sum over all processes, in the tensor's own place: the same bits on each."""
    if _several():
        from torch import distributed

        distributed.all_reduce(values)
    return values


def is_of_others(error: BaseException) -> bool:
    """Whether it is that another process cannot be heard."""
    if here().world == 1 or not isinstance(error, RuntimeError):
        return False
    from torch import distributed

    known = (distributed.DistError, distributed.DistNetworkError)
    return isinstance(error, known) or "gloo" in str(error).lower() or "NCCL" in str(error)


def _several() -> bool:
    if here().world == 1:
        return False
    from torch import distributed

    return distributed.is_initialized()


def _heard(text: str) -> str:
    """The text of the first process."""
    import torch
    from torch import distributed

    data = torch.tensor(list(text.encode()), dtype=torch.uint8)
    length = torch.tensor([len(data)])
    distributed.broadcast(length, 0)
    data = data if here().first else torch.empty(int(length), dtype=torch.uint8)
    distributed.broadcast(data, 0)
    return bytes(data.tolist()).decode()
