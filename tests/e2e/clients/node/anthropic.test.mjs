// The official JavaScript SDK of Anthropic.
import assert from "node:assert/strict";
import { test } from "node:test";
import Anthropic from "@anthropic-ai/sdk";
import { betaZodTool } from "@anthropic-ai/sdk/helpers/beta/zod";
import { zodOutputFormat } from "@anthropic-ai/sdk/helpers/zod";
import { z } from "zod";
import { BASES, KEY, SCRIPTED, TIMEOUT_MS, TINY, URL, all, asked } from "./here.mjs";

const at = (base, apiKey = KEY) =>
  new Anthropic({ baseURL: `${URL}${base}`, apiKey, maxRetries: 0, timeout: TIMEOUT_MS });
const { messages } = at("");
const WEATHER = { name: "weather", input_schema: { type: "object", properties: { n: { type: "integer" } } } };
const max_tokens = 50;

for (const base of BASES) {
  test(`a whole answer, its tokens counted, under ${base}/`, async () => {
    const client = at(base);
    const answer = await client.messages.create({ model: TINY, max_tokens, messages: asked("Hello") });
    assert.match(answer._request_id, /^req_/);
    assert.equal(answer.stop_reason, "end_turn");
    assert.ok(answer.content[0].text);
    const counted = await client.messages.countTokens({ model: TINY, messages: asked("Hello") });
    assert.equal(counted.input_tokens, answer.usage.input_tokens);
  });

  test(`a raw stream under ${base}/`, async () => {
    const stream = await at(base).messages.create({
      model: TINY,
      max_tokens,
      messages: asked("Hello"),
      stream: true,
    });
    const types = (await all(stream)).map((event) => event.type);
    assert.equal(types[0], "message_start");
    assert.deepEqual(types.slice(-3), ["content_block_stop", "message_delta", "message_stop"]);
  });
}

test("the helper for streams ends as the whole answer does", async () => {
  const request = { model: TINY, max_tokens, messages: asked("Hello"), temperature: 0 };
  const whole = await messages.create(request);
  const stream = messages.stream(request);
  let text = "";
  stream.on("text", (piece) => (text += piece));
  const final = await stream.finalMessage();
  assert.equal(text, whole.content[0].text);
  assert.deepEqual(final.content, whole.content);
  assert.deepEqual(final.usage, whole.usage);
});

test("a parsed answer", async () => {
  const City = z.object({ city: z.enum(["Kuwait", "Salmiya"]) });
  const answer = await messages.parse({
    model: SCRIPTED,
    max_tokens,
    messages: asked("Which?"),
    output_config: { format: zodOutputFormat(City) },
  });
  assert.deepEqual(answer.parsed_output, { city: "Kuwait" });
});

test("calls of tools, whole and streamed", async () => {
  const request = { model: SCRIPTED, max_tokens, messages: asked("#script tool=weather tools=2 tokens=2"), tools: [WEATHER] };
  const whole = await messages.create(request);
  assert.equal(whole.stop_reason, "tool_use");
  assert.deepEqual(whole.content.map((block) => [block.type, block.name, block.input]), [
    ["tool_use", "weather", { n: 1 }],
    ["tool_use", "weather", { n: 1 }],
  ]);
  const streamed = await messages.stream(request).finalMessage();
  assert.deepEqual(streamed.content, whole.content);
});

test("the runner of tools", async () => {
  const seen = [];
  const runner = at("").beta.messages.toolRunner({
    model: SCRIPTED,
    max_tokens,
    messages: asked("#script tool=weather tokens=1"),
    tools: [
      betaZodTool({
        name: "weather",
        description: "The weather.",
        inputSchema: z.object({ n: z.number() }),
        run: ({ n }) => (seen.push(n), "sunny and warm"),
      }),
    ],
  });
  const final = await runner;
  assert.equal(final.content[0].text, "sunny and warm");
  assert.deepEqual(seen, [1]);
});

test("models", async () => {
  const listed = await all(at("").models.list());
  assert.equal(listed[0].id, TINY);
  assert.equal(listed[0].type, "model");
});

test("errors are the SDK's own", async () => {
  const request = { model: SCRIPTED, max_tokens, messages: asked("Hello") };
  await assert.rejects(at("", "rsd_live_no").messages.create(request), Anthropic.AuthenticationError);
  await assert.rejects(messages.create({ ...request, model: "none" }), Anthropic.NotFoundError);
  await assert.rejects(messages.create({ ...request, temperature: "hot" }), Anthropic.BadRequestError);
});

test("a stream that fails half-way is an error, never an end", async () => {
  const seen = [];
  await assert.rejects(async () => {
    const request = { model: SCRIPTED, max_tokens, messages: asked("#script tokens=9 fail_at=2"), stream: true };
    for await (const event of await messages.create(request)) seen.push(event.type);
  }, Anthropic.APIError);
  assert.ok(seen.includes("content_block_delta"));
  assert.ok(!seen.includes("message_stop"));
});
