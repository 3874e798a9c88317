"""Keys of the front matter for what the agent can do: options of tools, HTTP tools, MCP servers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from math import isfinite
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import Field, PlainSerializer, PlainValidator, TypeAdapter, model_validator

from phoneagent.agents.values import Instruction, Keys, Off, line, off_as_none
from phoneagent.core import agents as core
from phoneagent.core.agents import Filler, HttpTool, McpServer, ToolPolicy

_OPTIONS = {option.name for option in fields(ToolPolicy)}


def _json(value: Any) -> Any:
    """The value, if JSON can hold it: YAML has more."""
    match value:
        case dict():
            if strange := [key for key in value if not isinstance(key, str)]:
                raise ValueError(f"a key must be a text: write {strange[0]!r} in quotes")
            return {key: _json(inner) for key, inner in value.items()}
        case list():
            return [_json(inner) for inner in value]
        case float() if not isfinite(value):
            raise ValueError(f"{value} is no number of JSON")
        case None | str() | bool() | int() | float():
            return value
        case _:
            raise ValueError(f"{value} must be a text: write it in quotes")


Json = Annotated[Any, PlainValidator(_json, json_schema_input_type=Any)]
Music = Literal["music"]
ToolName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
ServerName = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_-]{0,31}$")]


def _line_or_music(value: Any) -> core.Line | None:
    return None if value == "music" else line(value)


class Filling(Keys):
    after_ms: int = Field(default=Filler(None).after_ms, ge=0, le=60_000)
    """Milliseconds of silence before it."""
    say: Annotated[core.Line | None, PlainValidator(_line_or_music, json_schema_input_type=str | Instruction | Music)]
    """What the agent says, or music."""


def _while_running(value: Any) -> Filler | None:
    if off_as_none(value) is None:
        return None
    if isinstance(value, dict) and "instruction" not in value:
        filling = Filling.model_validate(value)
        return Filler(filling.say, filling.after_ms)
    return Filler(_line_or_music(value))


class ToolOptions(Keys):
    """How a tool is run, where that is to be other than the tool itself says."""

    timeout_s: float = Field(default=8.0, gt=0, le=600)
    """Seconds after which the model is told that it took too long."""
    while_running: Annotated[
        Filler | None,
        PlainValidator(_while_running, json_schema_input_type=str | Instruction | Filling | Music | Off),
        PlainSerializer(lambda filler: "off" if filler is None else "music"),
    ] = None
    """What the caller hears when the tool takes its time: a text, {instruction: …}, music or off."""
    on_barge_in: Literal["keep", "cancel"] = "keep"
    """What becomes of the tool when the caller speaks meanwhile."""
    side_effects: bool = False
    """Whether what it does can't be undone: the same is done once in a call."""
    confirm: bool = False
    """Whether the caller must have agreed first."""
    after_speech: bool = False
    """Whether it waits until the caller has heard the agent's last word."""
    silent: bool = False
    """Whether the agent says nothing about its result."""

    def policy(self) -> dict[str, Any]:
        """The fields of ToolPolicy that were set."""
        return {name: getattr(self, name) for name in sorted(self.model_fields_set & _OPTIONS)}


class Http(Keys):
    """The request that an HTTP tool makes. {argument} stands for the argument of this name."""

    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"] = "GET"
    url: str = Field(min_length=1)
    """The address; arguments in its path and query only."""
    query: dict[str, Json] = Field(default={})
    """Parameters of the address. One that is nothing but {argument} is left out with it."""
    headers: dict[str, str] = Field(default={})
    """Headers; ${NAME} is a secret of the service (PHONEAGENT_TOOL_SECRETS)."""
    body: Json = None
    """The body, sent as JSON."""
    result: str | None = Field(default=None, min_length=1)
    """A JMESPath expression: what of the answer the model is told."""
    allow_http: bool = False
    """Whether the address may begin with http://."""
    allow_private: bool = False
    """Whether it may be in a private network, or on this machine."""
    allow_redirects: bool = False
    """Whether the server may send us on to another address."""


class HttpToolKeys(ToolOptions):
    """A tool that is one HTTP request, and how it is run."""

    description: str = Field(min_length=1)
    """What the model is told of it."""
    parameters: dict[str, Json] = Field(default={})
    """The arguments and their JSON Schemas; or one whole JSON Schema of type object."""
    required: list[str] | None = None
    """The arguments that must be given. Default: all without a default."""
    http: Http
    """The request."""

    @model_validator(mode="after")
    def _schema_has_what_is_required(self) -> HttpToolKeys:
        if self._is_schema:
            if self.required is not None:
                raise ValueError("required stands in the schema, where `parameters` is a whole one")
            return self
        for name, schema in self.parameters.items():
            if not isinstance(schema, dict):
                raise ValueError(f"parameters.{name} must be a JSON Schema, as in {{type: string, description: …}}")
        if unknown := sorted(set(self.required or ()) - set(self.parameters)):
            raise ValueError(f"required: {', '.join(unknown)} is not among the parameters")
        return self

    @property
    def _is_schema(self) -> bool:
        return self.parameters.get("type") == "object"

    def _schema(self) -> Mapping[str, Any]:
        if self._is_schema:
            return self.parameters
        required = self.required
        if required is None:
            required = [
                name
                for name, schema in self.parameters.items()
                if not (isinstance(schema, dict) and "default" in schema)
            ]
        return {
            "type": "object",
            "properties": self.parameters,
            "required": required,
            "additionalProperties": False,
        }

    def build(self) -> HttpTool:
        http = self.http
        return HttpTool(
            description=self.description,
            method=http.method,
            url=http.url,
            parameters=self._schema(),
            query=http.query,
            headers=http.headers,
            body=http.body,
            result=http.result,
            allow_http=http.allow_http,
            allow_private=http.allow_private,
            allow_redirects=http.allow_redirects,
        )


class McpKeys(Keys):
    """A server of tools (Model Context Protocol): at a url, or a program that the service starts."""

    url: str | None = None
    """Its address (streamable HTTP)."""
    headers: dict[str, str] = Field(default={})
    """Headers of the requests; ${NAME} is a secret of the service."""
    command: list[str] | None = Field(default=None, min_length=1)
    """The program and its arguments."""
    env: dict[str, str] = Field(default={})
    """Its environment; ${NAME} is a secret of the service."""
    tools: list[str] | None = Field(default=None, min_length=1)
    """The server's tools that the agent may use. Default: all."""
    run_by: Literal["service", "model"] = "service"
    """Who calls the server: this service, or the model's own."""
    confirm: bool = False
    """Whether the caller must have agreed to each use."""
    allow_private: bool = False
    """Whether the url may be in a private network or on this machine, and begin with http://."""

    @model_validator(mode="after")
    def _is_one_or_the_other(self) -> McpKeys:
        if (self.url is None) == (self.command is None):
            raise ValueError("must have a url, or a command, and not both")
        if self.url is None:
            self._of_command()
        else:
            self._of_url(self.url)
        if self.run_by == "model" and self.confirm and self.tools is None:
            raise ValueError("name its tools: what the model's service runs can be confirmed by name only")
        return self

    def _of_command(self) -> None:
        if self.headers or self.allow_private:
            raise ValueError("headers and allow_private belong to a url")
        if self.run_by == "model":
            raise ValueError("a command is run by this service: run_by: model needs a url")

    def _of_url(self, url: str) -> None:
        if self.env:
            raise ValueError("env belongs to a command")
        try:
            address = urlsplit(url)
            host = address.hostname
        except ValueError:
            host = None
        if not host or address.scheme not in ("https", "http") or address.username is not None:
            raise ValueError(f"the url must be like https://host/mcp, got {url!r}")
        if address.scheme == "http" and not self.allow_private:
            raise ValueError("the url must begin with https://, or set allow_private")
        if self.run_by == "model" and self.allow_private:
            raise ValueError("the model's service reaches no private address: leave allow_private out, or run_by")

    def build(self) -> McpServer:
        return McpServer(
            command=tuple(self.command) if self.command else None,
            env=self.env,
            url=self.url,
            headers=self.headers,
            tools=tuple(self.tools) if self.tools else None,
            run_by=self.run_by,
            confirm=self.confirm,
            allow_private=self.allow_private,
        )


Options = HttpToolKeys | ToolOptions
_KNOWN_TOOL = TypeAdapter(dict[ToolName, ToolOptions])
_HTTP_TOOL = TypeAdapter(dict[ToolName, HttpToolKeys])


def _tool(value: Any) -> str | dict[str, Options]:
    if isinstance(value, str) and value:
        return value
    if not isinstance(value, dict) or len(value) != 1:
        raise ValueError("must be the name of a tool, or one name and its options: `- book_table: {confirm: true}`")
    [options] = value.values()
    declared = isinstance(options, dict) and "http" in options
    return dict((_HTTP_TOOL if declared else _KNOWN_TOOL).validate_python(value))


Tool = Annotated[
    str | dict[str, Options],
    PlainValidator(_tool, json_schema_input_type=str | Annotated[dict[ToolName, Options], Field(max_length=1)]),
]
"""A tool as the list `tools` has it: its name, or its name and its options."""


def named(tool: str | dict[str, Any]) -> str:
    """The name of a tool of that list."""
    return tool if isinstance(tool, str) else next(iter(tool))
