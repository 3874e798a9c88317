"""How the service is built."""

import pytest

from phoneagent.port import listen
from phoneagent.settings import SettingsError


def test_of_two_services_started_together_the_second_is_told_that_the_port_is_taken():
    with listen("127.0.0.1", 0) as listener:  # a service whose engine is still starting
        port = listener.getsockname()[1]
        with pytest.raises(SettingsError, match=f"port {port} is in use by another program"):
            listen("127.0.0.1", port)
