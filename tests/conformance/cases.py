"""The cases of the conformance checklist: what a central system has to do right.

Those of OCPP 2.0.1 have the titles of its part 6 (Core and Advanced Security). The others have the
ids that certification uses and titles of ours, since their texts are not public.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Case:
    """One case. Priority 1 must be shown by a test, or say why it is open."""

    id: str
    title: str
    priority: int
    note: str = ""
    """`open: ...` where nothing shows it, `partly: ...` where tests show a part."""

    @property
    def version(self) -> str:
        """The version of OCPP that it belongs to."""
        number = self.id.split("_")
        if not number[1].isalpha():
            return "1.6"
        return "2.1" if int(number[2]) > LAST_OF_2_0_1 else "2.0.1"


LAST_OF_2_0_1: Final = 99
"""Numbers of cases above it are those of OCPP 2.1."""

NO_AUTHORITY: Final = "open: the bridge is no certification authority: it declines SignCertificate, and certificates reach stations by other ways, or by `call`"
NO_COSTS: Final = (
    "partly: what the station tells is taken; the bridge knows no costs and sets no `maxCost`"
)
ISO_15118: Final = "partly: the bridge plans no schedule with a vehicle (ISO 15118): it declines what one asks for in the words that the action has, and the charging goes on"
NOT_YET: Final = "open: not on the checklist of the first release; the bridge answers what the station says, `call` sends the requests"

CASES: Final[Mapping[str, tuple[Case, ...]]] = {
    "Security": (
        Case("TC_A_01_CSMS", "Basic Authentication - Valid username/password combination", 1),
        Case(
            "TC_A_02_CSMS", "Basic Authentication - Username does not equal ChargingStationId", 1
        ),
        Case("TC_A_03_CSMS", "Basic Authentication - Invalid password", 1),
        Case("TC_A_04_CSMS", "TLS - server-side certificate - Valid certificate", 1),
        Case("TC_A_06_CSMS", "TLS - server-side certificate - TLS version too low", 1),
        Case(
            "TC_A_07_CSMS",
            "TLS - Client-side certificate - valid certificate",
            2,
        ),
        Case(
            "TC_A_08_CSMS",
            "TLS - Client-side certificate - Invalid certificate",
            2,
        ),
        Case(
            "TC_A_11_CSMS",
            "Update Charging Station Certificate by request of CSMS - Success - Charging Station Certificate",
            2,
            NO_AUTHORITY,
        ),
        Case(
            "TC_A_14_CSMS",
            "Update Charging Station Certificate by request of CSMS - Invalid certificate",
            2,
            NO_AUTHORITY,
        ),
        Case(
            "TC_A_09_CSMS",
            "Update Charging Station Password for HTTP Basic Authentication - Accepted",
            2,
        ),
        Case(
            "TC_A_10_CSMS",
            "Update Charging Station Password for HTTP Basic Authentication - Rejected",
            2,
        ),
        Case(
            "TC_A_19_CSMS",
            "Upgrade Charging Station Security Profile - Accepted",
            2,
            "partly: SetNetworkProfile is sent by `call`, which is off by default",
        ),
        Case(
            "TC_073_CSMS",
            "Update Charge Point password for HTTP Basic authentication",
            2,
        ),
        Case("TC_077_CSMS", "Invalid Charge Point certificate security event", 2),
        Case("TC_078_CSMS", "Invalid Central System certificate security event", 2),
        Case("TC_079_CSMS", "Get security log", 2),
        Case("TC_085_CSMS", "Basic authentication - valid username and password", 1),
        Case("TC_086_CSMS", "TLS - server-side certificate - valid certificate", 2),
        Case(
            "TC_087_CSMS",
            "TLS - client-side certificate - valid certificate",
            2,
        ),
    ),
    "Provisioning": (
        Case("TC_B_01_CSMS", "Cold Boot Charging Station - Accepted", 1),
        Case("TC_B_02_CSMS", "Cold Boot Charging Station - Pending", 1),
        Case("TC_B_30_CSMS", "Cold Boot Charging Station - Pending/Rejected - SecurityError", 1),
        Case(
            "TC_B_31_CSMS",
            "Cold Boot Charging Station - Pending/Rejected - TriggerMessage",
            2,
        ),
        Case("TC_B_06_CSMS", "Get Variables - single value", 2),
        Case("TC_B_07_CSMS", "Get Variables - multiple values", 2),
        Case(
            "TC_B_08_CSMS",
            "Get Variables - limit to the maximum number of values",
            2,
            "open: ItemsPerMessage is not read; a station refuses what is too much for it, and the result says so",
        ),
        Case("TC_B_09_CSMS", "Set Variables - single value", 2),
        Case("TC_B_10_CSMS", "Set Variables - multiple values", 2),
        Case("TC_B_12_CSMS", "Get Base Report - ConfigurationInventory", 2),
        Case("TC_B_13_CSMS", "Get Base Report - FullInventory", 2),
        Case("TC_B_14_CSMS", "Get Base Report - SummaryInventory", 2),
        Case("TC_B_18_CSMS", "Get Custom Report - with component criteria", 2),
        Case("TC_B_20_CSMS", "Reset Charging Station - Without ongoing transaction - OnIdle", 2),
        Case("TC_B_21_CSMS", "Reset Charging Station - With Ongoing Transaction - OnIdle", 2),
        Case("TC_B_22_CSMS", "Reset Charging Station - With Ongoing Transaction - Immediate", 2),
        Case("TC_B_25_CSMS", "Reset EVSE - Without ongoing transaction", 2),
        Case("TC_B_26_CSMS", "Reset EVSE - With Ongoing Transaction - OnIdle", 2),
        Case("TC_B_27_CSMS", "Reset EVSE - With Ongoing Transaction - Immediate", 2),
        Case("TC_B_42_CSMS", "Set new NetworkConnectionProfile - Accepted", 2),
        Case("TC_B_44_CSMS", "Set new NetworkConnectionProfile - Failed", 2),
        Case("TC_B_58_CSMS", "WebSocket Subprotocol validation", 1),
        Case("TC_B_103_CSMS", "Reset - ImmediateAndResume - Charging Station", 2),
        Case("TC_B_104_CSMS", "Reset - ImmediateAndResume - ongoing transaction", 2),
        Case("TC_001_CSMS", "Cold boot Charge Point", 1),
        Case("TC_088_CSMS", "WebSocket Subprotocol validation", 1),
        Case("TC_019_1_CSMS", "Retrieve all configuration keys", 2),
        Case("TC_019_2_CSMS", "Retrieve specific configuration key", 2),
        Case("TC_021_CSMS", "Change/set configuration", 2),
        Case("TC_040_CSMS", "Configuration key - NotSupported or invalid value", 2),
    ),
    "Authorization": (
        Case("TC_C_02_CSMS", "Local start transaction - Authorization Invalid/Unknown", 2),
        Case("TC_C_06_CSMS", "Local start transaction - Authorization Blocked", 2),
        Case("TC_C_07_CSMS", "Local start transaction - Authorization Expired", 2),
        Case("TC_C_08_CSMS", "Authorization through authorization cache - Accepted", 2),
        Case("TC_C_20_CSMS", "Authorization through authorization cache - Invalid", 2),
        Case("TC_C_37_CSMS", "Clear Authorization Data in Authorization Cache - Accepted", 2),
        Case("TC_C_38_CSMS", "Clear Authorization Data in Authorization Cache - Rejected", 2),
        Case("TC_C_39_CSMS", "Authorization by GroupId - Success", 2),
        Case(
            "TC_C_47_CSMS", "Stop Transaction with a Master Pass - With UI - All transactions", 2
        ),
        Case(
            "TC_C_48_CSMS",
            "Stop Transaction with a Master Pass - With UI - Specific transactions",
            2,
        ),
        Case("TC_C_49_CSMS", "Stop Transaction with a Master Pass - Without UI", 2),
        Case("TC_007_CSMS", "Start charging session - cached id", 2),
        Case("TC_023_1_CSMS", "Start charging session - Authorize invalid", 2),
        Case("TC_023_2_CSMS", "Start charging session - Authorize expired", 2),
        Case("TC_023_3_CSMS", "Start charging session - Authorize blocked", 2),
        Case("TC_061_CSMS", "Clear authorization data in authorization cache", 2),
    ),
    "Transactions": (
        Case("TC_E_01_CSMS", "Start transaction options - PowerPathClosed", 1),
        Case("TC_E_02_CSMS", "Start transaction options - EnergyTransfer", 1),
        Case("TC_E_03_CSMS", "Local start transaction - Cable plugin first - Success", 1),
        Case("TC_E_04_CSMS", "Local start transaction - Authorization first - Success", 1),
        Case("TC_E_07_CSMS", "Stop transaction options - PowerPathClosed - Local stop", 1),
        Case(
            "TC_E_08_CSMS", "Stop transaction options - EnergyTransfer stopped - StopAuthorized", 1
        ),
        Case("TC_E_09_CSMS", "Start transaction options - EVConnected", 1),
        Case("TC_E_10_CSMS", "Start transaction options - Authorized - Local", 1),
        Case("TC_E_11_CSMS", "Start transaction options - DataSigned", 1),
        Case("TC_E_12_CSMS", "Start transaction options - ParkingBayOccupied", 1),
        Case(
            "TC_E_14_CSMS", "Stop transaction options - EVDisconnected - Charging Station side", 1
        ),
        Case("TC_E_15_CSMS", "Stop transaction options - StopAuthorized - Local", 1),
        Case("TC_E_16_CSMS", "Stop transaction options - Deauthorized - Invalid idToken", 1),
        Case("TC_E_17_CSMS", "Stop transaction options - Deauthorized - EV side disconnect", 1),
        Case("TC_E_19_CSMS", "Stop transaction options - ParkingBayUnoccupied", 1),
        Case(
            "TC_E_20_CSMS",
            "Stop transaction options - EVDisconnected - EV side (able to charge IEC 61851-1 EV)",
            1,
        ),
        Case("TC_E_21_CSMS", "Stop transaction options - StopAuthorized - Remote", 1),
        Case("TC_E_22_CSMS", "Stop transaction options - EnergyTransfer stopped - SuspendedEV", 1),
        Case("TC_E_26_CSMS", "Disconnect cable on EV-side - Suspend transaction", 1),
        Case(
            "TC_E_29_CSMS",
            "Check Transaction status - Transaction with id ongoing - with message in queue",
            1,
        ),
        Case(
            "TC_E_30_CSMS",
            "Check Transaction status - Transaction with id ongoing - without message in queue",
            1,
        ),
        Case(
            "TC_E_31_CSMS",
            "Check Transaction status - Transaction with id ended - with message in queue",
            1,
        ),
        Case(
            "TC_E_33_CSMS",
            "Check Transaction status - Without transactionId - with message in queue",
            1,
        ),
        Case(
            "TC_E_34_CSMS",
            "Check Transaction status - Without transactionId - without message in queue",
            1,
        ),
        Case("TC_E_38_CSMS", "Local start transaction - EV not ready", 1),
        Case("TC_E_39_CSMS", "Stop transaction options - Deauthorized - timeout", 1),
        Case(
            "TC_E_53_CSMS",
            "Reset Sequence Number - CSMS accepting seqNo = 0 at start of transaction",
            1,
        ),
        Case("TC_E_106_CSMS", "Transaction limit - energy - set at the station", 1),
        Case("TC_E_107_CSMS", "Transaction limit - time - set at the station", 1),
        Case("TC_E_108_CSMS", "Transaction limit - cost - calculated and set at the station", 1),
        Case(
            "TC_E_109_CSMS",
            "Transaction limit - cost - calculated and set by the CSMS",
            1,
            NO_COSTS,
        ),
        Case("TC_E_110_CSMS", "Transaction limit - energy - set by the CSMS", 1),
        Case("TC_E_111_CSMS", "Transaction limit - time - set by the CSMS", 1),
        Case("TC_E_113_CSMS", "Resume a transaction after an interruption - charging", 1),
        Case("TC_E_117_CSMS", "Resume a transaction after an interruption - suspended", 1),
        Case("TC_003_CSMS", "Regular charging session - plug-in first", 1),
        Case("TC_004_1_CSMS", "Regular charging session - identification first", 1),
        Case(
            "TC_004_2_CSMS",
            "Regular charging session - identification first - connection timeout",
            1,
        ),
        Case("TC_005_1_CSMS", "EV side disconnected", 1),
        Case("TC_032_1_CSMS", "Power failure - stop transactions after boot", 1),
        Case("TC_037_1_CSMS", "Offline start transaction - valid idTag", 1),
        Case("TC_037_3_CSMS", "Offline start transaction - invalid idTag", 1),
        Case("TC_039_CSMS", "Offline transaction", 1),
        Case(
            "OUR_1_CSMS", "transactionId -1 or unknown: the transaction that runs (errata 3.18)", 1
        ),
        Case("OUR_2_CSMS", "StartTransaction and StopTransaction sent again", 1),
    ),
    "Remote control": (
        Case("TC_F_01_CSMS", "Remote start transaction - Cable plugin first", 1),
        Case(
            "TC_F_02_CSMS",
            "Remote start transaction - Remote start first - AuthorizeRemoteStart is true",
            1,
        ),
        Case(
            "TC_F_03_CSMS",
            "Remote start transaction - Remote start first - AuthorizeRemoteStart is false",
            1,
        ),
        Case(
            "TC_F_04_CSMS",
            "Remote start transaction - Remote start first - Cable plugin timeout",
            1,
        ),
        Case(
            "TC_F_06_CSMS", "Remote unlock Connector - Without ongoing transaction - Accepted", 1
        ),
        Case("TC_F_11_CSMS", "Trigger message - MeterValues - Specific EVSE", 1),
        Case("TC_F_12_CSMS", "Trigger message - MeterValues - All EVSE", 1),
        Case("TC_F_13_CSMS", "Trigger message - TransactionEvent - Specific EVSE", 1),
        Case("TC_F_14_CSMS", "Trigger message - TransactionEvent - All EVSE", 1),
        Case("TC_F_15_CSMS", "Trigger message - LogStatusNotification - Idle", 2),
        Case("TC_F_18_CSMS", "Trigger message - FirmwareStatusNotification - Idle", 2),
        Case("TC_F_20_CSMS", "Trigger message - Heartbeat", 1),
        Case(
            "TC_F_23_CSMS", "Trigger message - StatusNotification - Specific EVSE - Available", 1
        ),
        Case("TC_F_24_CSMS", "Trigger message - StatusNotification - Specific EVSE - Occupied", 1),
        Case("TC_F_27_CSMS", "Trigger message - NotImplemented", 1),
        Case("TC_010_CSMS", "Remote start charging session - cable plugged in first", 1),
        Case("TC_011_1_CSMS", "Remote start charging session - remote start first", 1),
        Case("TC_011_2_CSMS", "Remote start charging session - timeout", 1),
        Case("TC_012_CSMS", "Remote stop charging session", 1),
        Case("TC_026_CSMS", "Remote start charging session - rejected", 1),
        Case("TC_028_CSMS", "Remote stop transaction - rejected", 1),
        Case("TC_054_CSMS", "Trigger message", 1),
        Case("TC_055_CSMS", "Trigger message - rejected", 1),
    ),
    "Availability": (
        Case("TC_G_01_CSMS", "Status of a connector", 2),
        Case("TC_G_03_CSMS", "Change Availability EVSE - Operative to inoperative", 2),
        Case("TC_G_04_CSMS", "Change Availability EVSE - Inoperative to operative", 2),
        Case("TC_G_05_CSMS", "Change Availability Charging Station - Operative to inoperative", 2),
        Case("TC_G_06_CSMS", "Change Availability Charging Station - Inoperative to operative", 2),
        Case("TC_G_07_CSMS", "Change Availability Connector - Operative to inoperative", 2),
        Case("TC_G_08_CSMS", "Change Availability Connector - Inoperative to operative", 2),
        Case("TC_G_11_CSMS", "Change Availability EVSE - With ongoing transaction", 2),
        Case("TC_G_14_CSMS", "Change Availability Charging Station - With ongoing transaction", 2),
        Case("TC_G_17_CSMS", "Change Availability Connector - With ongoing transaction", 2),
        Case("TC_G_20_CSMS", "Connector status Notification - Lock Failure", 2),
        Case("TC_017_CSMS", "Unlock connector - no charging session", 2),
        Case("TC_018_CSMS", "Unlock connector - charging session", 2),
        Case("TC_024_CSMS", "Lock failure", 2),
        Case("TC_030_CSMS", "Unlock failure", 2),
        Case("TC_031_CSMS", "Unlock - not supported", 2),
    ),
    "Meter values": (
        Case("TC_J_01_CSMS", "Clock-aligned Meter Values - No transaction ongoing", 2),
        Case("TC_J_02_CSMS", "Clock-aligned Meter Values - Transaction ongoing", 2),
        Case("TC_J_03_CSMS", "Clock-aligned Meter Values - EventType Ended", 2),
        Case("TC_J_04_CSMS", "Clock-aligned Meter Values - Signed", 2),
        Case("TC_J_07_CSMS", "Sampled Meter Values - EventType Started - EVSE known", 2),
        Case(
            "TC_J_08_CSMS", "Sampled Meter Values - Context Transaction.Begin - EVSE not known", 2
        ),
        Case("TC_J_09_CSMS", "Sampled Meter Values - EventType Updated", 2),
        Case("TC_J_10_CSMS", "Sampled Meter Values - EventType Ended", 2),
        Case("TC_J_11_CSMS", "Sampled Meter Values - Signed", 2),
    ),
    "Smart charging": (
        Case("TC_K_01_CSMS", "Set Charging Profile - TxDefaultProfile - specific EVSE", 1),
        Case("TC_K_02_CSMS", "Set Charging Profile - TxProfile without ongoing transaction", 1),
        Case("TC_K_03_CSMS", "Set Charging Profile - ChargingStationMaxProfile", 1),
        Case("TC_K_04_CSMS", "Replace Charging Profile - same id", 1),
        Case("TC_K_05_CSMS", "Clear Charging Profile - by id", 1),
        Case(
            "TC_K_06_CSMS",
            "Clear Charging Profile - by stackLevel and purpose",
            1,
            "partly: by `call`, for profiles below the bridge's own (ADR 34); its own it clears by their ids",
        ),
        Case("TC_K_08_CSMS", "Clear Charging Profile - no such profile", 1),
        Case(
            "TC_K_10_CSMS",
            "Set Charging Profile - TxDefaultProfile - all EVSEs",
            1,
            "partly: a limit is a profile for each EVSE (ADR 4); one on EVSE 0 by `call` (ADR 34)",
        ),
        Case("TC_K_15_CSMS", "Set Charging Profile - not supported", 1),
        Case(
            "TC_K_19_CSMS",
            "Set Charging Profile - recurring",
            1,
            "partly: by `call` (ADR 34); the bridge itself decides anew when something changes",
        ),
        Case("TC_K_29_CSMS", "Get Charging Profiles - EVSE 0", 1),
        Case("TC_K_30_CSMS", "Get Charging Profiles - one EVSE", 1),
        Case("TC_K_31_CSMS", "Get Charging Profiles - no EVSE", 1),
        Case("TC_K_32_CSMS", "Get Charging Profiles - by id", 1),
        Case("TC_K_33_CSMS", "Get Charging Profiles - EVSE and stackLevel", 1),
        Case("TC_K_34_CSMS", "Get Charging Profiles - EVSE and chargingLimitSource", 1),
        Case("TC_K_35_CSMS", "Get Charging Profiles - EVSE and purpose", 1),
        Case("TC_K_36_CSMS", "Get Charging Profiles - EVSE, purpose and stackLevel", 1),
        Case("TC_K_37_CSMS", "Remote start with a Charging Profile", 1),
        Case("TC_K_43_CSMS", "Get Composite Schedule - specific EVSE", 1),
        Case("TC_K_44_CSMS", "Get Composite Schedule - Charging Station", 1),
        Case("TC_K_48_CSMS", "External charging limit - without ongoing transaction", 1),
        Case("TC_K_50_CSMS", "External charging limit - with ongoing transaction", 1),
        Case("TC_K_51_CSMS", "External charging limit - reported as a profile", 1),
        Case("TC_K_52_CSMS", "External charging limit - released", 1),
        Case("TC_K_53_CSMS", "Smart charging by ISO 15118", 1, ISO_15118),
        Case("TC_K_55_CSMS", "Smart charging by ISO 15118", 1, ISO_15118),
        Case("TC_K_57_CSMS", "Smart charging by ISO 15118", 1, ISO_15118),
        Case("TC_K_58_CSMS", "Smart charging by ISO 15118", 1, ISO_15118),
        Case("TC_K_59_CSMS", "Smart charging by ISO 15118", 1, ISO_15118),
        Case("TC_K_60_CSMS", "Set Charging Profile - TxProfile with ongoing transaction", 1),
        Case("TC_K_70_CSMS", "Set Charging Profile - several profiles", 1),
        Case("TC_K_100_CSMS", "Charging Profile - maxOfflineDuration", 1),
        Case(
            "TC_K_106_CSMS",
            "Charging Schedule - randomizedDelay",
            1,
            "partly: by `call` (ADR 34); the bridge's own limits are to hold at once",
        ),
        Case(
            "TC_K_121_CSMS",
            "Dynamic Charging Profile - pulled by the station",
            1,
        ),
        Case("TC_056_CSMS", "Central smart charging - TxDefaultProfile", 1),
        Case("TC_057_CSMS", "Central smart charging - TxProfile", 1),
        Case("TC_059_CSMS", "Remote start charging session - with Charging Profile", 1),
        Case("TC_066_CSMS", "Get Composite Schedule", 1),
        Case("TC_067_CSMS", "Clear Charging Profile", 1),
    ),
    "Firmware": (
        Case("TC_L_01_CSMS", "Secure Firmware Update - Installation successful", 3, NOT_YET),
        Case("TC_L_02_CSMS", "Secure Firmware Update - InstallScheduled", 3, NOT_YET),
        Case("TC_L_03_CSMS", "Secure Firmware Update - DownloadScheduled", 3, NOT_YET),
        Case("TC_L_04_CSMS", "Secure Firmware Update - RevokedCertificate", 3, NOT_YET),
        Case("TC_L_05_CSMS", "Secure Firmware Update - InvalidCertificate", 3, NOT_YET),
        Case("TC_L_06_CSMS", "Secure Firmware Update - InvalidSignature", 3, NOT_YET),
        Case("TC_L_07_CSMS", "Secure Firmware Update - DownloadFailed", 3, NOT_YET),
        Case("TC_L_08_CSMS", "Secure Firmware Update - InstallVerificationFailed", 3, NOT_YET),
        Case("TC_L_09_CSMS", "Secure Firmware Update - InstallationFailed", 3, NOT_YET),
        Case("TC_L_10_CSMS", "Secure Firmware Update - AcceptedCanceled", 3, NOT_YET),
        Case("TC_L_11_CSMS", "Secure Firmware Update - Unable to cancel", 3, NOT_YET),
        Case(
            "TC_L_13_CSMS",
            "Secure Firmware Update - Unable to download/install firmware with ongoing transaction - AllowNewSessionsPendingFirmwareUpdate is false",
            3,
            NOT_YET,
        ),
    ),
    "Certificates": (
        Case("TC_M_01_CSMS", "Install CA certificate - CSMSRootCertificate", 3, NOT_YET),
        Case("TC_M_02_CSMS", "Install CA certificate - ManufacturerRootCertificate", 3, NOT_YET),
        Case("TC_M_05_CSMS", "Install CA certificate - Failed", 3, NOT_YET),
        Case(
            "TC_M_13_CSMS",
            "Retrieve certificates from Charging Station - ManufacturerRootCertificate",
            3,
            NOT_YET,
        ),
        Case(
            "TC_M_18_CSMS",
            "Retrieve certificates from Charging Station - All certificateTypes",
            3,
            NOT_YET,
        ),
        Case(
            "TC_M_19_CSMS",
            "Retrieve certificates from Charging Station - No matching certificate found",
            3,
            NOT_YET,
        ),
        Case("TC_M_20_CSMS", "Delete a certificate from a Charging Station - Success", 3, NOT_YET),
        Case("TC_M_21_CSMS", "Delete a certificate from a Charging Station - Failed", 3, NOT_YET),
    ),
    "Diagnostics": (
        Case("TC_N_25_CSMS", "Retrieve Log Information - Diagnostics Log - Success", 3, NOT_YET),
        Case("TC_N_27_CSMS", "Get Customer Information - Accepted + data", 3, NOT_YET),
        Case("TC_N_28_CSMS", "Get Customer Information - Accepted + no data", 3, NOT_YET),
        Case("TC_N_29_CSMS", "Get Customer Information - Not Accepted", 3, NOT_YET),
        Case("TC_N_30_CSMS", "Clear Customer Information - Clear and report + data", 3, NOT_YET),
        Case(
            "TC_N_31_CSMS", "Clear Customer Information - Clear and report + no data", 3, NOT_YET
        ),
        Case("TC_N_32_CSMS", "Clear Customer Information - Clear and no report", 3, NOT_YET),
        Case("TC_N_34_CSMS", "Retrieve Log Information - Rejected", 3, NOT_YET),
        Case("TC_N_35_CSMS", "Retrieve Log Information - Security Log - Success", 3, NOT_YET),
        Case("TC_N_36_CSMS", "Retrieve Log Information - Second Request", 3, NOT_YET),
        Case(
            "TC_N_62_CSMS",
            "Clear Customer Information - Clear and report - customerIdentifier",
            3,
            NOT_YET,
        ),
    ),
    "Data transfer": (
        Case(
            "TC_P_02_CSMS",
            "Data Transfer to the CSMS - Rejected / Unknown VendorId / Unknown MessageId",
            2,
        ),
        Case("TC_P_03_CSMS", "CustomData - Receive custom data", 2),
        Case("TC_064_CSMS", "Data transfer to a Central System", 2),
    ),
}
"""By the block of functions that they belong to."""

BY_ID: Final = {case.id: case for cases in CASES.values() for case in cases}
