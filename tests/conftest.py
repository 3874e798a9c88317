"""What holds for all tests. What they measured stands in the summary."""

import os
import shutil
import tempfile
from collections.abc import Callable, Generator
from pathlib import Path

import pytest
from hypothesis import settings

from phoneagent.web.api import operator_socket

settings.register_profile("any machine", settings(), deadline=None)  # how busy it is, is no matter of a test's
settings.load_profile("any machine")

MEMORY = Path("/dev/shm")
ROOM = 2 << 30  # bytes; a run leaves some hundred MiB

TESTS = Path(__file__).parent
LONG = ("console", "calls", "web", "local", "cli", "ops", "store")  # the folders with whole calls, pages, programs

FIGURES = pytest.StashKey[list[str]]()


def pytest_configure() -> None:
    """Keep files in memory: databases and journals wait for the disk so often that it takes half of the time."""
    if "TMPDIR" in os.environ or not os.access(MEMORY, os.W_OK):
        return
    if shutil.disk_usage(MEMORY).free > ROOM and not os.statvfs(MEMORY).f_flag & os.ST_NOEXEC:
        os.environ["TMPDIR"] = str(MEMORY)
        tempfile.tempdir = None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Have the long tests run first, and the small ones last: no process then waits for another at the end."""
    places = {TESTS / folder: place for place, folder in enumerate(LONG)}
    items.sort(key=lambda item: next((places[each] for each in item.path.parents if each in places), len(places)))


@pytest.fixture
def figure(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Puts a line into the summary at the end of the test run."""
    return request.config.stash.setdefault(FIGURES, []).append


@pytest.fixture
def patient_with_operators(monkeypatch: pytest.MonkeyPatch) -> None:
    """Operators may be silent, late or in a hurry for as long as this machine stands still: they keep their socket."""
    monkeypatch.setattr(operator_socket, "MUTE_S", 3600.0)
    monkeypatch.setattr(operator_socket, "MOST_UNSENT", 100_000)
    monkeypatch.setattr(operator_socket, "BURST_S", 3600.0)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if lines := config.stash.get(FIGURES, []):
        terminalreporter.section("measured on whole calls")
        for line in lines:
            terminalreporter.line(line)


def _skip_is_failure(report: pytest.TestReport | pytest.CollectReport) -> None:
    """In CI nothing may be left out: a skip, most often a missing package, fails like a broken test."""
    if os.environ.get("CI") and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped, which is a failure when CI is set: {report.longrepr}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    _skip_is_failure(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    _skip_is_failure(report)
    return report
