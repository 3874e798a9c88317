"""The HTTP and WebSocket server. The only package that imports FastAPI."""
