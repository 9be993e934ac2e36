"""`locust -f loadtests/locustfile.py --run RUN --target TARGET`: a replay by hand, with Locust's web UI."""

from loadtests.replay.user import ReplayUser


class Replay(ReplayUser):
    """Replays the peak of --run, or --rate held."""
