"""The server events by which the model's own service tells of the MCP tools that it runs. Pure.

Shapes: OpenAI Realtime API, server events. A script puts them beside those of `realtime_events`.
"""

from __future__ import annotations

from dataclasses import dataclass

from phoneagent.simulate.realtime_events import Event, Step, response, response_done


@dataclass(frozen=True, slots=True)
class McpCall:
    """The use of a tool, an item of a response. `arguments` is JSON text."""

    name: str
    arguments: str = "{}"
    server: str = "crm"
    item_id: str = "item_mcp_1"
    output: str = "done"

    @property
    def begun(self) -> Event:
        """The item before it has an output."""
        fields = {"server_label": self.server, "name": self.name, "arguments": self.arguments}
        return {"id": self.item_id, "type": "mcp_call", **fields}


def mcp_call_started(call: McpCall, response_id: str = "resp_1") -> list[Step]:
    """The service calls the tool's server."""
    return [
        {"type": "response.output_item.added", "response_id": response_id, "output_index": 0, "item": call.begun},
        {"type": "response.mcp_call.in_progress", "item_id": call.item_id, "output_index": 0},
    ]


def mcp_call_ended(call: McpCall, response_id: str = "resp_1", *, failed: bool = False) -> list[Step]:
    """The server has answered, or has not; no response follows by itself."""
    item = {**call.begun, "output": None if failed else call.output}
    end = "failed" if failed else "completed"
    return [
        {"type": f"response.mcp_call.{end}", "item_id": call.item_id, "output_index": 0},
        {"type": "response.output_item.done", "response_id": response_id, "output_index": 0, "item": item},
    ]


def approval_requested(call: McpCall, request_id: str = "mcpr_1", response_id: str = "resp_1") -> list[Step]:
    """A response that asks whether the service may call a tool."""
    item = {**call.begun, "id": request_id, "type": "mcp_approval_request"}
    begun = response(response_id=response_id)[0]
    asked = {"type": "response.output_item.done", "response_id": response_id, "output_index": 0, "item": item}
    return [begun, asked, response_done(response_id, output=[item])]
