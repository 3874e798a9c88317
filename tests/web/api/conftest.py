import pytest

from tests.web.api.desk import desk


@pytest.fixture
async def api(tmp_path):
    async with desk(tmp_path, "a token") as desk_:
        yield desk_
