"""Named protection does what its rules ask for; settings that make no sense are refused with a reason."""

import math

import pytest
from protection_reference import drive, sags

from loads.protection import (
    Electronic,
    Envelope,
    EventCounter,
    ProtectionSettings,
    Return,
    Row,
    Spread,
    Ups,
    build,
    envelopes,
    find_envelope,
    find_protection,
    protection_presets,
    settings_from_dict,
    share,
)
from loads.protection import layout as at


def test_presets_are_those_promised_and_name_their_sources():
    assert set(protection_presets()) == {"none", "compliant", "legacy-ups", "no-ups"}
    assert set(envelopes()) == {"itic", "prc-024", "semi-f47", "nogrr282"}
    for named in (*protection_presets().values(), *envelopes().values()):
        assert named.description
        assert named.sources


@pytest.mark.parametrize(
    ("voltage", "seconds"), [(0.85, 2.0), (0.79, 0.5), (0.5, 0.5), (0.49, 0.25), (0.2, 0.25), (0.0, 0.15), (1.15, 2.0)]
)
def test_compliant_rides_through_what_is_asked_for_and_is_back_to_90_percent_within_2_s(voltage, seconds):
    protection = build(find_protection("compliant").settings, 100.0)
    assert drive(protection, sags((1.0, seconds, voltage), until=10.0), 0.01).entries == []
    run = drive(protection, sags((1.0, seconds + 0.01, voltage), until=1.0 + seconds + 0.01 + 2.0), 0.01)
    assert run.times(at.TRANSFER) == pytest.approx([1.0 + seconds], abs=1e-6)
    assert run.shares[-1] == 1.0
    until = 1.0 + seconds + 0.01 + 1.4001
    run = drive(protection, sags((1.0, seconds + 0.01, voltage), until=until), 0.01)
    assert share(protection.parameters, run.state, until, 1.0) >= 0.9


def test_compliant_does_not_count():
    dips = [(1.0 + 3 * k, 0.14, 0.1) for k in range(30)]
    assert drive(build(find_protection("compliant").settings, 100.0), sags(*dips, until=95.0), 0.05).entries == []


def test_legacy_ups_rides_through_a_single_dip_of_july_2024_and_leaves_group_by_group_in_a_longer_one():
    protection = build(find_protection("legacy-ups").settings, 100.0)
    assert drive(protection, sags((1.0, 0.066, 0.25), until=5.0), 0.01).entries == []
    run = drive(protection, sags((1.0, 0.1, 0.25), until=30.0), 0.01)
    assert len(run.times(at.TRANSFER)) == 5
    assert run.times(at.TRANSFER)[0] == pytest.approx(1.0 + 0.1 / 1.18, abs=1e-6)
    assert run.shares[-1] == 1.0


def test_a_misspelt_name_gets_the_nearest():
    with pytest.raises(
        ValueError, match=r"no protection preset 'legacy-up'; did you mean 'legacy-ups'\? there are comp"
    ):
        find_protection("legacy-up")
    with pytest.raises(ValueError, match=r"no envelope 'iti'; did you mean 'itic'\?"):
        find_envelope("iti")


def test_settings_come_from_plain_data():
    data = {
        "voltage": {"rows": [{"below": 0.7, "seconds": 0.02}, {"at_least": 1.2, "seconds": 0}], "timers": "accumulate"},
        "frequency": {"rows": [{"below": 59.0, "seconds": 0.1}]},
        "electronic": {"restart_fraction": 0.3},
        "counter": {"events": 6, "window_s": 90},
        "return": {"delay_s": 5, "low_hz": 59.5, "automatic": False},
        "ups": {"battery_s": 120},
        "spread": {"groups": 2, "weights": [1, 3]},
    }
    assert settings_from_dict(data) == ProtectionSettings(
        voltage=Envelope((Row("below", 0.7, 0.02), Row("at_least", 1.2, 0)), "accumulate"),
        frequency=Envelope((Row("below", 59.0, 0.1),)),
        electronic=Electronic(restart_fraction=0.3),
        counter=EventCounter(6, 90),
        back=Return(delay_s=5, low_hz=59.5, automatic=False),
        ups=Ups(battery_s=120),
        spread=Spread(2, weights=(1, 3)),
    )
    assert settings_from_dict({}) == ProtectionSettings()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"volt": {}}, r"no 'volt'; did you mean 'voltage'\?"),
        ({"voltage": {"row": []}}, r"voltage: there is no 'row'; did you mean 'rows'\?"),
        ({"voltage": {"rows": [{"below": 0.7}]}}, "voltage: a row needs seconds and one of"),
        ({"voltage": {"rows": [{"below": 0.7, "above": 1.1, "seconds": 1}]}}, "one of below, at_most, above, at_least"),
        ({"voltage": {"rows": [{"below": -0.1, "seconds": 1}]}}, "voltage: a row's level must be 0 or more, got -0.1"),
        ({"voltage": {"rows": [{"below": 0.7, "seconds": math.nan}]}}, "seconds must be 0 or more, got nan"),
        ({"ups": {"battery_s": 0}}, "ups: battery_s must be above 0 s, got 0"),
        ({"ups": {"battery_s": "long"}}, "ups: "),
        ({"spread": {"groups": 2, "weights": [1]}}, "weights must be as many as groups, 2, got 1"),
    ],
)
def test_bad_data_is_refused_by_its_key(data, message):
    with pytest.raises(ValueError, match=message):
        settings_from_dict(data)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Row("under", 0.7, 1.0), "must be one of below, at_most, above, at_least, got 'under'"),
        (lambda: Envelope((), "never"), "timers must be 'per_excursion' or 'accumulate', got 'never'"),
        (lambda: Envelope((Row("below", 1.1, 1), Row("above", 1.0, 1))), "leave no band"),
        (lambda: Electronic(vd1_pu=0.5, vd2_pu=0.5), "vd2_pu must be from 0 to below vd1_pu 0.5"),
        (lambda: Electronic(restart_fraction=1.1), "restart_fraction must be from 0 to 1, got 1.1"),
        (lambda: EventCounter(events=0), "events must be a whole number of 1 or more, got 0"),
        (lambda: EventCounter(below_pu=1.0), "below_pu must be above 0 and below 1, got 1.0"),
        (lambda: Return(low_pu=1.0), "low_pu must be from 0 to below 1"),
        (lambda: Return(delay_s=-1.0), "delay_s must be 0 s or more, got -1.0"),
        (lambda: Ups(recharge_efficiency=0.0), "recharge_efficiency must be above 0, at most 1, got 0.0"),
        (lambda: Spread(groups=1.5), "groups must be a whole number"),
        (lambda: Spread(shape="flat"), "shape must be 'normal' or 'uniform', got 'flat'"),
        (lambda: Spread(10, levels=0.7), "levels of 0.7 is too wide"),
        (lambda: Spread(2, weights=(1.0, 0.0)), "weights must be above 0"),
        (lambda: ProtectionSettings(Envelope((Row("below", 0.95, 1.0),))), "low_pu of 0.9 reaches into the row below"),
        (
            lambda: ProtectionSettings(frequency=Envelope((Row("below", 59.0, 1.0),))),
            "rows of the frequency need low_hz in return",
        ),
        (lambda: build(ProtectionSettings(), 0.0), "rating_mw must be above 0, got 0.0"),
        (lambda: build(ProtectionSettings(), 1.0, math.nan), "nominal_hz must be above 0, got nan"),
        (
            lambda: build(ProtectionSettings(counter=EventCounter(), spread=Spread(10, levels=0.1)), 100.0),
            "high_pu must be above nominal, 1, in every group; in one it is 0.996",
        ),
        (
            lambda: build(ProtectionSettings(electronic=Electronic(), spread=Spread(10, levels=0.3)), 100.0),
            "vd1_pu must be below nominal, 1, in every group; in one it is 1.04",
        ),
    ],
)
def test_settings_that_make_no_sense_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize("shape", ["normal", "uniform"])
def test_a_spread_is_even_about_its_mean(shape):
    spread = Spread(groups=20, levels=0.05, shape=shape)
    factors = spread.factors(spread.levels)
    assert factors.mean() == pytest.approx(1.0, abs=1e-12)
    assert (factors[1:] > factors[:-1]).all()
    expected = {"normal": 0.05, "uniform": 0.05 / math.sqrt(3.0)}[shape]
    assert factors.std() == pytest.approx(expected, rel=0.06)


@pytest.mark.parametrize("groups", [1, 3, 7, 10, 49])
def test_shares_of_groups_are_exactly_a_whole(groups):
    assert sum(Spread(groups=groups).shares.tolist()) == 1.0
    assert sum(Spread(groups=groups, weights=tuple(range(1, groups + 1))).shares.tolist()) == 1.0


def test_what_happened_is_said_in_sentences():
    chosen = ProtectionSettings(
        Envelope((Row("below", 0.7, 0.1),)), counter=EventCounter(2), back=Return(1.0, 4.0), ups=Ups()
    )
    protection = build(chosen, 100.0)
    run = drive(protection, sags((1.0, 0.2, 0.5), (7.0, 0.05, 0.5), until=20.0), 0.01, manual=[10.0])
    assert [protection.describe([entry])[0] for entry in run.entries] == [
        "the site transfers to UPS, 100 % of its demand: voltage below 0.7 pu for 0.1 s",
        "the site walks in over 4 s",
        "the site is back",
        "the site transfers to UPS, 100 % of its demand, until returned by hand: 2 voltage events within 60 s",
        "the site may return, by hand",
        "the site walks in over 4 s",
        "the site is back",
    ]
