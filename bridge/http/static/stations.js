// Stations and their EVSEs: built once, written to whenever something changes, so that what
// somebody types in a control is not lost.
import { approval, controls } from "./controls.js";
import { make, row, shown, write } from "./dom.js";
import { Plot } from "./plot.js";
import { duration, energy, moment, power, quantity, who, why } from "./words.js";

const STATE_CLASSES = { Charging: "good", Faulted: "bad", SuspendedEVSE: "warn", Unavailable: "warn" };
const LIMIT_HEADS = ["Source", "Limit", "Controller", "Priority", "Until"];

/** One station. */
export class Station {
  constructor(id, session) {
    this.id = id;
    this.session = session;
    this.evses = new Map();
    this.presence = make("p", "badge");
    this.about = make("p", "faint");
    this.approval = approval(id, session);
    this.approval.hidden = true;
    this.cards = make("div", "cards");
    this.element = make("section", "station",
      make("header", "", make("h2", "", id), this.presence), this.about, this.approval, this.cards);
    this.element.dataset.station = id;
  }

  /** Show what is told of it. */
  take(view) {
    const online = view.availability === "online";
    write(this.presence, view.availability);
    this.presence.className = `badge ${online ? "good" : "warn"}`;
    write(this.about, about(view.info));
    this.approval.hidden = view.info.registration !== "Pending";
    for (const told of view.evses) this.evse(told.evse).take(told);
  }

  /** Return one of its EVSEs, made where it is new. */
  evse(id) {
    let evse = this.evses.get(id);
    if (!evse) {
      evse = new Evse(this.id, id, this.session);
      this.evses.set(id, evse);
      this.cards.append(evse.element);
    }
    return evse;
  }

  draw(now, hours) {
    for (const evse of this.evses.values()) evse.draw(now, hours);
  }
}

function about(info) {
  const boot = info.boot ?? {};
  const parts = [boot.vendorName, boot.model, boot.firmwareVersion, info.ocppVersion && `OCPP ${info.ocppVersion}`];
  return parts.filter(Boolean).join(" · ");
}

/** One EVSE. */
class Evse {
  constructor(station, id, session) {
    this.plot = new Plot();
    this.state = make("p", "state");
    this.vehicle = make("p", "faint");
    this.control = make("p", "control");
    this.why = make("p", "why");
    this.figures = {};
    this.limits = make("tbody");
    this.transaction = make("p");
    this.transactionId = make("p", "faint id");
    const heads = make("tr", "", ...LIMIT_HEADS.map((head) => make("th", "", head)));
    this.element = make("article", "evse",
      make("div", "parts",
        make("div", "part",
          make("div", "",
            make("div", "top", this.state, make("h3", "faint", `EVSE ${id}`)),
            this.vehicle),
          make("div", "", this.control, this.why),
          this.list(["Power", "Current", "Voltage", "Session", "Meter", "Battery"]),
          make("details", "", make("summary", "", "All limits"),
            make("div", "scroll", make("table", "", make("thead", "", heads), this.limits)))),
        make("div", "part",
          make("div", "", this.plot.element, legend()),
          make("div", "", this.transaction, this.transactionId))),
      controls(station, id, session),
    );
    this.element.dataset.evse = id;
  }

  list(names) {
    const list = make("dl");
    for (const name of names) {
      this.figures[name] = make("dd", "", "–");
      this.figures[name].dataset.figure = name;
      list.append(make("div", "", make("dt", "", name), this.figures[name]));
    }
    return list;
  }

  /** Show the documents of this EVSE; each may be null. */
  take({ state, allocation, meter, transaction }) {
    write(this.state, state.stale ? `${state.state} (offline)` : state.state);
    this.state.className = `state ${STATE_CLASSES[state.state] ?? ""}`;
    write(this.vehicle, vehicle(state));
    write(this.control, allocation ? who(allocation) : "Nothing was decided yet");
    write(this.why, allocation ? why(allocation) : "");
    this.plot.offer(allocation);
    this.limits.replaceChildren(...(allocation?.limits ?? []).map(limitRow));
    this.measure(meter, transaction);
    write(this.transaction, transaction ? session(transaction) : "No transaction yet");
    write(this.transactionId, transaction ? `Transaction ${transaction.transactionId}` : "");
  }

  measure(meter, transaction) {
    write(this.figures.Power, power(meter?.powerW));
    write(this.figures.Current, perPhase(meter?.currentA, "A", 1));
    write(this.figures.Voltage, perPhase(meter?.voltageV, "V", 0));
    write(this.figures.Session, energy(transaction?.energyWh));
    write(this.figures.Meter, energy(meter?.energyWh));
    write(this.figures.Battery, quantity(meter?.socPercent, "%"));
  }

  draw(now, hours) {
    this.plot.draw(now, hours);
  }
}

function vehicle(state) {
  const plugged = { true: "plugged in", false: "no vehicle" }[state.plugged] ?? "vehicle unknown";
  return [plugged, state.phase, `IEC 61851 ${shown(state.vehicleStatus)}`, state.ocpp.errorCode].filter(Boolean).join(" · ");
}

function perPhase(values, unit, digits) {
  const known = (values ?? []).filter((value) => value !== null);
  return known.length ? `${known.map((value) => value.toFixed(digits)).join(" / ")} ${unit}` : "–";
}

function limitRow(limit) {
  const made = row(limit.source, quantity(limit.limitA, "A", 1), limit.controller, limit.priority, moment(limit.expiresAt));
  if (limit.binding) made.className = "binding";
  return made;
}

function session(transaction) {
  const { active, startedAt, endedAt, stoppedReason, timeSpentChargingSeconds: seconds } = transaction;
  const when = active ? `Since ${moment(startedAt)}` : `${moment(startedAt)} to ${moment(endedAt)}, ended by ${shown(stoppedReason)}`;
  return seconds === null ? when : `${when}, charged for ${duration(seconds)}`;
}

function legend() {
  return make("p", "legend faint", make("span", "drawn", "drawn"), make("span", "offered", "offered"));
}
