"""What spans several values of `[behind]`: limits that come from nowhere, places that are taken."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from loadtests.targets.addresses import base_url_problem, place
from loadtests.targets.behind import PROFILE_ENDING, Behind
from loadtests.targets.target_words import Target
from scenarios.complaints import Complaint
from scenarios.problems import nearest
from scenarios.profiles import profile_names

TELLING = ("ses", "postmark")
"""Who can refuse some messages of a request that it answers 200."""


def behind_complaints(behind: Behind, target: Target) -> Iterator[Complaint]:
    """Every mistake of the table that no single value shows."""
    for complaint in limit_complaints(behind):
        yield replace(complaint, path=("behind", *complaint.path))
    if any(place(url)[2] == behind.port for url in target.base_urls):
        yield Complaint(("behind", "port"), "is the target's own; the service sends there, not to itself")


def limit_complaints(behind: Behind) -> Iterator[Complaint]:
    """Mistakes of limits and faults, by their path in the table."""
    yield from _limits(behind)
    yield from _faults(behind)


def _limits(behind: Behind) -> Iterator[Complaint]:
    stated = [key for key in ("limit", "limits") if getattr(behind, key)]
    if len(stated) > 1:
        yield Complaint(("limits",), "limit is short for one of limits: one of the two")
    if stated and behind.profile:
        yield Complaint(("profile",), f"{stated[0]} replaces its limits: one of the two")
    named = behind.profile and not behind.profile.endswith(PROFILE_ENDING)
    if named and behind.profile not in profile_names():
        known = profile_names()
        allowed = f"{', '.join(known)}, or the path of a .toml file"
        near = nearest(behind.profile, known)
        yield Complaint(("profile",), "there is no profile of that name", allowed, near)
    if not stated and not behind.profile_name:
        fitting = ", ".join(name for name in profile_names() if name.startswith(behind.stand_in))
        message = f"says nothing of its limits; write profile = one of {fitting}, or limit or limits"
        yield Complaint(("profile",), message, points_at="table")


def _faults(behind: Behind) -> Iterator[Complaint]:
    if behind.stall and not behind.stall.lasts < behind.stall.every:
        yield Complaint(("stall", "lasts"), "it would never answer", "less than every")
    if behind.webhook and behind.stand_in == "braze":
        message = "Braze posts no events of single messages"
        yield Complaint(("webhook",), message, "sendgrid, twilio, ses or postmark")
    if behind.webhook and (reason := base_url_problem(behind.webhook.partition("?")[0])):
        yield Complaint(("webhook",), reason)
    if behind.partial_failure and behind.stand_in not in TELLING:
        message = f"{behind.stand_in} takes a request whole or not at all"
        yield Complaint(("partial_failure",), message, f"with stand_in {' or '.join(TELLING)}")
