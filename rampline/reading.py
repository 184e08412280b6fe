"""YAML and JSON files that people give to a command, also those that were made to do harm."""

import re
from typing import Any

import yaml

MAX_BYTES = 2_000_000
MAX_DEPTH = 50


class _Loader(yaml.SafeLoader):
    """YAML without aliases, which a small file can make into a huge one; numbers such as 3e-4 are numbers."""

    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            raise yaml.composer.ComposerError(
                None, None, "aliases (*name) are not taken; write it out", self.get_mark()
            )
        self.depth += 1
        if self.depth > MAX_DEPTH:
            problem = f"it is nested deeper than {MAX_DEPTH} levels"
            raise yaml.composer.ComposerError(None, None, problem, self.get_mark())
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        for place, (key, _) in enumerate(node.value):
            if isinstance(key, yaml.ScalarNode) and key.value in keys[:place]:
                raise yaml.constructor.ConstructorError(None, None, f"{key.value} is given twice", key.start_mark)
        return super().construct_mapping(node, deep)


# YAML 1.2 takes 3e-4 for a number; PyYAML implements 1.1, which wants a dot and a sign.
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)[eE][-+]?[0-9]+$"), list("-+.0123456789")
)


class UnreadableError(Exception):
    """A file that holds no sweep and no schedule; the message says what it should hold."""


def load(text: str, name: str) -> object:
    """What a YAML or JSON text holds, in memory and time that its length bounds.

    Raises:
        UnreadableError: it is neither, too long, nested too deep, or uses aliases.
    """
    if len(text) > MAX_BYTES:
        raise UnreadableError(f"{name} has more than {MAX_BYTES} characters; a sweep needs far less")
    try:
        return yaml.load(text, Loader=_Loader)  # noqa: S506 - a SafeLoader that takes less
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise UnreadableError(f"{name} is not YAML: {' '.join(str(error).split())}") from error
