"""What the stages told, as lines."""

from __future__ import annotations

from reports.board import Board, named, plain


def test_a_stage_says_at_most_a_line_a_second_but_always_its_end() -> None:
    board = Board()
    said = [board.line(board.told("replay", at / 10, 10.0, "", None, at / 10)) for at in range(101)]
    lines = [line for line in said if line is not None]
    assert len(lines) == 11
    assert lines[0] == "replay: 0 %"
    assert lines[-1] == "replay: 100 %, took 10 s"


def test_a_stage_that_has_ended_says_so_once_until_it_begins_again() -> None:
    board = Board()
    told = [board.line(board.told("replay", 5.0, 5.0, "draining", None, float(at))) for at in range(5)]
    assert [line is not None for line in told] == [True, False, False, False, False]
    assert board.line(board.told("replay", 0.0, 5.0, "next", None, 9.0)) == "replay: 0 %, next"
    assert board.line(board.told("replay", 5.0, 5.0, "next", None, 9.1)) is not None


def test_time_left_follows_from_the_pace_so_far() -> None:
    board = Board()
    board.told("ceiling", 0.0, 100.0, "", None, 0.0)
    stage = board.told("ceiling", 25.0, 100.0, "trial 3", None, 10.0)
    assert stage.left_s() == 30.0
    assert plain(stage) == "ceiling: 25 %, trial 3, left 30 s"


def test_a_stage_that_knows_no_total_shows_no_percent() -> None:
    stage = Board().told("calibrate", 3.0, 0.0, "fitting", None, 1.0)
    assert plain(stage) == "calibrate: fitting"


def test_a_stage_that_begins_again_starts_its_clock_again() -> None:
    board = Board()
    board.told("replay", 10.0, 10.0, "first", None, 10.0)
    board.told("replay", 0.0, 10.0, "second", None, 20.0)
    assert board.told("replay", 5.0, 10.0, "", None, 25.0).left_s() == 5.0


def test_expected_stages_stand_first_and_unexpected_ones_follow() -> None:
    board = Board(("simulate", "ceiling"))
    board.told("drain", 0.0, 1.0, "", None, 0.0)
    board.told("ceiling", 0.0, 1.0, "", None, 0.0)
    assert board.names() == ["simulate", "ceiling", "drain"]


def test_live_figures_are_shown_in_the_unit_that_their_name_ends_with() -> None:
    figures = {"target_per_s": 1200.0, "latency_s_p99": 0.21, "lateness_ms_p99": 2.5, "in_flight": 7.0}
    assert named(figures) == [
        ("target", "1,200/s"),
        ("latency p99", "210 ms"),
        ("lateness p99", "2.5 ms"),
        ("in flight", "7"),
    ]
    assert named({"bad_share": 0.02}) == [("bad", "2 %")]


def test_a_figure_that_is_not_known_yet_is_shown_as_unknown() -> None:
    assert named({"latency_s_p50": float("nan")}) == [("latency p50", "unknown")]


def test_the_live_figures_are_those_of_the_replay_under_way_and_vanish_with_it() -> None:
    board = Board()
    board.told("ceiling", 1.0, 9.0, "", {"offered_per_s": 103.0}, 1.0)
    board.told("replay", 1.0, 2.0, "", {"target_per_s": 103.0, "in_flight": 1.0}, 1.5)
    live = board.live(2.0)
    assert live is not None
    assert live.name == "replay"
    assert board.live(10.0) is None
