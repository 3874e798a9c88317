"""Agents that hand over to one another."""

from __future__ import annotations

from tests.agents.folder import Folder

NEW_SESSION = (
    "which can't change in a session once it was heard: a new session is opened, and the agent says that it hands over"
)


def test_who_may_hand_over_has_the_tool_for_it(folder: Folder):
    folder.write("ada", "handoff: [billing, sales, billing]\ntools: [end_call]\ntool_choice: hand_over")
    folder.write("billing", "handoff: [ada]\ntools: [hand_over]")
    folder.write("sales", "extends: ada\ntools: []")
    directory = folder.open(tools={"end_call", "hand_over"})
    assert folder.problems(directory) == []
    found = {name: (agent.handoff, agent.tools) for name, agent in directory.agents.items()}
    assert found == {
        "ada": (("billing", "sales"), ("end_call", "hand_over")),
        "billing": (("ada",), ("hand_over",)),
        "sales": (("billing",), ("hand_over",)),  # nobody hands over to themselves
    }


def test_nobody_can_hand_over_to_an_agent_that_is_not_there(folder: Folder):
    folder.write("ada", "handoff:\n  - sales\n  - biling")
    folder.write("bob", "handoff: [ada]")
    folder.write("eve", "extends: ada")
    folder.write("sales")
    directory = folder.open()
    assert folder.problems(directory) == [
        "ada.md:4:5: handoff[2]: there is no agent 'biling' to hand over to",
        "bob.md:2:11: handoff[1]: there is no agent 'ada' to hand over to",
        "eve.md:2:10: handoff[2]: there is no agent 'biling' to hand over to",
    ]
    assert set(directory.agents) == {"sales"}


def test_an_agent_that_goes_away_leaves_the_others_answering(folder: Folder):
    folder.write("ada", "numbers: [+15550100]\nhandoff: [billing]")
    billing = folder.write("billing", "voice: marin")
    directory = folder.open()
    billing.unlink()
    assert [problem.message for problem in directory.reload()] == [
        "handoff[1]: there is no agent 'billing' to hand over to"
    ]
    ada = directory.for_number("+15550100")
    assert ada is not None
    assert ada.handoff == ("billing",)
    assert directory.by_name("billing") is None
    folder.write("billing", "voice: marin")
    directory.reload()
    assert folder.problems(directory) == []


def test_an_agent_whose_file_is_broken_just_now_is_there_all_the_same(folder: Folder):
    folder.write("ada", "handoff: [billing]")
    folder.write("billing")
    directory = folder.open()
    folder.write("billing", "speed: 9")
    directory.reload()
    assert folder.problems(directory) == ["billing.md:2:8: speed: must be less than or equal to 1.5, got 9"]
    folder.write("ada", "handoff: [billing]\nspeed: 1.1")
    directory.reload()
    ada = directory.by_name("ada")
    assert ada is not None
    assert ada.speed == 1.1


def test_another_voice_or_model_is_warned_of(folder: Folder):
    folder.write("ada", "handoff: [bob, eve, joe]")
    folder.write("bob", "voice: ash")
    folder.write("eve", "voice: ash\nmodel: gpt-realtime-2.1-mini")
    folder.write("joe", "extends: ada\nvoice: marin")
    directory = folder.open()
    assert folder.problems(directory) == [
        f"ada.md:2:11: warning: handoff[1]: bob has another voice, {NEW_SESSION}",
        f"ada.md:2:16: warning: handoff[2]: eve has another voice and model, {NEW_SESSION}",
        f"joe.md:2:10: warning: handoff[1]: bob has another voice, {NEW_SESSION}",
        f"joe.md:2:10: warning: handoff[2]: eve has another voice and model, {NEW_SESSION}",
    ]
    assert set(directory.agents) == {"ada", "bob", "eve", "joe"}
