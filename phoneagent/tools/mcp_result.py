"""What the model is told of an MCP server's answer."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from mcp_types import CallToolResult, ContentBlock, EmbeddedResource, ResourceLink, TextContent, TextResourceContents

from phoneagent.tools import tool_secrets
from phoneagent.tools.function import ToolError

_LONGEST_ERROR = 1000


def told(result: CallToolResult, secrets: Iterable[str]) -> Any:
    """The structured content if there is one, else the texts; what is neither is named. Raises ToolError."""
    text = "\n".join(map(_text, result.content))
    if result.is_error:
        raise ToolError(tool_secrets.hidden(text, secrets)[:_LONGEST_ERROR] or "The tool failed.", ran=True)
    return tool_secrets.hidden(text if result.structured_content is None else result.structured_content, secrets)


def _text(block: ContentBlock) -> str:
    match block:
        case TextContent(text=text) | EmbeddedResource(resource=TextResourceContents(text=text)):
            return text
        case EmbeddedResource(resource=resource):
            return f"[a resource that is not text: {resource.mime_type}]"
        case ResourceLink(name=name):
            return f"[a resource: {name}]"
        case _:
            return f"[{block.type}: {block.mime_type}]"
