"""The Realtime protocol: OpenAI, Azure, the embedded engine and every other server that speaks it."""
