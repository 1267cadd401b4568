// Where the stack is, and what every file of tests here needs.
import assert from "node:assert/strict";

export const URL = process.env.RASEED_URL;
export const KEY = process.env.RASEED_KEY;
export const TINY = "raseed-tiny";
export const SCRIPTED = "scripted";
export const TIMEOUT_MS = 60_000;
export const BASES = ["", "/api"];

export const asked = (content) => [{ role: "user", content }];

export async function all(iterable) {
  const items = [];
  for await (const item of iterable) items.push(item);
  return items;
}

/** What an account has, as its balance page shows it. */
export async function credits() {
  const answer = await fetch(`${URL}/api/billing/subscription`, { headers: { authorization: `Bearer ${KEY}` } });
  assert.equal(answer.status, 200);
  return (await answer.json()).credits;
}

/** Waits until nothing is held: whoever leaves a stream does not pay for what was never made. */
export async function settled(deadline_ms = 20_000) {
  const end = Date.now() + deadline_ms;
  for (;;) {
    const found = await credits();
    if (found.held === 0) return found.balance;
    assert.ok(Date.now() < end, "credit is still held");
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
