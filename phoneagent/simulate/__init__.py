"""A phone to call a service with, and a model to answer in the place of a real one. For tests, demo and load.

`fake_phone.FakePhone` does what Twilio does, `scripted_model.ScriptedModel` what a Realtime server does.
Between them stands the real service, so a test of an agent reads like the call that it is:

    async def test_the_model_is_told_what_an_interrupting_caller_has_heard():
        script = [expect("response.create").then(*response(Speech("Let me tell you everything.", ms=5000)))]
        async with ScriptedModel(script) as model, service_with(model) as service, phone_of(service) as phone:
            call = phone.dial("+15550100", [Interrupt(after_ms=1500, what="Wait!"), Silence(1), HangUp()])
            session = await model.session()
            await call.until(lambda record: record.caller.utterances)
            session.interrupt()
            truncated = await session.received("conversation.item.truncate")
            await call.ended()
        assert 1000 < truncated["audio_end_ms"] < 3000

docs/testing.md has the whole of it. `fake_twilio.FakeTwilio` is the account behind the phone: a REST API, people who
answer numbers, transfers, conferences, callbacks. Both run documents with the same code (`fake_call`, `verbs`).

The phone's wire is a pure state machine, `line.PhoneLine` (with `network.DelayedLine` around it for
jitter): it is told messages and the time and answers with messages and a deadline, so it also calls in
simulated time, without a socket. `scenario.simulate` places many calls at once;
`talking_model.TalkingModel` answers them.
"""
