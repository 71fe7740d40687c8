from itertools import pairwise

from bridge.simulator.external import ExternalLimit
from bridge.simulator.snapshot import describe_changes, snapshot_of
from tests.records import replace
from tests.unit.simulator.rig import Rig, profile


def test_a_snapshot_shows_what_a_person_would_see() -> None:
    rig = Rig()
    rig.charge()
    (evse,) = snapshot_of(rig.station).evses
    assert snapshot_of(rig.station).connected
    assert snapshot_of(rig.station).accepted
    assert (evse.plugged, evse.authorized, evse.state) == (True, True, "Charging")
    assert (evse.current_a, evse.offered_a, evse.phases) == (16.0, 32.0, 3)
    assert 10_500 < evse.power_w < 11_200
    assert evse.energy_wh == 11_000.0 + evse.session_wh
    assert evse.session_wh > 10.0
    assert evse.transaction_id == rig.transaction_id


def test_an_idle_evse_shows_nothing_of_a_session() -> None:
    (evse,) = snapshot_of(Rig().station).evses
    assert (evse.plugged, evse.state, evse.transaction_id) == (False, "Idle", None)
    assert (evse.current_a, evse.power_w, evse.session_wh, evse.soc_percent) == (0, 0, 0, None)


def test_changes_read_as_a_story() -> None:
    rig = Rig()
    idle = snapshot_of(rig.station)
    rig.charge()
    charging = snapshot_of(rig.station)
    transaction_id = rig.transaction_id
    rig.present_token()
    rig.unplug()
    rig.disconnect()
    gone = snapshot_of(rig.station)
    assert list(describe_changes(idle, charging)) == [
        "connected",
        "accepted by the central system",
        "EVSE 1: car plugged in",
        f"EVSE 1: transaction {transaction_id} started",
        "EVSE 1: Idle -> Charging",
        "EVSE 1: offers 32 A",
    ]
    story = list(describe_changes(charging, gone))
    assert story[:2] == ["connection lost", "EVSE 1: car unplugged"]
    assert story[2].startswith(f"EVSE 1: transaction {transaction_id} ended after 0.0")
    assert list(describe_changes(gone, replace(gone, accepted=False))) == [
        "not accepted any longer"
    ]


def test_limits_of_others_and_phases_are_part_of_the_story() -> None:
    rig = Rig()
    rig.charge()
    seen = [snapshot_of(rig.station)]
    periods = [{"startPeriod": 0, "limit": 32.0, "numberPhases": 1}]
    request = {"evseId": 1, "chargingProfile": profile(periods=periods)}
    rig.ask("SetChargingProfile", request)
    rig.pass_time(5)
    seen.append(snapshot_of(rig.station))
    rig.station.impose_limit(ExternalLimit(limit=2300.0, unit="W", source="SO"))
    rig.station.impose_limit(ExternalLimit(limit=40.0, evse_id=1))
    rig.pass_time(1)
    seen.append(snapshot_of(rig.station))
    rig.station.release_limit("SO")
    rig.pass_time(1)
    seen.append(snapshot_of(rig.station))
    assert [list(describe_changes(*pair)) for pair in pairwise(seen)] == [
        ["EVSE 1: charges on 1 phase"],
        ["SO limits the station to 2300 W", "EMS limits EVSE 1 to 40 A", "EVSE 1: offers 10 A"],
        ["SO no longer limits the station", "EVSE 1: offers 32 A"],
    ]
