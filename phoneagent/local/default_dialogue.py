"""What the engine talks about with a client that brings neither a dialogue nor a language model."""

from __future__ import annotations

from phoneagent.agents.dialogue import Dialogue, Intent

DEFAULT_DIALOGUE = Dialogue(
    greeting="Hello! This is the built-in demonstration. How can I help you?",
    help="I am only a demonstration. You can ask me who I am, how I am, or what I can do.",
    intents={
        "hello": Intent(
            phrases=("(hello|hi|hey)", "good (morning|afternoon|evening)"), reply="Hello! Nice to hear you."
        ),
        "name": Intent(
            phrases=("what is your name", "who are you", "who am I (talking|speaking) to", "what's your name"),
            reply="I am the demonstration voice of phone agent. I have no language model, only a few phrases.",
        ),
        "how": Intent(phrases=("how are you [today|doing]",), reply="I am very well, thank you."),
        "robot": Intent(
            phrases=("are you a (robot|computer|machine|human|person)",), reply="I am a computer, and I mean well."
        ),
        "joke": Intent(
            phrases=("tell me a joke",), reply="I would tell you a joke about telephones, but it might not ring a bell."
        ),
    },
)
