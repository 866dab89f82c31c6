"""Who has what."""

from __future__ import annotations

from digitscan.review.claims import Claims


def test_a_claim_is_one_screens_until_it_lapses_or_another_is_taken() -> None:
    now = 0.0
    claims = Claims(seconds=300, clock=lambda: now)
    claims.take("ada", "field 1")
    assert claims.free("ada", "field 1")
    assert not claims.free("bea", "field 1")
    assert claims.free("bea", "field 2")
    now = 299.0
    assert not claims.free("bea", "field 1")
    now = 300.0
    assert claims.free("bea", "field 1")
    claims.take("bea", "field 1")
    assert not claims.free("ada", "field 1")
    claims.take("bea", "field 2")
    assert claims.free("ada", "field 1")
    claims.release("bea")
    assert claims.free("ada", "field 2")
