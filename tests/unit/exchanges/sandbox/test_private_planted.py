"""Bugs that are planted in the private endpoints turn a test red, and without them it is green."""

from collections.abc import Callable
from typing import Any

import pytest

from shared.exchanges.paper import settling
from shared.exchanges.sandbox.private import changing, listing, walking
from shared.exchanges.sandbox.private.exchange import PrivateSide
from shared.exchanges.sandbox.private.limits import RequestLimits
from shared.exchanges.sandbox.private.signing import Signatures
from shared.exchanges.sandbox.server import Sandbox
from tests.unit.exchanges.sandbox import (
    test_private_faults as of_faults,
)
from tests.unit.exchanges.sandbox import (
    test_private_limits as of_limits,
)
from tests.unit.exchanges.sandbox import (
    test_private_orders as of_orders,
)
from tests.unit.exchanges.sandbox import (
    test_private_signing as of_signing,
)

Plant = Callable[[pytest.MonkeyPatch], None]


def an_unsigned_request_is_taken(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Signatures, "find_refusal", lambda *_facts, **_more: None)


def a_nonce_may_come_again(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Signatures, "_take_nonce", lambda *_facts: None)


def the_limit_is_forgotten(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(RequestLimits, "take", lambda _self, _kind: True)


def updates_count_as_queries(patch: pytest.MonkeyPatch) -> None:
    take = RequestLimits.take
    patch.setattr(RequestLimits, "take", lambda self, _kind: take(self, "QUERY"))


def a_target_goes_before_a_stop(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(settling, "_is_stop_first", lambda *_facts: False)


def a_minute_is_walked_as_far_as_it_is_known(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(
        walking,
        "walk_points",
        lambda account, path, first, end, *, budget: settling.walk_points(
            account, path[:end], first, end, budget=budget
        ),
    )


def the_share_of_volume_is_ignored(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(walking, "volume_lots", lambda _volume, _share: 1_000_000)


def a_view_may_lag_for_ever(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Sandbox, "_bounded_ms", lambda _self, _route, earlier_ms: earlier_ms)
    patch.setattr(PrivateSide, "_forget", lambda _self, _now_ms: None)


def the_thirty_first_order_is_taken(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(changing, "MAX_ORDERS", 1_000)


def old_orders_are_told_for_ever(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(listing, "REMEMBERED_MS", 10**15)


CHECKS: dict[Plant, Callable[[], Any]] = {
    an_unsigned_request_is_taken: lambda: (
        of_signing.test_each_thing_that_is_wrong_with_a_signature_has_its_code(
            "another's signature"
        )
    ),
    a_nonce_may_come_again: of_signing.test_a_nonce_only_grows_and_each_key_has_its_own,
    the_limit_is_forgotten: lambda: (
        of_limits.test_each_endpoint_stops_at_its_limit_and_goes_on_a_second_later("order", 6)
    ),
    updates_count_as_queries: lambda: (
        of_limits.test_each_endpoint_stops_at_its_limit_and_goes_on_a_second_later("order", 6)
    ),
    a_target_goes_before_a_stop: of_orders.test_a_stop_comes_before_a_target_of_the_same_minute,
    a_minute_is_walked_as_far_as_it_is_known: (
        of_orders.test_a_stop_comes_before_a_target_of_the_same_minute
    ),
    the_share_of_volume_is_ignored: of_orders.test_the_share_of_a_minute_s_volume_makes_parts,
    a_view_may_lag_for_ever: lambda: of_faults.test_no_view_lags_longer_than_the_setting(3_600),
    the_thirty_first_order_is_taken: (
        of_orders.test_thirty_orders_live_at_once_on_both_sides_together
    ),
    old_orders_are_told_for_ever: (of_orders.test_what_ended_three_months_ago_is_not_told_any_more),
}


@pytest.mark.parametrize("plant", CHECKS, ids=lambda plant: plant.__name__)
def test_a_planted_bug_turns_its_test_red(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    CHECKS[plant]()
    plant(monkeypatch)
    with pytest.raises(AssertionError):
        CHECKS[plant]()
