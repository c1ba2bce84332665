"""A zarr store by its address that gives no chunk which swells when decoded."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self

from zarr.storage import FsspecStore

from nowcast.readers.zarr_store import Judge

if TYPE_CHECKING:
    from zarr.abc.store import ByteRequest
    from zarr.core.buffer import Buffer, BufferPrototype

__all__ = ["RemoteStore"]


class RemoteStore(FsspecStore):
    """Read-only."""

    _judge: Judge

    @classmethod
    def judging(cls, address: str, label: str, arrays: Mapping[str, Mapping[str, Any]]) -> Self:
        """The store at an address; `label` names it in messages, `arrays` is the metadata of each array by its name."""
        store: Any = cls.from_url(address, read_only=True)
        store._judge = Judge(label, arrays)
        made: Self = store
        return made

    async def get(self, key: str, prototype: BufferPrototype, byte_range: ByteRequest | None = None) -> Buffer | None:
        return await self._judge(key, await super().get(key, prototype, byte_range))
