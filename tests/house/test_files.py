"""What is committed is small, and says nothing of the machine it was made on."""

import re
import warnings

import pytest

from tests.house.tree import PACKAGE, ROOT, modules, tracked

LONG = 400  # lines; more is reported, not refused

# written so that this file does not hold what it looks for
_REGISTRY_HOSTS = r"pypi\.(?:org|python)|pythonhosted\.|artifactory|jfrog|nexus\.|devpi|index-url\s*[=:]?\s*http"
_MACHINE_PATHS = r"(?<![\w./{}$-])/(?:work|root|home/\w+|opt/wheels)/"
FORBIDDEN = re.compile(f"{_REGISTRY_HOSTS}|{_MACHINE_PATHS}")


def test_no_file_names_a_registry_or_a_path_of_one_machine() -> None:
    found = []
    for path in tracked():
        if path == ROOT / "tests/house/test_files.py":
            continue
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue  # audio, pictures
        found += [f"{path.relative_to(ROOT)}: {match[0]}" for match in FORBIDDEN.finditer(text)]
    assert not found, "\n".join(found)


@pytest.mark.parametrize("text", ["https://pypi.org/simple", "/work/main/x", "see /root/x", "--index-url https://x"])
def test_what_is_forbidden_is_found(text: str) -> None:
    assert FORBIDDEN.search(text)


def test_long_files_are_reported() -> None:
    for path in modules():
        if (lines := len(path.read_text(encoding="utf-8").splitlines())) > LONG:
            warnings.warn(f"{path.relative_to(PACKAGE.parent)} has {lines} lines, more than {LONG}", stacklevel=1)
