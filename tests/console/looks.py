"""How pages are looked at: in both themes, on a laptop and on a telephone, each once."""

from __future__ import annotations

import pytest

from tests.console.browser import LAPTOP, TELEPHONE

both_looks = pytest.mark.parametrize(
    ("theme", "viewport"), [("light", LAPTOP), ("dark", TELEPHONE)], ids=["light-laptop", "dark-telephone"]
)
