from __future__ import annotations

from datetime import date

from phoneagent.core.agents import Line
from tests.agents.folder import Folder


def test_front_matter_is_inherited_mappings_merged_and_lists_replaced(folder: Folder):
    folder.write(
        "base",
        """
        numbers: [+15550100]
        voice: cedar
        tools: [end_call, book]
        limits: {max_minutes: 5, warn_s: 30}
        """,
        prompt="You are the base.",
    )
    folder.write("ada", "extends: base\nlimits: {max_minutes: 9}\ntools: [end_call]", prompt="")
    folder.write("bob", "extends: ada\nvoice: ash", prompt="You are Bob.")
    directory = folder.open()
    assert folder.problems(directory) == []
    ada, bob = directory.by_name("ada"), directory.by_name("bob")
    assert ada is not None
    assert bob is not None
    assert (ada.voice, ada.tools, ada.numbers) == ("cedar", ("end_call",), ())
    assert (ada.limits.max_minutes, ada.limits.warn_s) == (9, 30)
    assert ada.prompt == "You are the base."
    assert (bob.voice, bob.limits, bob.prompt) == ("ash", ada.limits, "You are Bob.")


def test_the_default_lines_follow_an_inherited_language(folder: Folder):
    folder.write("base", "language: fr\napology: Pardon !")
    folder.write("ada", "extends: base\ngreeting: Bonjour !")
    ada = folder.open().by_name("ada")
    assert ada is not None
    assert ada.greeting == Line("Bonjour !")
    assert not ada.limits.goodbye.exact


def test_the_version_is_of_the_file_and_of_what_it_extends(folder: Folder):
    def versions() -> list[str]:
        return [agent.version for _, agent in sorted(directory.agents.items())]

    folder.write("ada", "extends: base")
    folder.write("base", "voice: ash")
    folder.write("other", "voice: ash")
    directory = folder.open()
    ada, base, other = versions()
    assert len({ada, base, other}) == 2  # base and other hold the same
    folder.write("base", "voice: cedar")
    directory.reload()
    assert [new == old for new, old in zip(versions(), (ada, base, other), strict=True)] == [False, False, True]


def test_a_circle_a_missing_parent_and_a_broken_one(folder: Folder):
    folder.write("a", "extends: b")
    folder.write("b", "voice: ash\nextends: a")
    folder.write("c", "extends: nobody")
    folder.write("d", "extends: e\nspeed: 3")
    folder.write("e", "voice: nobody's")
    folder.write("f", "extends: g")
    folder.write("g", "tools: [")
    folder.write("h", "extends: [a]")
    problems = folder.problems(folder.open())
    assert problems[:5] == [
        "a.md:2:10: extends: goes round in a circle: a → b → a",
        "b.md:3:10: extends: goes round in a circle: b → a → b",
        "c.md:2:10: extends: there is no agent 'nobody'",
        "d.md:2:10: extends: 'e' has errors of its own",
        "d.md:3:8: speed: must be less than or equal to 1.5, got 3",
    ]
    assert problems[5].startswith("e.md:2:8: voice: must be one of")
    assert problems[6] == "f.md:2:10: extends: 'g' can't be read"
    assert problems[7].startswith("g.md:2:9: not readable as YAML")
    assert problems[8:] == ["h.md:2:10: extends: must be string"]


def test_what_only_goes_wrong_together_with_the_parent_is_told_at_extends(folder: Folder):
    folder.write("base", "reasoning: high")
    folder.write("ada", "model: gpt-realtime-1.5\nextends: base")
    assert folder.problems(folder.open()) == [
        "ada.md:3:10: reasoning: gpt-realtime-1.5 doesn't reason: leave this out, or use gpt-realtime-2.1"
    ]


def test_a_model_that_ends_soon_is_warned_of_where_it_is_named(folder: Folder):
    folder.write("base", "transcription: {model: whisper-1}")
    folder.write("ada", "extends: base")
    directory = folder.open(today=lambda: date(2027, 1, 1))
    assert folder.problems(directory) == [
        "base.md:2:24: warning: transcription.model: whisper-1 will be shut down on 2027-02-26, in 56 days; "
        "use gpt-transcribe"
    ]
