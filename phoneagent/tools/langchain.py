"""Tools that are written for LangChain, as tools of ours. LangChain itself is never imported here."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from typing import Any

from pydantic.errors import PydanticUserError

from phoneagent.core.agents import ToolSpec
from phoneagent.tools.function import NAME, Call, ToolError
from phoneagent.tools.json_schema import Arguments, closed


@dataclass(frozen=True, slots=True)
class LangChainTool:
    """A `BaseTool`. A LocalTool."""

    spec: ToolSpec
    tool: Any = field(repr=False)
    arguments: Arguments = field(repr=False)

    async def call(self, arguments: str, call: Call) -> Any:
        """See LocalTool."""
        values = self.arguments.parse(arguments)
        try:
            return await self.tool.ainvoke(values)  # one that isn't async is run in a thread
        except sys.modules["langchain_core.tools"].ToolException as error:
            raise ToolError(str(error)) from error


def is_langchain(value: object) -> bool:
    """Whether a value is one of LangChain's tools."""
    module = sys.modules.get("langchain_core.tools")
    return module is not None and isinstance(value, module.BaseTool)


def langchain_tool(tool: Any) -> LangChainTool:
    """A tool of ours that runs a `BaseTool`. Raises ToolError for one that can't be told to a model."""
    if not NAME.fullmatch(tool.name):
        raise ToolError(f"{tool.name}: a tool's name may have ASCII letters, digits, _ and - only, 64 at most")
    if not tool.description:
        raise ToolError(f"{tool.name}: a tool needs a description, it is what the model is told")
    schema = tool.tool_call_schema  # without what is injected when it runs
    try:
        described = schema if isinstance(schema, dict) else schema.model_json_schema()
        parameters = closed({key: value for key, value in described.items() if key not in ("title", "description")})
        return LangChainTool(ToolSpec(tool.name, tool.description, parameters), tool, Arguments(parameters))
    except (PydanticUserError, ValueError) as error:
        raise ToolError(f"{tool.name}: {error}") from error
