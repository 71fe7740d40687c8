// The controls of a station and its EVSEs: each is a command of the API, and its answer is shown.
import { make, write } from "./dom.js";
import { headers, refusal } from "./stream.js";

const LEASES = [
  ["15 min", { ttlSeconds: 900 }],
  ["1 h", { ttlSeconds: 3600 }],
  ["4 h", { ttlSeconds: 14400 }],
  ["until unplugged", { untilDisconnect: true }],
  ["until released", {}],
];

/** Make the controls of an EVSE. `session` has the token, the rights and the bridge's time. */
export function controls(station, evse, session) {
  const amps = make("input");
  Object.assign(amps, { type: "number", min: 0, max: 1000, step: 1, value: 16, inputMode: "decimal" });
  const lease = make("select", "", ...LEASES.map(([name]) => make("option", "", name)));
  const token = make("input");
  Object.assign(token, { type: "text", maxLength: 20, value: "REMOTE", autocomplete: "off" });
  const told = make("p", "faint told");
  told.setAttribute("role", "status");

  const give = (name, body) => tell(told, name, `${placeOf(station)}/evses/${evse}/commands/${name}`, body, session);
  const button = (label, name, body, classes = "") => {
    const made = make("button", classes, label);
    made.type = "button";
    made.dataset.command = name;
    made.addEventListener("click", () => give(name, body()));
    return made;
  };
  const nothing = () => ({});
  const stop = make("button", "stop", "Stop");
  stop.type = "button";
  stop.dataset.command = "stop";
  stop.addEventListener("click", () => {
    if (window.confirm("End the transaction?")) give("stop", {});
  });

  const parts = [
    make("div", "controls",
      make("label", "", "Limit, A per phase", amps),
      make("label", "", "for", lease),
      button("Limit", "limit", () => ({ limitA: Number(amps.value), ...LEASES[lease.selectedIndex][1] }), "main"),
      button("Release", "release", nothing),
      button("Pause", "pause", nothing),
      button("Resume", "resume", nothing),
    ),
    make("div", "controls",
      make("label", "", "Start with id token", token),
      button("Start", "start", () => ({ idToken: { value: token.value, type: "Central" } })),
      stop,
    ),
    told,
  ];
  const element = make("fieldset", "plain", ...parts);
  session.onRights(() => { element.disabled = !session.may("control"); });
  return element;
}

/** Make what lets a station in that waits for it. */
export function approval(station, session) {
  const told = make("p", "faint told");
  told.setAttribute("role", "status");
  const button = make("button", "main", "Approve");
  button.type = "button";
  button.dataset.command = "approve";
  button.addEventListener("click", () => tell(told, "approve", `${placeOf(station)}/approve`, {}, session));
  session.onRights(() => { button.disabled = !session.may("stations"); });
  return make("div", "notice approval",
    make("p", "", "It waits for approval: until then it is neither heard nor controlled."),
    make("p", "faint", `Or: ocpp-mqtt-bridge stations approve ${station}`),
    make("div", "controls", button), told);
}

const placeOf = (station) => `api/v1/stations/${encodeURIComponent(station)}`;

/** Give a command and show its answer. */
async function tell(told, name, place, body, session) {
  write(told, `${name} …`);
  told.className = "faint told";
  try {
    const result = await command(place, body, session);
    write(told, `${name}: ${result.status} (${result.code})`);
    told.classList.add(result.status === "done" ? "good" : "warn");
  } catch (problem) {
    write(told, `${name}: ${problem.message}`);
    told.classList.add("bad");
  }
}

async function command(place, body, session) {
  const answer = await fetch(place, {
    method: "POST",
    headers: headers(session.token, { "Content-Type": "application/json" }),
    // By the bridge's clock, as the command says how old it is; this device's may be wrong.
    body: JSON.stringify({ ...body, ts: session.now().toISOString() }),
  });
  const result = await answer.clone().json().catch(() => ({}));
  if (result.status && result.error) throw new Error(result.error.message);
  if (!answer.ok) throw await refusal(answer);
  return result;
}
