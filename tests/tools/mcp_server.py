"""A server of tools, written with the package mcp: run as a program it speaks over its pipes."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Mapping
from typing import Any

from mcp.server.mcpserver import Image, MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp_types import EmbeddedResource, TextContent, TextResourceContents


def shop(release: asyncio.Event | None = None) -> MCPServer:
    """`slow` answers when `release` is set."""
    server = MCPServer("shop")

    @server.tool()
    def add(a: int, b: int) -> int:
        """Add two numbers."""
        return a + b

    @server.tool(structured_output=False)
    def greet(name: str) -> str:
        """Greet somebody."""
        return f"Hello {name}"

    @server.tool()
    def customer(number: str) -> dict[str, Any]:
        """Find a customer."""
        return {"number": number, "name": "Ada"}

    @server.tool(structured_output=False)
    def mixed() -> list[Any]:
        """Return text, an image and a resource."""
        resource = TextResourceContents(uri="file:///a.txt", mime_type="text/plain", text="in a file")
        return [
            TextContent(text="See:"),
            Image(data=b"\x89PNG", format="png"),
            EmbeddedResource(resource=resource),
        ]

    @server.tool()
    def fail() -> str:
        """Fail."""
        raise ToolError("no such order" + "x" * 5000)

    @server.tool(structured_output=False)
    def environment() -> dict[str, str]:
        """Tell the variables of the process."""
        return dict(os.environ)

    @server.tool(structured_output=False)
    def pid() -> str:
        """Tell the process."""
        return str(os.getpid())

    @server.tool()
    def die() -> str:
        """End the process."""
        os._exit(3)

    @server.tool(structured_output=False)
    async def slow() -> str:
        """Take a while."""
        await (release or asyncio.Event()).wait()
        return "done"

    @server.tool(name="a.name/that is" + "-long" * 15, structured_output=False)
    def long_name() -> str:
        """Have a long name."""
        return "long"

    return server


if __name__ == "__main__":
    given: Mapping[str, str] = dict(argument.split("=", 1) for argument in sys.argv[1:])
    if "complain" in given:
        print("starting up", file=sys.stderr)
        print(f"ConfigError: {given['complain']}", file=sys.stderr)
        sys.exit(1)
    shop().run()
