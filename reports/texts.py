"""The fixed texts of a report: its sections, what its pictures show, how it is reported, its glossary."""

from __future__ import annotations

from dataclasses import dataclass

PROJECTED = "PROJECTED"


@dataclass(frozen=True)
class Section:
    """One section of the page: pictures by name and tables by kind, as far as the run has them."""

    key: str
    title: str
    label: str
    intro: str
    pictures: tuple[str, ...]
    tables: tuple[str, ...]


SECTIONS = (
    Section(
        "demand", "What the season asks", "SIMULATED",
        "Messages due at the send API's door and what becomes of them, by the scenario; with the send path "
        "as it was measured, where the run got that far.",
        ("demand", "backlog"), ("streams", "tenants", "campaigns"),
    ),
    Section(
        "ceiling", "What the send API holds", "MEASURED",
        "Each mark is one rate held for a full trial, open loop: sends start when they are due, whether or "
        "not earlier ones were answered. Trials that are not valid are shown and left out of the ceiling.",
        ("knee", "watched"), ("trials", "watched"),
    ),
    Section(
        "peak", "The peak, replayed", "MEASURED",
        "The worst part of the season, sent to the target at its own pace. Latency counts from the due time; "
        "service time, from the first byte written, hides the wait and is shown beside it.",
        ("peak", "percentiles"), ("addresses", "percentiles"),
    ),
    Section(
        "delivery", "What was delivered", "MEASURED",
        "An API that accepts fast may deliver slowly. What it accepted of the replayed peak was looked for "
        "at the other end; delays count from the due time. The ceiling search tells two rates: the highest "
        "that is accepted as the objectives ask, and the highest that is also delivered.",
        ("delivery",), ("delivered", "ceilings"),
    ),
    Section(
        "behind", "Behind the service", "MEASURED",
        "What came out at the other end: peakday played the provider that the service sends to, found each "
        "message of the replayed peak again by an id in it, and counted. Delays count from the due time.",
        (), ("behind", "priorities"),
    ),
    Section(
        "bottleneck", "What binds first", "SIMULATED",
        "How busy each stage of the send path is in the simulated season; 100 % means that a queue grows in "
        "front of it.",
        ("headroom",), ("headroom",),
    ),
    Section(
        "trust", "How far the model can be trusted", "SIMULATED AND MEASURED",
        "The send path was fitted to some trials and then asked to predict a replay that it had not seen.",
        ("predicted",), ("predicted", "fitted"),
    ),
)  # fmt: skip

GLOSSARY = (
    ("offered rate", "messages per second that fall due, carried or not"),
    ("goodput", "messages per second accepted, still fresh, not a duplicate"),
    ("ceiling", "highest offered rate that met every objective for a full trial; an interval"),
    (
        "accept ceiling, delivery ceiling",
        "highest rate that is accepted as asked; highest accepted rate that is also delivered",
    ),
    ("headroom", "the ceiling's low end divided by the P90 peak, minus 1"),
    (
        "peak P50, P90",
        "greatest one-minute mean of the offered rate: median and 90 % quantile over the replications",
    ),
    ("latency", "from the moment a send is due to its complete answer"),
    ("service time", "from the first byte written to the complete answer"),
    (
        "lateness",
        "from the due time to the moment the generator reached the send: its own fault, not the target's",
    ),
    ("open loop", "sends start when they are due; a slow target does not slow the load"),
    ("limited", "answered 429: too many requests"),
    ("freshness", "how late a message may still reach the customer"),
    ("backlog, drain time", "messages waiting; how long until none wait"),
    (
        "stand-in",
        "a provider that peakday plays behind the service: its wire format, its limits, on this machine",
    ),
    ("duplicated", "delivered more than once: every delivery of a message beyond its first"),
    ("attempts per message", "how often a service calls its provider for one message: retry amplification"),
    (
        "priority inversion",
        "a less urgent message that left the service while a more urgent one, accepted before, waited in it",
    ),
    ("utilisation", "share of time that a stage is busy"),
    ("trial", "one rate held and judged"),
    ("replication", "the same season with other random numbers"),
    ("SIMULATED, MEASURED", "computed by the model; seen on the target"),
    (
        PROJECTED,
        "the verdict rests on a part of the season or a scaled-down rehearsal, extended to the whole",
    ),
)

PICTURE_TITLES = {
    "gauge": "Ceiling against peak",
    "backlog": "Messages waiting",
}

PICTURE_TEXTS = {
    "gauge": "What the send API holds beside what the peak asks",
    "knee": "Goodput against offered rate of every trial",
    "watched": "What the target file observes of the target, against the rate offered: the mean of each "
    "trial's later half, the bar up to its greatest value.",
    "demand": "Offered, accepted and delivered messages per minute over the season; "
    "the bars below show when each campaign is released.",
    "backlog": "Messages waiting in the send path over the season.",
    "peak": "Requests due and accepted per second, latency at p50 and p99, and the generator's own lateness.",
    "percentiles": "Latency from the due time and service time by percentile, as far as the sample can tell.",
    "delivery": "Messages accepted and delivered per second, and how many wait between the two.",
    "headroom": "Utilisation of each stage in its worst minute; the tick marks the peak minute.",
    "predicted": "Predicted against measured for each figure of the held-out replay; the band is 10 %.",
}

REPORTING = (
    "Reported after STRESS-DES (Monks et al., 2019): purpose, inputs and their origin, the model's "
    "resolution, seed and replications, and the software used stand above; the scenario as resolved lies "
    "beside this page as scenario.toml. Percentiles are taken from histograms whose bins are at most 0.6 % "
    "wide. A send that failed, timed out or was dropped counts as slow in every percentile."
)
