"""Where things lie in the flat float64 arrays of a site's protection.

Parameters: `PARAMETERS` values of the whole, then for each group `GROUP_PARAMETERS` values and a triple (comparison,
level, seconds) for each row of the voltage's envelope, then of the frequency's. State: `STATES` values of the whole,
then for each group `GROUP_STATES` values, a pair (running since, count before that) for each row, and the starts of the
latest events, oldest first. NaN as a time means that nothing runs.
"""

from loads.segments import Floats, inlined

# Parameters of the whole.
(
    GROUPS,
    VOLTAGE_ROWS,
    FREQUENCY_ROWS,
    VOLTAGE_ACCUMULATES,
    FREQUENCY_ACCUMULATES,
    EVENTS,  # 0: they are not counted
    WINDOW_S,
    AUTOMATIC,
    HAS_ELECTRONIC,
    HAS_UPS,
    GENERATOR_AFTER_S,
    RECHARGE_SHARE,
    RECHARGE_EFFICIENCY,
    TAPER_S,
) = range(14)
PARAMETERS = 14

# Parameters of each group.
(
    WEIGHT,
    VD1_PU,
    VD2_PU,
    RESTART_FRACTION,
    RESTART_DELAY_S,
    RESTART_RAMP_S,
    COUNT_BELOW_PU,
    RETURN_DELAY_S,
    WALK_IN_S,
    LOW_PU,
    HIGH_PU,
    LOW_HZ,
    HIGH_HZ,
    BATTERY_MWS,
) = range(14)
GROUP_PARAMETERS = 14

# A row's triple.
(COMPARISON, LEVEL, SECONDS) = range(3)
ROW_PARAMETERS = 3
(BELOW, AT_MOST, ABOVE, AT_LEAST) = range(4)

# State of the whole: the last node that was accounted, and energies so far.
(
    NODE_S,
    NODE_DEMAND_MW,
    DEMAND_MWS,
    LOAD_MWS,
    BATTERY_GAVE_MWS,
    GENERATOR_GAVE_MWS,
    LOST_MWS,
    RECHARGE_MWS,
    RECHARGE_STORED_MWS,
) = range(9)
STATES = 9

# State of each group.
(
    IS_AWAY,
    IS_LOCKED,  # returns only by hand
    IS_WALKING,
    TRANSFERRED_S,
    WALK_FROM_S,
    HELD_SINCE_S,  # voltage and frequency inside the bands of the return
    LATCH_DUE_S,  # the last event counted was reached
    IN_EVENT,
    LOWEST_PU,  # that the electronic load remembers, between vd2 and vd1
    FULL_SINCE_S,  # voltage at vd1 or more, after less
    MISSING_MWS,  # in the batteries
    NODE_LOAD,  # share of the group's demand that it drew at the last node accounted
    NODE_BATTERY,
    NODE_GENERATOR,
    NODE_RECHARGE_MW,
) = range(15)
GROUP_STATES = 15

# A row's pair.
(RUNS_SINCE_S, COUNTED_S) = range(2)
ROW_STATES = 2

# A log entry, and what it can say.
(TIME_S, GROUP, KIND, CAUSE, SHARE) = range(5)
LOG_COLUMNS = 5
(TRANSFER, LATCH, RETURN, BACK, RELEASE) = range(5)
NO_CAUSE = -1.0


@inlined
def rows(p: Floats) -> int:
    """Rows of both envelopes."""
    return int(p[VOLTAGE_ROWS] + p[FREQUENCY_ROWS])


@inlined
def group_parameters(p: Floats, number: int) -> int:
    """Where a group's parameters start."""
    return PARAMETERS + number * (GROUP_PARAMETERS + ROW_PARAMETERS * rows(p))


@inlined
def group_states(p: Floats, number: int) -> int:
    """Where a group's state starts."""
    return STATES + number * (GROUP_STATES + ROW_STATES * rows(p) + int(p[EVENTS]))


@inlined
def first_event(p: Floats, start: int) -> int:
    """Where the starts of events are in the state of the group that starts at `start`."""
    return start + GROUP_STATES + ROW_STATES * rows(p)
