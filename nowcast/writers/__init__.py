"""The door out: a cube or a forecast to a file, aside first and then in the place of what was there."""

from __future__ import annotations

from nowcast.writers.writing import holds_products, require_writable, write_cube, write_dataset

__all__ = ["holds_products", "require_writable", "write_cube", "write_dataset"]
