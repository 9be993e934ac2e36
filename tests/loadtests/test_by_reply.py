"""Events that name a message by the target's own id, joined by the ids that replies gave."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given as drawn
from hypothesis import strategies as st

from loadtests.arrivals import NOBODY, Seen
from loadtests.by_reply import GIVEN, STRANGER, Names, found_by, mark_of
from loadtests.replay.given import Given, Giving, path_beside, read_given
from loadtests.rig import standing
from loadtests.targets.target import read_target
from scenarios.problems import UserError
from sim.progress import SILENT
from sim.runs import create_run

RUN = 77
TARGET = """
base_url = "http://127.0.0.1:1"
[[operation]]
name = "send"
path = "/messages"
body = {{ template = '{{"to":"{{{{email}}}}"}}' }}
{operation}
[operation.replies]
{replies}
[delivery]
observed = "webhook"
port = 9
named_by = "reply"
{delivery}
"""
GENERIC = 'status = "/event"\nid = "/id"'


def target(operation: str = "", replies: str = 'message_id = "/id"', delivery: str = GENERIC) -> str:
    return TARGET.format(operation=operation, replies=replies, delivery=delivery)


names = st.lists(st.text(min_size=1, max_size=12), unique_by=mark_of, max_size=30)


def seen_of(*events: tuple[int, int]) -> Seen:
    run, number = (np.array(column, dtype=np.int64) for column in zip(*events, strict=True))
    return Seen(np.arange(len(events), dtype=float), run, number, np.ones(len(events), dtype=bool))


def heard(*ids: str) -> Seen:
    return seen_of(*((found.run, found.numbers[0]) for found in map(found_by, ids)))


@drawn(names, st.integers(0, 5))
def test_each_id_leads_to_the_message_that_it_was_given_to_in_whichever_replay_that_was(ids, cut) -> None:
    book = Names()
    for first, part in ((0, ids[:cut]), (cut, ids[cut:])):
        book.add(Given(np.arange(first, first + len(part)), tuple(part)))
    if ids:
        found = book.named(heard(*reversed(ids)), RUN)
        assert found.number.tolist() == list(reversed(range(len(ids))))
        assert set(found.run.tolist()) == {RUN}


def test_an_id_that_no_reply_gave_is_a_stranger_s_and_a_missing_one_is_nobody_s() -> None:
    book = Names()
    book.add(Given(np.array([4]), ("known",)))
    found = book.named(heard("other", "known"), RUN)
    assert found.number.tolist() == [STRANGER, 4]
    assert found.run.tolist() == [GIVEN, RUN]
    assert found_by("") == found_by("").__class__(NOBODY, ())
    assert Names().named(heard("known"), RUN).number.tolist() == [STRANGER]


def test_what_was_found_by_ids_of_ours_stays_as_it_is() -> None:
    seen = seen_of((RUN, 3), (NOBODY, NOBODY))
    assert Names().named(seen, RUN) is seen


def test_angle_brackets_around_a_message_id_do_not_matter() -> None:
    assert mark_of("<a@example.com>") == mark_of("a@example.com") == mark_of(" <a@example.com> ")
    assert mark_of("a@example.com") != mark_of("b@example.com")


def test_ids_are_read_back_also_where_the_writer_was_cut_off(tmp_path: Path) -> None:
    records = tmp_path / "peak.arrows"
    giving = Giving()
    giving.open(records)
    giving.add(7, "Ünï")
    giving.add(8, "")
    giving.flush()
    giving.add(9, "b")
    assert read_given(records).ids == ("Ünï",)
    giving.close()
    found = read_given(records)
    assert (found.message.tolist(), found.ids) == ([7, 9], ("Ünï", "b"))
    whole = path_beside(records).read_bytes()
    path_beside(records).write_bytes(whole[: len(whole) // 2])
    assert set(read_given(records).ids) <= {"Ünï", "b"}
    assert read_given(tmp_path / "none.arrows").ids == ()


def test_a_target_may_be_followed_by_the_ids_of_its_replies(tmp_path: Path) -> None:
    (tmp_path / "target.toml").write_text(target())
    assert read_target(tmp_path / "target.toml").is_named_by_reply


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"replies": ""}, "do not say where they name the message"),
        ({"operation": "messages_per_request = 50"}, "a reply names one message"),
        ({"delivery": 'status = "/event"'}, "where in an event is the target's own id"),
        ({"delivery": 'events = "sendgrid"'}, "bear more than the id of the reply"),
    ],
)
def test_what_cannot_be_joined_by_replies_is_refused_with_what_to_write(
    tmp_path: Path, changes, said
) -> None:
    (tmp_path / "target.toml").write_text(target(**changes))
    with pytest.raises(UserError, match=said):
        read_target(tmp_path / "target.toml")


def test_several_processes_cannot_keep_the_ids_of_replies(tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "target.toml").write_text(target())
    monkeypatch.setenv("PEAKDAY_RUNS", str(tmp_path / "runs"))
    run = create_run("replay", seed=None, scenario_sha256="", command="")
    with (
        pytest.raises(UserError, match="named_by"),
        standing(str(tmp_path / "target.toml"), None, run, SILENT, workers=2),
    ):
        pass
