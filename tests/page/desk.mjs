// A shift of an agent at the page, by keys alone, in French and then in English.
//
// Started by tests/it/desk/browser.rs with PAGE, CHROMIUM and CLOSED_DAY; fails by its exit code.
// SHOTS names a folder for screenshots, where they are wanted.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { chromium } from "playwright-core";

const { PAGE, CHROMIUM, CLOSED_DAY, SHOTS } = process.env;
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const PATIENCE = 20_000;

const browser = await chromium.launch({
  executablePath: CHROMIUM,
  args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run",
    "--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream"],
});
const context = await browser.newContext({
  locale: "fr-FR", timezoneId: "Europe/Paris", viewport: { width: 1366, height: 768 },
});
context.setDefaultTimeout(PATIENCE);
const page = await context.newPage();
const faults = [];
page.on("pageerror", (error) => faults.push(String(error)));
page.on("console", (line) => line.type() === "error" && faults.push(line.text()));

const text = (id) => page.textContent(`#${id}`);
const press = (key) => page.keyboard.press(key);

/** Waits until an element says something. */
async function says(id, words) {
  await page.waitForFunction(
    ([id, words]) => document.getElementById(id)?.textContent.includes(words), [id, words],
  ).catch(async () => assert.fail(`#${id} says "${await text(id)}", not "${words}"`));
}

/** Has axe look at the page: nothing serious, nothing critical. */
async function accessible(where) {
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => globalThis.axe.run(document));
  const grave = violations.filter(({ impact }) => ["serious", "critical"].includes(impact));
  const told = grave.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).join(" ")}`);
  assert.deepEqual(told, [], where);
  if (SHOTS) await page.screenshot({ path: `${SHOTS}/${where}.png` });
}

/** Whether somebody is heard in the browser: packets come, and they are not silence. */
async function heard() {
  const stats = await globalThis.lines.at(-1)?.getStats();
  const inbound = [...(stats?.values() ?? [])].find(({ type }) => type === "inbound-rtp");
  return inbound?.packetsReceived > 25 && inbound.totalAudioEnergy > 0;
}

async function nextCall(word = "En ligne") {
  await says("state", word);
  await page.waitForSelector("#person:not([hidden])");
}

// The page's lines are kept for a look at what they carry.
await page.addInitScript(() => {
  const Line = globalThis.RTCPeerConnection;
  globalThis.lines = [];
  globalThis.RTCPeerConnection = class extends Line {
    constructor(...settings) {
      super(...settings);
      globalThis.lines.push(this);
    }
  };
});

try {
  await page.goto(PAGE);
  await says("state", "Hors ligne");
  await accessible("hors-ligne");

  // The browser is the telephone, by the key that then switches its microphone.
  await press("h");
  await page.getByRole("button", { name: "Couper le micro" }).waitFor();

  // The shift begins, then calls come.
  await press("r");
  await says("state", "En pause");
  await accessible("en-pause");
  await press("r");
  await nextCall();
  assert.equal(await text("name"), "Claire Martin 0");
  assert.equal(await text("number"), "01 •• •• 00 00");
  await says("there", "chez la personne");
  await page.waitForFunction(heard);
  await says("campaign", "Jardin Printemps");
  await accessible("en-ligne");
  const [tall, wide] = await page.evaluate(() => [
    document.documentElement.scrollHeight, document.documentElement.scrollWidth,
  ]);
  assert.ok(tall <= 768 && wide <= 1366, `the page is ${wide} × ${tall}`);

  // One key says how it ended; taken back, the next call does not come before another is chosen.
  await press("Control+Enter");
  await says("state", "Qualification");
  await says("wrap-left", "pour qualifier");
  await press("+");
  await says("told", "demi-minute");
  await press("4");
  await says("said-what", "Pas intéressé");
  await accessible("qualification");
  await press("u");
  await says("told", "choisissez à nouveau");
  await press("r");
  await says("wrong", "Qualifiez d'abord");
  await press("4");
  await says("said-what", "Pas intéressé");
  await press("r");

  // A callback in the words of the person; a moment at which nobody may be called is refused.
  await says("name", "Martin 1");
  await nextCall();
  await press("3");
  assert.equal(await page.evaluate(() => document.activeElement.id), "at");
  await page.keyboard.type(`${CLOSED_DAY} 10h`);
  await says("at-told", "Aucun appel n'est permis");
  await page.waitForSelector("#at-next:not([hidden])");
  await accessible("rappel");
  await page.fill("#at", "");
  await page.keyboard.type("demain 10h");
  await says("at-told", "10:00");
  await press("Enter");
  await says("said-what", "Rappel convenu");
  // What was said in the call needs no write-up: the next one comes.
  await press("Control+Enter");

  // Digits in the notes are digits; a wish never to be called wants two presses.
  await says("name", "Martin 2");
  await nextCall();
  await press("n");
  await page.keyboard.type("rappeler le 4 au 9");
  assert.equal(await page.isVisible("#said"), false);
  await page.evaluate(() => document.activeElement.blur());
  await press("9");
  await says("choices", "Encore une fois");
  await press("9");
  await says("said-what", "Ne plus appeler");
  await press("u");
  await says("wrong", "opposition");
  await press("p");
  await says("after", "ensuite");
  await press("Control+Enter");
  await says("state", "En pause");

  // A page loaded anew in the middle of a call knows all of it; keys can be switched off.
  await press("r");
  await nextCall();
  await page.reload();
  await nextCall();
  await says("name", "Martin 3");
  await page.click("#keys");
  await press("4");
  assert.equal(await page.isVisible("#said"), false);
  await page.click("#keys");
  await press("1");
  await page.keyboard.type("149,90");
  await press("Enter");
  await says("said-what", "Vente");

  // English, at twice the size.
  await page.click("#tongue");
  await says("state", "In conversation");
  assert.equal(await page.getAttribute("html", "lang"), "en");
  await accessible("talking");
  await page.setViewportSize({ width: 683, height: 384 });
  const over = await page.evaluate(
    () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
  );
  assert.ok(over <= 0, `${over} pixels are lost at 200 %`);
  await accessible("talking-200");
  await page.setViewportSize({ width: 1366, height: 768 });

  // A second page takes the seat; the first one says so.
  const second = await context.newPage();
  await second.goto(PAGE);
  await says("lost", "another page");
  await accessible("taken");
  await second.waitForFunction(() => document.getElementById("state").dataset.state === "talking");
  await second.keyboard.press("p");
  await second.keyboard.press("Control+Enter");
  await second.waitForFunction(() => document.getElementById("state").dataset.state === "paused");
  assert.deepEqual(faults, [], "the browser complains");
} catch (error) {
  console.error(error, faults, await page.textContent("main").catch(() => ""));
  process.exitCode = 1;
} finally {
  await browser.close();
}
