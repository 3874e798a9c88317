"""The request of an HTTP tool, from what the agent file declares and the arguments that the model gives."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any
from urllib.parse import quote, unquote, urlencode

import httpx
import jmespath
import orjson
from jmespath.exceptions import JMESPathError, JMESPathTypeError

from phoneagent.core.agents import HttpTool
from phoneagent.tools import json_schema, tool_secrets
from phoneagent.tools.addresses import is_public
from phoneagent.tools.runnable import BadArgumentsError

_URL = re.compile(r"(?P<origin>(?P<scheme>https?)://[^/?#\\]+)(?P<path>/[^?#\\]*)?(?P<query>\?[^#]*)?", re.IGNORECASE)
_PLACEHOLDER = re.compile(r"\{([\w-]+)\}")
_HEADER = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_STEERING = re.compile(r"[/\\%\x00-\x1f\x7f]")  # servers and proxies may decode a path before they divide it

_LEFT_OUT: Any = object()


def problems(declared: HttpTool, secrets: Collection[str] | None = None) -> list[str]:
    """What is wrong with an HTTP tool, a line each that begins with the field's name.

    `secrets` are the names that `${NAME}` may use; None leaves those unchecked.
    """
    found = [f"parameters: {problem}" for problem in json_schema.problems(declared.parameters)]
    if found:
        return found
    found += _url_problems(declared)
    found += [f"query: {problem}" for problem in _placeholder_problems(declared.query, declared)]
    found += [f"body: {problem}" for problem in _placeholder_problems(declared.body, declared)]
    if declared.body is not None and declared.method == "GET":
        found.append("body: a GET has none")
    for name, value in declared.headers.items():
        if not _HEADER.fullmatch(name) or not value.isprintable() or not value.isascii():
            found.append(f"headers: {name!r} is not a header of HTTP")
    if secrets is not None:
        found += [f"headers: {problem}" for problem in tool_secrets.unknown(declared.headers.values(), secrets)]
    if declared.result is not None and (problem := _result_problem(declared.result)):
        found.append(f"result: {problem}")
    return found


def url_of(declared: HttpTool, arguments: Mapping[str, Any]) -> str:
    """The address, in which an argument is one segment of the path or one value of the query, whatever it holds.

    Raises BadArgumentsError for an argument that can't be that.
    """
    template = _parts(declared.url)
    path = "/".join(_segment(segment, arguments) for segment in (template["path"] or "/").split("/"))
    query = _PLACEHOLDER.sub(lambda found: quote(_scalar(found[1], arguments), safe=""), template["query"] or "")
    pairs = [(name, text) for name, value in declared.query.items() for text in _query_texts(name, value, arguments)]
    more = urlencode(pairs, quote_via=quote, safe="")
    joint = "" if not more else "&" if query else "?"
    return f"{template['origin']}{path}{query}{joint}{more}"


def body_of(declared: HttpTool, arguments: Mapping[str, Any]) -> bytes | None:
    """The body as JSON, None for none."""
    body = _rendered(declared.body, arguments)
    return None if body is _LEFT_OUT or body is None else orjson.dumps(body)


def _parts(url: str) -> dict[str, str | None]:
    found = _URL.fullmatch(url)
    assert found is not None  # such a tool is refused
    return found.groupdict()


def _url_problems(declared: HttpTool) -> Iterator[str]:
    parts = _URL.fullmatch(declared.url)
    if parts is None:
        yield "url: must be https://host/path, with a query at most"
        return
    if _PLACEHOLDER.search(parts["origin"]):
        yield "url: the host is fixed, arguments can't be part of it"
        return
    if not _is_valid(_PLACEHOLDER.sub("x", declared.url)):
        yield "url: is not an address"
    elif _is_private(declared.url) and not declared.allow_private:
        yield "url: is no address of the public internet (or set allow_private)"
    if "@" in parts["origin"]:
        yield "url: user and password belong into `headers`, as ${NAME}"
    if parts["scheme"].lower() == "http" and not declared.allow_http:
        yield "url: must begin with https:// (or set allow_http)"
    if wrong := [f"url: {problem}" for problem in _placeholder_problems(declared.url, declared)]:
        yield from wrong
        return
    always = {*declared.parameters.get("required", ()), *json_schema.defaults(declared.parameters)}
    for name in _PLACEHOLDER.findall(declared.url):
        if name not in always:
            yield f"url: {{{name}}} may be left out: require it, give it a default, or move it to `query`"


def _is_valid(url: str) -> bool:
    try:
        return bool(httpx.URL(url).host)
    except httpx.InvalidURL:
        return False


def _is_private(url: str) -> bool:
    """Whether the host is written as an address that tools don't reach; what names lead to shows when they run."""
    try:
        return not is_public(httpx.URL(_PLACEHOLDER.sub("x", url)).host)
    except ValueError:  # a name
        return False


def _placeholder_problems(template: Any, declared: HttpTool) -> Iterator[str]:
    for text in _texts(template):
        if "${" in text:
            yield "secrets can be used in `headers` only"
            continue
        for name in _PLACEHOLDER.findall(text):
            if name not in declared.parameters.get("properties", {}):
                yield f"{{{name}}} is not one of the parameters"


def _texts(template: Any) -> Iterator[str]:
    match template:
        case str():
            yield template
        case Mapping():
            for value in template.values():
                yield from _texts(value)
        case list() | tuple():
            for value in template:
                yield from _texts(value)


def _result_problem(expression: str) -> str | None:
    try:
        jmespath.search(expression, {})
    except JMESPathTypeError:  # it misses the answer
        return None
    except JMESPathError as error:
        return str(error).splitlines()[0]
    return None


def _segment(template: str, arguments: Mapping[str, Any]) -> str:
    """One segment of the path. Templates without arguments stay as they are written."""
    names = _PLACEHOLDER.findall(template)
    for name in names:
        text = _scalar(name, arguments)
        if not text:
            raise BadArgumentsError(f"{name}: must not be empty")
        if _STEERING.search(text):
            raise BadArgumentsError(f"{name}: must not hold /, \\ or %")
    segment = _PLACEHOLDER.sub(lambda found: quote(_scalar(found[1], arguments), safe=""), template)
    if names and unquote(segment) in (".", ".."):
        raise BadArgumentsError(f"{names[0]}: must be more than dots")
    return segment


def _query_texts(name: str, template: Any, arguments: Mapping[str, Any]) -> list[str]:
    """The values of one name: several of a list, none of an argument that is left out."""
    value = _rendered(template, arguments)
    if value is _LEFT_OUT or value is None:
        return []
    return [_text(name, item) for item in (value if isinstance(value, list) else [value])]


def _scalar(name: str, arguments: Mapping[str, Any]) -> str:
    return _text(name, arguments[name])


def _text(name: str, value: Any) -> str:
    if value is None or isinstance(value, dict | list):
        raise BadArgumentsError(f"{name}: must be a single value")
    return _written(value)


def _written(value: Any) -> str:
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def _rendered(template: Any, arguments: Mapping[str, Any]) -> Any:
    """The template with the arguments in it, without what holds one that was left out."""
    match template:
        case str():
            return _rendered_text(template, arguments)
        case Mapping():
            rendered = {key: _rendered(value, arguments) for key, value in template.items()}
            return {key: value for key, value in rendered.items() if value is not _LEFT_OUT}
        case list() | tuple():
            items = [_rendered(value, arguments) for value in template]
            return [value for value in items if value is not _LEFT_OUT]
        case _:
            return template


def _rendered_text(template: str, arguments: Mapping[str, Any]) -> Any:
    names = _PLACEHOLDER.findall(template)
    if any(name not in arguments for name in names):
        return _LEFT_OUT
    if names and template == f"{{{names[0]}}}":
        return arguments[names[0]]
    return _PLACEHOLDER.sub(lambda found: _written(arguments[found[1]]), template)
