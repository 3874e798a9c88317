"""A tool made of a typed function: what the model is told of it comes from its signature and docstring."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, get_type_hints, overload

from pydantic import BaseModel, ConfigDict, Field, create_model
from pydantic.errors import PydanticUserError
from pydantic.fields import FieldInfo
from pydantic.json_schema import GenerateJsonSchema

from phoneagent.core.agents import Agent, ToolSpec
from phoneagent.tools.control import CallControl
from phoneagent.tools.threads import in_thread

_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")  # what the engines accept


class ToolError(Exception):
    """Raised by a tool to tell the model, in its own words, why it could not do what it was asked.

    `ran`: it may have done some of it all the same, as a service that did not answer in time.
    Raised by `@tool` for a function that can't be one.
    """

    def __init__(self, message: str, *, ran: bool = False) -> None:
        super().__init__(message)
        self.ran = ran


@dataclass(frozen=True, slots=True)
class Call:
    """The call in which a tool runs. A parameter of this type is handed in, and the model knows nothing of it.

    `caller` and `called` are E.164 numbers, or what the carrier sent in their place. `idempotency_key` is the same
    when the same tool call is tried again. `notes` is kept for the length of the call and shared by its tools.
    `control` is for the built-in tools; a tool of your own runs in another process and has none.
    """

    call_id: str
    caller: str = field(repr=False)
    called: str = field(repr=False)
    agent: Agent
    idempotency_key: str
    notes: dict[str, Any] = field(default_factory=dict, repr=False)
    control: CallControl | None = field(default=None, repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Tool:
    """A function that the model may call. Called itself, it is the function.

    `timeout_s`: None for the toolbox's own.
    """

    spec: ToolSpec
    function: Callable[..., Any] = field(repr=False)
    arguments: type[BaseModel] = field(repr=False)
    call_parameter: str | None
    timeout_s: float | None

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.function(*args, **kwargs)

    @property
    def is_async(self) -> bool:
        """Whether the function is awaited; else it runs in a thread."""
        return inspect.iscoroutinefunction(self.function)

    def parse(self, arguments: str, call: Call) -> dict[str, Any]:
        """The function's arguments from JSON text, the call among them. Raises ValidationError."""
        parsed = self.arguments.model_validate_json(arguments, strict=True)
        values = {name: getattr(parsed, name) for name in self.arguments.model_fields}
        return values if self.call_parameter is None else values | {self.call_parameter: call}

    async def run(self, arguments: dict[str, Any]) -> Any:
        """The function's result. Raises what it raises."""
        if self.is_async:
            return await self.function(**arguments)
        return await in_thread(lambda: self.function(**arguments))


@overload
def tool(function: Callable[..., Any], /) -> Tool: ...
@overload
def tool(*, timeout_s: float) -> Callable[[Callable[..., Any]], Tool]: ...
def tool(function: Callable[..., Any] | None = None, /, *, timeout_s: float | None = None) -> Any:
    """Make a tool of a function, sync or async, with types on all parameters and a docstring.

    The docstring is what the model reads; lines "name: text" under "Args:" describe the parameters, and so does
    `Annotated[…, "text"]`. Raises ToolError for a function that can't be a tool.
    """
    if function is None:
        return lambda function: _tool(function, timeout_s)
    return _tool(function, timeout_s)


def _tool(function: Callable[..., Any], timeout_s: float | None) -> Tool:
    name = function.__name__
    if not _NAME.fullmatch(name):
        raise ToolError(f"{name}: a tool's name may have ASCII letters, digits and _ only")
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise ToolError(f"{name}: a tool returns its result, it can't yield")
    description, described = _read_docstring(inspect.getdoc(function) or "")
    if not description:
        raise ToolError(f"{name}: a tool needs a docstring, it is what the model is told")
    try:
        fields, call_parameter = _parameters(function, described)
        arguments = create_model(name, __config__=ConfigDict(extra="forbid"), **fields)
        parameters = arguments.model_json_schema(schema_generator=_WithoutTitles)
    except (PydanticUserError, NameError) as error:
        raise ToolError(f"{name}: {error}") from error
    parameters = {key: value for key, value in parameters.items() if key not in ("title", "description")}
    spec = ToolSpec(name, description, {"type": "object", "properties": {}} | parameters)
    return Tool(spec, function, arguments, call_parameter, timeout_s)


def _parameters(function: Callable[..., Any], described: dict[str, str]) -> tuple[dict[str, Any], str | None]:
    """The parameters as fields of a model, and the name of the one that takes the call."""
    name = function.__name__
    hints = get_type_hints(function, include_extras=True)
    fields: dict[str, Any] = {}
    call_parameter = None
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
            raise ToolError(f"{name}: the parameter {str(parameter).partition(':')[0]} can't be passed by name")
        if parameter.name not in hints:
            raise ToolError(f"{name}: the parameter {parameter.name} needs a type")
        hint = hints[parameter.name]
        if hint is Call:
            call_parameter = parameter.name
            continue
        default = ... if parameter.default is parameter.empty else parameter.default
        fields[parameter.name] = (hint, _described(hint, default, described.get(parameter.name)))
    return fields, call_parameter


def _described(hint: Any, default: Any, from_docstring: str | None) -> FieldInfo:
    annotated = next((text for text in getattr(hint, "__metadata__", ()) if isinstance(text, str)), None)
    field_info: FieldInfo = Field(default, description=annotated or from_docstring)
    return field_info


def _read_docstring(docstring: str) -> tuple[str, dict[str, str]]:
    """What comes before "Args:", on one line for each paragraph, and the descriptions in it by name."""
    text, _, arguments = docstring.partition("\nArgs:\n")
    described: dict[str, str] = {}
    name = None
    for line in arguments.splitlines():
        if line and not line[0].isspace():  # the next section
            break
        if found := re.match(r"\s+(\w+)\s*(?:\([^)]*\))?:\s*(.*)", line):
            name = found[1]
            described[name] = found[2]
        elif name is not None and line.strip():
            described[name] += " " + line.strip()
    paragraphs = (" ".join(paragraph.split()) for paragraph in text.split("\n\n"))
    return "\n\n".join(paragraphs).strip(), described


class _WithoutTitles(GenerateJsonSchema):
    def field_title_should_be_set(self, schema: Any) -> bool:
        return False
