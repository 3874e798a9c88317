"""A tool made of a typed function: what the model is told of it comes from its signature and docstring."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, Protocol, get_args, get_type_hints, overload

from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model
from pydantic.errors import PydanticUserError
from pydantic.fields import FieldInfo
from pydantic.json_schema import GenerateJsonSchema

from phoneagent.core.agents import Agent, Filler, Line, ToolPolicy, ToolSpec
from phoneagent.tools.control import CallControl
from phoneagent.tools.runnable import BadArgumentsError

LOOK_UP_CALLER = "look_up_caller"
NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")  # what the engines accept
_STRICT = ConfigDict(extra="forbid", allow_inf_nan=False)  # NaN is no JSON, and less than no limit
_NO_PARAMETERS = {"type": "object", "properties": {}, "additionalProperties": False}


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

    `call_id` is our id of the call, `caller` and `called` are E.164 numbers, or what the carrier sent in their place.
    `idempotency_key` is the same when the same tool call is tried again. `notes` is kept for the length of the call and
    shared by its tools, which may change it: small values that can be pickled. (The service itself keeps what workers
    send, and does not unpickle it.) `control` is for the built-in tools; a tool of your own runs in another process and
    has none.
    """

    call_id: str
    caller: str = field(repr=False)
    called: str = field(repr=False)
    agent: Agent
    idempotency_key: str
    notes: dict[str, Any] = field(default_factory=dict, repr=False)
    control: CallControl | None = field(default=None, repr=False, compare=False)


class LocalTool(Protocol):
    """A tool that runs in the process that calls it, and may block it."""

    @property
    def spec(self) -> ToolSpec:
        """What the model is told of it, and how it is run."""

    def call(self, arguments: str, call: Call) -> Any:
        """The result, or a coroutine that returns it. `arguments` is JSON text. Raises as `Runnable.run`."""


@dataclass(frozen=True, slots=True)
class Tool:
    """A function that the model may call. Called itself, it is the function. A Runnable, and a LocalTool."""

    spec: ToolSpec
    function: Callable[..., Any] = field(repr=False)
    arguments: type[BaseModel] = field(repr=False)
    call_parameter: str | None

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.function(*args, **kwargs)

    def parse(self, arguments: str, call: Call) -> dict[str, Any]:
        """The function's arguments from JSON text, the call among them. Raises BadArgumentsError."""
        try:
            parsed = self.arguments.model_validate_json(arguments.strip() or "{}", strict=True)
        except ValidationError as error:
            raise BadArgumentsError(_faults(error)) from None
        values = {name: getattr(parsed, name) for name in self.arguments.model_fields}
        return values if self.call_parameter is None else values | {self.call_parameter: call}

    def call(self, arguments: str, call: Call) -> Any:
        """See LocalTool."""
        return self.function(**self.parse(arguments, call))

    async def run(self, arguments: str, call: Call) -> object:
        """See Runnable. A function that isn't async blocks this process."""
        result: object = self.call(arguments, call)
        return await result if inspect.isawaitable(result) else result


@overload
def tool(function: Callable[..., Any], /) -> Tool: ...
@overload
def tool(
    *,
    timeout_s: float | None = None,
    while_running: Filler | str | None = None,
    on_barge_in: Literal["keep", "cancel"] = "keep",
    side_effects: bool = False,
    confirm: bool = False,
) -> Callable[[Callable[..., Any]], Tool]: ...
def tool(
    function: Callable[..., Any] | None = None,
    /,
    **options: Any,
) -> Any:
    """Make a tool of a function, sync or async, with types on all parameters and a docstring.

    The docstring is what the model reads; lines "name: text" under "Args:" describe the parameters, and so does
    `Annotated[…, "text"]`. The options are those of ToolPolicy; `while_running` may be a line to be spoken, or "music".
    An agent's file may set each of them otherwise. Raises ToolError for a function that can't be a tool, and for
    options that are none.
    """
    policy = _policy(options)
    if function is None:
        return lambda function: tool_of(function, policy)
    return tool_of(function, policy)


class _Options(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    timeout_s: Annotated[float, Field(gt=0, le=600)] | None = None
    while_running: Filler | str | None = None
    on_barge_in: Literal["keep", "cancel"] = "keep"
    side_effects: bool = False
    confirm: bool = False


def _policy(given: dict[str, Any]) -> ToolPolicy:
    try:
        options = dict(_Options(**given))
    except ValidationError as error:
        raise ToolError(f"@tool: {_faults(error)}") from None
    filler = options["while_running"]
    if isinstance(filler, str):
        options["while_running"] = Filler(None if filler == "music" else Line(filler))
    return ToolPolicy(**options)


def tool_of(function: Callable[..., Any], policy: ToolPolicy) -> Tool:
    """The tool that a function is. Raises ToolError."""
    name = function.__name__
    if not NAME.fullmatch(name):
        raise ToolError(f"{name}: a tool's name may have ASCII letters, digits and _ only")
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise ToolError(f"{name}: a tool returns its result, it can't yield")
    description, described = _read_docstring(inspect.getdoc(function) or "")
    if not description:
        raise ToolError(f"{name}: a tool needs a docstring, it is what the model is told")
    try:
        fields, call_parameter = _parameters(function, described)
        arguments = create_model(name, __config__=_STRICT, **fields)
        parameters = arguments.model_json_schema(schema_generator=_WithoutTitles)
    except (PydanticUserError, NameError) as error:
        raise ToolError(
            f"{name}: {str(error).partition('. ')[0]}"
        ) from error  # then pydantic says how to get around it
    parameters = {key: value for key, value in parameters.items() if key not in ("title", "description")}
    spec = ToolSpec(name, description, {"type": "object", "properties": {}} | parameters, policy)
    return Tool(spec, function, arguments, call_parameter)


def caller_lookup(function: Callable[[Call], Any]) -> Tool:
    """Make of a function of the call the tool `look_up_caller`, which an agent may list to know who is calling.

    Its docstring, if any, is added to what the model is told. Raises ToolError.
    """
    parameters = inspect.signature(function).parameters
    if len(parameters) != 1:
        raise ToolError(f"{function.__name__}: a caller_lookup has one parameter, the Call")
    about = " ".join((inspect.getdoc(function) or "").split())
    spec = ToolSpec(LOOK_UP_CALLER, f"Look up who is calling. {about}".strip(), _NO_PARAMETERS)
    return Tool(spec, function, create_model(LOOK_UP_CALLER, __config__=_STRICT), *parameters)


def _faults(error: ValidationError) -> str:
    faults = error.errors(include_url=False, include_context=False, include_input=False)
    return "; ".join(
        f"{'.'.join(str(step) for step in fault['loc']) or 'arguments'}: {fault['msg']}" for fault in faults[:5]
    )


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
        if Call in get_args(hint):
            raise ToolError(f"{name}: the type of the parameter {parameter.name} must be Call, and nothing around it")
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
