// The page: follows /api/v1/live and shows it.
import { byId, make, row, shown, write } from "./dom.js";
import { Station } from "./stations.js";
import { follow, headers } from "./stream.js";
import { energy, eventLine, moment } from "./words.js";

const PAGE = 50;
const MOST_EVENTS = 200;
const TRANSACTIONS = 25;
const TRANSACTIONS_EVERY_MS = 30000;
const KEY = "ocpp-mqtt-bridge-token";

const after = new URLSearchParams(window.location.search).get("after") ?? "";
const stations = new Map();

/** Who looks at this page, and when it is at the bridge. */
const session = {
  token: window.sessionStorage.getItem(KEY) ?? window.localStorage.getItem(KEY) ?? "",
  offset: 0,
  scopes: [],
  listeners: [],
  now() { return new Date(Date.now() + this.offset); },
  may(scope) { return this.scopes.includes(scope); },
  onRights(listener) { this.listeners.push(listener); listener(); },
  setRights(scopes) {
    this.scopes = scopes;
    for (const listener of this.listeners) listener();
  },
};
let following = null;
let stale = true;
let askedAt = 0;

// --- what the bridge tells

const on = {
  bridge({ version, now, broker, caller, stations: count }) {
    session.offset = new Date(now).getTime() - Date.now();
    session.setRights(caller.scopes);
    write(byId("version"), `ocpp-mqtt-bridge ${version}, shown to ${caller.name}`);
    const badge = byId("broker");
    badge.hidden = false;
    badge.className = `badge ${broker === "connected" ? "good" : "warn"}`;
    write(badge, `broker ${broker}`);
    byId("empty").hidden = count > 0;
  },
  station(view) { station(view.cs).take(view); },
  power({ cs, evse, points }) { station(cs).evse(evse).plot.take(points); },
  gone({ cs }) {
    stations.get(cs)?.element.remove();
    stations.delete(cs);
  },
  log(event) {
    const place = event.evse ? `${event.cs}/${event.evse}` : event.cs;
    const line = make("li", "", make("span", "faint", moment(event.receivedAt)), make("span", "", place), make("span", "", eventLine(event)));
    const log = byId("log");
    log.prepend(line);
    while (log.childElementCount > MOST_EVENTS) log.lastElementChild.remove();
    if (["transaction.started", "transaction.ended"].includes(event.type)) stale = true;
  },
  connected(is) {
    const badge = byId("connection");
    badge.className = `badge ${is ? "good" : "bad"}`;
    write(badge, is ? "live" : "no connection to the bridge");
    // What came before is told again.
    if (!is) byId("log").replaceChildren();
  },
  told() {
    byId("past").hidden = false;
    byId("login").hidden = true;
    byId("forget").hidden = !session.token;
    redraw();
    further();
    if (stale || Date.now() - askedAt > TRANSACTIONS_EVERY_MS) transactions();
  },
};

function station(id) {
  let found = stations.get(id);
  if (!found) {
    found = new Station(id, session);
    stations.set(id, found);
    // In the order of their ids, as the API has them.
    const next = [...stations.keys()].filter((each) => each > id).sort()[0];
    byId("stations").insertBefore(found.element, stations.get(next)?.element ?? null);
  }
  return found;
}

function redraw() {
  const now = session.now().getTime() / 1000;
  const hours = Number(byId("hours").value);
  for (const each of stations.values()) each.draw(now, hours);
}

function further() {
  const full = stations.size >= PAGE;
  byId("more").hidden = !full;
  if (full) {
    const last = [...stations.keys()].sort().pop();
    byId("more").firstElementChild.href = `?after=${encodeURIComponent(last)}`;
  }
}

async function transactions() {
  stale = false;
  askedAt = Date.now();
  const answer = await fetch(`v2/transactions?limit=${TRANSACTIONS}`, { headers: headers(session.token) }).catch(() => null);
  if (!answer?.ok) return;
  const rows = (await answer.json()).map((each) => row(
    each.ChargerID, moment(each.StartAt), moment(each.EndAt), energy(each.EnergyDelivered),
    shown(each.VehicleID ?? each.Initiator), each.EndResult,
  ));
  // A narrow page shows each row as a list, and the heads in it.
  const heads = [...byId("transactions").tHead.rows[0].cells].map((cell) => cell.textContent);
  for (const each of rows) [...each.cells].forEach((cell, index) => { cell.dataset.head = heads[index]; });
  byId("transactions").tBodies[0].replaceChildren(...rows);
}

// --- tokens

function login(message) {
  byId("login").hidden = false;
  write(byId("refused"), session.token ? message : "");
  byId("connection").className = "badge warn";
  write(byId("connection"), "needs a token");
  byId("token").focus();
}

byId("login").addEventListener("submit", (event) => {
  event.preventDefault();
  session.token = byId("token").value.trim();
  byId("token").value = "";
  (byId("keep").checked ? window.localStorage : window.sessionStorage).setItem(KEY, session.token);
  run();
});

byId("forget").addEventListener("click", () => {
  window.localStorage.removeItem(KEY);
  window.sessionStorage.removeItem(KEY);
  window.location.reload();
});

byId("hours").addEventListener("change", redraw);

// --- from here on

async function run() {
  following?.abort();
  following = new AbortController();
  stale = true;
  const query = new URLSearchParams({ limit: PAGE, after });
  try {
    await follow(`api/v1/live?${query}`, session.token, on, following.signal);
  } catch (problem) {
    login(problem.message);
  }
}

run();
