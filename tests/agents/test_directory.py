from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

import pytest

from phoneagent.agents.directory import AgentDirectory
from tests.agents.folder import Folder


def answers(directory: AgentDirectory, number: str) -> str | None:
    agent = directory.for_number(number)
    return agent and agent.name


def test_a_number_is_found_however_it_is_written(folder: Folder):
    folder.write("ada", "numbers: [+1 (555) 010-0]")
    folder.write("bob", 'numbers: ["030/12 34 56"]')
    folder.write("rest", 'numbers: ["*"]')
    folder.write("named")
    directory = folder.open(region="DE")
    assert folder.problems(directory) == []
    assert [answers(directory, number) for number in ("+15550100", "+1 555 0100", "001 555 0100")] == ["ada"] * 3
    assert [answers(directory, number) for number in ("+4930123456", "030 123456")] == ["bob"] * 2
    assert [answers(directory, number) for number in ("+15550199", "anonymous", "")] == ["rest"] * 3
    assert directory.by_name("named") is not None
    assert directory.by_name("nobody") is None


def test_without_an_agent_for_the_rest_a_strange_number_has_none(folder: Folder):
    folder.write("ada", "numbers: [+15550100]")
    directory = folder.open()
    assert answers(directory, "+15550199") is None
    assert answers(directory, "sip:ada@example.com") is None


def test_two_files_that_claim_one_number_are_both_named(folder: Folder):
    folder.write("ada", 'numbers: ["+15550100", "*"]')
    folder.write("bob", "voice: ash\nnumbers:\n  - +1 555 0101\n  - +1 555 0100")
    folder.write("eve", 'numbers: ["*"]')
    directory = folder.open()
    assert folder.problems(directory) == [
        "bob.md:5:5: numbers: +15550100 is already claimed by ada.md:2",
        "eve.md:2:11: numbers: * is already claimed by ada.md:2",
    ]
    assert answers(directory, "+15550100") == "ada"
    assert answers(directory, "+15550101") == "ada"  # by "*": bob is refused as a whole


def test_who_has_a_number_keeps_it_when_an_earlier_name_claims_it(folder: Folder):
    folder.write("bob", "numbers: [+15550100]")
    directory = folder.open()
    folder.write("ada", "numbers: [+15550100]")
    directory.reload()
    assert folder.problems(directory) == ["ada.md:2:11: numbers: +15550100 is already claimed by bob.md:2"]
    assert answers(directory, "+15550100") == "bob"
    folder.write("bob", "numbers: [+15550101]")
    directory.reload()
    assert folder.problems(directory) == []
    assert answers(directory, "+15550100") == "ada"


def test_two_agents_can_swap_their_numbers_in_one_reload(folder: Folder):
    folder.write("ada", "numbers: [+15550100]")
    folder.write("bob", "numbers: [+15550101]")
    directory = folder.open()
    folder.write("ada", "numbers: [+15550101]")
    folder.write("bob", "numbers: [+15550100]")
    assert directory.reload() == ()
    assert (answers(directory, "+15550100"), answers(directory, "+15550101")) == ("bob", "ada")


def test_a_broken_save_keeps_the_last_good_version_and_is_told_once(folder: Folder):
    folder.write("ada", "numbers: [+15550100]\nvoice: ash")
    directory = folder.open()
    good = directory.by_name("ada")

    folder.write("ada", "numbers: [+15550109]\nvoice: bob")
    assert len(directory.reload()) == 1
    assert directory.reload() == ()
    assert len(directory.problems) == 1
    assert directory.for_number("+15550100") is good

    folder.write("ada", "numbers: [+15550109]\nvoice: cedar")
    assert directory.reload() == ()
    assert directory.problems == ()
    assert answers(directory, "+15550100") is None
    assert answers(directory, "+15550109") == "ada"


def test_a_save_that_claims_anothers_number_keeps_the_last_good_version(folder: Folder):
    folder.write("ada", "numbers: [+15550100]")
    folder.write("bob", "numbers: [+15550101]")
    directory = folder.open()
    folder.write("bob", "numbers: [+15550102, +15550100]")
    assert len(directory.reload()) == 1
    assert [answers(directory, f"+1555010{n}") for n in range(3)] == ["ada", "bob", None]


def test_a_broken_parent_leaves_its_children_their_last_good_version(folder: Folder):
    folder.write("base", "voice: ash")
    folder.write("ada", "extends: base\nnumbers: [+15550100]")
    directory = folder.open()
    good = directory.by_name("ada")
    folder.write("base", "voice: [")
    assert [problem.line for problem in directory.reload()] == [2, 2]
    assert directory.for_number("+15550100") is good


def test_a_deleted_file_stops_answering(folder: Folder):
    file = folder.write("ada", "numbers: [+15550100]")
    directory = folder.open()
    file.unlink()
    directory.reload()
    assert answers(directory, "+15550100") is None
    assert directory.agents == {}


def test_a_folder_that_is_not_there_is_a_problem(folder: Folder):
    directory = AgentDirectory(folder.path / "agents")
    assert folder.problems(directory) == ["agents: there is no such folder"]


async def test_a_saved_file_takes_effect_and_a_broken_one_is_logged_once(
    folder: Folder, caplog: pytest.LogCaptureFixture
):
    caplog.set_level(logging.INFO, "phoneagent.agents")
    folder.write("ada", "numbers: [+15550100]\nvoice: ash")
    reloaded: list[int] = []
    directory = folder.open(on_reload=lambda: reloaded.append(len(directory.agents)))
    watching = asyncio.create_task(directory.watch())

    folder.write("ada", "numbers: [+15550100]\nvoice: cedar")
    await until(lambda: directory.agents["ada"].voice == "cedar")
    folder.write("ada", "numbers: [+15550100]\nvoice: bob")
    await until(lambda: directory.problems != ())
    folder.write("bob", "numbers: [+15550101]")
    await until(lambda: answers(directory, "+15550101") == "bob")
    await until(lambda: reloaded[-1:] == [2])

    watching.cancel()
    with pytest.raises(asyncio.CancelledError):
        await watching
    assert directory.agents["ada"].voice == "cedar"
    assert caplog.records[0].getMessage() == "agent files read again"
    warnings = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert [(record.getMessage(), record.__dict__["line"]) for record in warnings] == [("agent file has a problem", 3)]


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110 - the directory tells nobody that it has changed
            await asyncio.sleep(0.01)
