"""Scenarios by name or path, with settings, history and calendar."""

from __future__ import annotations

from pathlib import Path

import pytest

from scenarios.catalogue import SHIPPED, load, load_text, names, summaries
from scenarios.checking import check_files
from scenarios.problems import UserError
from scenarios.season import Campaign


def told(name: str | Path, *settings: str) -> list[str]:
    with pytest.raises(UserError) as caught:
        load(name, settings)
    return [str(problem) for problem in caught.value.problems]


@pytest.mark.parametrize("name", names())
def test_every_shipped_scenario_reads_without_a_problem(name: str) -> None:
    loaded = load(name)
    assert loaded.name == name
    assert loaded.toml == (SHIPPED / f"{name}.toml").read_text(encoding="utf-8") or loaded.scenario.campaigns
    assert check_files([name]) == []


def test_the_catalogue_tells_what_ships() -> None:
    assert {"singles-day", "smoke", "from-history"} <= set(names())
    assert [summary.name for summary in summaries()] == list(names())
    assert all(summary.title and summary.description for summary in summaries())


@pytest.mark.parametrize(
    "settings",
    [
        (),
        ("pipeline.workers.count=200", "campaign.midnight-flash.release=2M/min"),
        ("rehearsal.scale=0.05", "provider.push-gateway.limits[0].rate=5k/s", "title=it's a new one"),
        ("demand.noise=0", "audience.segments.hero.share=6 %", "trigger.deal-follow-up.to=['midnight-mail']"),
        (
            "campaign.0.start=2026-11-11 00:01:00",
            "response.push.stale_share=0.1",
            "objectives.season.3=drain<=1h",
        ),
    ],
)
def test_the_resolved_text_reads_back_to_an_equal_scenario(settings: tuple[str, ...]) -> None:
    loaded = load("singles-day", settings)
    again = load_text(loaded.toml, loaded.path)
    assert (again.scenario, again.sha256) == (loaded.scenario, loaded.sha256)


def test_settings_change_what_they_name_and_nothing_else() -> None:
    plain = load("singles-day").scenario
    loaded = load("singles-day", ["pipeline.workers.count=200", "campaign.midnight-flash.release=2M/min"])
    assert loaded.scenario.pipeline.workers.count == 200
    assert loaded.scenario.campaigns[0].release == pytest.approx(2e6 / 60)
    assert loaded.scenario.campaigns[1:] == plain.campaigns[1:]
    assert "# assumed; consent for every channel" in loaded.toml
    assert loaded.sha256 != load("singles-day").sha256


def test_wrong_settings_are_told_as_settings() -> None:
    unknown, not_a_count, no_unit = told(
        "smoke", "pipelin.workers=3", "pipeline.workers.count=true", "provider.0.limits.0.rate=900/x"
    )
    assert unknown.startswith("--set: pipelin = 3: unknown key; allowed: title, description")
    assert unknown.endswith("did you mean 'pipeline'?")
    assert not_a_count.startswith("--set: pipeline.workers.count = true: true is not a count; allowed:")
    assert no_unit.startswith(
        '--set: provider.push-gateway.limits[0].rate = 900/x: unknown unit "x"; allowed:'
    )


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("campaign.flash-pusch.release=1/s", "did you mean 'flash-push'?"),
        ("campaign.9.release=1/s", 'there is no item "9"'),
        ("rubbish", "is not a setting"),
        ("=3", "is not a setting"),
        ("title.x=3", "goes into a value that is no table"),
        ("audience.reach.push.x=3", "goes into a value that is no table"),
    ],
)
def test_a_setting_that_names_nothing_is_told(setting: str, message: str) -> None:
    assert message in told("smoke", setting)[0]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("singels-day", "did you mean 'singles-day'?"),
        ("x.toml", "x.toml: there is no such file"),
        (str(SHIPPED), "is a directory"),
    ],
)
def test_an_unknown_scenario_is_told_with_the_nearest_name(name: str, message: str) -> None:
    assert message in told(name)[0]


def test_the_calendar_replaces_the_historys_campaigns_of_its_names() -> None:
    loaded = load("from-history")
    assert loaded.history is not None
    past = {stream.campaign for stream in loaded.history.streams}
    steady = {"order-confirmation", "one-time-code", "parcel-on-its-way"}
    assert past == steady | {"lunch-flash", "evening-mail", "last-hours-text"}
    assert [(c.name, c.channel, c.replaces) for c in loaded.scenario.campaigns] == [
        ("midnight-flash", "push", ""),
        ("midnight-mail", "email", ""),
        ("evening-flash-push", "push", "evening-flash"),
        ("evening-flash-sms", "sms", "evening-flash"),
        ("hero-preview", "email", ""),
    ]
    assert loaded.scenario.campaigns[4].share == 40_000 / 2_000_000
    assert loaded.scenario.campaigns[0].start.isoformat() == "2026-11-11T00:00:00+08:00"


def test_a_scenario_with_a_calendar_reads_back_without_it() -> None:
    loaded = load("from-history", ["rehearsal.scale=0.2"])
    again = load_text(loaded.toml, loaded.path)
    assert loaded.scenario.demand.calendar is None
    assert (again.scenario, again.sha256) == (loaded.scenario, loaded.sha256)
    assert again.history is not None
    assert loaded.history is not None
    assert again.history.streams == loaded.history.streams
    assert (again.history.minutes == loaded.history.minutes).all()


def test_problems_of_scenario_history_and_calendar_are_told_in_one_go(tmp_path: Path) -> None:
    text = (SHIPPED / "from-history.toml").read_text(encoding="utf-8").replace("samples/", "")
    text = text.replace("count = 130", "count = true").replace('"one-time-code"]', '"one-time-cod"]')
    (tmp_path / "mine.toml").write_text(text)
    (tmp_path / "sends-2025.csv").write_text(
        "sent_at,channel,campaign,sent\n2025-11-11 00:00,pusch,a,1\n2025-11-11 00:00,push,a,-1\n"
    )
    (tmp_path / "plan-2026.csv").write_text(
        "name,start,audience,channels,release\n"
        "a,2026-11-11 00:00,activ,push,1k/min\n"
        "b,2026-11-12 00:00,everyone,push;fax,1k\n"
        "c,2026-12-11 00:00,3M,push,1k/min\n"
        "c,2026-11-11 00:00,everyone,push;push,0/s\n"
        ",yesterday,,whatsapp,1/s\n"
    )
    places = [problem.split(": ")[0] for problem in told(tmp_path / "mine.toml")]
    scenario = [place for place in places if "mine.toml" in place]
    assert len(scenario) == 1  # which campaigns the history has is unknown while it cannot be read
    assert places[1:] == [
        "sends-2025.csv:2:18", "sends-2025.csv:3:25",
        "plan-2026.csv:2:20",
        "plan-2026.csv:3:29", "plan-2026.csv:3:38",
        "plan-2026.csv:4:20",
        "plan-2026.csv:5:29", "plan-2026.csv:5:39",
        "plan-2026.csv:6:1", "plan-2026.csv:6:2", "plan-2026.csv:6:12",
    ]  # fmt: skip


def test_calendar_campaigns_are_held_against_the_season(tmp_path: Path) -> None:
    text = (SHIPPED / "from-history.toml").read_text(encoding="utf-8")
    text = text.replace("samples/sends", f"{SHIPPED}/samples/sends").replace("samples/plan", "plan")
    (tmp_path / "mine.toml").write_text(text)
    (tmp_path / "plan-2026.csv").write_text(
        "name,start,audience,channels,release\n"
        "late,2026-11-12 00:00,active,push,1k/min\n"
        "odd,2026-11-11 00:00,activ,push,1k/min\n"
        "same,2026-11-11 00:00,active,push,1k/min\n"
        "same,2026-11-11 01:00,active,push,1k/min\n"
    )
    problems = told(tmp_path / "mine.toml")
    assert [problem.split(": ")[0] for problem in problems] == [
        "plan-2026.csv:2:6", "plan-2026.csv:3:22", "plan-2026.csv:5:1"
    ]  # fmt: skip
    assert "after the season has ended" in problems[0]
    assert "did you mean 'active'?" in problems[1]
    assert "already at plan-2026.csv:4:1" in problems[2]


def test_check_reads_scenarios_targets_histories_and_calendars(tmp_path: Path) -> None:
    from scenarios.words import Word

    class Target(Word):
        base_url: str
        operation: tuple[dict[str, str], ...] = ()

    (tmp_path / "target.toml").write_text("base_url = 3\n[[operation]]\n")
    (tmp_path / "h.csv").write_text("timestamp,channel,campaign,messages\n2025-11-11,fax,a,1\n")
    (tmp_path / "p.csv").write_text("name,start,audience,channels,release\na,2026-11-11,vip,push,1000\n")
    (tmp_path / "empty.toml").write_text("")
    files = [str(tmp_path / name) for name in ("target.toml", "h.csv", "p.csv", "empty.toml", "nope.toml")]
    problems = check_files(["smoke", *files], Target)
    assert [(Path(p.where.split(":")[0]).name, p.message) for p in problems] == [
        ("target.toml", "a whole number does not fit here"),
        ("h.csv", "unknown channel"),
        ("p.csv", '"1000" is not a rate'),
        ("empty.toml", "is empty"),
        ("nope.toml", "there is no such file"),
    ]


def test_a_campaign_start_without_offset_is_on_the_scenarios_clock() -> None:
    def start(setting: str) -> Campaign:
        return load("smoke", [f"campaign.flash-push.start={setting}"]).scenario.campaigns[0]

    assert start("2026-11-11T00:02:00").start.isoformat() == "2026-11-11T00:02:00+08:00"
    assert start("2026-11-10T16:02:00Z").start == start("2026-11-11 00:02:00").start


def test_settings_that_are_none_are_told_together_with_the_values_that_are_wrong() -> None:
    settings = ("foo", "pipeline.workers.count=abc", "seed=-1", "seed.x=3", "pipeline.workers.cout=1")
    with pytest.raises(UserError) as refused:
        load("smoke", settings)
    told = "\n".join(str(problem) for problem in refused.value.problems)
    assert len(refused.value.problems) == len(settings)
    assert all(text.split("=")[0] in told for text in settings)
    assert "did you mean 'count'?" in told


def written(folder: Path, times: str) -> Path:
    (folder / "times.txt").write_text(times, encoding="utf-8")
    text = (SHIPPED / "smoke.toml").read_text(encoding="utf-8")
    text = text.replace("[pipeline.workers]", '[pipeline.workers]\nsamples = "times.txt"', 1)
    (folder / "mine.toml").write_text(text, encoding="utf-8")
    return folder / "mine.toml"


def test_a_file_of_service_times_becomes_quantiles_that_a_run_keeps(tmp_path: Path) -> None:
    path = written(tmp_path, "# seen in March\n" + "\n".join(f"{ms}ms" for ms in range(100, 0, -1)))
    loaded = load(path, ["pipeline.workers.distribution=empirical", "pipeline.workers.service_time=50ms"])
    workers = loaded.scenario.pipeline.workers
    assert (workers.samples, len(workers.quantiles)) == (None, 201)
    assert (workers.quantiles[0], workers.quantiles[-1]) == (0.001, 0.1)
    (tmp_path / "times.txt").unlink()
    assert load_text(loaded.toml, path).scenario == loaded.scenario


def test_what_is_wrong_in_a_file_of_service_times_is_told_line_by_line(tmp_path: Path) -> None:
    assert "times.txt:2" in "".join(told(written(tmp_path, "5ms\n7\n")))
    assert "has 1 service times" in "".join(told(written(tmp_path, "5ms\n")))
    assert "no such file" in "".join(told(written(tmp_path, ""), 'pipeline.workers.samples="missing.txt"'))
