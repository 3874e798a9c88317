"""`python -m phoneagent` is the command `phoneagent`."""

from phoneagent.cli import main

main()
