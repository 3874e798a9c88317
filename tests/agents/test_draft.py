"""A text is read as if it stood in the folder."""

from __future__ import annotations

import pytest

from phoneagent.agents.directory import AgentDirectory
from tests.agents.folder import Folder


def text(front: str = "", prompt: str = "You answer the telephone.") -> str:
    return f"---\n{front}\n---\n{prompt}\n"


def problems(folder: Folder, directory: AgentDirectory, name: str, front: str) -> list[str]:
    draft = directory.draft(name, text(front))
    assert draft.broken or draft.agent is not None
    return [str(problem).replace(f"{folder.path.as_posix()}/", "") for problem in draft.problems]


def test_a_draft_is_the_agent_that_saving_it_would_make_and_changes_nothing(folder: Folder):
    folder.write("base", "voice: ash")
    file = folder.write("ada", "extends: base\nnumbers: [+15550100]")
    directory = folder.open()
    before, content = directory.agents, file.read_bytes()
    drafted = text("extends: base\nnumbers: [+15550101]", "You are Ada.")
    agent, found = directory.draft("ada", drafted)
    assert agent is not None
    assert found == ()
    assert (agent.voice, agent.numbers, agent.prompt) == ("ash", ("+15550101",), "You are Ada.")
    assert directory.agents is before
    assert file.read_bytes() == content
    file.write_text(drafted)
    directory.reload()
    assert directory.agents["ada"].version == agent.version


def test_a_new_agent_can_be_drafted(folder: Folder):
    directory = folder.open()
    agent, found = directory.draft("eve", text("voice: cedar"))
    assert agent is not None
    assert (agent.name, agent.voice, found) == ("eve", "cedar", ())


def test_what_is_wrong_is_told_as_check_would_tell_it(folder: Folder):
    folder.write("bob", "numbers: [+15550101]")
    folder.write("ada")
    directory = folder.open(tools={"end_call"})
    assert problems(folder, directory, "ada", "voise: ash") == [
        "ada.md:2:1: voise: unknown key, did you mean 'voice'?",
    ]
    assert problems(folder, directory, "ada", "numbers: [+15550101]") == [
        "ada.md:2:11: numbers: +15550101 is already claimed by bob.md:2"
    ]
    assert problems(folder, directory, "ada", "tools: [cook]\nhandoff: [nobody]\nextends: no-one") == [
        "ada.md:4:10: extends: there is no agent 'no-one'"
    ]
    assert problems(folder, directory, "ada", "handoff: [nobody]\ntools: [hand_over]") == [
        "ada.md:3:9: tools[1]: no tool 'hand_over'; there are end_call"
    ]
    assert problems(folder, directory, "ada", "handoff: [nobody]") == [
        "ada.md:2:11: handoff[1]: there is no agent 'nobody' to hand over to"
    ]


def test_what_others_would_suffer_from_it_is_told_once_the_text_itself_is_well(folder: Folder):
    folder.write("base", "tools: [transfer_call]\ntransfer: {reception: +15550111}\ncountries: [US]")
    folder.write("ada", "extends: base\nlimits: {over_limit: {transfer: reception}}\nhandoff: [eve]")
    folder.write("eve")
    folder.write("bad", "voice: nobody")
    directory = folder.open()
    assert problems(folder, directory, "base", "voice: ashes") == [
        "base.md:2:8: voice: must be one of alloy, ash, ballad, cedar, coral, echo, marin, sage, shimmer, verse, got "
        "'ashes'; a custom voice or one of another server is written {id: …}"
    ]
    assert problems(folder, directory, "base", "") == [
        "ada.md:3:33: limits.over_limit.transfer: must be one of the names in transfer, got 'reception'"
    ]
    deleted = directory.draft("eve", None)
    assert deleted.broken
    assert [problem.message for problem in deleted.problems] == ["handoff[1]: there is no agent 'eve' to hand over to"]
    assert not directory.draft("ada", None).broken


def test_a_problem_that_others_have_anyway_is_not_told_though_its_words_change(folder: Folder):
    folder.write("ada", "numbers: [+15550100]")
    folder.write("bob", "numbers: [+15550100]")
    directory = folder.open()
    assert problems(folder, directory, "ada", "voice: ash\nnumbers: [+15550100]") == []


@pytest.mark.parametrize("name", ["", "../ada", "a/b", "a.md", ".ada", "_ada", "README", "readme", "ada\n", "ä"])
def test_no_agent_can_have_another_name(folder: Folder, name: str):
    with pytest.raises(ValueError, match="an agent can't be called"):
        folder.open().draft(name, text())


@pytest.mark.parametrize(
    ("front", "reason"),
    [
        (
            "\n".join(["a0: &a0 [x]", *(f"a{n + 1}: &a{n + 1} [{', '.join([f'*a{n}'] * 9)}]" for n in range(9))]),
            "too l",
        ),
        ("base: &base {a: {b: c}}\n" + "".join(f"k{n}: {{<<: *base}}\n" for n in range(3000)), "too large"),
        ("tools: " + "[" * 20_000, "nested too deeply"),
        ("numbers:\n" + "- 1\n" * 10_000, "too large"),
        ("greeting: " + "Hi. " * 20_000, "is larger than 64 KiB"),
        ("dialogue: {intents: {a: {reply: a, phrases: ['" + "[" * 15_000 + "']}}}", "at most 300 characters"),
        ("dialogue: {intents: {a: {reply: a, phrases: ['(" + "[a]" * 90 + ")']}}}", "in over 500 ways"),
        ("greeting: \ud800", "is not UTF-8 text"),
        ("greeting: a\0b", "not readable as YAML"),
    ],
    ids=["bomb", "merged", "deep", "wide", "large", "deep phrase", "dense phrase", "half a character", "null"],
)
def test_a_text_made_to_hurt_is_refused_at_once(folder: Folder, front: str, reason: str):
    agent, found = folder.open().draft("ada", text(front))
    assert agent is None
    assert any(reason in problem.message for problem in found)


def test_a_prompt_made_to_hurt_is_read_at_once(folder: Folder):
    agent, _ = folder.open().draft("ada", text("") + "{{" * 100_000 + " " * 10_000)
    assert agent is not None
