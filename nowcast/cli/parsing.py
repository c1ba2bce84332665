"""What is typed as one word: lists of numbers, shares, sizes; one of several products."""

from __future__ import annotations

from typing import Any

from nowcast.errors import InputError

__all__ = ["numbers_of", "product_of", "shares_of", "sizes_of"]


def numbers_of(text: str | None, flag: str, kind: type[int] | type[float]) -> list[Any] | None:
    if text is None:
        return None
    try:
        return [kind(part) for part in text.split(",")]
    except ValueError:
        raise InputError(f"{flag} {text!r} is not a list of numbers", needed="numbers with commas between") from None


def product_of(text: str | None) -> str | None:
    if text not in (None, "mean", "matched"):
        raise InputError(f"--product {text!r} is no field of a forecast", needed="mean or matched")
    return text


def sizes_of(text: str | None, flag: str) -> dict[str, int] | None:
    if text is None:
        return None
    parts = [part.partition("=") for part in text.split(",")]
    sizes = {name.strip(): int(size) for name, _, size in parts if size.strip().isdigit() and int(size) > 0}
    if len(sizes) < len(parts):
        raise InputError(f"{flag} {text!r} says no sizes", needed="dims and sizes, such as time=16,y=256,x=256")
    return sizes


def shares_of(text: str | None) -> dict[str, float] | None:
    if text is None:
        return None
    parts = [part.partition("=") for part in text.split(",")]
    try:
        return {name.strip(): float(share) if share else 1.0 for name, _, share in parts}
    except ValueError:
        raise InputError(
            f"--loss {text!r} is not a mixture", needed="names and shares, such as mse=1,ssim=0.1"
        ) from None
