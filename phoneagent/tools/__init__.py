"""What an agent can do besides talk: typed functions in `tools/*.py`, beside the folder of agents.

    from phoneagent.tools import Call, ToolError, tool

    @tool
    def opening_hours(day: Literal["weekday", "weekend"], call: Call) -> dict[str, str]:
        \"\"\"Tell when we are open.\"\"\"
        return {"from": "9:00", "to": "17:00" if day == "weekday" else "12:00"}

The docstring and the types are what the model is told; the call is handed in by the service.
"""

from phoneagent.tools.function import Call, Tool, ToolError, tool
from phoneagent.tools.loading import load_tools
from phoneagent.tools.toolbox import Toolbox

__all__ = ["Call", "Tool", "ToolError", "Toolbox", "load_tools", "tool"]
