"""A session that goes on as another agent, or begins where another session has ended."""

from __future__ import annotations

from typing import Any

from bench.client import TOOLS, Client, calls_of, words_of

BILLING = {
    "greeting": "Billing, how can I help?",
    "intents": {"invoice": {"phrases": ["send [me] an invoice"], "reply": "It is on its way."}},
}
RECEPTION = {
    "greeting": "Reception, hello.",
    "intents": {
        "billing": {
            "phrases": ["a question about [my|an] invoice"],
            "tool": "hand_over",
            "arguments": {"to": "billing"},
            "reply": "One moment.",
        },
        "hours": {"phrases": ["when are you open"], "reply": "From nine to five."},
    },
}
HAND_OVER = [*TOOLS, {"type": "function", "name": "hand_over", "parameters": {}}]


async def add(client: Client, role: str, text: str) -> None:
    content = [{"type": "output_text" if role == "assistant" else "input_text", "text": text}]
    item = {"type": "message", "role": role, "content": content}
    await client.ask("conversation.item.create", "conversation.item.done", item=item)


async def change(client: Client, **session: Any) -> dict[str, Any]:
    updated = await client.ask("session.update", "session.updated", session={"type": "realtime", **session})
    shown: dict[str, Any] = updated["session"]
    return shown


async def test_another_dialogue_takes_over_in_the_middle_of_a_call(client: Client) -> None:
    await client.configure_phone(RECEPTION, tools=HAND_OVER)
    assert words_of(await client.respond()) == "Reception, hello."
    await client.write("a question about my invoice")
    [call] = calls_of(await client.respond())
    assert (call["name"], call["arguments"]) == ("hand_over", '{"to":"billing"}')

    shown = await change(client, instructions="You are Bob.", tools=TOOLS, tool_choice="auto", dialogue=BILLING)
    assert shown["instructions"] == "You are Bob."
    assert [tool["name"] for tool in shown["tools"]] == ["book_table", "end_call"]
    assert shown["audio"]["output"]["voice"] == "marin"
    output = {"type": "function_call_output", "call_id": call["call_id"], "output": '{"result": "You are Bob now."}'}
    await client.ask("conversation.item.create", "conversation.item.done", item=output)
    assert words_of(await client.respond()) == "Billing, how can I help?"  # what was said to the other is not answered
    await client.write("send me an invoice")
    assert words_of(await client.respond()).startswith("It is on its way.")


async def test_what_the_caller_says_while_the_agents_change_is_answered_by_the_new_one(client: Client) -> None:
    await client.configure_phone(RECEPTION, tools=HAND_OVER)
    await client.write("a question about my invoice")
    assert calls_of(await client.respond())
    await client.write("send me an invoice")
    await change(client, dialogue=BILLING)
    assert words_of(await client.respond()).startswith("It is on its way.")


async def test_an_agent_without_a_dialogue_has_the_engines_own(client: Client) -> None:
    await client.configure_phone(RECEPTION)
    await client.respond()
    await change(client, dialogue=None)
    await client.write("who are you")
    assert "demonstration" in words_of(await client.respond())


async def test_a_session_may_begin_with_what_was_said_in_another_one(client: Client) -> None:
    await client.configure_phone(RECEPTION)
    await add(client, "user", "when are you open")
    await add(client, "assistant", "From nine to five.")
    await add(client, "user", "send me an invoice")
    await add(client, "assistant", "I can not do that.")
    await add(client, "system", "The caller is back.")
    assert words_of(await client.respond()) == "Reception, hello."
    await add(client, "user", "when are you open")
    assert words_of(await client.respond()).startswith("From nine to five.")


async def test_the_last_question_of_another_session_is_answered_in_this_one(client: Client) -> None:
    await client.configure_phone(RECEPTION)
    await add(client, "assistant", "Reception, hello.")
    await add(client, "user", "when are you open")
    assert words_of(await client.respond()).startswith("From nine to five.")
