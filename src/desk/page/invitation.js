// An invitation: whom it is for, and the password that accepts it. Its token stands behind the `#`
// of the address, which no server is sent.

import { ask, onSubmit, refuse } from "./ask.js";

const form = document.querySelector("#form");
const invitation = location.hash.slice(1);
document.querySelector("#other").hash = location.hash;

onSubmit(form, async ({ password, again }) => {
  if (password !== again) {
    refuse("unlike", form.again);
    return;
  }
  const { ok, said } = await ask("POST", "/desk/invitation/accept", { invitation, password });
  if (ok) {
    location.replace("/desk/");
  } else {
    refuse(said.code ?? "away", form.password);
  }
});

const { ok, said } = await ask("POST", "/desk/invitation", { invitation });
if (ok) {
  form.hidden = false;
  document.querySelector("#who").textContent = said.name;
  form.elements.name.value = said.name;
  form.password.focus();
} else {
  refuse(said.code ?? "away");
}
