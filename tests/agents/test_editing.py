"""Agent files are changed as a whole, by whoever has seen what is there, and never into broken ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from phoneagent.agents.editing import MAX_BYTES, BrokenError, ChangedMeanwhileError, Editor, NotWritableError
from tests.agents.folder import Folder

GOOD = "---\nvoice: ash\n---\nYou are Ada.\n"
BROKEN = "---\nvoice: nobody\n---\nYou are Ada.\n"


def test_a_file_is_replaced_by_whoever_has_seen_it(folder: Folder):
    file = folder.write("ada", "voice: marin")
    file.chmod(0o640)
    editor = Editor(folder.open())
    seen = editor.read("ada")
    assert seen is not None
    written = editor.replace("ada", GOOD, seen.etag)
    assert file.read_text() == GOOD
    assert file.stat().st_mode & 0o777 == 0o640
    assert editor.read("ada") == written
    assert [path.name for path in folder.path.iterdir()] == ["ada.md"]


def test_who_has_seen_something_else_is_shown_what_is_there(folder: Folder):
    file = folder.write("ada", "voice: marin")
    editor = Editor(folder.open())
    with pytest.raises(ChangedMeanwhileError) as refused:
        editor.replace("ada", GOOD, "another")
    assert refused.value.present == editor.read("ada")
    with pytest.raises(ChangedMeanwhileError):
        editor.create("ada", GOOD)
    with pytest.raises(ChangedMeanwhileError):
        editor.delete("ada", "another")
    assert "marin" in file.read_text()
    file.unlink()
    with pytest.raises(ChangedMeanwhileError) as refused:
        editor.replace("ada", GOOD, "another")
    assert refused.value.present is None


def test_a_new_agent_is_made_and_deleted(folder: Folder):
    editor = Editor(folder.open())
    assert editor.read("ada") is None
    made = editor.create("ada", GOOD)
    assert (folder.path / "ada.md").read_text() == GOOD
    editor.delete("ada", made.etag)
    assert list(folder.path.iterdir()) == []


def test_what_would_break_this_agent_or_another_is_refused(folder: Folder):
    file = folder.write("ada")
    folder.write("bob", "extends: ada")
    editor = Editor(folder.open())
    seen = editor.read("ada")
    assert seen is not None
    for refused in (
        lambda: editor.replace("ada", BROKEN, seen.etag),
        lambda: editor.create("eve", BROKEN),
        lambda: editor.delete("ada", seen.etag),
        lambda: editor.replace("ada", GOOD + "x" * MAX_BYTES, seen.etag),
        lambda: editor.replace("ada", GOOD + "\ud800", seen.etag),
    ):
        with pytest.raises(BrokenError) as error:
            refused()
        assert error.value.problems
    assert editor.read("ada") == seen
    assert {path.name for path in folder.path.iterdir()} == {file.name, "bob.md"}


def test_nothing_is_written_through_a_link_that_leads_out_of_the_folder(folder: Folder, tmp_path: Path):
    agents = tmp_path / "agents"
    agents.mkdir()
    elsewhere = folder.write("elsewhere")
    before = elsewhere.read_text()
    (agents / "ada.md").symlink_to(elsewhere)
    (agents / "eve.md").symlink_to(tmp_path / "not there yet.md")
    (agents / "kept").write_text(GOOD)
    (agents / "bob.md").symlink_to(agents / "kept")
    editor = Editor(Folder(agents).open())
    for refused in (lambda: editor.read("ada"), lambda: editor.create("eve", GOOD), lambda: editor.delete("ada", "")):
        with pytest.raises(NotWritableError, match="leads out of the folder"):
            refused()
    assert elsewhere.read_text() == before
    seen = editor.read("bob")
    assert seen is not None
    editor.replace("bob", GOOD + "More.\n", seen.etag)
    assert (agents / "kept").read_text() == GOOD + "More.\n"
    assert (agents / "bob.md").is_symlink()


def test_a_file_that_can_not_be_written_stays_as_it_is(folder: Folder):
    name = "a" * 250  # what is written first, beside it, has a longer name, which no file system takes
    folder.write(name)
    editor = Editor(folder.open())
    seen = editor.read(name)
    assert seen is not None
    with pytest.raises(NotWritableError, match=r"a\.md can't be written: File name too long"):
        editor.replace(name, GOOD, seen.etag)
    assert editor.read(name) == seen
