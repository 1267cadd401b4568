// The AI SDK of Vercel, by each of its providers for OpenAI's and Anthropic's wires.
import assert from "node:assert/strict";
import { test } from "node:test";
import { createAnthropic } from "@ai-sdk/anthropic";
import { createOpenAI } from "@ai-sdk/openai";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { Output, embedMany, generateText, isStepCount, streamText, tool } from "ai";
import { z } from "zod";
import { KEY, SCRIPTED, URL, all } from "./here.mjs";

const compatible = createOpenAICompatible({
  name: "raseed",
  baseURL: `${URL}/v1`,
  apiKey: KEY,
  includeUsage: true,
  supportsStructuredOutputs: true,
});
const openai = createOpenAI({ baseURL: `${URL}/v1`, apiKey: KEY });
const anthropic = createAnthropic({ baseURL: `${URL}/v1`, apiKey: KEY });

const PROVIDERS = {
  "openai-compatible": compatible,
  "openai chat": openai.chat,
  "openai responses": openai.responses,
  anthropic,
};
const weather = tool({
  description: "The weather.",
  inputSchema: z.object({ n: z.number() }),
  execute: ({ n }) => `sunny ${n}`,
});
const common = { maxRetries: 0, maxOutputTokens: 60 };

for (const [name, provider] of Object.entries(PROVIDERS)) {
  const model = provider(SCRIPTED);

  test(`${name}: a whole answer`, async () => {
    const answer = await generateText({ ...common, model, prompt: "one two three" });
    assert.equal(answer.text, "one two three");
    assert.equal(answer.finishReason, "stop");
    assert.ok(answer.usage.inputTokens > 0 && answer.usage.outputTokens > 0);
  });

  test(`${name}: a stream`, async () => {
    const errors = [];
    const answer = streamText({ ...common, model, prompt: "one 👩‍👩‍👧 three", onError: (event) => errors.push(event) });
    const pieces = await all(answer.textStream);
    assert.deepEqual(errors, []);
    assert.equal(pieces.join(""), "one 👩‍👩‍👧 three");
    assert.equal(await answer.finishReason, "stop");
    assert.ok((await answer.usage).outputTokens > 0);
  });

  test(`${name}: an object, whole and streamed`, async () => {
    const output = Output.object({ schema: z.object({ city: z.enum(["Kuwait", "Salmiya"]) }) });
    const whole = await generateText({ ...common, model, output, prompt: "Which?" });
    assert.deepEqual(whole.output, { city: "Kuwait" });
    const streamed = streamText({ ...common, model, output, prompt: "Which?" });
    assert.deepEqual(await streamed.output, { city: "Kuwait" });
  });

  test(`${name}: tools, until the model answers`, async () => {
    const request = {
      ...common,
      model,
      tools: { weather },
      stopWhen: isStepCount(3),
      prompt: "#script tool=weather tools=2 tokens=2",
    };
    const whole = await generateText(request);
    assert.deepEqual(whole.steps[0].toolCalls.map((call) => call.input), [{ n: 1 }, { n: 1 }]);
    assert.equal(whole.steps[0].finishReason, "tool-calls");
    assert.match(whole.text, /sunny 1/);
    const streamed = streamText(request);
    assert.match(await streamed.text, /sunny 1/);
    const steps = await streamed.steps;
    assert.equal(steps.length, 2);
    assert.deepEqual(steps[0].toolResults.map((result) => result.output), ["sunny 1", "sunny 1"]);
  });

  test(`${name}: a stream that fails half-way is an error`, async () => {
    const errors = [];
    const answer = streamText({
      ...common,
      model,
      prompt: "#script tokens=9 fail_at=2",
      onError: (event) => errors.push(event.error),
    });
    const parts = await all(answer.fullStream).catch((error) => (errors.push(error), []));
    assert.ok(errors.length > 0);
    assert.ok(!parts.some((part) => part.type === "finish" && part.finishReason === "stop"));
  });

  test(`${name}: a refusal has its status`, async () => {
    await assert.rejects(
      generateText({ ...common, model: provider("none"), prompt: "Hello" }),
      (error) => error.statusCode === 404 && /none/.test(error.message),
    );
  });
}

for (const [name, provider] of Object.entries({ "openai-compatible": compatible, openai })) {
  test(`${name}: embeddings`, async () => {
    const model = provider.embeddingModel(SCRIPTED);
    const { embeddings, usage } = await embedMany({ model, values: ["a red fox", "two hens"], maxRetries: 0 });
    assert.equal(embeddings.length, 2);
    assert.equal(embeddings[0].length, embeddings[1].length);
    assert.ok(usage.tokens > 0);
  });
}
