// Sign-in: name, password, and a code where the account asks for one.

import { ask, onSubmit, refuse } from "./ask.js";

const form = document.querySelector("#form");
const second = document.querySelector("#second");

onSubmit(form, async ({ name, password, code }) => {
  const { ok, said } = await ask("POST", "/desk/sign-in", { name, password, code });
  if (ok) {
    location.assign("/desk/");
    return;
  }
  if (said.code === "code_needed" || said.code === "code_wrong") {
    second.hidden = false;
    refuse(said.code, form.code);
  } else {
    refuse(said.code ?? "away", form.password);
  }
});

// A link from elsewhere does not bring the session's cookie: whoever has one goes on from here.
const { ok } = await ask("GET", "/desk/me");
if (ok) {
  location.replace("/desk/");
} else {
  form.elements.name.focus();
}
