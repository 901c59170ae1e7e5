"""What must come before what: CloudFormation's dependency graph of a stack with its options."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from tests.template.cloudformation import Stack, as_list

_VARIABLE = re.compile(r"\$\{([^!}][^}]*)\}")


def references(value: Any) -> Iterator[str]:  # noqa: C901  one case for each intrinsic
    """Every name that Ref, GetAtt, Sub or DependsOn refers to, at any depth."""
    if isinstance(value, list):
        for inner in value:
            yield from references(inner)
    if not isinstance(value, dict):
        return
    for key, inner in value.items():
        match key, inner:
            case "Ref", str():
                yield inner
            case "Fn::GetAtt", [str(name), _]:
                yield name
            case "Fn::GetAtt", str():
                yield inner.split(".")[0]
            case "Fn::Sub", str():
                yield from _in_text(inner, set())
            case "Fn::Sub", [str(text), dict(names)]:
                yield from _in_text(text, set(names))
                yield from references(names)
            case "DependsOn", _:
                yield from as_list(inner)
            case _:
                yield from references(inner)


def _in_text(text: str, own: set[str]) -> Iterator[str]:
    names = (found.split(".")[0] for found in _VARIABLE.findall(text))
    yield from (name for name in names if name not in own)


def direct(stack: Stack) -> dict[str, set[str]]:
    """What each resource refers to. Names of parameters and of AWS's own are left out."""
    found = {}
    for name, resource in stack.resources.items():
        names = set(references(resource))
        known = {one for one in names if one in stack.parameters or one.startswith("AWS::")}
        found[name] = names - known
    return found


def order(graph: dict[str, set[str]]) -> list[str]:
    """The resources as CloudFormation may make them. Raises ValueError where they form a circle."""
    left, made = dict(graph), list[str]()
    while left:
        ready = sorted(name for name, needs in left.items() if not needs - set(made))
        if not ready:
            raise ValueError(f"these wait for each other: {sorted(left)}")
        made += ready
        for name in ready:
            del left[name]
    return made


def before(graph: dict[str, set[str]], name: str) -> set[str]:
    """All that must exist before ``name``, directly or not."""
    found, waiting = set[str](), [name]
    while waiting:
        more = graph[waiting.pop()] - found
        found |= more
        waiting += more
    return found
