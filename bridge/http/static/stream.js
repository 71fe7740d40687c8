// Server-sent events over fetch, which can show a token in a header; EventSource cannot.

const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 15000;

/** The API said no. */
export class Refused extends Error {
  constructor(status, error) {
    super(error?.message ?? `status ${status}`);
    this.status = status;
    this.code = error?.code ?? "";
  }
}

/** Return the headers of a request: those given, and the token if there is one. */
export function headers(token, more = {}) {
  return token ? { Authorization: `Bearer ${token}`, ...more } : more;
}

/** Return the Refused of an answer that is an error. */
export async function refusal(answer) {
  const body = await answer.json().catch(() => ({}));
  return new Refused(answer.status, body.error);
}

/**
 * Follow a stream and call `on[event](data)`; connect again whenever it ends.
 * `on.connected(boolean)` tells how it is. Ends only by `signal`, or throws Refused where a token
 * is missing or wrong.
 */
export async function follow(url, token, on, signal) {
  let pause = FIRST_PAUSE_MS;
  while (!signal.aborted) {
    try {
      await once(url, token, on, signal, () => { pause = FIRST_PAUSE_MS; });
    } catch (problem) {
      if (signal.aborted) return;
      if (problem instanceof Refused && [401, 403].includes(problem.status)) throw problem;
    }
    on.connected(false);
    await new Promise((done) => setTimeout(done, pause));
    pause = Math.min(2 * pause, LONGEST_PAUSE_MS);
  }
}

async function once(url, token, on, signal, arrived) {
  const attempt = new AbortController();
  const give_up = () => attempt.abort();
  signal.addEventListener("abort", give_up, { once: true });
  // The bridge says something every 10 s: silence means that the connection is dead.
  let watchdog = setTimeout(give_up, 30000);
  try {
    const answer = await fetch(url, { headers: headers(token), signal: attempt.signal });
    if (!answer.ok) throw await refusal(answer);
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "";
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      clearTimeout(watchdog);
      watchdog = setTimeout(give_up, 30000);
      const events = (rest + value).split("\n\n");
      rest = events.pop();
      for (const event of events) dispatch(event, on);
      arrived();
      on.connected(true);
      on.told();
    }
  } finally {
    clearTimeout(watchdog);
    signal.removeEventListener("abort", give_up);
  }
}

function dispatch(text, on) {
  const lines = text.split("\n");
  const field = (name) => lines.find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2);
  const handler = on[field("event")];
  if (handler) handler(JSON.parse(field("data")));
}
