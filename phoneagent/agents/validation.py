"""From the text of an agent file to an agent, or to everything that is wrong with it."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import date
from difflib import get_close_matches
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from phoneagent.agents import prompt as prompts
from phoneagent.agents.front_matter import FrontMatter
from phoneagent.agents.schema import keys_at
from phoneagent.agents.source import Source
from phoneagent.core import models
from phoneagent.core.agents import Agent
from phoneagent.core.problems import FileProblem

_DEFAULT = Agent(name="")


@dataclass(frozen=True, slots=True)
class Rules:
    """What an agent file is measured by besides its own format.

    `region`: that of numbers without a country code. `tools`: the known ones, None for "don't check".
    """

    region: str | None
    tools: Collection[str] | None
    today: date


def validate(
    source: Source, front: dict[str, Any], prompt: str, *, name: str, version: str, rules: Rules
) -> tuple[Agent | None, list[FileProblem]]:
    """The agent of a file, if it has no errors, and all problems of the file.

    `front` and `prompt` are the file's own and what it inherits. A problem of something inherited that is none in
    the parent is told at the key `extends`.
    """
    problems = list(_prompt_problems(source, prompt, front))
    agent = None
    try:
        keys = FrontMatter.model_validate(front, context={"region": rules.region})
    except ValidationError as error:
        problems += [_explain(source, details) for details in error.errors(include_url=False)]
        tools = front.get("tools")
        names = [tool for tool in tools if isinstance(tool, str)] if isinstance(tools, list) else []
    else:
        names = keys.tools
        agent = keys.build(name, prompt, version)
        problems += _warnings(source, agent, rules.today)
    problems += _unknown_tools(source, names, rules.tools)
    if any(problem.severity == "error" for problem in problems):
        agent = None
    return agent, sorted(problems)


def _explain(source: Source, details: ErrorDetails) -> FileProblem:
    path = details["loc"]
    if path and path[0] not in source.front:
        place = source.place(("extends",))
    else:
        place = source.place(path, of_key=details["type"] == "extra_forbidden")
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


def _unknown_tools(source: Source, names: list[str], known: Collection[str] | None) -> Iterator[FileProblem]:
    if known is None:
        return
    for index, name in enumerate(names):
        if name not in known:
            path = ("tools", index) if "tools" in source.front else ("extends",)
            reason = f"no tool {name!r}{_did_you_mean(name, known)}"
            yield source.problem(source.place(path), f"tools[{index + 1}]: {reason}")


def _warnings(source: Source, agent: Agent, today: date) -> Iterator[FileProblem]:
    for key, model in (("model", agent.model), ("transcription", agent.transcription.model)):
        notice = models.shut_down_notice(model, today) if model else None
        if notice and key in source.front:
            path = (key, "model") if isinstance(source.front[key], dict) else (key,)
            yield FileProblem(source.file, *source.place(path), f"{_dotted(path)}: {notice}", "warning")
    if agent.apology == _DEFAULT.apology and not agent.language.startswith("en") and "language" in source.front:
        yield FileProblem(
            source.file,
            *source.place(("language",)),
            f"apology: is spoken by the carrier and in English; write one in {agent.language}",
            "warning",
        )
