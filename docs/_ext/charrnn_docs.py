"""A Sphinx extension: the parts of the site that are read from charrnn itself.

`{charrnn-commands}` and `{charrnn-settings}` are the reference of the command line and of the config classes,
`{charrnn-public}` the names of `charrnn.__all__`, `{charrnn-modules} ROOM` the modules of a room of the package,
`{charrnn-cell} NAME` a cell's module docstring, equations and all.
"""

import importlib
import inspect
import pkgutil
import re
from typing import Any

import reference_text
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

import charrnn


class Generated(SphinxDirective):
    """A directive whose content is text that a function makes, parsed where the directive stands."""

    def text(self) -> str:
        """The text, in the language of the document."""
        raise NotImplementedError

    def run(self) -> list[nodes.Node]:
        """The parsed text."""
        self.env.note_reread()  # what it depends on is the program, not the page
        return self.parse_text_to_nodes(self.text(), allow_section_headings=True)


class Commands(Generated):
    """The reference of the command line."""

    def text(self) -> str:
        """MyST Markdown."""
        return reference_text.command_reference()


class Settings(Generated):
    """The reference of the config classes."""

    def text(self) -> str:
        """MyST Markdown."""
        return reference_text.setting_reference()


class Public(Generated):
    """A table of the public names."""

    def text(self) -> str:
        """MyST Markdown."""
        rows = ["| name | what it is |", "|---|---|"]
        for name in charrnn.__all__:
            thing = getattr(charrnn, name)
            first = inspect.cleandoc(thing.__doc__ or "").split("\n\n")[0]
            target = f"{thing.__module__}.{thing.__qualname__}"
            kind = "class" if inspect.isclass(thing) else "func"
            rows.append(f"| {{py:{kind}}}`charrnn.{name} <{target}>` | {' '.join(first.split())} |")
        return "\n".join(rows) + "\n"


class Modules(Generated):
    """The modules of a room of the package, or a single module. For reStructuredText only."""

    required_arguments = 1

    def text(self) -> str:
        """ReStructuredText for autodoc."""
        room = importlib.import_module(self.arguments[0])
        names = [room.__name__]
        if hasattr(room, "__path__"):
            inside = pkgutil.walk_packages(room.__path__, room.__name__ + ".")
            names += [m.name for m in inside if "._" not in m.name]
        return "\n\n".join(_module(name, room.__name__) for name in names)


def _module(name: str, room: str) -> str:
    module = importlib.import_module(name)
    if name == room and hasattr(module, "__path__"):
        return f".. automodule:: {name}"
    return f"{name}\n{'-' * len(name)}\n\n.. automodule:: {name}\n   :members:\n"


class CellDocumentation(SphinxDirective):
    """What a cell's file says of it: the equations, their gradient, the paper."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Paragraphs, and the indented parts as literal blocks."""
        self.env.note_reread()
        module = importlib.import_module(f"charrnn.network.cells.{self.arguments[0]}")
        found: list[nodes.Node] = []
        for block in blocks_of(inspect.getdoc(module) or ""):
            if block.startswith(" "):
                text = inspect.cleandoc("\n" + block)
                literal = nodes.literal_block(text, text, classes=["equations"])
                literal["language"] = "none"
                found.append(literal)
            else:
                found.append(
                    nodes.paragraph("", nodes.Text(" ".join(block.split()).replace("`", "")))
                )
        return found


def blocks_of(text: str) -> list[str]:
    """The paragraphs of a docstring, divided at empty lines."""
    return [block for block in re.split(r"\n\s*\n", text) if block.strip()]


SECTION = re.compile(r"(Args|Returns|Raises|Yields|Example|Examples|Attributes|Note):$")


def to_restructured_text(
    app: Sphinx, what: str, name: str, thing: Any, settings: Any, lines: list[str]
) -> None:
    """Make a plain docstring safe for reStructuredText: literal blocks, and characters that would be markup.

    It stands before Napoleon, which reads the sections; the lines of a section are left as they are, but for the
    characters.
    """
    del app, what, name, settings
    if callable(thing) and not (getattr(thing, "__module__", None) or "").startswith("charrnn"):
        lines.clear()  # another package's function under a name of ours
        return
    made: list[str] = []
    in_section = False
    in_block = False
    for line in lines:
        if SECTION.match(line):
            in_section, in_block = not line.startswith("Example"), line.startswith("Example")
            made.append(line if in_section else "Example::")
            if in_block:
                made.append("")
            continue
        indented = line.startswith("    ")
        if line and not indented:
            in_section = in_block = False
        if indented and not in_section and not in_block and (not made or not made[-1].strip()):
            made += ["::", ""]
            in_block = True
        made.append(line if in_block else _escaped(line))
    lines[:] = made


def _escaped(line: str) -> str:
    parts = re.split(r"(`[^`]*`)", line)
    return "".join(f"`{p}`" if p.startswith("`") else _plain(p) for p in parts)


def _plain(text: str) -> str:
    text = text.replace("\\", "\\\\")
    return re.sub(r"([*|])|(?<=\w)(_)(?!\w)", lambda m: "\\" + m[0], text)


def setup(app: Sphinx) -> dict[str, Any]:
    """Add the directives, and prepare docstrings before Napoleon (priority 500) reads them."""
    directives = {
        "charrnn-commands": Commands,
        "charrnn-settings": Settings,
        "charrnn-public": Public,
        "charrnn-modules": Modules,
        "charrnn-cell": CellDocumentation,
    }
    for name, directive in directives.items():
        app.add_directive(name, directive)
    app.connect("autodoc-process-docstring", to_restructured_text, priority=100)
    return {"version": charrnn.__version__, "parallel_read_safe": True}
