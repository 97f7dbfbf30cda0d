// One's own account: signing out, and a code from a telephone beside the password.

import { ask, onSubmit, refuse, say } from "./ask.js";

const form = document.querySelector("#form");
const part = (id) => document.querySelector(`#${id}`);

const { ok, said } = await ask("GET", "/desk/me");
if (!ok) {
  location.replace("/desk/sign-in");
}
part("who").textContent = said.name ?? "";

part("out").addEventListener("click", async () => {
  await ask("POST", "/desk/sign-out");
  location.replace("/desk/sign-in");
});

part("new").addEventListener("click", async () => {
  const { ok, said } = await ask("POST", "/desk/second-factor");
  if (!ok) {
    refuse(said.code ?? "away");
    return;
  }
  part("secret").textContent = said.secret.replace(/(.{4})(?=.)/g, "$1 ");
  part("uri").href = said.uri;
  part("proposal").hidden = false;
  part("set").hidden = false;
  part("new").hidden = true;
  say("");
  form.code.focus();
});

onSubmit(form, async ({ password, code }) => {
  const secret = part("secret").textContent.replaceAll(" ", "");
  const { ok, said } = await ask("PUT", "/desk/second-factor", { password, secret, code });
  if (ok) {
    form.reset();
    part("proposal").hidden = true;
    part("set").hidden = true;
    part("new").hidden = false;
    say("done");
  } else {
    refuse(said.code ?? "away", said.code === "code_wrong" ? form.code : form.password);
  }
});

part("remove").addEventListener("click", async () => {
  if (!form.reportValidity()) {
    return;
  }
  const body = { password: form.password.value };
  const { ok, said } = await ask("POST", "/desk/second-factor/remove", body);
  if (ok) {
    form.reset();
    say("done");
  } else {
    refuse(said.code ?? "away", form.password);
  }
});
