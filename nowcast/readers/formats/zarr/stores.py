"""Stores between the bytes and zarr: a folder that gives nothing from outside of it, and no chunk that swells anywhere.

What they ask is `nowcast.readers.formats.zarr.judging`.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from zarr.storage import FsspecStore, LocalStore

from nowcast.readers.formats.zarr.judging import Judge, require_inside

if TYPE_CHECKING:
    from zarr.abc.store import ByteRequest
    from zarr.core.buffer import Buffer, BufferPrototype

__all__ = ["CarefulStore", "RemoteStore"]


class CarefulStore(LocalStore):
    """A local folder, read-only.

    Parameters
    ----------
    arrays
        As `Judge` takes them.
    """

    def __init__(
        self, root: Path | str, *, arrays: Iterable[tuple[str, Mapping[str, Any]]] = (), read_only: bool = True
    ) -> None:
        super().__init__(root, read_only=read_only)
        self._judge = Judge(str(self.root), arrays)
        self._inside: set[str] = set()

    async def get(
        self, key: str, prototype: BufferPrototype | None = None, byte_range: ByteRequest | None = None
    ) -> Buffer | None:
        self._require_inside(key)
        return await self._judge(key, await super().get(key, prototype, byte_range))

    def get_sync(
        self, key: str, *, prototype: BufferPrototype | None = None, byte_range: ByteRequest | None = None
    ) -> Buffer | None:
        self._require_inside(key)
        return self._judge.at_once(key, super().get_sync(key, prototype=prototype, byte_range=byte_range))

    async def get_partial_values(
        self, prototype: BufferPrototype, key_ranges: Iterable[tuple[str, ByteRequest | None]]
    ) -> list[Buffer | None]:
        return [await self.get(key, prototype, byte_range) for key, byte_range in key_ranges]

    def _require_inside(self, key: str) -> None:
        """As `require_inside`; a folder is looked at once, and then only whether a file in it is a link."""
        folder = key.rpartition("/")[0]
        if folder not in self._inside or os.path.islink(f"{self.root}/{key}"):  # noqa: PTH114  (a Path costs as much)
            require_inside(self.root, self.root / key)
            self._inside.add(folder)


class RemoteStore(FsspecStore):
    """A place that fsspec opens, read-only."""

    _judge: Judge

    @classmethod
    def judging(cls, address: str, label: str, arrays: Iterable[tuple[str, Mapping[str, Any]]]) -> Self:
        """The store at an address; `label` names it in messages, `arrays` are as `Judge` takes them."""
        store: Any = cls.from_url(address, read_only=True)
        store._judge = Judge(label, arrays)
        made: Self = store
        return made

    async def get(self, key: str, prototype: BufferPrototype, byte_range: ByteRequest | None = None) -> Buffer | None:
        return await self._judge(key, await super().get(key, prototype, byte_range))
