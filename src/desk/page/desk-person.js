// Who is on the line: the card, its history, and its correction.

import { hour, knows, moment, say } from "./desk-say.js";

const at = (id) => document.getElementById(id);
let wish = null;
let card = null;

/** Shows the card of a view; hides it where there is none. */
export function show(view, { wish: asks }) {
  wish = asks;
  const shown = view.card;
  at("person").hidden = !shown;
  if (!shown) {
    at("editor").hidden = true;
    card = null;
    return;
  }
  if (shown.contact !== card?.contact) at("editor").hidden = true;
  card = shown;
  at("name").textContent = card.name ?? say("nameless");
  at("number").textContent = card.number ?? "";
  at("right").textContent = right(card.right);
  const corrected = card.corrections ? ` · ${say("corrected", { n: card.corrections })}` : "";
  at("attempt").textContent = say("attempt", { n: card.attempt }) + corrected;
  at("history").replaceChildren(...card.history.map((past) => item(past, view.dispositions)));
  at("fields").replaceChildren(...Object.entries(card.fields).flatMap(([name, value]) => {
    const [term, told] = [document.createElement("dt"), document.createElement("dd")];
    [term.textContent, told.textContent] = [called(name), value];
    return [term, told];
  }));
}

/** Tells the time where the person is. */
export function tick(view, now) {
  const zone = view.card?.zone;
  at("there").textContent = zone ? say("there", { at: hour(now, zone), zone }) : "";
}

/** Names a column of the list: those every list has in the page's language. */
function called(name) {
  return knows(`field.${name}`) ? say(`field.${name}`) : name;
}

function right(right) {
  if (!right) return "";
  const until = right.until ? ` ${say("until", { at: moment(right.until) })}` : "";
  return `✔ ${say(`right.${right.basis}`)}${until}${right.territory ? ` · ${right.territory}` : ""}`;
}

function item({ at: when, outcome, disposition, notes }, choices) {
  const label = choices.find((one) => one.code === disposition)?.label ?? disposition;
  const ended = outcome && knows(`outcome.${outcome}`) ? say(`outcome.${outcome}`) : "";
  const line = document.createElement("li");
  line.textContent = [moment(when), label ?? ended, notes].filter(Boolean).join(" · ");
  return line;
}

function field(name, value, words) {
  const [label, input] = [document.createElement("label"), document.createElement("input")];
  const text = document.createElement("span");
  text.textContent = words;
  Object.assign(input, { name, value, maxLength: 2000, autocomplete: "off" });
  label.append(text, input);
  return label;
}

function edit() {
  if (!card) return;
  const form = at("editor");
  const rows = [field("", card.name ?? "", say("name"))];
  rows.push(...Object.entries(card.fields).map(([name, value]) => field(name, value, called(name))));
  const [keep, drop] = ["button", "button"].map((tag) => document.createElement(tag));
  Object.assign(keep, { type: "submit", className: "main", textContent: say("save") });
  Object.assign(drop, { type: "button", textContent: say("cancel"), onclick: close });
  form.replaceChildren(...rows, keep, drop);
  form.hidden = false;
  form.querySelector("input").focus();
}

function close() {
  at("editor").hidden = true;
  at("edit").focus();
}

async function save(event) {
  event.preventDefault();
  const [first, ...rest] = at("editor").querySelectorAll("input");
  const changed = rest.filter((input) => input.value !== card.fields[input.name]);
  const fields = Object.fromEntries(changed.map((input) => [input.name, input.value]));
  const name = first.value !== (card.name ?? "") ? first.value : null;
  const answer = await wish({ do: "edit", name, fields }, "saved");
  if (!answer.refused) close();
}

at("edit").addEventListener("click", edit);
at("editor").addEventListener("submit", save);
at("editor").addEventListener("keydown", (event) => {
  if (event.key === "Escape") close();
});
