"""The tools that every agent may name without anybody writing them."""

from __future__ import annotations

from phoneagent.tools.function import Tool, tool


@tool
def end_call() -> dict[str, bool]:
    """End the phone call. Use it when the caller says goodbye, or wants nothing more.

    Say a short goodbye first, in the same turn as this call: the line is closed as soon as the caller has heard your
    last word. Do not use it right after a question, or because the caller is silent.
    """
    return {"ending": True}  # the bridge ends the call


BUILTIN: dict[str, Tool] = {"end_call": end_call}
