"""Both stacks' lives without AWS: ``make rehearse``.

Create, a failing create at every resource, each update and delete: in the simulator of
``tests/template/simulator.py``, for every named combination of options. Its test also lets each
update fail.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.template.cloudformation import Options, database_template, transformed
from tests.template.combinations import COMBINATIONS, DATABASE_COMBINATIONS
from tests.template.simulator import Simulated
from tests.template.test_options import other


def stacks() -> Iterator[tuple[str, Options, dict[str, Any]]]:
    """Every stack that is rehearsed: a name, its options, its template."""
    for name, one in COMBINATIONS.items():
        yield f"hourmeter, {name}", one.options, transformed()
    for name, options in DATABASE_COMBINATIONS.items():
        yield f"hourmeter-database, {name}", options, database_template()


def fail_everywhere(options: Options, template: dict[str, Any]) -> dict[str, Simulated]:
    """A first deployment that fails, once at each resource."""
    whole = Simulated(template)
    assert whole.create(options)
    tried = {}
    for name in whole.things:
        tried[name] = Simulated(template)
        assert not tried[name].create(options, failing=name)
    return tried


def updates(options: Options, template: dict[str, Any]) -> Iterator[tuple[str, str, Options]]:
    """Each parameter with another value: its name, the value, all options."""
    for name, declared in template["Parameters"].items():
        now = options.get(name, str(declared.get("Default", "")))
        value = other(name, declared, now)
        yield name, value, dict(options) | {name: value}


def main() -> None:
    """Play everything through and say what happened, a line each."""
    for title, options, template in stacks():
        failed = fail_everywhere(options, template)
        left = {name for name, one in failed.items() if one.things}
        print(f"\n{title}: {len(failed)} resources")
        print(f"  a failing create at each of them: {left or 'all taken back'}")
        for name, value, changed in updates(options, template):
            stack = Simulated(template)
            stack.create(options)
            begun = len(stack.log)
            done = stack.update(changed)
            log = stack.log[begun:]
            if not done:
                print(
                    f"  {name}={value}: {log[-1]}" if "refused" in log[-1] else f"  {name}: {log}"
                )
                continue
            counts = {verb: sum(line.startswith(verb) for line in log) for verb in VERBS}
            said = ", ".join(f"{verb} {count}" for verb, count in counts.items() if count)
            print(f"  {name}={value}: {said or 'nothing changes'}")
        stack = Simulated(template)
        stack.create(options)
        stack.delete()
        print(f"  delete: {len(stack.things)} left, {stack.snapshots} snapshots")


VERBS = ("create", "change", "replace", "delete")

if __name__ == "__main__":
    main()
