// The call: how it ends, when to call back, the write-up, and what can be done while it lasts.

import * as keys from "./desk-keys.js";
import { clock, moment, say } from "./desk-say.js";

const at = (id) => document.getElementById(id);
// A wish never to be called again wants a second press within so long.
const ARMED_MS = 5_000;
// What is typed of a moment is read once the hands rest.
const REST_MS = 400;

let wish = null;
let refusal = null;
let view = null;
let open = null;
let armed = null;
let reading = 0;

/** Shows what can be done with the call of a view. */
export function show(now, { wish: asks, refusal: tells }) {
  [wish, refusal] = [asks, tells];
  const same = now.call === view?.call;
  view = now;
  if (!same) {
    at("notes").value = "";
    close();
    at("transfer").hidden = true;
    disarm();
  }
  const { state, said, dispositions } = view;
  const speaks = ["talking", "holding", "wrapping"].includes(state);
  at("call").hidden = !speaks && !["reserved", "previewing"].includes(state);
  for (const id of ["choices", "ending"]) at(id).hidden = !speaks;
  at("notes").closest("label").hidden = !speaks;
  keys.fill(at("choices"), speaks ? dispositions.map((one) => choice(one, said)) : []);
  at("said").hidden = !speaks || !said;
  const label = dispositions.find((one) => one.code === said)?.label ?? "";
  at("said-what").textContent = said ? say("said", { label }) : "";
  at("wrap").hidden = state !== "wrapping";
  at("extend").hidden = !(view.more_s > 0);
  keys.fill(at("controls"), controls());
}

/** Moves what moves by itself. */
export function tick(now, clockNow) {
  at("undo").hidden = !(now.undo_until > clockNow);
  if (now.state !== "wrapping") return;
  const left = now.until ? clock((now.until - clockNow) / 1000) : "";
  at("wrap-left").textContent = left ? say("wrap_left", { left }) : say("wrap_open");
}

function choice(one, said) {
  const key = one.key === null ? "" : String(one.key);
  const words = armed === one.code ? say("sure", { label: one.label }) : one.label;
  const kind = armed === one.code ? "armed" : one.do_not_call ? "stop" : "";
  return keys.button(words, key, kind, () => choose(one), one.code === said);
}

function controls() {
  const { state, dispositions } = view;
  const press = (act, told) => () => wish(act, told);
  const row = [];
  if (state === "previewing") {
    row.push(keys.button(say("dial"), "d", "main", press({ do: "dial" })));
    for (const [reason, key] of [["later", "s"], ["bad_record", ""], ["not_ours", ""]]) {
      row.push(keys.button(say(`skip.${reason}`), key, "", press({ do: "skip", reason })));
    }
    return row;
  }
  if (state === "talking") row.push(keys.button(say("hold"), "g", "", press({ do: "hold" })));
  if (state === "holding") row.push(keys.button(say("retrieve"), "g", "main", press({ do: "retrieve" })));
  if (["talking", "holding"].includes(state)) {
    row.push(keys.button(say("transfer"), "t", "", transfer));
  }
  if (["talking", "holding", "reserved"].includes(state)) {
    row.push(keys.button(say("hang_up"), "Control+Enter", "stop", press({ do: "hang_up" })));
  }
  // Where a disposition says it, that one is pressed.
  if (["talking", "holding", "wrapping"].includes(state) && !dispositions.some((one) => one.do_not_call)) {
    const sure = armed === "";
    const words = sure ? say("sure", { label: say("do_not_call") }) : say("do_not_call");
    row.push(keys.button(words, "o", sure ? "armed" : "stop", () => {
      if (!twice("")) return;
      wish({ do: "do_not_call" }, "never_again");
    }));
  }
  return row;
}

/** Whether this is the second press within the time. */
function twice(code) {
  if (armed === code) {
    disarm();
    return true;
  }
  armed = code;
  redraw();
  setTimeout(() => armed === code && disarm(), ARMED_MS);
  return false;
}

function disarm() {
  if (armed === null) return;
  armed = null;
  redraw();
}

function redraw() {
  if (view && wish) show(view, { wish, refusal });
}

function choose(one) {
  if (one.do_not_call && !twice(one.code)) return undefined;
  if (!one.needs) return dispose({ code: one.code });
  open = one;
  const shows = { "at-row": one.needs !== "amount", "mine-row": one.needs === "callback",
    "place-row": one.needs === "appointment", "amount-row": one.needs === "amount" };
  for (const [id, shown] of Object.entries(shows)) at(id).hidden = !shown;
  at("at-label").textContent = say(one.needs === "callback" ? "call_back_at" : "meet_at");
  at("more").hidden = false;
  at(one.needs === "amount" ? "amount" : "at").focus();
  return undefined;
}

function close() {
  open = null;
  at("more").hidden = true;
  for (const id of ["at", "place", "amount"]) at(id).value = "";
  at("mine").checked = false;
  tell("");
}

async function dispose(said) {
  const notes = at("notes").value.trim();
  const answer = await wish({ do: "dispose", ...said, ...(notes ? { notes } : {}) }, "noted");
  if (answer.refused) return offer(answer);
  close();
  document.activeElement?.blur();
  return undefined;
}

/** Shows why a moment cannot be, and offers the nearest that can. */
function offer({ next }) {
  at("at-next").hidden = !next;
  if (!next) return;
  at("at-next").textContent = say("take_moment", { at: moment(next.slice(0, 16)) });
  at("at-next").onclick = () => {
    at("at").value = next.slice(0, 16);
    at("at").focus();
    read();
  };
}

function tell(words) {
  at("at-told").textContent = words;
  at("at-next").hidden = true;
}

/** Asks what a moment means, and whether it can be. */
async function read() {
  const text = at("at").value.trim();
  if (!text || open?.needs !== "callback") return tell("");
  const mine = (reading += 1);
  const answer = await wish({ do: "when", at: text });
  if (mine !== reading || !open) return undefined;
  at("wrong").textContent = "";
  if (answer.refused) {
    tell(refusal(answer));
    return offer(answer);
  }
  const { at: when, zone } = answer.done;
  return tell(say("moment_read", { at: moment(when, zone), zone }));
}

function cents(text) {
  const found = /^(\d+)(?:[.,](\d{1,2}))?$/.exec(text.replace(/\s/g, ""));
  return found ? Number(found[1]) * 100 + Number((found[2] ?? "").padEnd(2, "0")) : null;
}

function confirm(event) {
  event.preventDefault();
  const { code, needs } = open;
  if (needs === "amount") {
    const amount = cents(at("amount").value);
    if (amount === null) {
      at("wrong").textContent = say("no.amount");
      return at("amount").focus();
    }
    return dispose({ code, amount_cents: amount });
  }
  const place = at("place").value.trim();
  const when = at("at").value.trim();
  const said = { code, mine: at("mine").checked, ...(when ? { at: when } : {}) };
  return dispose({ ...said, ...(place ? { place } : {}) });
}

function transfer() {
  at("transfer").hidden = false;
  at("transfer-to").focus();
}

async function hand(event) {
  event.preventDefault();
  const answer = await wish({ do: "transfer", to: at("transfer-to").value }, "transferred");
  if (!answer.refused) at("transfer").hidden = true;
}

let rest = 0;
at("at").addEventListener("input", () => {
  clearTimeout(rest);
  rest = setTimeout(read, REST_MS);
});
at("more").addEventListener("submit", confirm);
at("more-drop").addEventListener("click", close);
at("more").addEventListener("keydown", (event) => {
  if (event.key === "Escape") close();
});
at("transfer").addEventListener("submit", hand);
at("transfer-drop").addEventListener("click", () => (at("transfer").hidden = true));
at("undo").addEventListener("click", () => wish({ do: "undo" }, "undone"));
at("extend").addEventListener("click", () => wish({ do: "extend" }, "extended"));
keys.bind("n", () => at("notes").focus());
