"""Whole calls run on uvloop, as the service does, or in virtual time; what they measured stands in the summary."""

import asyncio
import gc
from collections.abc import Callable, Iterator, Mapping

import pytest
import uvloop

from tests.calls.virtual_time import VirtualTimeLoop

FIGURES = pytest.StashKey[list[str]]()


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "virtual_time: the test's loop jumps over the time in which nothing happens")


def pytest_asyncio_loop_factories(item: pytest.Item) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    return (
        {"virtual": VirtualTimeLoop} if item.get_closest_marker("virtual_time") else {"uvloop": uvloop.new_event_loop}
    )


@pytest.fixture
def figure(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Puts a line into the summary at the end of the test run."""
    return request.config.stash.setdefault(FIGURES, []).append


@pytest.fixture
def settled_memory() -> Iterator[None]:
    """Garbage collections that do not look through all that is loaded, as in `phoneagent serve`."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if lines := config.stash.get(FIGURES, []):
        terminalreporter.section("measured on whole calls")
        for line in lines:
            terminalreporter.line(line)
