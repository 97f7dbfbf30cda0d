// The socket: sends wishes and gives their answers, comes back by itself, keeps the server's clock.

// The server speaks every 5 s: one that was silent for three times that is gone.
const SILENT_MAX_MS = 15_000;
const AGAIN_MS = [0, 500, 1_000, 2_000, 5_000];
const TAKEN = 4001;

/** Opens the agent's socket. `on` hears `view(view)`, `lost()`, `taken()`, `refused()`. */
export function open(on) {
  const waiting = new Map();
  let socket, heard, last = 0, tries = 0, ahead = 0, over = false;

  function connect() {
    const url = new URL("/desk/socket", location.href);
    url.protocol = url.protocol.replace("http", "ws");
    socket = new WebSocket(url);
    heard = Date.now();
    socket.onmessage = (event) => hear(JSON.parse(event.data));
    socket.onclose = (event) => closed(event);
  }

  function hear(told) {
    heard = Date.now();
    tries = 0;
    if (told.now) ahead = told.now - heard;
    if (told.view) on.view(told.view);
    if (told.taken) {
      over = true;
      socket.close();
    }
    const answer = waiting.get(told.id);
    waiting.delete(told.id);
    answer?.(told);
  }

  function closed(event) {
    for (const answer of waiting.values()) answer({ refused: "socket_lost" });
    waiting.clear();
    if (over || event.code === TAKEN) return on.taken();
    on.lost();
    const pause = AGAIN_MS[Math.min(tries++, AGAIN_MS.length - 1)];
    setTimeout(connect, pause + Math.random() * pause);
    // A browser does not tell why no socket opens: whoever is signed out learns it so.
    if (tries > 1) on.refused();
  }

  setInterval(() => {
    if (!over && Date.now() - heard > SILENT_MAX_MS) socket.close();
  }, 1_000);
  connect();

  return {
    /** The server's clock, in milliseconds. */
    now: () => Date.now() + ahead,
    /** Wishes something; gives the answer, refused or done. */
    ask(wish) {
      if (socket.readyState !== WebSocket.OPEN) return Promise.resolve({ refused: "socket_lost" });
      const id = (last += 1);
      const answer = new Promise((resolve) => waiting.set(id, resolve));
      socket.send(JSON.stringify({ id, ...wish }));
      return answer;
    },
    /** Takes the seat back for this page. */
    again() {
      over = false;
      connect();
    },
  };
}
