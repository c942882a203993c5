"""What each person likes, on both databases: saved searches and settings, nobody else's."""

from __future__ import annotations

from datetime import timedelta

import pytest

from storage.ledger import Ledger
from storage.preferences import MAX_VIEW_NAME, MOST_VIEWS, PreferenceError, Preferences, SavedView
from tests.makers_storage import NOON, SECOND, with_clerks


@pytest.fixture
def own(ledger: Ledger) -> Preferences:
    """The preferences of one of two clerks."""
    with_clerks(ledger, "thu", "van")
    return Preferences(ledger.database, "thu")


def test_a_saved_search_is_kept_for_its_owner_only(ledger: Ledger, own: Preferences) -> None:
    """The other clerk of the same office has none."""
    own.save_view("  Chờ  lâu ", "state=held&q=ph%C3%AD", NOON)
    assert own.views() == (SavedView("Chờ lâu", "state=held&q=ph%C3%AD"),)
    assert Preferences(ledger.database, "van").views() == ()


def test_searches_stand_in_the_order_in_which_they_were_saved(own: Preferences) -> None:
    """A search of the same name takes the old one's place at the end."""
    for number, name in enumerate(("b", "a", "b")):
        own.save_view(name, f"q={number}", NOON + number * SECOND)
    assert own.views() == (SavedView("a", "q=1"), SavedView("b", "q=2"))


def test_a_removed_search_is_gone_and_removing_it_twice_is_no_error(own: Preferences) -> None:
    """The other searches stay."""
    own.save_view("a", "q=1", NOON)
    own.save_view("b", "q=2", NOON)
    own.remove_view("a")
    own.remove_view("a")
    assert [one.name for one in own.views()] == ["b"]


@pytest.mark.parametrize("name", ["", "   ", "x" * (MAX_VIEW_NAME + 1)])
def test_a_search_needs_a_name_that_fits(own: Preferences, name: str) -> None:
    """What is refused leaves nothing behind."""
    with pytest.raises(PreferenceError):
        own.save_view(name, "q=1", NOON)
    assert own.views() == ()


def test_a_query_beyond_all_measure_is_refused(own: Preferences) -> None:
    """Our own form never makes one."""
    with pytest.raises(PreferenceError):
        own.save_view("a", "q=" + "x" * 5000, NOON)


def test_there_is_room_for_so_many_searches(own: Preferences) -> None:
    """One more is refused with a remedy; replacing one still works."""
    for number in range(MOST_VIEWS):
        own.save_view(f"v{number}", "q=1", NOON)
    with pytest.raises(PreferenceError) as refused:
        own.save_view("one more", "q=1", NOON)
    assert "Bỏ bớt" in refused.value.told.do_vi
    own.save_view("v3", "q=new", NOON)
    assert len(own.views()) == MOST_VIEWS
    assert SavedView("v3", "q=new") in own.views()


def test_a_setting_is_remembered(ledger: Ledger, own: Preferences) -> None:
    """Until it is set the default holds; the last setting counts, for its owner only."""
    assert own.setting("shortcuts", "on") == "on"
    own.set("shortcuts", "off", NOON)
    own.set("shortcuts", "off", NOON + timedelta(days=1))
    assert own.setting("shortcuts", "on") == "off"
    assert Preferences(ledger.database, "van").setting("shortcuts", "on") == "on"


def test_what_somebody_likes_is_no_line_of_the_log(ledger: Ledger, own: Preferences) -> None:
    """The chain holds facts of the intake."""
    before = ledger.log_head()
    own.save_view("a", "q=1", NOON)
    own.set("shortcuts", "off", NOON)
    assert ledger.log_head() == before
