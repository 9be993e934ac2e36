"""Foreign services between a replay and a stand-in: what is told from outside is what their own logs say.

What the code of each can do is known (its docstring), and each logs every attempt: a counting that knows
nothing of peakday's.
"""

from concurrent.futures import ThreadPoolExecutor

import psutil
import pytest

from tests.end_to_end.foreign.services import clinic, clinic_target, retailer, retailer_target

pytestmark = pytest.mark.alone

QUICK = 'settle = "12s"\nquiet = "800ms"\n'


def replayed(peakday, target, rate, for_):
    done = peakday("replay", "--rate", rate, "--for", for_, "--target", str(target), "--json")
    assert done.code == 0, done.err
    return done.document


@pytest.fixture(scope="module")
def both(peakday, tmp_path_factory):
    """The retailer at half its limit with more to do than it can, the clinic with a provider that stalls."""
    folders = [tmp_path_factory.mktemp(name) for name in ("retailer", "clinic")]
    with retailer(folders[0]) as shop, clinic(folders[1]) as texts:
        halved = retailer_target(folders[0], shop, f'limit = "200/s"\nlimit_share = "50 %"\n{QUICK}')
        stalling = 'limit = "1000/s"\nstall = { lasts = "700ms", every = "1500ms" }\n'
        stalled = clinic_target(folders[1], texts, stalling + QUICK)
        with ThreadPoolExecutor(2) as side_by_side:
            runs = [
                side_by_side.submit(replayed, peakday, halved, "160/s", "3s"),
                side_by_side.submit(replayed, peakday, stalled, "40/s", "3s"),
            ]
            documents = [run.result() for run in runs]
        yield documents, (shop.told(), texts.told())


def test_retry_amplification_at_half_the_limit_is_the_service_s_own(both):
    (found, _), (told, _) = both
    seen = found["behind"]
    assert (seen["attempts"], seen["seen"], seen["attempts_max"]) == (told.attempts, told.messages, told.most)
    assert seen["attempts_per_message"] == pytest.approx(told.attempts / told.messages)
    assert seen["attempts_per_message"] > 1.5  # 200 attempts a second for 100 that are let through
    assert (seen["delivered"], seen["given_up"]) == (told.taken, told.messages - told.taken)
    assert found["lost"] == seen["lost"] == told.messages - told.taken
    assert seen["never_seen"] == 0


def test_the_rate_at_the_exit_is_what_the_service_can_do_behind_half_the_limit(both):
    (found, _), _ = both
    assert not found["behind"]["kept_up"]
    assert found["delivered_per_s"] == pytest.approx(100.0, rel=0.05)


def test_duplicates_of_a_service_that_does_not_wait_long_enough_are_counted(both):
    (_, found), (_, told) = both
    seen = found["behind"]
    assert told.unanswered > 0
    assert (seen["attempts"], seen["delivered"], seen["lost"]) == (told.attempts, told.messages, 0)
    assert found["duplicated"] == seen["duplicated"] == told.attempts - told.messages


def test_only_the_telephone_number_was_left_of_a_message_and_each_was_found(both):
    (_, found), _ = both
    assert (found["behind"]["unnamed"], found["behind"]["strangers"], found["behind"]["valid"]) == (
        0,
        0,
        True,
    )
    assert found["behind"]["accepted"] == found["accepted"] == 120


def test_no_stand_in_is_left(both):
    assert not [
        p for p in psutil.process_iter(["cmdline"]) if "loadtests.standin.server" in (p.info["cmdline"] or [])
    ]


@pytest.mark.torture
@pytest.mark.parametrize("service", ["retailer", "clinic"])
def test_what_each_service_can_do_is_found_within_five_percent(peakday, tmp_path, service):
    starts, files, can_per_s = {
        "retailer": (retailer, retailer_target, 200.0),
        "clinic": (clinic, clinic_target, 100.0),
    }[service]
    with starts(tmp_path) as running:
        target = files(tmp_path, running, 'limit = "1000/s"\nsettle = "20s"\n')
        found = replayed(peakday, target, f"{1.5 * can_per_s:g}/s", "8s")
        assert found["delivered_per_s"] == pytest.approx(can_per_s, rel=0.05)
        assert found["behind"]["exit_per_s"] == pytest.approx(can_per_s, rel=0.05)
        assert (found["lost"], found["duplicated"]) == (0, 0)
        done = peakday("ceiling", "--target", str(target), "--budget", "30s", "--json")
        assert done.document["limited_by"] == "backlog"
        assert done.document["ceiling_per_s"]["point"] == pytest.approx(can_per_s, rel=0.05)
