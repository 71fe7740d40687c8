// What the documents say, in words. Everything returned is text.

/** Return a number with its unit; a dash for what is not known. */
export function quantity(value, unit, digits = 0) {
  return value === null || value === undefined ? "–" : `${value.toFixed(digits)}\u00a0${unit}`;
}

/** Return watts, in kW from 1,000 on. */
export function power(watts) {
  return Math.abs(watts ?? 0) >= 1000 ? quantity(watts / 1000, "kW", 1) : quantity(watts, "W");
}

/** Return round watts as they stand beside an axis. */
export const roundPower = (watts) => (watts >= 1000 ? `${watts / 1000} kW` : `${watts} W`);

/** Return watt-hours, in kWh. */
export const energy = (wh) => quantity(wh === null || wh === undefined ? wh : wh / 1000, "kWh", 2);

/** Return a time of today as a time, an earlier one with its day. */
export function moment(text) {
  if (!text) return "–";
  const at = new Date(text);
  if (Number.isNaN(at.getTime())) return "–";
  const time = at.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit" });
  const today = at.toDateString() === new Date().toDateString();
  return today ? time : `${at.toLocaleDateString()} ${time}`;
}

/** Return how long something has taken, s, as hours and minutes. */
export function duration(seconds) {
  if (seconds === null || seconds === undefined) return "–";
  const minutes = Math.floor(seconds / 60);
  if (minutes < 1) return `${Math.floor(seconds)} s`;
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

const WHO = {
  "MQTT": "MQTT is in control",
  "API": "The HTTP interface is in control",
  "OCPP Profile": "Somebody else's profile is in control",
  "Transaction": "A limit of the transaction is in control",
  "ProximityPilot": "The cable limits",
  "Team": "The group shares what there is",
  "Unmanaged": "Nobody is in control",
};

/** Return who is in control of an EVSE. */
export const who = (allocation) => WHO[allocation.allocationSourceName] ?? allocation.allocationSourceName;

/** Return why: the limit that binds, and what is under way. */
export function why(allocation) {
  const binding = allocation.limits.find((limit) => limit.binding);
  const offered = `${quantity(allocation.offeredA, "A", 1)} per phase are offered, ${power(allocation.offeredW)} in all`;
  const reason = binding ? `: ${limitBy(binding)}` : "";
  return `${offered}${reason}.${underWay(allocation.pending)}`;
}

const ALLOWS = {
  "OCPP Profile": "a profile of somebody else allows",
  "Transaction": "the transaction allows",
  "ProximityPilot": "the cable carries",
  "Team": "the group allows",
  "Unmanaged": "the installation carries",
};

function limitBy(limit) {
  if (limit.controller && limit.limitA === 0) return `${limit.controller} has paused the charging`;
  const by = limit.controller ? `${limit.controller} asks for` : ALLOWS[limit.source] ?? `${limit.source} allows`;
  const end = limit.expiresAt ? ` until ${moment(limit.expiresAt)}` : "";
  return `${by} ${quantity(limit.limitA, "A", 1)}${end}`;
}

function underWay(pending) {
  if (!pending) return "";
  if (pending.phases !== null) return ` Switching to ${pending.phases} phase(s).`;
  return pending.limitA === null ? " A limit is being taken back." : ` ${quantity(pending.limitA, "A", 1)} is under way.`;
}

/** Return one line about an event. */
export function eventLine(event) {
  const [kind] = event.type.split(".");
  return (LINES[kind] ?? otherLine)(event);
}

const LINES = {
  transaction: (event) => join(
    event.type, event.triggerReason, event.transaction.chargingState, event.transaction.stoppedReason,
    event.offline && "(was offline)", event.gap && "(something is missing before)",
  ),
  status: (event) => join("connector", event.connector, event.connectorStatus ?? event.status, event.errorCode),
  allocation: (event) => join(
    "in control:", event.to, quantity(event.offeredA, "A", 1), `(${event.reason})`, event.controller,
  ),
  fault: (event) => join("fault", event.code, event.message),
  security: (event) => join(event.alarm ? "alarm" : "security", event.code, event.message),
  authorize: (event) => join(event.type, event.status, event.controller),
};

const otherLine = (event) => event.type;

const join = (...words) => words.filter((word) => word !== null && word !== undefined && word !== false).join(" ");
