"""Writes docs/reference/ from the code: python docs/generate_reference.py"""

import ast
import re
import types
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Literal, NotRequired, Union, get_args, get_origin, get_type_hints, is_typeddict

from asl.cli.command_list import SUMMARIES, command_function, examples, load_command
from asl.cli.json_schema import OUTPUTS
from asl.cli.main import DONE, INTERRUPTED
from asl.cli.options import PANELS, default_text
from asl.pipelines.translation.json_schema import LiveWordOutput, TranslateOutput
from asl.pipelines.workspace.errors import AslError, BadInput, SomeFailed, StageMissing
from asl.pipelines.workspace.settings.fields import default_of, option_name, section_fields
from asl.pipelines.workspace.settings.sections import RECIPES, SECTIONS, environment_name

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "docs" / "reference"
COMMAND = "python docs/generate_reference.py"
NOTE = f"% Generated from the code by: {COMMAND}\n"
#: Folders whose modules raise BadClip.
SOURCES = ("models", "pipelines")
TYPE_NAMES = {str: "text", int: "integer", float: "number", bool: "true or false", Path: "path", list[str]: "list of texts"}
JSON_NAMES = {str: "string", int: "integer", float: "number", bool: "boolean", type(None): "null", Any: "any"}
METAVARS = {str: "TEXT", int: "INTEGER", float: "NUMBER", Path: "PATH"}

EXIT_CODES = {
    DONE: "Done.",
    AslError.exit_code: "Failed. One line on stderr says what failed, a second one what to type. `asl profile --budget` also "
    "exits with this code if a step is over its budget.",
    BadInput.exit_code: "Wrong usage or input: an option, a path, a file or a setting. `asl translate` also exits with this code "
    "if none of the clips could be translated.",
    SomeFailed.exit_code: "Some items of a batch failed (clips, runs of a study). The others are done and kept.",
    StageMissing.exit_code: "An earlier stage has not been run yet.",
    INTERRUPTED: "Interrupted by Ctrl-C or SIGTERM. Finished work is kept; the same command continues.",
}

#: Real output of `asl translate coffee.mp4 --runners-up 2 --format json`, with short lists on one line.
EXAMPLE = """\
{
 "version": 2,
 "asl": "0.1.0",
 "command": "translate",
 "model": {
  "name": "everyday",
  "weights": "e2a3c2248151f258126b19d7e778cb02dcb82737913c6d1424411cbb9222b0e3"
 },
 "decoder": "ctc-beam",
 "clips": [
  {
   "path": "coffee.mp4",
   "seconds": 2.9,
   "glosses": ["COFFEE"],
   "tokens": [
    {
     "gloss": "COFFEE",
     "start": 0.28,
     "end": 1.48,
     "confidence": 0.9994,
     "runners_up": [
      {"gloss": "MOTORCYCLE", "confidence": 0.0},
      {"gloss": "DRIVE", "confidence": 0.0}
     ]
    }
   ]
  }
 ],
 "failed": []
}
"""


#: Real output of `asl translate coffee.mp4 --live --no-pace --runners-up 2 --format json`.
LIVE_EXAMPLE = (
    '{"version": 2, "asl": "0.1.0", "model": {"name": "everyday", '
    '"weights": "e2a3c2248151f258126b19d7e778cb02dcb82737913c6d1424411cbb9222b0e3"}, "decoder": "ctc-beam", '
    '"gloss": "COFFEE", "start": 0.28, "end": 1.48, "confidence": 0.9994, "delay_ms": -613.3, '
    '"runners_up": [{"gloss": "MOTORCYCLE", "confidence": 0.0}, {"gloss": "DRIVE", "confidence": 0.0}]}\n'
)


def pages() -> dict[str, str]:
    """Every page of the reference: its path below docs/reference, and its text."""
    commands = {name: load_command(name) for name in SUMMARIES}
    result = {"index.md": index(), "commands.md": command_index(commands)}
    result |= {f"commands/{name}.md": command_page(name, command) for name, command in commands.items()}
    result |= {"settings.md": settings_page(commands), "json.md": json_page(), "exit-codes.md": exit_code_page()}
    return {path: f"{NOTE}\n{text.rstrip()}\n" for path, text in result.items()}


def index() -> str:
    return """# Reference

These pages are generated from the code.

```{toctree}
commands
settings
json
exit-codes
```
"""


# Commands ------------------------------------------------------------------------------------------------------------
def command_index(commands: dict[str, Any]) -> str:
    rows = [
        f"| [`asl {name}`](commands/{name}.md) | {escaped(command.help.split(chr(10) * 2)[0])} |"
        for name, command in commands.items()
    ]
    entries = "\n".join(f"commands/{name}" for name in commands)
    return "\n".join(
        [
            "# Commands\n",
            "`asl COMMAND --help` prints the same text. Every stage accepts `--dry-run`, which says what would run and why, and "
            "`--force`, which runs it although nothing has changed.\n",
            "Results go to stdout, messages and progress to stderr. An option overrides the environment, which overrides "
            "`asl.toml`: see [settings](settings.md). What `--format json` prints: [JSON output](json.md). What a command "
            "returns to the shell: [exit codes](exit-codes.md).\n",
            *table("command", "purpose"),
            *rows,
            f"\n```{{toctree}}\n:hidden:\n\n{entries}\n```",
        ]
    )


def command_page(name: str, command: Any) -> str:
    arguments = [parameter for parameter in command.params if type(parameter).__name__ == "TyperArgument"]
    shown = [f"[{argument.name.upper()}]" + ("..." if argument.nargs < 0 else "") for argument in arguments]
    usage = " ".join(["asl", name, "[OPTIONS]", *shown])
    summary, *further = paragraphs(name)
    shown_examples = "\n".join(examples(command_function(name)))
    lines = [f"# asl {name}\n", f"```\n{usage}\n```\n", f"{escaped(summary)}\n", f"```sh\n{shown_examples}\n```\n"]
    lines += [f"{escaped(paragraph)}\n" for paragraph in further]
    if arguments:
        rows = [f"| `{argument.name.upper()}` | {escaped(argument.help)} |" for argument in arguments]
        lines += ["## Arguments\n", *table("argument", "meaning"), *rows, ""]
    for panel, parameters in by_panel(command).items():
        lines += [
            f"## {panel}\n",
            *section_link(name, panel),
            *table("option", "default", "meaning"),
            *(option_row(name, parameter) for parameter in parameters),
            "",
        ]
    return "\n".join(lines)


def paragraphs(name: str) -> list[str]:
    """The help text of a command without its examples."""
    texts = (command_function(name).__doc__ or "").strip().split("\n\n")
    return [" ".join(text.split()) for text in texts if not text.strip().startswith("$ ")]


def by_panel(command: Any) -> dict[str, list[Any]]:
    """The options of a command in the groups of its help text; those without a group come first."""
    groups: dict[str, list[Any]] = {}
    for parameter in command.params:
        if type(parameter).__name__ == "TyperOption" and not parameter.hidden:
            groups.setdefault(parameter.rich_help_panel or "Options", []).append(parameter)
    return dict(sorted(groups.items(), key=lambda group: group[0] != "Options"))


def section_link(name: str, panel: str) -> list[str]:
    used = set(command_function(name).sections.values())
    sections = [section for section, title in PANELS.items() if title == panel and section in used]
    return [f"Settings of [`[{section}]`](../settings.md#{section}).\n" for section in sections]


def option_row(name: str, parameter: Any) -> str:
    spec = setting_of(name, parameter)
    kind = spec.type if spec else parameter.type_descriptor.annotation
    choices = choices_of(spec, kind)
    names = ", ".join(f"`{option}`" for option in (*parameter.opts, *parameter.secondary_opts))
    metavar = "" if parameter.is_flag else f" {'NAME' if choices else metavar_of(kind)}"
    default = shown_default(default_of(spec) if spec else parameter.default)
    meaning = spec.metadata["help"] if spec else parameter.help
    listed = "" if spec is None and all(choice in meaning for choice in re.findall("`(.+?)`", choices)) else choices
    return f"| {names}{metavar} | {default} | {escaped(meaning)}{listed} |"


def setting_of(name: str, parameter: Any) -> Any:
    """The field of the settings that an option of a command sets, None if it is the command's own."""
    section = command_function(name).sections.get(parameter.name)
    specs = section_fields(SECTIONS[section]) if section else []
    return next((spec for spec in specs if spec.name == parameter.name), None)


def metavar_of(kind: Any) -> str:
    repeated = get_origin(kind) is list
    kind = get_args(kind)[0] if repeated else kind
    return METAVARS.get(kind, "NAME") + (" …" if repeated else "")


def choices_of(spec: Any, kind: Any) -> str:
    kind = get_args(kind)[0] if get_origin(kind) is list else kind
    if spec is not None:
        choices = [str(choice) for choice in spec.metadata["choices"]]
    else:
        choices = [member.value for member in kind] if isinstance(kind, type) and issubclass(kind, Enum) else []
    return f" One of: {', '.join(f'`{choice}`' for choice in choices)}." if len(choices) > 1 else ""


def shown_default(value: Any) -> str:
    if value in ("", None) or value == []:
        return "–"
    if isinstance(value, bool):
        return default_text(value)
    return f"`{value.value if isinstance(value, Enum) else default_text(value)}`"


# Settings ------------------------------------------------------------------------------------------------------------
def settings_page(commands: dict[str, Any]) -> str:
    lines = [
        "# Settings\n",
        "A setting has one meaning everywhere: as an option of a command, as an environment variable, and as a line of the "
        "workspace's `asl.toml`. The first of these that is given counts:\n",
        "1. the option, `asl train-ctc --epochs 30`;\n"
        "2. the environment variable, `ASL_TRAIN_EPOCHS=30`;\n"
        "3. `asl.toml`, `epochs = 30` below `[train]`;\n"
        "4. the recipe, for the settings of [`[train]`](#train);\n"
        "5. the default.\n",
        "`asl status --settings` prints every value and where it comes from. In the environment a list is separated by `:` "
        "(`;` on Windows), and a truth value is `true` or `false`.\n",
    ]
    for section, kind in SECTIONS.items():
        users = [name for name in commands if section in command_function(name).sections.values()]
        links = ", ".join(f"[`asl {name}`](commands/{name}.md)" for name in users)
        lines += [
            f"## `[{section}]`\n",
            f"{escaped(' '.join(kind.__doc__.split()))}\n",
            f"Options of {links}.\n" if users else "",
        ]
        lines += [setting_entry(section, spec) for spec in section_fields(kind)]
        if section == "train":
            lines += recipes()
    return "\n".join(lines)


def setting_entry(section: str, spec: Any) -> str:
    low, high = spec.metadata["low"], spec.metadata["high"]
    bounds = "" if low is None and high is None else f", at least {low:,}" if high is None else f", {low:,} to {high:,}"
    option = f"{option_name(spec)}/--no-{option_name(spec)[2:]}" if spec.type is bool else option_name(spec)
    default = toml_default(default_of(spec))
    return (
        f"`{spec.name}` = `{default}`\n"
        f": {escaped(spec.metadata['help'])}{choices_of(spec, spec.type)}\\\n"
        f"  *{TYPE_NAMES[spec.type].capitalize()}{bounds}.* `{option}`, `{environment_name(section, spec.name)}`\n"
    )


def toml_default(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f'"{value}"' if isinstance(value, str) else str(value)


def recipes() -> Iterator[str]:
    yield "### Recipes\n"
    yield "`recipe` sets these values where neither an option nor the environment nor `asl.toml` says otherwise:\n"
    names = list(RECIPES)
    yield from table("setting", *(f"`{name}`" for name in names))
    defaults = {spec.name: default_of(spec) for spec in section_fields(SECTIONS["train"])}
    for key in dict.fromkeys(key for recipe in RECIPES.values() for key in recipe):
        yield f"| `{key}` | " + " | ".join(f"`{RECIPES[name].get(key, defaults[key])}`" for name in names) + " |"
    yield ""


# JSON ----------------------------------------------------------------------------------------------------------------
def json_page() -> str:
    lines = [
        "# JSON output\n",
        "`--format json` writes one JSON object to stdout, with the `version` of its schema. Fields marked *optional* may be "
        "missing.\n",
        "## asl translate\n",
        f"```json\n{EXAMPLE}```\n",
        "With `--format jsonl` each line is such an object with one clip, or with the reason why it failed, as soon as that is "
        "known. In a folder of outputs (`-o DIR`) each clip has its own, also one that failed.\n",
        *typed_dicts((TranslateOutput,), set()),
        "## asl translate, live\n",
        "`--live`, `--camera` and `--stream` write one object per line, each as soon as its gloss is final.\n",
        f"```json\n{LIVE_EXAMPLE}```\n",
        *typed_dicts((LiveWordOutput,), {"RunnerUp", "ModelOutput"}),
        "## Other commands\n",
    ]
    shown = {"RunnerUp"}
    for name, outputs in OUTPUTS.items():
        lines += [f"### asl {name}\n", *typed_dicts(outputs, shown, level=4)]
    return "\n".join(lines)


def typed_dicts(roots: tuple[type, ...], shown: set[str], level: int = 3) -> Iterator[str]:
    """A table for each type and for those that its fields refer to, each type once."""
    waiting = list(roots)
    while waiting:
        kind = waiting.pop(0)
        if kind.__name__ in shown:
            continue
        shown.add(kind.__name__)
        yield f"{'#' * level} {kind.__name__}\n"
        if kind.__doc__ and kind.__doc__ != dict.__doc__:
            yield f"{kind.__doc__.splitlines()[0].rstrip('.')}.\n"
        yield from table("field", "type", "meaning")
        for field, hint in get_type_hints(kind, include_extras=True).items():
            optional = get_origin(hint) is NotRequired
            value, meaning = get_args(get_args(hint)[0] if optional else hint)[:2]
            yield f"| `{field}` | {json_type(value)}{', *optional*' if optional else ''} | {meaning} |"
            waiting += referred(value)
        yield ""


def json_type(kind: Any) -> str:
    if kind in JSON_NAMES:
        return JSON_NAMES[kind]
    if is_typeddict(kind):
        return f"[{kind.__name__}](#{kind.__name__.lower()})"
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return json_type(arguments[0])
    if origin is list:
        return f"list of {json_type(arguments[0])}"
    if origin is dict:
        return f"object of {json_type(arguments[1])}"
    if origin is Literal:
        return ", ".join(f'`"{argument}"`' for argument in arguments)
    if origin in (Union, types.UnionType):
        return " or ".join(map(json_type, arguments))
    raise TypeError(f"no name for {kind}")


def referred(kind: Any) -> list[type]:
    """The TypedDicts in a type."""
    return [kind] if is_typeddict(kind) else [found for argument in get_args(kind) for found in referred(argument)]


# Exit codes ----------------------------------------------------------------------------------------------------------
def exit_code_page() -> str:
    rows = [f"| {code} | {meaning} |" for code, meaning in sorted(EXIT_CODES.items())]
    reasons = [f"| `{reason}` | {'<br>'.join(map(escaped, messages))} |" for reason, messages in bad_clip_reasons().items()]
    return "\n".join(
        [
            "# Exit codes\n",
            *table("code", "meaning"),
            *rows,
            "\n## Reasons why a clip cannot be used\n",
            "A bad clip never ends a batch. It is listed with one of these reasons, on stderr by `asl translate`, in "
            "`failures.jsonl` and on the report page by `asl extract`, and the command exits with 3. `…` stands for a value.\n",
            *table("reason", "message"),
            *reasons,
        ]
    )


def bad_clip_reasons() -> dict[str, list[str]]:
    """The reasons of all BadClips that the code raises, each with its messages."""
    reasons: dict[str, list[str]] = {}
    files = sorted(file for folder in SOURCES for file in (ROOT / folder).rglob("*.py"))
    for node in (node for file in files for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "BadClip" and isinstance(node.args[0], ast.Constant):
            messages = reasons.setdefault(node.args[0].value, [])
            messages += [message for message in texts(node.args[1]) if message not in messages]
    return dict(sorted(reasons.items()))


def texts(node: ast.expr) -> list[str]:
    """The texts that an expression can give, … for each value in them."""
    if isinstance(node, ast.Constant):
        return [str(node.value)]
    if isinstance(node, ast.IfExp):
        return texts(node.body) + texts(node.orelse)
    if isinstance(node, ast.JoinedStr):
        return ["".join(part.value if isinstance(part, ast.Constant) else "…" for part in node.values)]
    return ["…"]


# Markdown ------------------------------------------------------------------------------------------------------------
def table(*columns: str) -> list[str]:
    return [f"| {' | '.join(columns)} |", f"|{'---|' * len(columns)}"]


def escaped(text: str) -> str:
    """Plain text as Markdown, with options as code."""
    parts = re.split(r"(?<![\w-])(--[a-z][a-z0-9-]*)", text)
    return "".join(f"`{part}`" if index % 2 else re.sub(r"([\\`*_<>|\[\]$])", r"\\\1", part) for index, part in enumerate(parts))


def main() -> None:
    generated = pages()
    for file in FOLDER.rglob("*.md"):
        if file.relative_to(FOLDER).as_posix() not in generated:
            file.unlink()
    for path, text in generated.items():
        (FOLDER / path).parent.mkdir(parents=True, exist_ok=True)
        (FOLDER / path).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
