"""Whatever somebody saves, the answer is a problem in a line of the file and never an exception."""

from __future__ import annotations

import random

import pytest

from tests.agents.folder import Folder

GOOD = """---
extends: base
numbers: ["+15550100", "*", +1 555 0101]
greeting: {instruction: Greet the caller}
turn_detection: {type: semantic_vad, eagerness: low}
transcription: {model: gpt-transcribe, keywords: [crown, molar]}
voice: {id: voice_1}
barge_in: {after_ms: 300}
idle:
  after_s: 5
  prompt: >
    Are you there?
tools:
  - end_call
  - transfer_call
  - send_sms: {confirm: true, while_running: {after_ms: 500, say: One moment.}}
  - order_status:
      description: Look up an order.
      parameters: {order: {type: string}}
      http: {url: "https://api.example.com/orders/{order}", headers: {X-Key: "${KEY}"}, body: {a: [1, null]}}
mcp:
  crm: {url: "https://crm.example.com/mcp", tools: [find], run_by: model, confirm: true}
  files: {command: [files, --all], env: {A: b}}
handoff: [base]
countries: [US, CA]
transfer: &people {reception: "+15550111", owner: {number: +1 416 967 1111, how: warm}}
sms: {numbers: {owner: +1 555 0112}, templates: {where: We are at the harbour.}}
outbound: {on_machine: {leave_message: Hello.}, timeout_s: 20}
limits: {max_minutes: 3}
dialogue:
  intents:
    hours: {phrases: ["[when] are you open"], reply: From nine.}
---
Hello {{caller}} {{param.Name}}
"""
TOKENS = (
    *("{", "}", "[", "]", ":", "- ", "*", "&x ", "!!int ", "!!binary ", "null", "~", '"', "'", "\n", "\n  ", "\t", "|"),
    *("1e400", ".nan", "0x1F", "2026-13-45", "2026-01-01", "true", "#", "---\n", "? ", "<<: *people\n", "\x00", "\x85"),
    *("{{", "}}", "%", "extends: me\n", "numbers: 3\n", "tools: {a: b}\n", "dialogue: []\n", "1: 2\n", "[a]: b\n"),
)


@pytest.mark.filterwarnings("ignore::ruamel.yaml.error.ReusedAnchorWarning")
@pytest.mark.parametrize("seed", range(4))
def test_a_mutated_file_is_read_or_refused_in_a_line_that_it_has(folder: Folder, seed: int):
    rng = random.Random(seed)
    folder.write("base", "language: en")
    file = folder.path / "me.md"
    file.write_text(GOOD)
    directory = folder.open(tools={"end_call", "transfer_call", "send_sms"}, secrets={"KEY"})
    assert [problem for problem in directory.problems if problem.severity == "error"] == []
    refused = 0
    for _ in range(100):
        text = GOOD
        for _ in range(rng.randint(1, 4)):
            at = rng.randrange(len(text))
            text = text[:at] + rng.choice(("", *TOKENS)) + text[at + rng.choice((0, 0, 1, 5)) :]
        file.write_text(text)
        directory.reload()
        assert directory.by_name("me") is not None
        assert all(0 <= problem.line <= text.count("\n") + 2 for problem in directory.problems)
        refused += any(problem.severity == "error" for problem in directory.problems)
    assert 10 < refused < 100  # both happened
