// What the page says: its language, the words of it, times and numbers as people write them.

import { WORDS } from "./desk-words.js";

const TONGUES = ["en", "fr"];

function chosen() {
  const asked = new URLSearchParams(location.search).get("lang") ?? localStorage.getItem("lang");
  const wanted = [asked, ...navigator.languages].map((tag) => tag?.slice(0, 2).toLowerCase());
  return wanted.find((tag) => TONGUES.includes(tag)) ?? "fr";
}

let tongue = chosen();

/** The language in use: "en" or "fr". */
export function spoken() {
  return tongue;
}

/** Goes over to the other language, and stays there. */
export function turn() {
  tongue = tongue === "fr" ? "en" : "fr";
  localStorage.setItem("lang", tongue);
}

/** Whether there are words for a key. */
export function knows(key) {
  return Object.hasOwn(WORDS, key);
}

/** Says a key's words, each {name} in them filled in. */
export function say(key, given = {}) {
  const words = WORDS[key]?.[TONGUES.indexOf(tongue)] ?? key;
  return words.replace(/\{(\w+)\}/g, (_, name) => given[name] ?? "");
}

/** Writes seconds as a clock: 2:41, 1:02:41. */
export function clock(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  const two = (part) => String(part).padStart(2, "0");
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  const rest = `${two(minutes)}:${two(whole % 60)}`;
  return hours > 0 ? `${hours}:${rest}` : rest;
}

/** Writes the time of day in a zone. */
export function hour(at, zone) {
  return new Intl.DateTimeFormat(tongue, { timeZone: zone, hour: "2-digit", minute: "2-digit" })
    .format(at);
}

/** Writes a day and its hour in a zone. */
export function moment(at, zone) {
  const parts = { weekday: "long", day: "numeric", month: "long", hour: "2-digit", minute: "2-digit" };
  return new Intl.DateTimeFormat(tongue, { timeZone: zone, ...parts }).format(new Date(at));
}
