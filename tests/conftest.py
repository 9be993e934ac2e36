"""For all tests: properties are tried on the same examples each time, and how long one takes says nothing."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

ANYHOW = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}

settings.register_profile("same", derandomize=True, max_examples=50, **ANYHOW)
settings.register_profile("anew", max_examples=300, **ANYHOW)  # make torture
settings.load_profile("same")
