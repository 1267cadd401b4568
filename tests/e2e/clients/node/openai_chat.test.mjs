// The official JavaScript SDK of OpenAI: chat, completions, models, embeddings.
import assert from "node:assert/strict";
import { test } from "node:test";
import OpenAI from "openai";
import { zodFunction, zodResponseFormat } from "openai/helpers/zod";
import { z } from "zod";
import { BASES, KEY, SCRIPTED, TIMEOUT_MS, TINY, URL, all, asked, settled } from "./here.mjs";

const at = (base, apiKey = KEY) =>
  new OpenAI({ baseURL: `${URL}${base}/v1`, apiKey, maxRetries: 0, timeout: TIMEOUT_MS });
const client = at("");
const chat = client.chat.completions;
const WEATHER = {
  type: "function",
  function: { name: "weather", parameters: { type: "object", properties: { n: { type: "integer" } } } },
};

for (const base of BASES) {
  test(`a whole answer under ${base}/v1`, async () => {
    const answer = await at(base).chat.completions.create({ model: TINY, messages: asked("Hello") });
    assert.match(answer._request_id, /^req_/);
    assert.equal(answer.object, "chat.completion");
    assert.equal(answer.choices[0].finish_reason, "stop");
    assert.ok(answer.choices[0].message.content);
    assert.equal(answer.usage.total_tokens, answer.usage.prompt_tokens + answer.usage.completion_tokens);
  });

  test(`a raw stream under ${base}/v1`, async () => {
    const stream = await at(base).chat.completions.create({
      model: TINY,
      messages: asked("Hello"),
      stream: true,
      stream_options: { include_usage: true },
    });
    const chunks = await all(stream);
    const usage = chunks.pop();
    assert.deepEqual(usage.choices, []);
    assert.ok(usage.usage.total_tokens > 0);
    assert.ok(chunks.every((chunk) => chunk.usage === null));
    assert.equal(chunks[0].choices[0].delta.role, "assistant");
    assert.deepEqual(chunks.map((chunk) => chunk.choices[0].finish_reason).filter(Boolean), ["stop"]);
  });
}

test("the helper for streams ends as the whole answer does", async () => {
  const request = { model: TINY, messages: asked("Hello"), temperature: 0 };
  const whole = await chat.create(request);
  const stream = chat.stream({ ...request, stream_options: { include_usage: true } });
  let text = "";
  stream.on("content", (piece) => (text += piece));
  const final = await stream.finalChatCompletion();
  assert.equal(text, whole.choices[0].message.content);
  assert.equal(final.choices[0].message.content, text);
  assert.deepEqual(final.usage, whole.usage);
  assert.equal(await stream.finalContent(), text);
});

test("a stream as text of other scripts, emoji and lines", async () => {
  const text = "مرحبا 👩‍👩‍👧\u2028 and\r\nlines\u0085 \u0000 end";
  const stream = chat.stream({ model: SCRIPTED, messages: asked(text) });
  assert.equal(await stream.finalContent(), text);
});

test("several answers", async () => {
  const whole = await chat.create({ model: SCRIPTED, messages: asked("one two"), n: 3 });
  assert.deepEqual(whole.choices.map((choice) => choice.message.content), Array(3).fill("one two"));
  const final = await chat.stream({ model: SCRIPTED, messages: asked("one two"), n: 3 }).finalChatCompletion();
  assert.deepEqual(final.choices.map((choice) => choice.message.content), Array(3).fill("one two"));
});

test("a parsed answer", async () => {
  const City = z.object({ city: z.enum(["Kuwait", "Salmiya"]), people: z.number() });
  const request = {
    model: SCRIPTED,
    messages: asked("Which?"),
    response_format: zodResponseFormat(City, "city"),
  };
  const whole = await chat.parse(request);
  assert.equal(City.parse(whole.choices[0].message.parsed).city, "Kuwait");
  const streamed = await chat.stream(request).finalChatCompletion();
  assert.deepEqual(streamed.choices[0].message.parsed, whole.choices[0].message.parsed);
});

test("calls of tools, streamed side by side", async () => {
  const stream = chat.stream({ model: SCRIPTED, messages: asked("#script tool=weather tools=3 tokens=3"), tools: [WEATHER] });
  const final = await stream.finalChatCompletion();
  const calls = final.choices[0].message.tool_calls;
  assert.equal(final.choices[0].finish_reason, "tool_calls");
  assert.deepEqual(calls.map((call) => call.function.name), Array(3).fill("weather"));
  assert.deepEqual(calls.map((call) => JSON.parse(call.function.arguments)), Array(3).fill({ n: 1 }));
  assert.equal(new Set(calls.map((call) => call.id)).size, 3);
});

for (const stream of [false, true]) {
  test(`the runner of tools, stream: ${stream}`, async () => {
    const seen = [];
    const runner = chat.runTools({
      model: SCRIPTED,
      stream,
      messages: asked("#script tool=weather tokens=1"),
      tools: [
        zodFunction({
          name: "weather",
          parameters: z.object({ n: z.number() }),
          function: ({ n }) => (seen.push(n), "sunny and warm"),
        }),
      ],
    });
    assert.equal(await runner.finalContent(), "sunny and warm");
    assert.deepEqual(seen, [1]);
  });
}

test("completions, whole and streamed", async () => {
  const request = { model: SCRIPTED, prompt: "one two three", max_tokens: 5 };
  const whole = await client.completions.create(request);
  assert.equal(whole.choices[0].text, "one two three");
  const chunks = await all(await client.completions.create({ ...request, stream: true }));
  assert.equal(chunks.map((chunk) => chunk.choices[0].text).join(""), "one two three");
  assert.equal(chunks.at(-1).choices[0].finish_reason, "stop");
});

test("models, ids with a slash among them", async () => {
  const listed = await all(client.models.list());
  assert.equal(listed[0].id, TINY);
  assert.equal((await client.models.retrieve("acme/scripted-1")).id, "acme/scripted-1");
});

test("embeddings are the same numbers in either format", async () => {
  const input = ["a red fox", "two hens"];
  const coded = await client.embeddings.create({ model: SCRIPTED, input }); // the SDK asks for base64
  const plain = await client.embeddings.create({ model: SCRIPTED, input, encoding_format: "float" });
  assert.equal(coded.data.length, 2);
  assert.deepEqual(
    coded.data.map((entry) => Array.from(entry.embedding, Math.fround)),
    plain.data.map((entry) => entry.embedding.map(Math.fround)),
  );
  const short = await client.embeddings.create({ model: SCRIPTED, input: "fox", dimensions: 5 });
  assert.equal(short.data[0].embedding.length, 5);
});

test("errors are the SDK's own", async () => {
  const request = { model: SCRIPTED, messages: asked("Hello") };
  await assert.rejects(at("", "rsd_live_no").chat.completions.create(request), OpenAI.AuthenticationError);
  await assert.rejects(chat.create({ ...request, model: "none" }), { code: "model_not_found", status: 404 });
  await assert.rejects(chat.create({ ...request, temperature: "hot" }), { param: "temperature", status: 400 });
  await assert.rejects(chat.create({ ...request, messages: [] }), OpenAI.BadRequestError);
});

test("a stream that fails half-way is an error, never an end", async () => {
  const seen = [];
  await assert.rejects(async () => {
    const request = { model: SCRIPTED, messages: asked("#script tokens=9 fail_at=2"), stream: true };
    for await (const chunk of await chat.create(request)) seen.push(chunk);
  }, OpenAI.APIError);
  assert.ok(seen.some((chunk) => chunk.choices[0].delta.content));
  assert.ok(seen.every((chunk) => chunk.choices[0].finish_reason === null));
});

test("who leaves a stream pays for what was made", async () => {
  const before = await settled();
  const script = "#script tokens=2000 pace_ms=20";
  const stream = await chat.create({ model: SCRIPTED, messages: asked(script), stream: true });
  let pieces = 0;
  for await (const chunk of stream) {
    if (chunk.choices[0].delta.content && ++pieces === 3) break;
  }
  const paid = before - (await settled());
  assert.ok(paid >= 3 && paid < 2000, `${paid}`);
});
