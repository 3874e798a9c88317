"""Agent files: reading, validation, numbers, hot reload."""
