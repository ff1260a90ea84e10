// Asks the gateway at argv[2] by the official Node clients, and prints what each call says as one line of JSON.
import Anthropic from "@anthropic-ai/sdk";
import OpenAI from "openai";

const [gateway, question] = process.argv.slice(2);
const client = new OpenAI({ baseURL: `${gateway}/v1`, apiKey: "mine" });
const messages = [{ role: "system", content: "You add." }, { role: "user", content: question }];
const model = "gpt-4o-mini";
const say = (name, text) => console.log(JSON.stringify({ name, text }));

const whole = await client.chat.completions.create({ model, messages });
say("chat", whole.choices[0].message.content);

const stream = await client.chat.completions.create({ model, messages, stream: true });
let said = "";
for await (const chunk of stream) said += chunk.choices[0]?.delta?.content ?? "";
say("stream", said);

const runner = client.chat.completions.stream({ model, messages });
say("runner", (await runner.finalChatCompletion()).choices[0].message.content);

const response = await client.responses.create({ model, instructions: "You add.", input: question, store: false });
say("responses", response.output_text);

const responses = await client.responses.create({
  model, instructions: "You add.", input: question, store: false, stream: true,
});
said = "";
for await (const event of responses) if (event.type === "response.output_text.delta") said += event.delta;
say("responses stream", said);

const anthropic = new Anthropic({ baseURL: gateway, apiKey: "mine" });
const asked = { model, max_tokens: 100, system: "You add.", messages: messages.slice(1) };
say("messages", (await anthropic.messages.create(asked)).content[0].text);
say("messages stream", await anthropic.messages.stream(asked).finalText());
