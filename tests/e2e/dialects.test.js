// Every client dialect in front of every provider dialect, each with the official client: what
// is asked arrives as the provider wants it (native_judges.js says), and what it answers arrives
// as the client wants it. DIALECT_MATRIX=1 prints what was tried as a table in Markdown.
import assert from 'node:assert/strict';
import { after, test } from 'node:test';

import Anthropic from '@anthropic-ai/sdk';
import OpenAI from 'openai';

import { CLIENT_KEY } from './helpers.js';
import {
    CALL,
    CALLS,
    COUNT,
    IMAGE,
    LIMIT_TEXT,
    MODEL,
    RESULTS,
    TEXT,
    THOUGHT,
    behind,
    costAt,
    near,
} from './native.js';

const model = MODEL;
const question = 'When is low water in Brest?';
const system = 'Answer in one line.';
const dataUrl = `data:${IMAGE.type};base64,${IMAGE.data}`;
const schemas = {
    get_tide: {
        type: 'object',
        properties: {
            port: { type: 'string', description: 'its name' },
            note: { type: ['string', 'null'] },
            big: { type: 'integer' },
            depth: { type: 'number', minimum: 0 },
            list: { type: 'array', items: {} },
        },
        required: ['port'],
        additionalProperties: false,
    },
    get_time: { type: 'object', properties: {} },
};
const declared = Object.entries(schemas);

// ---- clients: what they send for a task, and what they make of the answer

const openai = (p) => new OpenAI({ baseURL: `${p.url}/v1`, apiKey: CLIENT_KEY, maxRetries: 0 });
const anthropic = (p) => new Anthropic({ baseURL: p.url, apiKey: CLIENT_KEY, maxRetries: 0 });

// Reasoning in pieces, put together as OpenRouter's own clients do: by index.
function joinDetails(list) {
    const whole = [];
    for (const piece of list) {
        const old = whole.find((one) => one.index === piece.index && one.type === piece.type);
        if (!old) {
            whole.push({ ...piece });
            continue;
        }
        for (const [name, value] of Object.entries(piece))
            old[name] = ['text', 'summary', 'data'].includes(name)
                ? (old[name] ?? '') + (value ?? '')
                : (value ?? old[name]);
    }
    return whole;
}

async function streamedChat(p, params) {
    const stream = openai(p).chat.completions.stream({
        ...params,
        stream_options: { include_usage: true },
    });
    const reasoning = [];
    const details = [];
    stream.on('chunk', ({ choices }) => {
        reasoning.push(choices[0]?.delta.reasoning ?? '');
        details.push(...(choices[0]?.delta.reasoning_details ?? []));
    });
    const answer = await stream.finalChatCompletion();
    const { message } = answer.choices[0];
    message.reasoning = reasoning.join('') || undefined;
    message.reasoning_details = details.length > 0 ? joinDetails(details) : undefined;
    return answer;
}

const chat = {
    errors: OpenAI,
    stops: { end: 'stop', length: 'length', tools: 'tool_calls', refusal: 'content_filter' },
    ask({ image, tools, reasoning }) {
        const picture = { type: 'image_url', image_url: { url: dataUrl } };
        return {
            model,
            max_tokens: 8000,
            messages: [
                { role: 'system', content: system },
                {
                    role: 'user',
                    content: image ? [{ type: 'text', text: question }, picture] : question,
                },
            ],
            ...(reasoning && { reasoning_effort: 'medium' }),
            ...(tools && {
                tools: declared.map(([name, parameters]) => ({
                    type: 'function',
                    function: { name, description: `What ${name} says`, parameters },
                })),
            }),
        };
    },
    send: (p, params, how) =>
        how === 'stream' ? streamedChat(p, params) : openai(p).chat.completions.create(params),
    next(params, answer, results) {
        const { role, content, tool_calls, reasoning_details } = answer.choices[0].message;
        const mine = { role, content, tool_calls, reasoning_details };
        const back = results.map(({ id, text }) => ({
            role: 'tool',
            tool_call_id: id,
            content: text,
        }));
        return { ...params, messages: [...params.messages, mine, ...back] };
    },
    read({ id, choices, usage, ...answer }) {
        const [{ message, finish_reason: stop }] = choices;
        return {
            id,
            model: answer.model,
            text: message.content ?? '',
            thought: message.reasoning,
            calls: (message.tool_calls ?? []).map((one) => ({
                id: one.id,
                name: one.function.name,
                args: one.function.arguments,
            })),
            stop,
            usage: {
                input: usage.prompt_tokens,
                cached: usage.prompt_tokens_details.cached_tokens,
                written: usage.prompt_tokens_details.cache_write_tokens ?? 0,
                output: usage.completion_tokens,
                thinking: usage.completion_tokens_details.reasoning_tokens,
                total: usage.total_tokens,
                cost: usage.cost,
            },
        };
    },
};

// The SDK's message has of a usage only what it knows.
async function streamedMessage(p, params) {
    const stream = anthropic(p).messages.stream(params);
    let cost;
    stream.on('streamEvent', (one) => {
        cost = one.usage?.cost ?? cost;
    });
    const answer = await stream.finalMessage();
    return { ...answer, usage: { ...answer.usage, cost } };
}

const messages = {
    errors: Anthropic,
    stops: { end: 'end_turn', length: 'max_tokens', tools: 'tool_use', refusal: 'refusal' },
    ask({ image, tools, reasoning }) {
        const source = { type: 'base64', media_type: IMAGE.type, data: IMAGE.data };
        const picture = { type: 'image', source };
        return {
            model,
            max_tokens: 8000,
            system,
            messages: [
                {
                    role: 'user',
                    content: image ? [{ type: 'text', text: question }, picture] : question,
                },
            ],
            ...(reasoning && { thinking: { type: 'enabled', budget_tokens: 2048 } }),
            ...(tools && {
                tools: declared.map(([name, input_schema]) => ({
                    name,
                    description: `What ${name} says`,
                    input_schema,
                })),
            }),
        };
    },
    send: (p, params, how) =>
        how === 'stream' ? streamedMessage(p, params) : anthropic(p).messages.create(params),
    next(params, { role, content }, results) {
        const back = results.map(({ id, text }) => ({
            type: 'tool_result',
            tool_use_id: id,
            content: text,
        }));
        const more = [
            { role, content },
            { role: 'user', content: back },
        ];
        return { ...params, messages: [...params.messages, ...more] };
    },
    read({ id, content, usage, ...answer }) {
        const of = (type) => content.filter((block) => block.type === type);
        return {
            id,
            model: answer.model,
            text: of('text')
                .map((block) => block.text)
                .join(''),
            thought: of('thinking')[0]?.thinking,
            calls: of('tool_use').map((one) => ({
                id: one.id,
                name: one.name,
                args: JSON.stringify(one.input),
                parsed: true,
            })),
            stop: answer.stop_reason,
            usage: {
                input:
                    usage.input_tokens +
                    usage.cache_read_input_tokens +
                    usage.cache_creation_input_tokens,
                cached: usage.cache_read_input_tokens,
                written: usage.cache_creation_input_tokens,
                output: usage.output_tokens,
                cost: usage.cost,
            },
        };
    },
};

const responses = {
    errors: OpenAI,
    stops: {
        end: 'completed',
        length: 'incomplete max_output_tokens',
        tools: 'completed',
        refusal: 'incomplete content_filter',
    },
    ask({ image, tools, reasoning }) {
        const text = { type: 'input_text', text: question };
        const picture = { type: 'input_image', image_url: dataUrl, detail: 'auto' };
        return {
            model,
            store: false,
            max_output_tokens: 8000,
            instructions: system,
            input: [{ role: 'user', content: image ? [text, picture] : question }],
            ...(reasoning && {
                reasoning: { effort: 'medium', summary: 'auto' },
                include: ['reasoning.encrypted_content'],
            }),
            ...(tools && {
                tools: declared.map(([name, parameters]) => ({
                    type: 'function',
                    name,
                    description: `What ${name} says`,
                    parameters,
                    strict: false,
                })),
            }),
        };
    },
    async send(p, params, how) {
        const answer = await (how === 'stream'
            ? openai(p).responses.stream(params).finalResponse()
            : openai(p).responses.create(params));
        if (answer.status !== 'failed') return answer;
        throw Object.assign(new OpenAI.APIError(undefined, answer.error), { failed: true });
    },
    next(params, { output }, results) {
        const mine = output.map(({ parsed_arguments: _, ...item }) => item);
        const back = results.map(({ id, text }) => ({
            type: 'function_call_output',
            call_id: id,
            output: text,
        }));
        return { ...params, input: [...params.input, ...mine, ...back] };
    },
    read({ id, output, usage, status, incomplete_details: why, ...answer }) {
        const of = (type) => output.filter((item) => item.type === type);
        const [thought] = of('reasoning');
        const ids = output.map((item) => item.id);
        assert.equal(new Set(ids).size, ids.length, `ids of items: ${ids}`);
        return {
            id,
            model: answer.model,
            text: answer.output_text,
            thought: thought && [...thought.summary, ...(thought.content ?? [])][0]?.text,
            calls: of('function_call').map((one) => ({
                id: one.call_id,
                name: one.name,
                args: one.arguments,
            })),
            stop: why ? `${status} ${why.reason}` : status,
            usage: {
                input: usage.input_tokens,
                cached: usage.input_tokens_details.cached_tokens,
                written: usage.input_tokens_details.cache_write_tokens ?? 0,
                output: usage.output_tokens,
                thinking: usage.output_tokens_details.reasoning_tokens,
                total: usage.total_tokens,
                cost: usage.cost,
            },
        };
    },
};

async function streamedText(p, params) {
    const stream = await openai(p).completions.create({
        ...params,
        stream: true,
        stream_options: { include_usage: true },
    });
    const answer = { choices: [{ text: '', finish_reason: null }] };
    for await (const { choices, usage, ...one } of stream) {
        Object.assign(answer, one, usage && { usage });
        answer.choices[0].text += choices[0]?.text ?? '';
        answer.choices[0].finish_reason ??= choices[0]?.finish_reason;
    }
    return answer;
}

const completions = {
    errors: OpenAI,
    stops: { end: 'stop', length: 'length', refusal: 'content_filter' },
    ask: () => ({ model, max_tokens: 8000, prompt: question }),
    send: (p, params, how) =>
        how === 'stream' ? streamedText(p, params) : openai(p).completions.create(params),
    read(answer) {
        const [{ text, finish_reason }] = answer.choices;
        assert.equal(answer.object, 'text_completion');
        const choices = [{ message: { content: text }, finish_reason }];
        return chat.read({ ...answer, choices });
    },
};

const clients = { chat, messages, responses, completions };
const kinds = ['openai', 'compatible', 'anthropic', 'gemini'];
const hows = ['whole', 'stream'];

// ---- checks

function checkCount(usage, kind) {
    const written = kind === 'anthropic' ? COUNT.written : 0;
    const { cost, total, thinking, ...rest } = usage;
    const { input, cached, output } = COUNT;
    assert.deepEqual(rest, { input, cached, written, output });
    // Messages has neither.
    if (thinking !== undefined) assert.equal(thinking, COUNT.thinking);
    if (total !== undefined) assert.equal(total, COUNT.input + COUNT.output);
    assert.ok(near(cost, costAt(kind)), `cost ${cost}, not ${costAt(kind)}`);
}

function checkCalls(got, want) {
    assert.deepEqual(
        got.map((one) => one.name),
        want.map((one) => one.name),
    );
    got.forEach(({ args, parsed }, i) => {
        assert.deepEqual(JSON.parse(args), JSON.parse(want[i].args));
        if (!parsed && want[i].args !== '{}')
            for (const number of ['12345678901234567890', '1.50', '1e-7'])
                assert.ok(args.includes(number), `${number} as it stood: ${args}`);
    });
    const ids = got.map((one) => one.id);
    assert.ok(
        ids.every((id) => /^[A-Za-z0-9_-]{1,64}$/.test(id)),
        `ids: ${ids}`,
    );
    assert.equal(new Set(ids).size, ids.length, `ids: ${ids}`);
}

// One exchange; the judge's refusals are told first, they explain the rest.
async function turn({ client, up, p, how }, params, { text, stop, calls = [] }) {
    let answer;
    try {
        answer = await client.send(p, params, how);
    } catch (e) {
        up.check();
        throw e;
    }
    up.check();
    const got = client.read(answer);
    assert.equal(got.text, text);
    assert.equal(got.stop, client.stops[stop]);
    checkCalls(got.calls, calls);
    checkCount(got.usage, up.kind);
    assert.match(got.id, /^[A-Za-z0-9_-]+$/);
    assert.equal(got.model, model);
    return { answer, got };
}

const resultsOf = (got) => got.calls.map(({ id, name }) => ({ id, text: RESULTS[name] }));
const summed = (calls) => `So: ${calls.map((one) => RESULTS[one.name]).join('; ')}`;

const calling = (calls) => async (cell) => {
    const { client } = cell;
    const params = client.ask({ tools: true });
    const first = { text: 'Let me see.', stop: 'tools', calls };
    const { answer, got } = await turn(cell, params, first);
    const next = client.next(params, answer, resultsOf(got));
    await turn(cell, next, { text: summed(calls), stop: 'end' });
};

// Does what the provider signed come back to it? Anthropic's does; Gemini has a word for one
// that was lost, which is for those dialects that have no place for it.
function checkSignature(cell) {
    const { up, name } = cell;
    const sent = up.asked.at(-1).signatures;
    if (up.kind === 'compatible' || sent.length === 0) return;
    const [signed] = up.signatures.keys();
    const kept = sent.includes(signed);
    if (up.kind === 'anthropic' || name === 'chat') assert.ok(kept, `sent: ${sent}`);
    else assert.equal(sent.length, 1);
    cell.note = kept ? 'signed' : 'unsigned';
}

const cells = {
    async text(cell) {
        await turn(cell, cell.client.ask({}), { text: TEXT, stop: 'end' });
        const said = JSON.stringify(cell.up.asked.at(-1).body);
        assert.ok(said.includes(question));
        assert.ok(cell.name === 'completions' || said.includes(system));
    },
    tools: calling([CALL]),
    parallel: calling(CALLS),
    async image(cell) {
        await turn(cell, cell.client.ask({ image: true }), { text: 'A red dot.', stop: 'end' });
    },
    async reasoning(cell) {
        const { client } = cell;
        const params = client.ask({ tools: true, reasoning: true });
        const first = { text: '', stop: 'tools', calls: [CALL] };
        const { answer, got } = await turn(cell, params, first);
        assert.equal(got.thought, THOUGHT);
        const next = client.next(params, answer, resultsOf(got));
        await turn(cell, next, { text: TEXT, stop: 'end' });
        checkSignature(cell);
    },
    async thoughts(cell) {
        const params = cell.client.ask({ reasoning: true });
        const { got } = await turn(cell, params, { text: TEXT, stop: 'end' });
        assert.equal(got.thought, THOUGHT);
    },
    async length(cell) {
        await turn(cell, cell.client.ask({}), { text: LIMIT_TEXT, stop: 'length' });
    },
    async refusal(cell) {
        await turn(cell, cell.client.ask({}), { text: '', stop: 'refusal' });
    },
};

// Errors: the client's own class, its own envelope, the provider's words.
const failing = (type, words) => async (cell) => {
    const { client, up, p, how } = cell;
    await assert.rejects(client.send(p, client.ask({}), how), (e) => {
        up.check();
        assert.ok(e instanceof client.errors[type], `${e.constructor.name}: ${e.message}`);
        if (words) assert.match(e.message, words);
        if (client === messages) assert.equal(e.error?.type, 'error', JSON.stringify(e.error));
        if (type === 'RateLimitError') assert.equal(e.headers.get('retry-after'), '7');
        return true;
    });
};
const breaking = (words) => async (cell) => {
    const { client, up, p, how } = cell;
    await assert.rejects(client.send(p, client.ask({}), how), (e) => {
        up.check();
        const type = how === 'whole' ? 'InternalServerError' : 'APIError';
        // openai throws the event `error` of Responses as it came.
        if (e.type !== 'error')
            assert.ok(e instanceof client.errors[type], `${e.constructor.name}: ${e.message}`);
        if (how === 'stream') assert.match(e.message, words);
        return true;
    });
};
const errors = {
    invalid: failing('BadRequestError', /that cannot be/),
    limited: failing('RateLimitError', /slow down/),
    overloaded: failing('InternalServerError', /too many people ask/),
    failing: failing('InternalServerError', /something fell over/),
    broken: breaking(/it broke in the middle/),
    cut: breaking(/./),
};

// A prompt cannot have tools, images or thoughts.
const tried = (name, scene) =>
    name !== 'completions' || ['text', 'length', 'refusal'].includes(scene) || scene in errors;

const marks = new Map();
async function mark(cell, scene, run) {
    const at = [cell.name, cell.up.kind, scene, cell.how].join();
    marks.set(at, 'no');
    await run(cell);
    marks.set(at, cell.note ?? 'yes');
}

for (const [name, client] of Object.entries(clients))
    for (const kind of kinds) {
        test(`${name} -> ${kind}`, async (t) => {
            const { p, [kind]: up } = await behind(t, [kind]);
            for (const [scene, run] of Object.entries(cells))
                for (const how of hows) {
                    if (!tried(name, scene)) continue;
                    Object.assign(up, { scene, asked: [], refused: [] });
                    up.signatures.clear();
                    const cell = { name, client, up, p, how };
                    await t.test(`${scene}, ${how}`, () => mark(cell, scene, run));
                }
        });
        // A provider that failed is avoided for a while: each of these has a gateway of its own.
        for (const [scene, run] of Object.entries(errors))
            for (const how of hows)
                test(`${name} -> ${kind}: ${scene}, ${how}`, async (t) => {
                    const { p, [kind]: up } = await behind(t, [kind], { scene });
                    await mark({ name, client, up, p, how }, scene, run);
                });
    }

// ---- the table

const columns = [...Object.keys(cells), ...Object.keys(errors)];
const words = { 'yes,yes': 'yes', 'signed,signed': 'yes', 'unsigned,unsigned': 'yes*' };
function entry(name, kind, scene) {
    const both = hows.map((how) => marks.get([name, kind, scene, how].join()));
    if (both.every((one) => one === undefined)) return '–';
    return words[both] ?? both.join('/');
}

after(() => {
    if (process.env.DIALECT_MATRIX !== '1') return;
    const row = (list) => `| ${list.join(' | ')} |`;
    const lines = [
        row(['client', 'provider', ...columns]),
        row(Array(columns.length + 2).fill('---')),
    ];
    for (const name of Object.keys(clients))
        for (const kind of kinds)
            lines.push(row([name, kind, ...columns.map((scene) => entry(name, kind, scene))]));
    console.log(`\n${lines.join('\n')}\n\nyes: whole and streamed. yes*: without its signature.`);
});
