"""What the documentation computes: the code in its pages, the pages of the families, and all pictures.

A page's Python blocks run in order in one namespace; a block that leaves a ``figure`` gets it as a picture below.
"""

import doctest
import inspect
import re
from typing import Any, NamedTuple

import schedules
from schedules import FAMILIES, Schedule
from schedules.modes import MODES
from schedules.pictures import rendered

BLOCK = re.compile(r"^```python\n(.*?)^```\n", re.MULTILINE | re.DOTALL)
PARTS = ("Formula", "Peak", "Source", "Used by", "Choose it")


class Page(NamedTuple):
    """A page's Markdown, and the SVG pictures that lie beside it, by file name."""

    markdown: str
    pictures: dict[str, bytes]


def run(markdown: str, name: str) -> Page:
    """Return a page with its tables filled in and its blocks run. Raises what a block raises."""
    for marker, table in (("families", families_table), ("modes", modes_table)):
        markdown = markdown.replace(f"<!-- {marker} -->", table())
    namespace: dict[str, Any] = {}
    pictures: dict[str, bytes] = {}

    def with_picture(block: re.Match[str]) -> str:
        exec(compile(block[1], f"{name}.md", "exec"), namespace)  # noqa: S102  # the page is ours
        figure = namespace.pop("figure", None)
        if figure is None:
            return block[0]
        file = f"{name}-{len(pictures) + 1}.svg"
        pictures[file] = rendered(figure, "svg")
        return f"{block[0]}\n![What the code above draws]({file})\n"

    return Page(BLOCK.sub(with_picture, markdown), pictures)


def family_page(family: type[Schedule]) -> Page:
    """Return the page of a family, made of its docstring, its parameters and its modes."""
    doc = inspect.getdoc(family) or ""
    prose, _, _ = doc.partition(">>>")
    summary, *rest = prose.replace("``", "`").strip().split("\n", 1)
    parts = _parts(rest[0] if rest else "")
    examples = doctest.DocTestParser().get_examples(doc)
    code = "".join(example.source + (f"# {example.want}" if example.want else "") for example in examples)
    namespace: dict[str, Any] = {}
    for example in examples:
        exec(compile(example.source, family.type, "exec"), namespace)  # noqa: S102  # the docstring is ours
    markdown = "\n".join(
        [
            f"# {family.type}\n",
            f"{summary}\n",
            *(f"**{part}:** {text}\n" for part, text in parts.items()),
            f"![The rates of {family.type}]({family.type}.svg)\n",
            f"```python\n{code}```\n",
            "## Parameters\n",
            _parameters_table(family),
            "## Modes\n",
            _modes_of(family),
        ]
    )
    return Page(markdown, {f"{family.type}.svg": rendered(schedules.plot(namespace["schedule"]), "svg")})


def families_table() -> str:
    """Return the table of the families, with a link to the page of each."""
    rows = [f"| [{name}](families/{name}.md) | {_first_line(family)} |" for name, family in FAMILIES.items()]
    return "\n".join(["| family | what it does |", "|---|---|", *rows])


def modes_table() -> str:
    """Return the table of the modes: whose function each family follows in each."""
    rows = [
        f"| `{mode}` | [{family}](families/{family}.md) | {reproduction.source} |"
        for mode, families in MODES.items()
        for family, reproduction in families.items()
    ]
    return "\n".join(["| mode | family | reproduces |", "|---|---|---|", *rows])


def _first_line(family: type[Schedule]) -> str:
    return (inspect.getdoc(family) or "").split("\n", 1)[0].replace("``", "`")


def _parts(text: str) -> dict[str, str]:
    """Return the labelled parts of a docstring, such as its formula, with their lines joined."""
    starts = "|".join(PARTS)
    found = re.findall(rf"^({starts}): (.*?)(?=^(?:{starts}): |\Z)", text, re.MULTILINE | re.DOTALL)
    return {label: " ".join(part.split()) for label, part in found}


def _parameters_table(family: type[Schedule]) -> str:
    rows = []
    for parameter in family.parameters():
        default = "needed" if parameter.required else "left out" if parameter.default is None else parameter.default
        words = f" One of {', '.join(f'`{word}`' for word in parameter.choices)}." if parameter.choices else ""
        rows.append(f"| `{parameter.name}` | {parameter.type} | {default} | {parameter.doc}{words} |")
    return "\n".join(["| name | type | default | meaning |", "|---|---|---|---|", *rows]) + "\n"


def _modes_of(family: type[Schedule]) -> str:
    rows = [
        f"- `{mode}`: {families[family.type].source}; takes "
        + ", ".join(f"`{name}`" for name in sorted(families[family.type].takes))
        for mode, families in MODES.items()
        if family.type in families
    ]
    return "\n".join(rows or ["Only `native`: no library has it."]) + "\n"
