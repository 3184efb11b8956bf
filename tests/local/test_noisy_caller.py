"""One caller at ten times their limit beside nine within theirs, through the front door."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from local import sign_in
from local.client import Answer, Api
from local.system import system
from tests.local.support import ORDER, SMALL, log_lines

pytestmark = pytest.mark.long

LIMIT = 5


def test_a_caller_at_ten_times_their_limit_locks_nobody_else_out() -> None:
    settings = {**SMALL, "auth": "cognito", "limits": {"createPerMinute": LIMIT}}
    with system(overrides=settings) as running:
        noisy, *others = (sign_in.api(running, f"caller-{number}") for number in range(10))
        for each in (noisy, *others):
            assert each.request("GET", "/orders").status == 200  # and has a token

        def place(caller: Api) -> tuple[bool, Answer]:
            return caller is noisy, caller.create(ORDER)

        turn = [noisy] * 10 + others
        with ThreadPoolExecutor(6) as pool:
            answers = list(pool.map(place, turn * LIMIT))
        uncounted = sum(
            line.get("message") == "request not counted"
            for line in log_lines(running, "create_order")
        )
        orders = [each.request("GET", "/orders").body["orders"] for each in others]
    assert Counter(answer.status for loud, answer in answers if not loud) == {201: 9 * LIMIT}
    assert [len(each) for each in orders] == [LIMIT] * 9
    loud = Counter(answer.status for loud, answer in answers if loud)
    assert loud.keys() == {201, 429}
    # A minute of theirs may have turned meanwhile.
    assert LIMIT <= loud[201] <= 2 * LIMIT + uncounted
    refused = [answer.body["violated-policies"] for _, answer in answers if answer.status == 429]
    assert refused == [["create"]] * loud[429]
