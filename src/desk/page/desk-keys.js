// Keys: every button can be pressed by one, outside text fields alone, and all can be switched off.

const pressed = new Map();
let on = localStorage.getItem("keys") !== "off";

/** Describes a button of a row. */
export function button(words, key, kind, press, pressed) {
  return { words, key, kind, press, pressed };
}

/** Puts buttons into a row; one of the same key stays the same element, and keeps the focus. */
export function fill(row, buttons) {
  const known = new Map([...row.children].map((element) => [element.dataset.name, element]));
  const wanted = buttons.map(({ words, key, kind, press, pressed }) => {
    const name = key || words;
    const element = known.get(name) ?? document.createElement("button");
    Object.assign(element, { type: "button", className: kind ?? "", onclick: press });
    element.dataset.name = name;
    label(element, words, key);
    if (pressed === undefined) element.removeAttribute("aria-pressed");
    else element.setAttribute("aria-pressed", String(pressed));
    return element;
  });
  for (const gone of [...row.children].filter((element) => !wanted.includes(element))) gone.remove();
  wanted.forEach((element, place) => {
    if (row.children[place] !== element) row.insertBefore(element, row.children[place] ?? null);
  });
}

/** Writes a button's words with its key. */
export function label(element, words, key) {
  const wanted = `${key ?? ""}\n${words}`;
  if (element.dataset.shown === wanted) return;
  element.dataset.shown = wanted;
  element.replaceChildren(words);
  if (!key) return element.removeAttribute("aria-keyshortcuts");
  const sign = document.createElement("kbd");
  sign.textContent = key === "Control+Enter" ? "Ctrl ↵" : key.toUpperCase();
  element.prepend(sign);
  element.setAttribute("aria-keyshortcuts", key === "+" ? "plus" : key);
  element.dataset.key = key;
}

/** Has a key do something that is no button. */
export function bind(key, work) {
  pressed.set(key, work);
}

function typed(event) {
  const field = event.target.closest?.("input:not([type=checkbox]), textarea, select");
  const name = event.ctrlKey && event.key === "Enter" ? "Control+Enter" : event.key.toLowerCase();
  const chord = name === "Control+Enter";
  if (!on || event.altKey || event.metaKey || (event.ctrlKey && !chord)) return;
  if (field && !chord) return;
  const shown = [...document.querySelectorAll("button[data-key]")];
  const found = shown.find((one) => one.dataset.key === name && one.offsetParent !== null);
  const work = found ? () => found.click() : pressed.get(name);
  if (!work) return;
  event.preventDefault();
  work();
}

/** Begins to listen, with the button that switches keys on and off. */
export function start(toggle) {
  const show = () => {
    toggle.setAttribute("aria-pressed", String(on));
    document.body.classList.toggle("keyless", !on);
  };
  toggle.addEventListener("click", () => {
    on = !on;
    localStorage.setItem("keys", on ? "on" : "off");
    show();
  });
  document.addEventListener("keydown", typed);
  show();
}
