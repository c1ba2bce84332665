"""What `--help` shows of a verb: its flags in groups, each with its meaning, and an example to type."""

from __future__ import annotations

from typing import Any

from typer.core import TyperCommand

from nowcast.cli.flags import READING

__all__ = ["Trains", "Verb"]


class Verb(TyperCommand):
    """A command whose flags stand in groups and whose epilog is an example; as plain text, for rich takes its time."""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        groups: dict[str, list[tuple[str, str]]] = {"Arguments": [], "Options": []}
        for param in self.get_params(ctx):
            record = param.get_help_record(ctx)
            if record is not None:
                title = "Arguments" if param.param_type_name == "argument" else self.group(param)
                groups.setdefault(title, []).append(record)
        for title in sorted(groups, key=lambda title: title == READING):  # which is long, and the same for each verb
            if groups[title]:
                with formatter.section(title):
                    formatter.write_dl(groups[title])

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        if self.epilog:
            with formatter.section("Example"):
                formatter.write_text(self.epilog)

    def group(self, option: Any) -> str:
        """The title that an option stands under."""
        return getattr(option, "rich_help_panel", None) or "Options"


class Trains(Verb):
    """The verb whose flags are settings: they stand under what the room of their setting is about."""

    def group(self, option: Any) -> str:
        from nowcast.config import FLAGS, Settings

        room = FLAGS.get(option.name, "").partition(".")[0]
        if room in ("", "data"):
            return super().group(option)
        about = Settings.model_fields[room].annotation.__doc__ or room
        return about.partition(";")[0].splitlines()[0].rstrip(".")
