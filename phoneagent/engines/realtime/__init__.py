"""The Realtime protocol: OpenAI, Azure, the embedded engine and every other server that speaks it."""

from phoneagent.engines.realtime.session import RealtimeEngine
from phoneagent.engines.realtime.targets import Target, azure, local, openai

__all__ = ["RealtimeEngine", "Target", "azure", "local", "openai"]
