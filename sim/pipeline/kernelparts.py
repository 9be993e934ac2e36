"""Parts of the cohort kernel:

what happens to one batch, parcel or piece. Compiled into sim.pipeline.kernel.
"""

from __future__ import annotations

import math

from sim.pipeline.kernelcache import part
from sim.pipeline.provisions import FIRSTS
from sim.pipeline.state import (
    ALIVE,
    CALM,
    CELL,
    CHANCE,
    DUE_S,
    END_PARCEL,
    ENTERED_BIN,
    FIRST_PARCEL,
    FRESHNESS_S,
    LEAST_S,
    LEFT,
    LIGHT_BINS,
    LIGHT_LEAST_S,
    LIGHT_PER_OCTAVE,
    LISTED,
    MASS,
    MOST_S,
    NEXT_PARCEL,
    OWNER,
    PIECES,
    PRIORITY,
    PROVIDER,
    SLOPES,
    STREAM,
    TRIES,
    VAR,
    WAITS,
    Floats,
    Plan,
    State,
)

_FRESH_POINTS = 4


@part
def enlist(state: State, row: int) -> None:
    """Something happens in a row: look at it until the columns asked for end."""
    if state.streams[row, LISTED] == 0.0:
        state.streams[row, LISTED] = 1.0
        state.alive[state.marks[ALIVE]] = row
        state.marks[ALIVE] += 1


@part
def put(plan: Plan, state: State, s: int, tries: float, mass: float, due_s: float, var: float) -> None:
    """Append a parcel to the newest batch of its class."""
    p = int(plan.streams[s, PRIORITY])
    parcel = state.parcels[p, state.heads[p, NEXT_PARCEL] % state.parcels.shape[1]]
    parcel[STREAM], parcel[TRIES], parcel[MASS], parcel[DUE_S], parcel[VAR] = s, tries, mass, due_s, var
    state.waiting[p] += mass
    state.heads[p, NEXT_PARCEL] += 1


@part
def too_old_share(t: int, bin_s: float, parcel: Floats, freshness_s: float) -> float:
    """Share of a parcel, or a piece, that is too old when a worker looks at it in bin `t`."""
    age_s = (t + 0.5) * bin_s - parcel[DUE_S]
    # half the width of the even distribution with this variance; no root where the age alone decides
    if age_s + bin_s + 3.0 * parcel[VAR] <= freshness_s:
        return 0.0
    half_s = math.sqrt(3.0 * parcel[VAR])
    if age_s - half_s >= freshness_s:
        return 1.0
    if age_s + half_s > freshness_s:
        return float((age_s + half_s - freshness_s) / (2.0 * half_s))
    return 0.0


@part
def expire(plan: Plan, state: State, p: int, batch: Floats, t: int, j: int, expired: Floats) -> float:
    """Take out of a batch what is too old now that a worker looks at it; returns the messages left.

    expired: float64 (streams, n), column `j` counts.
    """
    left = 0.0
    for i in range(int(batch[FIRST_PARCEL]), int(batch[END_PARCEL])):
        parcel = state.parcels[p, i % state.parcels.shape[1]]
        own = plan.streams[int(parcel[STREAM])]
        share = too_old_share(t, plan.bin_s, parcel, own[FRESHNESS_S])
        if share > 0.0:
            gone = parcel[MASS] * share
            expired[int(own[OWNER]), j] += gone
            parcel[MASS] -= gone
            state.waiting[p] -= gone
        left += parcel[MASS]
    return left


@part
def wait_spans(
    plan: Plan, batch: Floats, t: int, share: float, flow: tuple[float, float, float, float]
) -> tuple[float, float, float, float]:
    """Waits of the first `share` of what is left of a batch: least, greatest, share that waits less than
    a bin
    knows, and the mean moment of departure.

    flow: messages of the class before this bin, messages served in it before these, these, capacity.
    """
    before, served, taken, capacity = flow
    h, first = plan.bin_s, 1.0 - batch[LEFT]
    last = first + share * batch[LEFT]
    middle_s = (t + (served + 0.5 * taken) / capacity) * h
    ahead = t - batch[ENTERED_BIN]
    if ahead > 0.0:
        one_s = max(0.0, (ahead + served / capacity - first) * h)
        other_s = max(0.0, (ahead + (served + taken) / capacity - last) * h)
        return min(one_s, other_s), max(one_s, other_s), 0.0, middle_s
    one_s, other_s = before / capacity * h, ((before + taken) / capacity - last) * h
    if other_s >= 0.0:
        return min(one_s, other_s), max(one_s, other_s), 0.0, max(middle_s, (t + 0.5 * last) * h)
    # the class is cleared within the bin: after that its newcomers do not wait
    clear = before / (capacity - taken / share)
    return 0.0, one_s, 1.0 - clear / last, (t + 0.5) * h


@part
def hand_out(
    plan: Plan, state: State, p: int, batch: Floats, share: float, spans: tuple[float, float, float, float]
) -> None:
    """Move `share` of a batch to the pieces of this bin, with `spans` of wait_spans."""
    for i in range(int(batch[FIRST_PARCEL]), int(batch[END_PARCEL])):
        parcel, piece = state.parcels[p, i % state.parcels.shape[1]], state.pieces[state.marks[PIECES]]
        mass = parcel[MASS] * share
        if mass <= 0.0:
            continue
        piece[STREAM], piece[TRIES], piece[MASS] = parcel[STREAM], parcel[TRIES], mass
        piece[DUE_S], piece[VAR] = parcel[DUE_S], parcel[VAR]
        piece[LEAST_S], piece[MOST_S], piece[CALM] = spans[0], spans[1], spans[2]
        if parcel[TRIES] > 0.0 or parcel[DUE_S] < batch[ENTERED_BIN] * plan.bin_s:
            half_s, delay_s = math.sqrt(3.0 * parcel[VAR]), max(0.0, spans[3] - parcel[DUE_S])
            piece[LEAST_S], piece[MOST_S] = max(0.0, delay_s - half_s), delay_s + half_s
            piece[CALM] = 0.0
        parcel[MASS] -= mass
        state.marks[PIECES] += 1


@part
def light_wait(plan: Plan, above: float, own: float, load: float) -> tuple[int, float]:
    """Waits below a bin, by the load of the classes above, the own and all: cell of their mean, and how
    likely one is.

    M/M/c with priorities, no service cut short, has the mean wait C S / c / ((1 - above) (1 - above -
    own)), C being Erlang's for all classes together (Cobham 1954); other service times scale it by (1 +
    cv^2) / 2 (Lee, Longton 1959).
    """
    chances, last = plan.busy_chance[0], plan.busy_chance.shape[1] - 1
    where = min(1.0, load) * last
    low = min(int(where), last - 1)
    chance = chances[low] + (where - low) * (chances[low + 1] - chances[low])
    behind = plan.busy_chance[1, int(min(1.0, above + own) * last)]
    left_above, left = 1.0 - min(1.0, above), 1.0 - min(1.0, above + own)
    free_above = math.sqrt(left_above * left_above + plan.unevenness)
    free = math.sqrt(left * left + plan.unevenness)
    mean_s = max(behind * plan.residual_s / (free_above * free), LIGHT_LEAST_S)
    return _light_cell(mean_s), chance


@part
def _light_cell(mean_s: float) -> int:
    """Cell of State.light."""
    cell = int(LIGHT_PER_OCTAVE * math.log2(max(mean_s, LIGHT_LEAST_S) / LIGHT_LEAST_S))
    return min(cell, LIGHT_BINS - 1)


@part
def with_turn_below_bin(light_s: float, light_chance: float, cell: int, chance: float) -> tuple[int, float]:
    """A wait below a bin (its cell of State.light and how likely it is) with another one behind it."""
    if light_chance <= 0.0:
        return cell, chance
    mean_s = LIGHT_LEAST_S * 2.0 ** ((cell + 0.5) / LIGHT_PER_OCTAVE)
    either = 1.0 - (1.0 - chance) * (1.0 - light_chance)
    return _light_cell((mean_s * chance + light_s * light_chance) / either), either


@part
def ask_for_pieces(plan: Plan, state: State) -> None:
    """Into `state.shares` (V,): what the pieces of this bin ask of each provider, and how many of them are
    first attempts."""
    shares = state.shares
    shares[:] = 0.0
    state.providers[:, FIRSTS] = 0.0
    for i in range(state.marks[PIECES]):
        piece = state.pieces[i]
        v = int(plan.streams[int(piece[STREAM]), PROVIDER])
        shares[v] += piece[MASS]
        if piece[TRIES] == 0.0:
            state.providers[v, FIRSTS] += piece[MASS]


@part
def _cell_of(plan: Plan, delay_s: float) -> int:
    """Bin of sim.histogram, as sim.histogram.index has it."""
    if delay_s < plan.edges_s[1]:
        return 0
    cell = int(math.log(delay_s) * plan.slope + plan.offset)
    return int(min(max(cell, 1), plan.edges_s.shape[0] - 2))


@part
def note_wait(plan: Plan, state: State, s: int, mass: float, piece: Floats) -> None:
    """Add to the waits of stream `s`:

    a calm share that waits less than a bin, the rest evenly between two waits.
    """
    calm = mass * piece[CALM]
    waits, slopes = state.delays[WAITS, s], state.delays[SLOPES, s]
    if calm > 0.0:
        state.light[s, int(piece[CELL])] += calm * piece[CHANCE]
        waits[0] += calm * (1.0 - piece[CHANCE])
    rest = mass - calm
    if rest <= 0.0:
        return
    least_s, most_s = piece[LEAST_S], piece[MOST_S]
    low, high = _cell_of(plan, least_s), _cell_of(plan, most_s)
    if low == high:
        waits[low] += rest
        return
    density = rest / (most_s - least_s)
    waits[low] += density * (plan.edges_s[low + 1] - least_s)
    waits[high] += density * (most_s - plan.edges_s[high])
    slopes[low + 1] += density
    slopes[high] -= density


@part
def piece_moments(piece: Floats) -> tuple[float, float]:
    """Mean of a piece's wait and of its square."""
    middle_s, width_s = 0.5 * (piece[LEAST_S] + piece[MOST_S]), piece[MOST_S] - piece[LEAST_S]
    waits = 1.0 - piece[CALM]
    return waits * middle_s, waits * (middle_s * middle_s + width_s * width_s / 12.0)


@part
def share_below(points: Floats, time_s: float) -> float:
    """Share of ascending, equally probable points that are at most `time_s`."""
    low, high = 0, points.shape[0]
    while low < high:
        middle = (low + high) // 2
        if points[middle] <= time_s:
            low = middle + 1
        else:
            high = middle
    return float(low / points.shape[0])


@part
def fresh_share(plan: Plan, s: int, piece: Floats) -> float:
    """Share of a piece that reaches the customer within its freshness if the provider takes it now."""
    points = plan.delay_points_s[int(plan.streams[s, PROVIDER])]
    freshness_s = plan.streams[s, FRESHNESS_S]
    if piece[MOST_S] + points[points.shape[0] - 1] <= freshness_s:
        return 1.0
    share = 0.0
    for i in range(_FRESH_POINTS):
        wait_s = piece[LEAST_S] + (i + 0.5) / _FRESH_POINTS * (piece[MOST_S] - piece[LEAST_S])
        share += share_below(points, freshness_s - wait_s) / _FRESH_POINTS
    return float(piece[CALM] * share_below(points, freshness_s) + (1.0 - piece[CALM]) * share)
