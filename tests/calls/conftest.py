"""Whole calls run on uvloop, as the service does, or in virtual time."""

import asyncio
import gc
import io
import logging
from collections.abc import Callable, Iterator, Mapping

import pytest
import uvloop

from phoneagent import telemetry
from tests.calls.virtual_time import VirtualTimeLoop


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "virtual_time: the test's loop jumps over the time in which nothing happens")


def pytest_asyncio_loop_factories(item: pytest.Item) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    return (
        {"virtual": VirtualTimeLoop} if item.get_closest_marker("virtual_time") else {"uvloop": uvloop.new_event_loop}
    )


@pytest.fixture
def level() -> str:
    return "debug"


@pytest.fixture
def log(level: str) -> Iterator[io.StringIO]:
    """What is logged as `phoneagent serve` sets it up, in JSON."""
    root, stream = logging.getLogger(), io.StringIO()
    handlers, before = root.handlers[:], root.level
    root.handlers.clear()  # set_up would close them
    telemetry.set_up("json", level, stream)
    yield stream
    root.handlers[:] = handlers
    root.setLevel(before)
    logging.captureWarnings(False)


@pytest.fixture
def settled_memory() -> Iterator[None]:
    """Garbage collections that do not look through all that is loaded, as in `phoneagent serve`."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()
