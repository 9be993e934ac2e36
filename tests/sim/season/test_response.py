"""What deliveries cause: both faces, and that they are one law."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest
import scipy.stats

from scenarios.catalogue import Loaded
from sim.season.response import Answers, expected_customers
from tests.sim.feeding import expected, fed, streams_of

FLASH = {"name": "flash", "channel": "push", "start": "2026-11-11T00:00:00Z", "release": "50/s"}
MAIL = FLASH | {"name": "mail", "channel": "email"}
PUSH = {
    "open_share": 0.4,
    "click_share": 0.3,
    "purchase_share": 0.2,
    "unsubscribe_share": 0.05,
    "complaint_share": 0.01,
    "stale_share": 0.25,
    "delay": {"median": "30s", "sigma": 1.0},
    "act_delay": {"median": "20s", "sigma": 0.5},
    "order_value": 10.0,
}
THANKS = {
    "name": "thanks",
    "channel": "push",
    "after": "purchase",
    "share": 0.9,
    "delay": {"median": "10s", "sigma": 0.5},
}
BINS = 600

Floats = npt.NDArray[np.float64]
Build = Callable[..., Loaded]


def one_burst(loaded: Loaded, messages: float, at: int = 0, bins: int = BINS) -> Floats:
    delivered = np.zeros((len(streams_of(loaded)), bins))
    delivered[0, at] = messages
    return delivered


@pytest.fixture(scope="module")
def shop(season: Build) -> Loaded:
    return season(campaign=[FLASH], trigger=[THANKS], response={"push": PUSH})


@pytest.mark.parametrize("steps", [(1,), (2, 7, 3), (5,)])
def test_the_length_of_the_steps_changes_no_number(shop: Loaded, steps: tuple[int, ...]) -> None:
    rng = np.random.default_rng(1)
    delivered = rng.poisson(40.0, (2, BINS)).astype(np.float64)
    longest = expected(shop, delivered)
    assert expected(shop, delivered, steps) == pytest.approx(longest, rel=1e-9, abs=1e-9)


def test_a_burst_causes_its_share_of_sends_once_all_delays_are_over(shop: Loaded) -> None:
    caused = expected(shop, one_burst(shop, 1000.0, bins=20_000))
    assert caused[0].sum() == 0.0
    assert caused[1].sum() == pytest.approx(1000.0 * 0.2 * 0.9)


def test_nothing_arrives_before_its_cause_and_no_negative_number_ever(shop: Loaded) -> None:
    caused = expected(shop, one_burst(shop, 1e9, at=100), (3,))
    assert caused[:, :101].sum() == 0.0
    assert (caused >= 0.0).all()


def test_drawn_and_expected_sends_agree_in_number_and_in_time(shop: Loaded) -> None:
    answers, n = Answers(shop.scenario, streams_of(shop), 7), 60_000
    rng = np.random.default_rng(2)
    due_s = np.array([due for _ in range(n) for _, due in answers.deliver[0](rng.random(), True)])
    caused = expected(shop, one_burst(shop, float(n), bins=2000))[1]
    assert len(due_s) == pytest.approx(n * 0.18, abs=4 * (n * 0.18) ** 0.5)
    drawn = np.searchsorted(np.sort(due_s), np.arange(1, 2001)) / len(due_s)
    assert np.abs(drawn - np.cumsum(caused) / (n * 0.18)).max() < 0.02


def test_drawn_and_expected_customers_agree(shop: Loaded) -> None:
    answers, n = Answers(shop.scenario, streams_of(shop), 3), 100_000
    for i in range(n):
        answers.deliver[0](0.0, i % 2 == 0)
    delivered = np.array([float(n), 0.0])
    told = expected_customers(shop.scenario, streams_of(shop), delivered, delivered / 2.0)
    drawn = answers.customers()
    for name in ("opens", "clicks", "purchases", "unsubscribes", "complaints"):
        value = getattr(told, name)
        assert getattr(drawn, name) == pytest.approx(value, abs=4.5 * value**0.5)
    assert drawn.revenue == drawn.purchases * 10.0
    assert told.purchases == pytest.approx(n / 2 * 0.2 * 1.25)


def test_late_messages_are_answered_less_but_annoy_as_much(shop: Loaded) -> None:
    delivered = np.array([1000.0, 0.0])
    found = expected_customers(shop.scenario, streams_of(shop), delivered, np.zeros(2))
    assert (found.opens, found.purchases) == (pytest.approx(100.0), pytest.approx(50.0))
    assert (found.unsubscribes, found.complaints) == (pytest.approx(50.0), pytest.approx(10.0))


def test_a_transactional_message_is_read_but_sells_nothing_and_annoys_nobody(season: Build) -> None:
    code = FLASH | {"priority": "transactional"}
    loaded = season(campaign=[code], response={"push": PUSH})
    delivered = np.array([1000.0])
    found = expected_customers(loaded.scenario, streams_of(loaded), delivered, delivered)
    assert (found.opens, found.purchases, found.unsubscribes, found.complaints) == (400.0, 0.0, 0.0, 0.0)


def test_a_trigger_follows_only_the_streams_it_names(season: Build) -> None:
    only_mail = THANKS | {"to": ["mail"]}
    loaded = season(campaign=[FLASH, MAIL], trigger=[only_mail], response={"push": PUSH, "email": PUSH})
    delivered = np.zeros((3, 5000))
    delivered[0, 0] = 1000.0
    assert expected(loaded, delivered).sum() == 0.0
    answers = Answers(loaded.scenario, streams_of(loaded), 1)
    assert [sent for _ in range(500) for sent in answers.deliver[0](0.0, True)] == []


def test_on_another_channel_only_those_within_its_reach_get_the_triggered_send(season: Build) -> None:
    loaded = season(campaign=[MAIL], trigger=[THANKS], response={"email": PUSH})
    caused = expected(loaded, one_burst(loaded, 1000.0, bins=20_000))
    assert caused[1].sum() == pytest.approx(1000.0 * 0.2 * 0.9 * 0.8)


def test_a_triggered_send_may_trigger_another(season: Build) -> None:
    review = THANKS | {"name": "review", "after": "delivered", "to": ["thanks"], "share": 0.5}
    loaded = season(campaign=[FLASH], trigger=[THANKS, review], response={"push": PUSH})
    answers = Answers(loaded.scenario, streams_of(loaded), 1)
    sent = [s for _ in range(2000) for s in answers.deliver[1](5.0, False)]
    assert {stream for stream, _ in sent} == {2}
    assert len(sent) == pytest.approx(1000, abs=100)
    assert min(due for _, due in sent) > 5.0


def test_without_triggers_one_step_may_be_the_whole_season(season: Build) -> None:
    loaded = season(campaign=[FLASH], response={"push": PUSH})
    feedback, arrivals = fed(loaded, np.ones((1, BINS)))
    assert feedback.horizon_bins == BINS
    assert arrivals.sum() == 0.0


def test_sends_are_drawn_from_their_expectation_and_come_to_the_door_when_they_are_due(shop: Loaded) -> None:
    normals = np.random.default_rng(5).standard_normal((1, BINS))
    delivered = np.random.default_rng(6).poisson(90.0, (2, BINS)).astype(np.float64)
    feedback, arrivals = fed(shop, delivered, normals=normals)
    means = expected(shop, delivered)[1]
    assert np.array_equal(feedback.sent[0], arrivals[1])
    assert (arrivals[1] == scipy.stats.poisson.ppf(scipy.stats.norm.cdf(normals[0]), means)).mean() > 0.99
    assert arrivals[0].sum() == 0.0


@pytest.mark.parametrize("steps", [(1,), (2, 7, 3)])
def test_the_length_of_the_steps_changes_no_draw(shop: Loaded, steps: tuple[int, ...]) -> None:
    normals = np.random.default_rng(5).standard_normal((1, BINS))
    delivered = np.full((2, BINS), 300.0)
    _, longest = fed(shop, delivered, normals=normals)
    assert np.array_equal(fed(shop, delivered, steps, normals=normals)[1], longest)


def test_answers_of_a_stream_do_not_depend_on_the_other_streams(season: Build, shop: Loaded) -> None:
    more = season(campaign=[FLASH, MAIL], trigger=[THANKS], response={"push": PUSH, "email": PUSH})
    alone, joined = (Answers(x.scenario, streams_of(x), 4) for x in (shop, more))
    ours, theirs = [], []
    for i in range(1000):
        ours += [due for _, due in alone.deliver[0](float(i), True)]
        joined.deliver[1](float(i), True)
        theirs += [due for _, due in joined.deliver[0](float(i), True)]
    assert ours == theirs


def test_a_channel_without_a_response_is_never_answered(season: Build) -> None:
    loaded = season(campaign=[MAIL], trigger=[THANKS], response={"push": PUSH})
    answers = Answers(loaded.scenario, streams_of(loaded), 1)
    assert [sent for _ in range(200) for sent in answers.deliver[0](0.0, True)] == []
    assert answers.customers().opens == 0.0
