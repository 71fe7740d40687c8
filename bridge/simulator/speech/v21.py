"""What the station says in the words of OCPP 2.1, where they are not those of 2.0.1."""

from typing import Final

from bridge.simulator.evse import CONNECTOR_ID
from bridge.simulator.options import SimulatorOptions
from bridge.simulator.speech.terms import ConnectorReport, Saying, Verdict
from bridge.simulator.speech.v2 import Speech2
from bridge.simulator.wire import JsonObject, format_time


class Speech21(Speech2):
    """OCPP 2.1."""

    takes_dynamic_profiles: bool = True
    abilities: tuple[tuple[str, str, str], ...] = (
        ("SmartChargingCtrlr", "SupportsDynamicProfiles", "true"),
        ("SmartChargingCtrlr", "SupportsMaxOfflineDuration", "true"),
        ("TxCtrlr", "SupportedLimits", "maxEnergy,maxTime,maxSoC"),
    )

    def status(self, report: ConnectorReport, options: SimulatorOptions) -> Saying:
        """Return a NotifyEvent of AvailabilityState where it is wanted (G01 of 2.1)."""
        if not options.availability_events:
            return super().status(report, options)
        moment = format_time(report.at)
        evse = {"id": report.number, "connectorId": CONNECTOR_ID}
        event = {
            "eventId": report.serial,
            "timestamp": moment,
            "trigger": "Delta",
            "actualValue": report.status,
            "eventNotificationType": "HardWiredNotification",
            "component": {"name": "Connector", "evse": evse},
            "variable": {"name": "AvailabilityState"},
        }
        return Saying("NotifyEvent", {"generatedAt": moment, "seqNo": 0, "eventData": [event]})

    def verdict(self, answer: JsonObject) -> Verdict:
        """Read idTokenInfo and transactionLimit (E16)."""
        limits = answer.get("transactionLimit", {})
        known = {name: float(limits[name]) for name in _LIMITS if name in limits}
        return Verdict(token=super().verdict(answer).token, limits=known)


_LIMITS: Final = ("maxEnergy", "maxTime", "maxSoC")
"""Members of TransactionLimitType that the station can see to; it knows no costs."""
