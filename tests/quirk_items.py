"""What real charging stations do: each item, what the bridge does about it, and what shows it.

The items are those that users of other projects have reported (charger-quirks). This table is the
only place where they are listed: `python -m tests.quirk_items` writes
docs/reference/charger-quirks.md from it, and tests/unit/test_quirk_items.py looks whether each
test that is named exists. A module is named from `tests/` on, a test by its name, a class of
tests by `Class::test`; an id in brackets is one case of a test with many.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

PAGE: Final = Path("docs/reference/charger-quirks.md")

ACCEPTANCE: Final = "acceptance/test_{}.py"
DOMAIN: Final = "unit/domain/test_{}.py"
OCPP: Final = "unit/ocpp/test_{}.py"
WIRE: Final = "integration/ocpp/test_{}.py"
MAPPING: Final = "mapping/test_{}.py"


def tests(folder: str, module: str, *names: str) -> tuple[str, ...]:
    """Return node ids of tests of one module, without the `tests/` before them."""
    return tuple(f"{folder.format(module)}::{name}" for name in names)


@dataclass(frozen=True, slots=True)
class Item:
    """One thing that stations do."""

    number: int
    title: str
    done: str
    """What the bridge does about it."""
    tests: tuple[str, ...]
    left: str = ""
    """What it does not do, and why."""


ITEMS: Final[Sequence[Item]] = (
    Item(
        1,
        "No `Sec-WebSocket-Protocol`",
        "Taken for `ocpp.default_version`.",
        tests(WIRE, "handshake", "test_a_station_that_offers_nothing_speaks_the_default"),
    ),
    Item(
        2,
        "The handshake itself is malformed, e.g. without `Connection: Upgrade`",
        "It is refused with 426, and nothing else is disturbed.",
        tests(WIRE, "quirk_items", "test_item_2_a_handshake_without_connection_upgrade_is_refused")
        + tests(WIRE, "handshake", "test_what_is_no_websocket_handshake_is_turned_away"),
        left="It does not get in: RFC 6455 wants it refused, the WebSocket library refuses it, and"
        " what else is missing from such a request can only be guessed.",
    ),
    Item(
        3,
        "The version flaps between handshakes; payloads of 1.6 on an ocpp2.0.1 socket",
        "Each connection has the version of its own handshake. Payloads of another version are"
        " answered by a CALLERROR.",
        tests(
            WIRE,
            "quirk_items",
            "test_item_3_each_connection_has_a_version_of_its_own",
            "test_item_3_words_of_another_version_are_refused_and_the_connection_goes_on",
        ),
        left="Payloads of 1.6 are not read as such on a 2.0.1 socket: to guess would make up an EVSE. Have the station offer one version only.",
    ),
    Item(
        4,
        "Identity in the URL: percent-encoded, behind a path, with a trailing slash, `:` or `.`, empty",
        "The percent-decoded last segment; one that is empty or not safe as a topic is refused with"
        " 400.",
        tests(
            WIRE,
            "handshake",
            "test_the_identity_is_the_last_segment",
            "test_an_unacceptable_identity_is_refused",
        )
        + tests("property/test_{}.py", "topics", "test_an_id_is_read_back"),
    ),
    Item(
        5,
        "A new socket while the old one is half open",
        "The newest authenticated connection counts; the end of the old one changes nothing.",
        tests(
            WIRE,
            "reconnecting",
            "test_the_newest_connection_wins",
            "test_a_half_open_connection_does_not_lock_the_station_out",
        )
        + tests(OCPP, "registry", "test_the_old_connections_end_does_not_unregister_the_new_one")
        + tests(
            ACCEPTANCE, "broker_gone", "test_of_two_connections_of_a_station_the_newest_counts"
        ),
    ),
    Item(
        6,
        "No BootNotification on reconnect",
        "None is needed. A station that has never sent one is asked for it, once, 5 s after it has"
        " connected (`trigger_boot`).",
        tests(
            DOMAIN,
            "arrival",
            "test_item_6_a_station_of_which_nothing_is_known_is_asked_for_its_boot_after_5_s",
            "test_item_6_it_is_asked_once_however_often_it_connects",
            "test_item_6_a_boot_in_time_is_not_asked_for",
            "test_item_6_a_station_that_has_booted_before_needs_no_boot_on_reconnect",
        )
        + tests(
            ACCEPTANCE,
            "station_manners",
            "test_a_station_that_sees_no_reason_to_boot_is_shown_all_the_same",
        ),
    ),
    Item(
        7,
        "Anything that is sent before its BootNotification is answered breaks it",
        "Quirk `quiet_until_boot`: nothing is asked for some seconds, or until it boots"
        " (`quiet_seconds`).",
        tests(
            DOMAIN,
            "arrival",
            "test_item_7_nothing_is_asked_before_the_boot",
            "test_item_7_a_station_that_does_not_boot_is_asked_after_the_quiet",
            "test_item_7_a_command_meanwhile_is_refused_with_the_reason",
            "test_item_7_a_command_that_can_wait_is_carried_out_after_the_boot",
        )
        + tests(
            ACCEPTANCE, "quirks", "TestQuietUntilBoot::test_item_7_a_command_waits_for_the_boot"
        ),
    ),
    Item(
        8,
        "It boots again and again because of what it is asked when it connects",
        "The bridge writes no configuration, asks for three or four values only, and not at all with"
        " `automatic_calls = false`. After three boots in a row that came instead of an answer it"
        " asks nothing more until the firmware is another.",
        tests(
            DOMAIN,
            "arrival",
            "test_item_8_a_station_that_boots_whenever_it_is_asked_is_left_alone",
            "test_item_8_one_answer_and_all_is_well",
            "test_item_8_other_software_is_asked_anew",
        )
        + tests(
            DOMAIN,
            "readback",
            "test_a_station_that_boots_again_and_again_is_asked_once",
            "test_a_station_is_asked_nothing_where_the_owner_wants_silence",
        ),
    ),
    Item(
        9,
        "Writing a configuration key does harm, or is refused in many words; keys in lower case",
        "Quirk `measurands_untouched`: `setVariables` refuses what must not be written"
        " (`protected_variables`). The status of each key is told; keys are read whatever their"
        " case; quoted lists are mended.",
        tests(
            DOMAIN,
            "quirk_effects",
            "test_item_9_a_protected_variable_is_not_written",
            "test_item_9_other_variables_are",
        )
        + tests(DOMAIN, "readback", "test_what_a_station_says_of_itself_is_learnt")
        + tests(OCPP, "v16_table", "test_configuration_keys_are_read_as_variables"),
    ),
    Item(
        10,
        "It answers no pings; or an idle one is closed for want of messages",
        "Any frame counts as alive. Quirk `no_pongs`: no pings are sent, and three missed heartbeats"
        " end the connection (`pings`).",
        tests(
            WIRE,
            "station_needs",
            "test_item_10_a_station_without_pongs_is_not_taken_for_dead",
            "test_item_10_without_pongs_three_missed_heartbeats_end_the_connection",
        )
        + tests(WIRE, "reconnecting", "test_any_frame_counts_as_alive"),
    ),
    Item(
        11,
        "It takes hours to reconnect, or never does",
        "What was known stays, marked `stale`; `availability` says `offline`.",
        tests(
            DOMAIN,
            "quirk_items",
            "test_item_11_a_station_that_stays_away_is_shown_as_it_was_and_as_stale",
        )
        + tests(WIRE, "reconnecting", "test_a_silent_station_is_disconnected"),
        left="A central system cannot make a station dial.",
    ),
    Item(
        12,
        "Connected, but requests time out while heartbeats flow",
        "After three requests in a row without an answer the connection is closed, so that the station"
        " dials again (`max_unanswered_calls`).",
        tests(
            WIRE,
            "station_needs",
            "test_item_12_a_station_that_answers_no_call_is_closed_after_n_time_outs",
        )
        + tests(WIRE, "calls", "test_a_station_that_answers_no_call_has_to_dial_again")
        + tests(
            ACCEPTANCE,
            "misbehaving_stations",
            "test_who_never_answers_is_hung_up_on_and_never_said_to_be_controlled",
        ),
    ),
    Item(
        13,
        "Status only of connector 0, or connector 0 is refused; triggers only of the whole station",
        "A status of connector 0 makes no EVSE. Quirk `status_by_station`: it is that of the only EVSE."
        " Quirk `triggers_by_station`: messages are asked of the whole station.",
        tests(
            DOMAIN,
            "quirk_effects",
            "test_item_13_a_message_is_asked_of_the_whole_station",
            "test_item_13_a_status_of_connector_0_is_that_of_the_only_evse",
            "test_item_13_but_not_where_there_are_several",
            "test_item_13_elsewhere_it_says_nothing_of_an_evse",
        ),
    ),
    Item(
        14,
        "`ChargePointMaxProfile` is not supported, or accepted and ignored",
        "Limits are TxProfiles and TxDefaultProfiles of an EVSE. One of the whole station is sent only"
        " where `station_max_a` is configured; a refusal is told once and does those no harm.",
        tests(
            DOMAIN,
            "quirk_effects",
            "test_item_14_no_profile_of_the_whole_station_is_sent_unless_it_is_configured",
        )
        + tests(
            DOMAIN,
            "station_max",
            "test_a_refusal_is_told_once_and_not_tried_again",
            "test_the_limits_of_evses_are_none_the_worse_for_it",
        ),
        left="Whether a station that accepts it keeps to it is not looked at: the bridge's own"
        " limits of the EVSEs hold all the same.",
    ),
    Item(
        15,
        "TxProfile is refused; a TxDefaultProfile does not touch the running transaction",
        "A refused TxProfile is followed by a TxDefaultProfile, a default that does not reach the"
        " transaction by a TxProfile, and both are remembered. Quirk `default_skips_running`: without"
        " finding it out first.",
        tests(
            DOMAIN,
            "quirk_effects",
            "test_item_15_a_default_is_followed_by_a_profile_of_the_transaction",
            "test_item_15_a_refused_tx_profile_is_followed_by_a_default",
        )
        + tests(
            ACCEPTANCE,
            "misbehaving_stations",
            "test_who_refuses_a_txprofile_is_limited_by_the_default_profile",
            "test_a_default_profile_that_does_not_reach_the_transaction_is_sent_as_its_own",
        ),
    ),
    Item(
        16,
        "stackLevel must be 0, or the highest",
        "The highest that the station says, 0 where it does not say. Quirk `stack_level_zero`.",
        tests(
            DOMAIN,
            "quirk_effects",
            "test_item_16_the_stack_level_is_0",
            "test_item_16_elsewhere_it_is_the_highest_of_the_station",
        )
        + tests(
            ACCEPTANCE,
            "quirks",
            "test_item_16_an_old_wallbox_is_sent_stack_level_0_and_relative_profiles",
        ),
    ),
    Item(
        17,
        "Absolute or Relative; a startSchedule in the future for a clock that is behind",
        "Absolute, from a minute ago on. Quirk `relative_profiles`.",
        tests(
            DOMAIN,
            "quirk_effects",
            "test_item_17_profiles_are_relative",
            "test_item_17_elsewhere_they_begin_a_minute_ago",
        ),
    ),
    Item(
        18,
        "Only one unit, whole amperes, or steps; 0 A is accepted and not honoured",
        "The unit that the station says. Quirks `watts_only`, `amperes_only`, `whole_amperes`,"
        " `stepped_limits`; limits are always rounded down. A limit that is not honoured is reported"
        " (`limit_not_observed`).",
        tests(
            DOMAIN,
            "quirk_effects",
            "test_item_18_limits_are_sent_in_watts",
            "test_item_18_limits_are_sent_in_amperes_whatever_the_station_says",
            "test_item_18_limits_are_rounded_down_to_what_the_station_takes",
        )
        + tests(DOMAIN, "readback", "test_limits_are_sent_as_the_station_takes_them")
        + tests(ACCEPTANCE, "quirks", "test_item_18_a_huawei_is_sent_watts")
        + tests(ACCEPTANCE, "misbehaving_stations", "test_who_accepts_and_ignores_is_found_out"),
        left="Where 0 A is accepted and not honoured, nothing else is tried: it is reported.",
    ),
    Item(
        19,
        "GetCompositeSchedule is refused, empty, or says -1",
        "Then it is not asked again, and the current alone tells whether a limit is kept. Quirk"
        " `no_composite_schedule`.",
        tests(DOMAIN, "observe", "test_who_has_no_composite_schedule_is_not_asked_again")
        + tests(DOMAIN, "quirk_effects", "test_item_19_the_composite_schedule_is_not_asked")
        + tests(OCPP, "v16_table", "test_a_composite_schedule_may_be_missing"),
    ),
    Item(
        20,
        "numberPhases is ignored, or needed",
        "Sent where phases are switched. Quirks `number_phases_needed`, `number_phases_refused`.",
        tests(
            DOMAIN,
            "quirk_effects",
            "test_item_20_number_phases_is_sent_where_it_is_needed",
            "test_item_20_where_it_is_refused_phases_are_not_switched",
        ),
        left="A numberPhases that was ignored is not told as a fault: it shows in `usedPhasesSession`.",
    ),
    Item(
        21,
        "Meter values of all shapes: no measurand, unit, context or time; spaces, quotes, suffixes; kW",
        "Mended where they can mean only one thing, with a [warning](repairs.md).",
        tests(
            MAPPING,
            "repairs",
            "test_a_sample_of_1_6",
            "test_a_sample_of_2",
            "test_21_readings_without_time_have_that_of_their_event",
            "test_21_readings_of_1_6_without_time_were_taken_when_they_came",
        )
        + tests(
            DOMAIN, "metering", "test_phases_without_a_total_are_added_where_that_makes_sense"
        ),
    ),
    Item(
        22,
        "The energy of the session instead of the register; meterStart = 0",
        "A beginning at 0 needs nothing. Quirk `session_register`: readings that have run back count"
        " from the beginning. Elsewhere a register that runs back is told as `meterReset`.",
        tests(
            DOMAIN,
            "quirk_effects",
            "test_item_22_a_register_of_the_session_counts_from_its_beginning",
            "test_item_22_a_register_of_the_meter_is_left_as_it_is",
            "test_item_22_a_beginning_at_0_needs_no_quirk",
        )
        + tests(DOMAIN, "transaction", "test_energy_goes_on_over_a_reset_of_the_register"),
    ),
    Item(
        23,
        "Old queued messages are sent at once when it connects, with their old times",
        "They become events with `late`, and change nothing that is live.",
        tests(
            DOMAIN,
            "quirk_items",
            "test_item_23_events_queued_while_offline_come_in_after_newer_ones",
        )
        + tests(
            DOMAIN,
            "charge_point",
            "test_readings_queued_while_offline_are_history_after_a_newer_status",
        )
        + tests(DOMAIN, "progress", "test_an_offline_transaction_that_was_over_before_is_history"),
    ),
    Item(
        24,
        "transactionId: negative, 0, of 64 bits, twice, unknown, of a transaction that never started",
        "Any number is taken and answered; an unknown one means the transaction that runs.",
        tests(
            DOMAIN,
            "charge_point",
            "test_an_id_that_is_none_of_ours_means_the_transaction_that_runs",
            "test_the_end_of_a_transaction_that_nobody_knows_is_recorded",
            "test_ids_rise_and_are_beyond_those_of_a_lost_database",
        )
        + tests(DOMAIN, "progress", "test_the_same_id_may_run_on_two_evses")
        + tests(OCPP, "v16_messages", "test_item_24_any_number_is_the_id_of_a_transaction")
        + tests(MAPPING, "repairs", "test_24_an_id_that_is_a_number_is_the_same_id_as_text"),
    ),
    Item(
        25,
        "Closing MeterValues after StopTransaction",
        "They are history of that transaction.",
        tests(DOMAIN, "charge_point", "test_readings_after_the_end_are_history"),
    ),
    Item(
        26,
        "An idTag that is echoed longer than it was sent",
        "Kept whole, with a warning; StopTransaction is acknowledged. Tags of more than 20 characters"
        " are not sent to OCPP 1.6.",
        tests(
            MAPPING,
            "repairs",
            "test_26_29_a_start_of_1_6_with_numbers_as_text_and_local_time",
        )
        + tests(
            "property/test_{}.py", "strict_out", "test_what_this_version_cannot_hold_is_not_sent"
        ),
        left="An echo in which characters are corrupted is another token.",
    ),
    Item(
        27,
        "Boot fields that are too long or empty",
        "Kept, with a warning.",
        tests(MAPPING, "repairs", "test_27_44_a_boot_of_2", "test_a_boot_of_1_6")
        + tests(OCPP, "v201_messages", "test_over_long_and_empty_boot_fields_are_kept"),
    ),
    Item(
        28,
        "Invalid JSON; reserved bits and compression that nobody agreed on",
        "A stray comma is passed over, anything else is answered. OCPP 1.6 gets no compression; bytes"
        " that are no frames end that connection alone.",
        tests(MAPPING, "repairs", "test_28_a_leading_comma_is_passed_over")
        + tests(
            WIRE,
            "hostile_frames",
            "test_a_bad_frame_is_answered_and_the_connection_goes_on",
            "test_bytes_that_are_no_frames_end_the_connection",
        )
        + tests(WIRE, "quirk_items", "test_item_28_a_station_of_1_6_gets_no_compression"),
    ),
    Item(
        29,
        "Clocks: local time without a zone, `+03`, wrong until the first answer; only `...Z` is read",
        "Times are sent as `YYYY-MM-DDTHH:MM:SSZ` and read in any format of ISO 8601; each message has"
        " its `receivedAt`. Without a zone UTC is meant, or with the quirk `local_times`, or"
        " `time_zone`, that zone.",
        tests(
            OCPP,
            "times",
            "test_what_stations_write",
            "test_what_stations_can_read",
            "test_item_29_local_times_are_put_right_where_the_zone_is_known",
        )
        + tests(
            WIRE,
            "station_needs",
            "test_item_29_a_station_that_tells_local_time_is_understood",
        )
        + tests(DOMAIN, "progress", "test_what_starts_now_is_live_even_if_the_clock_was_set_back"),
    ),
    Item(
        30,
        "Finishing until it is unplugged, Available with the cable in, a start too soon after a stop",
        "A transaction's own state goes before the connector's. Quirk `pause_before_start`: a `start`"
        " waits (`start_delay_seconds`). A station that refuses a start until the cable is pulled is"
        " answered for: `station_rejected`.",
        tests(
            DOMAIN,
            "quirk_effects",
            "test_item_30_a_start_soon_after_an_end_waits",
            "test_item_30_a_later_start_does_not_wait",
        )
        + tests(
            "unit/engine/test_{}.py",
            "quirks",
            "test_item_30_a_start_that_waits_goes_out_when_its_time_has_come",
        )
        + tests(
            DOMAIN,
            "quirk_items",
            "test_item_30_a_connector_that_stays_finishing_is_left_by_unplugging",
        )
        + tests(
            DOMAIN,
            "connector",
            "test_available_with_the_cable_in_is_not_believed_while_charging",
        )
        + tests(DOMAIN, "remote", "test_a_refused_start_or_stop_says_why"),
        left="A connector that stays Finishing is not reset: that would be for its owner to say (`reset`).",
    ),
    Item(
        31,
        "Requests that are not supported get no answer; overlapping requests confuse it",
        "One request is out at a time, none is cancelled, a late answer belongs to its own request."
        " Quirks `slow_answers` (`call_timeout_seconds`) and `silent_refusals`"
        " (`max_unanswered_calls`); `call_timeouts` for single actions.",
        tests(
            WIRE,
            "station_needs",
            "test_item_31_what_a_station_leaves_unanswered_does_not_end_its_connection",
            "test_item_31_a_slow_station_has_its_own_time_to_answer",
            "test_item_31_a_request_has_its_own_time_to_answer",
        )
        + tests(
            WIRE,
            "calls",
            "test_one_call_is_out_at_a_time_in_order",
            "test_a_late_answer_belongs_to_its_own_call",
        ),
    ),
    Item(
        32,
        "2.0.1: `evse` only in the first event, no `connectorId`, seqNo that restarts, RateUnit",
        "EVSE and token are remembered per transaction; no connector is made up; RateUnit is read. No"
        " inventory is asked for, so none can stall.",
        tests(
            DOMAIN,
            "progress",
            "test_later_events_need_not_name_the_evse",
            "test_an_id_used_again_is_a_new_transaction",
        )
        + tests(DOMAIN, "quirk_items", "test_item_32_an_event_without_a_connector_makes_none_up")
        + tests(DOMAIN, "transaction", "test_numbers_may_rise_over_transactions_or_stay_at_zero")
        + tests(DOMAIN, "readback", "test_limits_are_sent_as_the_station_takes_them"),
        left="A station that holds messages of 2.0.1 against the schemas of 1.6 takes no charging profiles: have it speak 1.6.",
    ),
    Item(
        33,
        "TLS: a CA must be uploaded, an empty password must be given, no SNI",
        "SNI is not needed, and an empty password does no harm where none is asked for.",
        tests(WIRE, "tls", "test_a_station_connects_over_tls")
        + tests(
            WIRE,
            "quirk_items",
            "test_item_33_an_empty_password_is_no_obstacle_where_none_is_asked_for",
        ),
        left="A CA is uploaded at the charger ([how-to](../how-to/connect-a-charger.md)).",
    ),
    Item(
        34,
        "seqNo 0 in every event of a transaction",
        "Events are told apart by transaction, type and time as well.",
        tests(DOMAIN, "progress", "test_numbers_that_stay_at_zero_are_told_apart_by_time")
        + tests(DOMAIN, "transaction", "test_numbers_may_rise_over_transactions_or_stay_at_zero"),
    ),
    Item(
        35,
        "Two `Ended` for one transaction",
        "The second one is history.",
        tests(DOMAIN, "progress", "test_a_second_ended_is_history"),
    ),
    Item(
        36,
        "`Updated` and `Ended` without `evse`, `Started` without a connector",
        "Placed by the transaction's id.",
        tests(
            DOMAIN,
            "progress",
            "test_later_events_need_not_name_the_evse",
            "test_a_station_with_one_evse_or_none_yet_needs_no_name",
        )
        + tests(OCPP, "v201_messages", "TestTransactionEvent::test_an_evse_without_a_connector"),
    ),
    Item(
        37,
        "2.0.1: readings of a transaction as MeterValues only",
        "They count for the transaction that runs on that EVSE.",
        tests(
            DOMAIN,
            "station",
            "test_readings_outside_events_count_for_the_running_transaction",
        )
        + tests(
            MAPPING,
            "repairs",
            "test_37_readings_outside_of_a_transaction_event_are_remarked_in_the_meter_document",
        ),
    ),
    Item(
        38,
        "No chargingState, no stoppedReason, odd triggers, no transactionId in an answer",
        "Power, current or rising energy is charging; an omitted reason is Local, or Remote where the"
        " bridge has asked for the end; a remote start is known by its remoteStartId.",
        tests(
            DOMAIN,
            "connector",
            "test_without_any_charging_state_power_or_current_is_charging",
            "test_without_any_charging_state_and_power_rising_energy_is_charging",
        )
        + tests(
            DOMAIN,
            "transaction",
            "test_an_omitted_reason_is_local_but_where_we_have_asked_for_the_end",
        )
        + tests(DOMAIN, "progress", "test_a_remote_start_is_recognised_by_its_number"),
    ),
    Item(
        39,
        "After an outage: first newer statuses, then queued readings and ends, in one burst",
        "The recording of such a station is played back, frame by frame.",
        tests(
            ACCEPTANCE,
            "golden",
            "test_a_recording_becomes_exactly_these_messages",
        )
        + tests(
            DOMAIN,
            "charge_point",
            "test_readings_queued_while_offline_are_history_after_a_newer_status",
        ),
    ),
    Item(
        40,
        "No Heartbeat for many minutes while pings go on",
        "Any frame counts as alive, the station's own pings too.",
        tests(WIRE, "reconnecting", "test_any_frame_counts_as_alive"),
    ),
    Item(
        41,
        "A boot on the same socket after a Reset, or on every connect; a transaction that is forgotten",
        "A boot ends no transaction; our profiles are written again. One that never ends is closed by"
        " the next, as not `complete`.",
        tests(
            DOMAIN,
            "quirk_items",
            "test_item_41_a_boot_on_the_same_connection_leaves_the_transaction_running",
            "test_item_41_a_transaction_that_was_forgotten_ends_with_the_next_one",
        )
        + tests(DOMAIN, "progress", "test_a_started_displaces_an_open_transaction")
        + tests(DOMAIN, "station", "test_after_a_boot_our_profiles_are_written_again"),
    ),
    Item(
        42,
        "Actions that nobody knows; a CALLERROR `-1` that answers nothing",
        "NotImplemented; counted and dropped.",
        tests(
            WIRE,
            "hostile_frames",
            "test_a_bad_frame_is_answered_and_the_connection_goes_on",
            "test_what_wants_no_answer_gets_none",
        )
        + tests(ACCEPTANCE, "golden", "test_answers_that_nobody_asked_for_change_nothing"),
    ),
    Item(
        43,
        "Limits in W only, in A only, not at all; accepted and ignored",
        "By what the station says and has answered; what was not kept is reported.",
        tests(DOMAIN, "readback", "test_limits_are_sent_as_the_station_takes_them")
        + tests(
            ACCEPTANCE,
            "misbehaving_stations",
            "test_who_refuses_every_profile_is_not_said_to_be_controlled",
            "test_who_accepts_and_ignores_is_found_out",
        ),
    ),
    Item(
        44,
        "Wrong units, doubled statuses, empty texts, a status before the boot is answered",
        "Mended or ignored; a status that says nothing new is no event.",
        tests(
            MAPPING,
            "repairs",
            "test_44_a_status_without_error_code_has_no_error",
            "test_27_44_a_boot_of_2",
        )
        + tests(
            DOMAIN,
            "station",
            "test_a_change_of_status_is_recorded_once",
            "test_a_status_of_the_whole_station_makes_no_evse",
        ),
        left="Seconds that are called kWh cannot be told from energy.",
    ),
    Item(
        45,
        "GetTransactionStatus says not ongoing while it runs; TriggerMessage is accepted and nothing comes",
        "Neither is believed beyond its answer: nothing is ended, and nothing waited for.",
        tests(
            DOMAIN,
            "quirk_items",
            "test_item_45_not_ongoing_ends_no_transaction",
            "test_item_45_a_promised_message_that_does_not_come_is_not_waited_for",
        ),
    ),
    Item(
        46,
        "A query string after the id; a password with `:`",
        "The query is passed over; user and password are compared as one text.",
        tests(
            WIRE,
            "handshake",
            "test_the_identity_is_the_last_segment",
            "test_basic_authentication",
        )
        + tests(OCPP, "handshake", "test_passwords_are_bytes_and_need_not_be_utf8"),
    ),
)

_HEAD: Final = """\
# What real chargers do

<!-- Generated by `python -m tests.quirk_items`; a test fails where it is out of date. -->

Users of other projects have reported what charging stations really do. Each item says what the
bridge does about it and which tests show that; items that are not handled say why. The bridge is
lenient in and strict out: it accepts and remarks what a station sends, and validates what it
sends itself. What some devices need otherwise is data: [quirks](quirks.md). What is mended in
their frames: [repairs](repairs.md).

The simulator has many of these as faults: `ocpp-mqtt-bridge simulate --quirk NAME`
([how-to](../how-to/simulate-a-charger.md)).
"""


def page() -> str:
    """Return docs/reference/charger-quirks.md."""
    return "\n".join([_HEAD, *_rows()]).rstrip() + "\n"


def _rows() -> Iterator[str]:
    yield "| | what stations do | what the bridge does | tests |"
    yield "|---|---|---|---|"
    for item in ITEMS:
        done = f"{item.done}<br>**Not handled:** {item.left}" if item.left else item.done
        shown = "<br>".join(map(_link, item.tests))
        yield f"| {item.number} | {item.title} | {done} | {shown} |"


def _link(node: str) -> str:
    module, _, name = node.partition("::")
    return f"[`{name}`](../../tests/{module})"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
