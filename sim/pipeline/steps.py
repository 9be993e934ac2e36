"""What sim.pipeline.kernel asks of the units that are compiled apart from it, unit by unit."""

from __future__ import annotations

# sim.pipeline.kernelbeyond.
ASK, ACCEPT, ASK_ON, SHARE, START_LATE = range(5)

# sim.pipeline.kernelfair.
COME_BACK, TELL_APART, SERVE_LINES, SET_BACK, HIDE = range(5)

# sim.pipeline.kernelstalls.
STALL = 0

# sim.pipeline.kernelfull.
COME_IN, SPILL_OVER, PLAN_DROPS, DROP_SHARE, COUNT_OUTSIDE, CROWD_OUT = range(6)

# sim.pipeline.kernelagain.
MAN, COME_AGAIN, TAKE_OUT, LOOK_AHEAD, AT_ONCE, TAKE_OUT_CALM, STOP_SHORT, TURN_OVER = range(8)

# sim.pipeline.kernelfeedback.
SEND, CAUSE = range(2)

# sim.pipeline.kernelsure.
LOOK_FOR, TAKE_ALL = range(2)
