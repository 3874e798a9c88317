"""In CI nothing is left out."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.house.tree import ROOT


@pytest.mark.parametrize(
    "skipped",
    [
        "import pytest\ndef test_it(): pytest.skip('no reason')\n",
        "import pytest\npytest.importorskip('no_such_package')\n",
    ],
    ids=["a test", "a module"],
)
@pytest.mark.parametrize("in_ci", [False, True])
def test_a_skip_is_a_failure_in_ci_only(tmp_path: Path, skipped: str, in_ci: bool) -> None:
    (tmp_path / "conftest.py").write_bytes((ROOT / "tests/conftest.py").read_bytes())
    (tmp_path / "test_skipped.py").write_text(skipped)
    (tmp_path / "test_other.py").write_text("def test_it(): pass\n")
    environ = {name: value for name, value in os.environ.items() if name != "CI"} | ({"CI": "true"} if in_ci else {})
    environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"  # they take seconds to load
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", tmp_path, tmp_path],
        env=environ,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (run.returncode != 0) == in_ci, run.stdout
    assert ("skipped, which is a failure when CI is set" in run.stdout) == in_ci
