"""What an agent can do besides talk: typed functions in `tools/*.py`, beside the folder of agents, and more.

    from phoneagent.tools import Call, ToolError, tool

    @tool
    def opening_hours(day: Literal["weekday", "weekend"], call: Call) -> dict[str, str]:
        \"\"\"Tell when we are open.\"\"\"
        return {"from": "9:00", "to": "17:00" if day == "weekday" else "12:00"}

The docstring and the types are what the model is told; the call is handed in by the service.
"""

from phoneagent.tools.function import Call, Tool, ToolError, caller_lookup, tool
from phoneagent.tools.loading import load_tools
from phoneagent.tools.output import DATA_RULE
from phoneagent.tools.runnable import Runnable, ToolResult
from phoneagent.tools.toolbox import Toolbox
from phoneagent.tools.workers import Workers, WorkersError

__all__ = [
    "DATA_RULE",
    "Call",
    "Runnable",
    "Tool",
    "ToolError",
    "ToolResult",
    "Toolbox",
    "Workers",
    "WorkersError",
    "caller_lookup",
    "load_tools",
    "tool",
]
