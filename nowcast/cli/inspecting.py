"""The verb that tells what files are."""

from __future__ import annotations

from typing import Any

from nowcast.cli.ending import set_debug
from nowcast.cli.flags import Channel, Debug, Json, Paths, Quiet, Variable
from nowcast.cli.reading import reads
from nowcast.cli.telling import again, flags, print_json, results, tell_next

__all__ = ["inspect"]


@reads
def inspect(
    paths: Paths,
    variable: Variable = None,
    channel: Channel = None,
    as_json: Json = False,
    quiet: Quiet = False,
    debug: Debug = False,
    options: dict[str, Any] | None = None,
) -> None:
    """What files are as one cube, and what fit would do with it."""
    set_debug(debug)
    from nowcast import run

    description, plan = run.inspect(
        paths, variable=variable, channel=channel, options=options, progress=not (as_json or quiet)
    )
    if as_json:
        print_json({**description.to_dict(), "fit": plan})
    else:
        from nowcast import report

        results().print(report.description_table(description, plan))
        if "refused" not in plan:
            said = flags({"variable": variable, "channel": channel, **(options or {})})
            tell_next(f"next: nowcast fit {again(paths)}{said}", quiet=quiet)
