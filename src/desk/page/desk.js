// The desk: what an agent sees is what the server last said; what is pressed goes there first.

import * as call from "./desk-call.js";
import * as keys from "./desk-keys.js";
import * as person from "./desk-person.js";
import * as phone from "./desk-phone.js";
import * as socket from "./desk-socket.js";
import { clock, knows, moment, say, spoken, turn } from "./desk-say.js";

const at = (id) => document.getElementById(id);
let view = null;
let link = null;

/** Wishes something and tells what came of it; gives the answer. */
async function wish(what, told) {
  const answer = await link.ask(what);
  at("wrong").textContent = answer.refused ? refusal(answer) : "";
  if (!answer.refused) at("told").textContent = told ? say(told) : "";
  return answer;
}

function refusal({ refused, words, rule, law, next }) {
  const why = [`rule.${rule}`, `no.${refused}`].find(knows);
  const said = why ? say(why) : words || say("no.other");
  const nearest = next ? ` ${say("nearest", { at: moment(next.slice(0, 16)) })}` : "";
  return `${said}${law ? ` (${law})` : ""}${nearest}`;
}

function show() {
  document.documentElement.lang = spoken();
  for (const element of document.querySelectorAll("[data-word]")) {
    keys.label(element, say(element.dataset.word), element.dataset.key);
  }
  for (const element of document.querySelectorAll("[data-label]")) {
    element.setAttribute("aria-label", say(element.dataset.label));
  }
  at("tongue").textContent = say("other_tongue");
  at("tongue").lang = spoken() === "fr" ? "en" : "fr";
  if (!view) return;
  const { state, pause, campaign, after, last_call: last, day } = view;
  const label = (code) => view.pauses.find((one) => one.code === code)?.label ?? say(`state.${code}`);
  const words = say(`state.${state}`) + (pause ? ` · ${label(pause)}` : "");
  if (at("state").textContent !== words) at("state").textContent = words;
  at("state").dataset.state = state;
  at("after").textContent = after ? say(last ? "last_then" : "then", { what: label(after) }) : "";
  at("campaign").textContent = campaign ? `${campaign.title} · ${campaign.client}` : "";
  document.title = `${words} · cadran`;
  at("why").textContent = why();
  at("day").textContent = day ? say("day", {
    handled: day.handled, talk: clock(day.talk_s), wrap: clock(day.wrap_s), wait: clock(day.wait_s),
  }) : "";
  moves();
  person.show(view, { wish });
  call.show(view, { wish, refusal });
  tick();
}

/** Says why the agent waits. */
function why() {
  if (view.state === "paused" && !view.phone) return say("phone_awaited");
  if (view.state !== "ready" || !view.why) return "";
  const { code, contacts, until, campaign, who, skills } = view.why;
  const given = {
    n: contacts ?? 0, campaign: campaign ?? "", who: who ?? "", skills: (skills ?? []).join(", "),
    until: until ? say("until", { at: moment(until) }) : "",
  };
  return say(knows(`why.${code}`) ? `why.${code}` : "why.other", given).trim();
}

/** Shows what the agent may do about the shift. */
function moves() {
  const { state, after, last_call: last, pauses } = view;
  const busy = ["talking", "holding", "reserved"].includes(state);
  const waits = ["ready", "previewing", "resting"].includes(state);
  const buttons = [];
  const press = (words, wished, key, kind) => buttons.push(keys.button(words, key, kind, () => wish(wished)));
  if (state === "logged_out") press(say("login"), { do: "login" }, "r", "main");
  else if (state === "paused") press(say("ready"), { do: "ready" }, "r", "main");
  else if (state === "wrapping" && !after) press(say("next"), { do: "ready" }, "r", "main");
  else if (state === "wrapping") {
    const goes = after === "logged_out" ? { do: "logout" } : { do: "pause", code: after };
    press(say("finish"), goes, "r", "main");
  }
  if (after) press(say("stay"), { do: "ready" }, "", "");
  if (busy || waits || state === "wrapping") {
    for (const [place, { code, label }] of pauses.entries()) {
      // The first pause is that of signing in.
      if (place === 0 && pauses.length > 1) continue;
      const rests = () => wish({ do: "pause", code }, busy ? "pause_after" : undefined);
      const key = place === Math.min(1, pauses.length - 1) ? "p" : "";
      buttons.push(keys.button(say("pause", { label }), key, "", rests));
    }
  }
  if ((busy || waits) && !last && !after) {
    press(say("last_call"), { do: "last_call" }, "l", "");
  }
  if (!view.phone || phone.up()) {
    const words = phone.up() ? say(phone.muted() ? "unmute" : "mute") : say("headset");
    buttons.push(keys.button(words, phone.up() ? "m" : "h", "", headset, phone.up() ? phone.muted() : undefined));
  }
  if (state !== "logged_out") {
    press(say("logout"), { do: "logout" }, "", "");
  }
  keys.fill(at("moves"), buttons);
}

/** Makes this browser the telephone, or switches its microphone. */
async function headset() {
  if (phone.up()) phone.mute();
  else {
    const answer = await phone.join((offer) => link.ask(offer));
    at("wrong").textContent = answer.refused ? refusal(answer) : "";
  }
  show();
}

/** Moves what moves by itself: the timers and the time where the person is. */
function tick() {
  if (!view || !link) return;
  const now = link.now();
  at("timer").textContent = clock((now - view.since) / 1000);
  person.tick(view, now);
  call.tick(view, now);
}

function hear(said) {
  if (at("lost").textContent) at("lost").textContent = "";
  if (said.call !== view?.call) at("wrong").textContent = "";
  view = said;
  show();
}

function taken() {
  phone.leave();
  at("lost").textContent = "";
  const back = document.createElement("button");
  back.type = "button";
  back.textContent = say("take_back");
  back.onclick = () => {
    at("lost").textContent = "";
    link.again();
  };
  at("lost").append(`${say("taken")} `, back);
}

keys.start(at("keys"));
at("tongue").addEventListener("click", () => {
  turn();
  show();
});
show();
link = socket.open({
  view: hear,
  lost: () => (at("lost").textContent = say("lost")),
  taken,
  // Whoever is signed out is sent to sign in; the server decides who that is.
  refused: async () => {
    const me = await fetch("me", { headers: { accept: "application/json" } }).catch(() => null);
    if (me?.status === 401) location.assign("sign-in");
  },
});
setInterval(tick, 1000);
