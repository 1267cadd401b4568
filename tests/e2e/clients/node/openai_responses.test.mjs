// The official JavaScript SDK of OpenAI: responses.
import assert from "node:assert/strict";
import { test } from "node:test";
import OpenAI from "openai";
import { zodTextFormat } from "openai/helpers/zod";
import { z } from "zod";
import { BASES, KEY, SCRIPTED, TIMEOUT_MS, TINY, URL, all } from "./here.mjs";

const at = (base) => new OpenAI({ baseURL: `${URL}${base}/v1`, apiKey: KEY, maxRetries: 0, timeout: TIMEOUT_MS });
const { responses } = at("");
const WEATHER = {
  type: "function",
  name: "weather",
  strict: false,
  parameters: { type: "object", properties: { n: { type: "integer" } } },
};

for (const base of BASES) {
  test(`a whole answer under ${base}/v1`, async () => {
    const answer = await at(base).responses.create({ model: TINY, input: "Hello" });
    assert.equal(answer.status, "completed");
    assert.ok(answer.output_text);
    assert.equal(answer.usage.total_tokens, answer.usage.input_tokens + answer.usage.output_tokens);
  });

  test(`a raw stream under ${base}/v1`, async () => {
    const events = await all(await at(base).responses.create({ model: TINY, input: "Hello", stream: true }));
    assert.deepEqual(events.map((event) => event.sequence_number), events.map((_, index) => index));
    const types = events.map((event) => event.type).filter((type) => type !== "response.output_text.delta");
    assert.deepEqual(types, [
      "response.created",
      "response.in_progress",
      "response.output_item.added",
      "response.content_part.added",
      "response.output_text.done",
      "response.content_part.done",
      "response.output_item.done",
      "response.completed",
    ]);
  });
}

test("the helper for streams ends as the whole answer does", async () => {
  const request = { model: SCRIPTED, input: "one 👩‍👩‍👧 three" };
  const whole = await responses.create(request);
  const stream = responses.stream(request);
  let text = "";
  stream.on("response.output_text.delta", (event) => (text += event.delta));
  const final = await stream.finalResponse();
  assert.equal(text, "one 👩‍👩‍👧 three");
  assert.equal(final.output_text, text);
  assert.equal(whole.output_text, text);
  assert.deepEqual(final.usage, whole.usage);
});

test("a parsed answer", async () => {
  const City = z.object({ city: z.enum(["Kuwait", "Salmiya"]) });
  const request = { model: SCRIPTED, input: "Which?", text: { format: zodTextFormat(City, "city") } };
  assert.deepEqual((await responses.parse(request)).output_parsed, { city: "Kuwait" });
  assert.deepEqual((await responses.stream(request).finalResponse()).output_parsed, { city: "Kuwait" });
});

test("calls of tools, and the answer to their results", async () => {
  const request = { model: SCRIPTED, input: "#script tool=weather tools=2 tokens=2", tools: [WEATHER] };
  const whole = await responses.create(request);
  const calls = whole.output.filter((item) => item.type === "function_call");
  assert.deepEqual(calls.map((call) => [call.name, JSON.parse(call.arguments)]), Array(2).fill(["weather", { n: 1 }]));
  const streamed = await responses.stream(request).finalResponse();
  assert.deepEqual(streamed.output.map((item) => item.name), ["weather", "weather"]);
  const next = await responses.create({
    model: SCRIPTED,
    previous_response_id: streamed.id,
    tools: [WEATHER],
    input: streamed.output.map(({ call_id }) => ({ type: "function_call_output", call_id, output: "sunny and warm" })),
  });
  assert.equal(next.output_text, "sunny and warm");
});

test("kept, read again, and deleted", async () => {
  const made = await responses.create({ model: SCRIPTED, input: "Hello" });
  const kept = await responses.retrieve(made.id);
  assert.deepEqual(kept.output, made.output);
  const items = await all(responses.inputItems.list(made.id));
  assert.equal(items[0].content[0].text, "Hello");
  await responses.delete(made.id);
  await assert.rejects(responses.retrieve(made.id), OpenAI.NotFoundError);
});

test("the tokens of an input are counted", async () => {
  const request = { model: SCRIPTED, input: "Hello" };
  const counted = await responses.inputTokens.count(request);
  assert.equal(counted.input_tokens, (await responses.create(request)).usage.input_tokens);
});

test("a stream that fails half-way says so, and does not complete", async () => {
  const request = { model: SCRIPTED, input: "#script tokens=9 fail_at=2", stream: true };
  const types = (await all(await responses.create(request))).map((event) => event.type);
  assert.ok(types.includes("response.output_text.delta"));
  assert.equal(types.at(-1), "response.failed");
});
