"""The page of commands, written from the command line itself."""

from __future__ import annotations

from typing import Any


def _with_commands(_: Any, name: str, source: list[str]) -> None:
    if name == "reference/commands":
        source[0] = source[0].replace("<!-- commands -->", _commands())


def _commands() -> str:
    from typer.main import get_command

    from nowcast.cli import app
    from nowcast.cli.flags import READING

    lines: list[str] = []
    reading: list[Any] = []
    for name, verb in get_command(app).commands.items():
        lines += [f"## nowcast {name}", "", verb.help or "", ""]
        flags = [each for each in verb.params if getattr(each, "rich_help_panel", None) != READING]
        reading = reading or [each for each in verb.params if each not in flags]
        lines += ["```sh", _usage(name, flags), "```", "", *_table(flags), ""]
    return "\n".join([*lines, f"## {READING}", "", *_table(reading)])


def _usage(name: str, flags: list[Any]) -> str:
    given = [each.metavar or each.name.upper() for each in flags if each.param_type_name == "argument"]
    needed = [
        f"{each.opts[0]} {each.name.upper()}" for each in flags if each.param_type_name == "option" and each.required
    ]
    return " ".join(["nowcast", name, *given, *needed, "[flags]"])


def _table(flags: list[Any]) -> list[str]:
    rows = []
    for each in flags:
        shown = each.metavar or each.name.upper() if each.param_type_name == "argument" else ", ".join(each.opts)
        words = (getattr(each, "help", None) or "").replace("|", "\\|").replace("[", "\\[").replace("<", "&lt;")
        rows.append(f"| `{shown.replace('|', ' or ')}` | {words} |")
    return ["| | |", "|---|---|", *rows] if rows else []


def setup(app: Any) -> dict[str, bool]:
    app.connect("source-read", _with_commands)
    return {"parallel_read_safe": True}
