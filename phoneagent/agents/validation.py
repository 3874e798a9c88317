"""From the text of an agent file to an agent, or to everything that is wrong with it."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from phoneagent.agents import prompt as prompts
from phoneagent.agents.crosschecks import Finding, KeyPath, cross_check
from phoneagent.agents.front_matter import FrontMatter
from phoneagent.agents.schema import keys_at
from phoneagent.agents.source import Source
from phoneagent.core.agents import Agent
from phoneagent.core.problems import FileProblem

Check = Callable[[Agent], Iterable[Finding]]
"""A further check of an agent."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What an agent file is measured by besides its own format.

    `region`: that of numbers without a country code. `tools`: the known ones, `secrets`: the names of those that there
    are; None for "don't check". `beside`: the folder from which paths go. `check`: a further check.
    """

    region: str | None
    tools: Collection[str] | None
    secrets: Collection[str] | None
    beside: Path
    check: Check | None
    today: date


def validate(
    source: Source, front: dict[str, Any], prompt: str, *, name: str, version: str, rules: Rules
) -> tuple[Agent | None, list[FileProblem]]:
    """The agent of a file, if it has no errors, and all problems of the file.

    `front` and `prompt` are the file's own and what it inherits. A problem of something inherited that is none in
    the parent is told at the key `extends`.
    """
    problems = list(_prompt_problems(source, prompt, front))
    findings = list(_tool_names(front, rules.tools))
    agent = None
    try:
        keys = FrontMatter.model_validate(front, context={"region": rules.region, "beside": rules.beside})
    except ValidationError as error:
        problems += [_explain(source, details) for details in error.errors(include_url=False)]
    else:
        agent = keys.build(name, prompt, version)
        findings += cross_check(agent, rules.secrets, rules.today)
        findings += rules.check(agent) if rules.check else ()
    problems += [
        placed(source, front, finding)
        for finding in findings
        if finding.severity == "error" or finding.path[0] in source.front  # the parent is warned of the rest
    ]
    if any(problem.severity == "error" for problem in problems):
        agent = None
    return agent, sorted(problems)


def placed(source: Source, front: dict[str, Any], finding: Finding) -> FileProblem:
    """A finding as a problem of the file, whose front matter with all that it inherits is `front`."""
    path = _in_file(finding.path, front)
    place = source.place(path if path[0] in source.front else ("extends",))
    return FileProblem(source.file, *place, f"{_dotted(path)}: {finding.message}", finding.severity)


def _in_file(path: KeyPath, front: dict[str, Any]) -> KeyPath:
    """The path as the file has it: with the place of a name in a list, and no further than a short form goes."""
    node: Any = front
    there: KeyPath = ()
    for step in path:
        names = [name for name, _ in _items(node)]
        for inner in (names.index(step), step) if step in names else (step,):
            try:
                node = node[inner]
            except (KeyError, IndexError, TypeError):
                break
            there = (*there, inner)
    return there or path[:1]


def _items(values: Any) -> Iterator[tuple[Any, Any]]:
    """Names and options of a list like that of the tools, whatever somebody has written there."""
    for item in values if isinstance(values, list) else ():
        yield next(iter(item.items())) if isinstance(item, dict) and item else (item, None)


def _tool_names(front: dict[str, Any], known: Collection[str] | None) -> Iterator[Finding]:
    for index, (name, options) in enumerate(_items(front.get("tools"))):
        if known is None or not isinstance(name, str):
            continue
        if not (isinstance(options, dict) and "http" in options):
            if name not in known:
                yield Finding(("tools", index), f"no tool {name!r}{_did_you_mean(name, known)}")
        elif name in known:
            yield Finding(("tools", index), f"there is another tool {name!r} already: choose another name")


def _explain(source: Source, details: ErrorDetails) -> FileProblem:
    path = details["loc"]
    of_key = details["type"] == "extra_forbidden"
    if path and path[-1] == "[key]":  # how pydantic says that the key itself is wrong
        path, of_key = path[:-1], True
    place = source.place(("extends",)) if path and path[0] not in source.front else source.place(path, of_key=of_key)
    return source.problem(place, f"{_dotted(path)}: {_reason(details)}")


def _reason(details: ErrorDetails) -> str:
    value = details["input"]
    got = f", got {value!r}" if isinstance(value, str | int | float | bool) else ""
    match details["type"]:
        case "extra_forbidden":
            return "unknown key" + _did_you_mean(str(details["loc"][-1]), keys_at(details["loc"][:-1]))
        case "missing":
            return "is missing"
        case "value_error":
            return str(details["ctx"]["error"])
        case "string_pattern_mismatch":
            return f"is not in the form that it must have{got}"
        case "string_too_short" | "too_short":
            return "must not be empty"
        case "string_too_long":
            return f"must have at most {details['ctx']['max_length']} characters, not {len(value)}"
        case "dict_type" | "model_type" | "model_attributes_type":
            return f"must be lines of `key: value`{got}"
        case "list_type" | "tuple_type":
            return f"must be a list: [one, other]{got}"
        case "string_type" if value is None:
            return "has no value"
        case _:
            reason = re.sub(r"^Input should be (a valid )?", r"must be ", details["msg"])
            return reason[:1].lower() + reason[1:] + got


def _did_you_mean(word: str, known: Collection[str]) -> str:
    nearest = get_close_matches(word, known, n=1)
    if nearest:
        return f", did you mean {nearest[0]!r}?"
    return f"; there are {', '.join(sorted(known))}" if known else "; there are none"


def _dotted(path: tuple[str | int, ...]) -> str:
    text = "".join(f"[{step + 1}]" if isinstance(step, int) else f".{step}" for step in path)
    return text.removeprefix(".")


def _prompt_problems(source: Source, prompt: str, front: dict[str, Any]) -> Iterator[FileProblem]:
    if not prompt and not front.get("dialogue"):
        place = (source.prompt_line, 0)
        yield source.problem(place, "the prompt, the text below the second ---, is empty")
    for offset, reason in prompts.unknown_variables(source.prompt):
        before = source.prompt[:offset]
        line = source.prompt_line + before.count("\n")
        yield source.problem((line, offset - before.rfind("\n")), reason)
