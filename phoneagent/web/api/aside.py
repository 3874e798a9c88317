"""Work on agents' files blocks, so it is done aside."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

from phoneagent.agents.editing import BrokenError, ChangedMeanwhileError, NotWritableError
from phoneagent.agents.edits import NotEditableError
from phoneagent.web.api.agent_models import problems_of
from phoneagent.web.api.errors import ApiError

Result = TypeVar("Result")


class Aside:
    """Works in threads, on one thing at a time: YAML is read in Python, and calls go on meanwhile, but not beside many
    of these."""

    def __init__(self) -> None:
        self._one_at_a_time = asyncio.Lock()

    async def __call__(self, work: Callable[..., Result], *args: Any) -> Result:
        """What comes of it. Raises ApiError."""
        async with self._one_at_a_time:
            try:
                return await asyncio.to_thread(work, *args)
            except BrokenError as error:
                raise _broken(error) from None
            except ChangedMeanwhileError as error:
                raise _changed(error) from None
            except NotWritableError as error:
                raise ApiError(409, "not_writable", str(error)) from None
            except NotEditableError as error:
                raise ApiError(422, "not_editable", str(error)) from None
            except ValueError as error:
                raise ApiError(422, "bad_name", str(error)) from None


def _broken(error: BrokenError) -> ApiError:
    problems = [problem.model_dump() for problem in problems_of(error.problems)]
    return ApiError(
        422, "broken", "an agent would be left with errors: nothing was saved", details={"problems": problems}
    )


def _changed(error: ChangedMeanwhileError) -> ApiError:
    present = error.present
    details = {"source": present and present.text, "etag": present and present.etag}
    return ApiError(412, "changed", f"{error}: nothing was saved", details=details)
