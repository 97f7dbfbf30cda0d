// What the pages of the door share: asking the server, and saying what came of it.

/** Asks the server; gives the status and what it said as JSON. */
export async function ask(method, path, body) {
  try {
    const answer = await fetch(path, {
      method,
      headers: { "content-type": "application/json", "x-cadran": "1" },
      body: body === undefined ? undefined : JSON.stringify(body),
      cache: "no-store",
      redirect: "error",
    });
    const said = await answer.json().catch(() => ({}));
    return { ok: answer.ok, status: answer.status, said };
  } catch {
    return { ok: false, status: 0, said: {} };
  }
}

/** Says what a code means, in the page's language, where screen readers hear it at once. */
export function say(code) {
  const word = (name) => document.querySelector(`#words [data-code="${CSS.escape(name)}"]`);
  const known = code === "" ? null : word(code) ?? word("away");
  document.querySelector("#said").textContent = known?.textContent ?? "";
}

/** Sends a form once at a time, without leaving the page. */
export function onSubmit(form, send) {
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const button = form.querySelector("[type=submit]");
    button.disabled = true;
    say("");
    await send(Object.fromEntries(new FormData(form)));
    button.disabled = false;
  });
}

/** Says what went wrong and leads to the field it is about. */
export function refuse(code, field) {
  say(code);
  field?.focus();
  field?.select?.();
}
