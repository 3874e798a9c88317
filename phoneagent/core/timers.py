"""The timers of one call, by name."""

from __future__ import annotations


class Timers:
    """Named points in time. Setting a name again moves it."""

    def __init__(self) -> None:
        self._at: dict[str, float] = {}
        self.deadline: float | None = None

    def set(self, name: str, at: float) -> None:
        """Have `name` fall due at `at`."""
        if self._at.get(name) != at:
            self._at[name] = at
            self.deadline = min(self._at.values())

    def cancel(self, name: str) -> None:
        """Forget `name`, if it is set."""
        if self._at.pop(name, None) is not None:
            self.deadline = min(self._at.values(), default=None)

    def is_set(self, name: str) -> bool:
        """Whether `name` is still to come."""
        return name in self._at

    def clear(self) -> None:
        """Forget them all."""
        self._at.clear()
        self.deadline = None

    def take_due(self, now: float) -> list[str]:
        """Remove and return the names that have fallen due, the earliest first."""
        if self.deadline is None or now < self.deadline:
            return []
        due = sorted((at, name) for name, at in self._at.items() if at <= now)
        for _, name in due:
            del self._at[name]
        self.deadline = min(self._at.values(), default=None)
        return [name for _, name in due]
