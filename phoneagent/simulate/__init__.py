"""A phone to call a service with, and a model to answer in the place of a real one. For tests, demo and load.

`fake_phone.FakePhone` does what Twilio does, `scripted_model.ScriptedModel` what a Realtime server does.
Between them stands the real service, so a test of an agent reads like the call that it is:

    async def test_the_agent_stops_when_it_is_interrupted():
        script = [expect("response.create").then(*response(Speech("Blue Door, good evening!", ms=4000)))]
        async with ScriptedModel(script) as model, serving(openai_base_url=model.url) as url:
            async with FakePhone(url, rng=random.Random(1), speak=voice) as phone:
                call = phone.dial("+15550100", [Interrupt(after_ms=1500, what="Hello?"), Silence(1),
                HangUp()]) session = await model.session() await call.until(lambda record:
                record.caller.utterances) session.interrupt("item_caller_1") truncated = await
                session.received("conversation.item.truncate") record = await call.ended() played_ms =
                sum(chunk.played_ms for chunk in record.line.playout.chunks) assert
                abs(truncated["audio_end_ms"] - played_ms) <= 40 assert record.outcome == "caller hung up"
                assert not record.problems

The phone's wire is a pure state machine, `line.PhoneLine` (with `network.DelayedLine` around it for
jitter): it is told messages and the time and answers with messages and a deadline, so it also calls in
simulated time, without a socket. `scenario.simulate` places many calls at once;
`talking_model.TalkingModel` answers them.
"""
