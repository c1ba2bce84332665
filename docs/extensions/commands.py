"""The pages of commands and of settings, written from the command line and the settings themselves."""

from __future__ import annotations

from typing import Any


def _with_commands(_: Any, name: str, source: list[str]) -> None:
    if name == "reference/commands":
        source[0] = source[0].replace("<!-- commands -->", _commands())
    if name == "reference/settings":
        source[0] = source[0].replace("<!-- settings -->", _settings())


def _commands() -> str:
    from typer.main import get_command

    from nowcast.cli import app
    from nowcast.cli.flags import READING

    lines: list[str] = []
    reading: list[Any] = []
    for name, verb in get_command(app).commands.items():
        groups = _groups(verb)
        reading = groups.pop(READING, reading)
        lines += [f"## nowcast {name}", "", verb.help or "", "", "```sh", verb.epilog or f"nowcast {name}", "```", ""]
        for title, params in groups.items():
            lines += [f"**{title}**", "", *_table(params), ""]
    return "\n".join([*lines, f"## {READING}", "", *_table(reading)])


def _groups(verb: Any) -> dict[str, list[Any]]:
    """Its arguments and flags, under the titles of its help."""
    groups: dict[str, list[Any]] = {"Arguments": [], "Options": []}
    for each in verb.params:
        argument = each.param_type_name == "argument"
        groups.setdefault("Arguments" if argument else verb.group(each), []).append(each)
    return {title: params for title, params in groups.items() if params}


def _table(params: list[Any]) -> list[str]:
    rows = []
    for each in params:
        argument = each.param_type_name == "argument"
        shown = each.metavar or each.name.upper() if argument else ", ".join(each.opts)
        words = getattr(each, "help", None) or ""
        for sign, spelt in (("|", "\\|"), ("[", "\\["), ("<", "&lt;"), ("*", "\\*")):
            words = words.replace(sign, spelt)
        rows.append(f"| `{shown.replace('|', ' or ')}` | {words} |")
    return ["| | |", "|---|---|", *rows]


def _settings() -> str:
    from nowcast.config import explained

    return f"```yaml\n{explained()}```\n"


def setup(app: Any) -> dict[str, bool]:
    app.connect("source-read", _with_commands)
    return {"parallel_read_safe": True}
