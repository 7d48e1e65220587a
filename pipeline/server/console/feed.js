// The line to the gateway: fetch, so that the key travels as a header; read as server-sent events; taken up again when it breaks.

const KEY = "penstock-admin-key";
const FIRST_WAIT = 0.5;
const LONGEST_WAIT = 15;
/** Seconds without a byte after which the line counts as dead: the gateway says something every few seconds. */
const SILENCE = 20;

export const key = {
  get: () => sessionStorage.getItem(KEY) ?? "",
  set: (value) => sessionStorage.setItem(KEY, value),
  forget: () => sessionStorage.removeItem(KEY),
};

/** What the gateway answered instead of what was asked for. */
export class Refused extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

async function open(path, signal) {
  const secret = key.get();
  const headers = secret ? { authorization: `Bearer ${secret}` } : {};
  const response = await fetch(path, { headers, signal, cache: "no-store", credentials: "omit", redirect: "error" });
  if (response.ok) return response;
  const body = await response.json().catch(() => null);
  throw new Refused(response.status, body?.error?.message ?? `The gateway answered ${response.status}.`);
}

/** JSON from the gateway. Raises Refused with the gateway's own words. */
export async function ask(path, signal) {
  return (await open(path, signal)).json();
}

/** Every `data:` of a stream of server-sent events, parsed. Any cut of the bytes gives the same messages. */
export async function* messages(body, heard = () => {}) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      heard();
      const parts = (rest + value).split("\n\n");
      rest = parts.pop();
      for (const part of parts) {
        const data = part.split("\n").filter((line) => line.startsWith("data:")).map((line) => line.slice(5));
        if (data.length) yield JSON.parse(data.join("\n"));
      }
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}

/**
 * Keeps one stream open and hands its messages on.
 *
 * `told(message)`: each message. `stateChanged(state)`: {name, wait?, tries?, why?}, where name is connecting, live, waiting,
 * paused or refused. `start` and `stop` may be called in any order, any number of times.
 */
export class Feed {
  #aborter = null;
  #tries = 0;
  #timer = 0;

  constructor(path, told, stateChanged) {
    this.path = path;
    this.told = told;
    this.stateChanged = stateChanged;
  }

  start() {
    this.stop("connecting");
    this.#aborter = new AbortController();
    this.#run(this.#aborter);
  }

  stop(name = "paused") {
    clearTimeout(this.#timer);
    this.#aborter?.abort();
    this.#aborter = null;
    this.stateChanged({ name });
  }

  async #run(aborter) {
    let dead = 0;
    const heard = () => {
      clearTimeout(dead);
      dead = setTimeout(() => aborter.abort("silent"), SILENCE * 1000);
    };
    let why = "The gateway ended the feed.";
    let refused = false;
    try {
      heard();
      const response = await open(this.path, aborter.signal);
      for await (const message of messages(response.body, heard)) {
        if (this.#aborter !== aborter) return;
        if (this.#tries || message.first) this.stateChanged({ name: "live" });
        this.#tries = 0;
        this.told(message);
      }
    } catch (error) {
      refused = error instanceof Refused && [401, 403].includes(error.status);
      why = error instanceof Refused ? error.message : "The gateway cannot be reached.";
    } finally {
      clearTimeout(dead);
    }
    // Whoever stopped it, or started it anew, needs no second try.
    if (this.#aborter !== aborter) return;
    if (refused) this.stateChanged({ name: "refused", why });
    else this.#later(why);
  }

  #later(why) {
    this.#tries += 1;
    const most = Math.min(LONGEST_WAIT, FIRST_WAIT * 2 ** (this.#tries - 1));
    // Many pages do not come back at the same moment.
    const wait = most * (0.75 + Math.random() / 4);
    this.stateChanged({ name: "waiting", wait, tries: this.#tries, why });
    this.#timer = setTimeout(() => this.start(), wait * 1000);
  }
}
