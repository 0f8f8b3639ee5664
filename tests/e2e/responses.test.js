// POST /v1/responses beyond what dialects.test.js tries: the order of its events, what an answer
// repeats, custom tools, items of all kinds, and what needs a memory that a gateway has not.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import OpenAI from 'openai';

import {
    CLIENT_KEY,
    ask,
    begin,
    event,
    gate,
    gateway,
    keyOf,
    nobody,
    openaiChunk,
    recorded,
    reply,
    stream,
    upstream,
    within,
} from './helpers.js';
import {
    ARGS,
    CALL,
    MODEL,
    PRICES,
    TEXT,
    THOUGHT,
    behind,
    costAt,
    inOrder,
    interleaving,
    namedEvents,
    near,
    only,
} from './native.js';

const question = 'When is low water in Brest?';
const HELLO = { model: MODEL, input: question, store: false };
const PATH = '/v1/responses';
const send = (p, more = {}, headers = {}) =>
    ask(p, { path: PATH, body: { ...HELLO, ...more }, headers });
const open = (p, more = {}) => stream(p, { path: PATH, body: { ...HELLO, stream: true, ...more } });
const sdk = (p) => new OpenAI({ baseURL: `${p.url}/v1`, apiKey: CLIENT_KEY, maxRetries: 0 });
const kinds = ['anthropic', 'gemini', 'compatible'];
const schema = { type: 'object', properties: { port: { type: 'string' } } };
const TOOL = { type: 'function', name: 'get_tide', parameters: schema, strict: false };

function assertOwnError(answer, status, words) {
    assert.equal(answer.status, status, answer.body);
    assert.match(answer.headers['content-type'] ?? '', /^application\/json/);
    const { error } = answer.json;
    assert.equal(typeof error?.message, 'string', answer.body);
    assert.equal(typeof error.type, 'string', answer.body);
    assert.ok('code' in error && 'param' in error, answer.body);
    if (words) assert.match(error.message, words);
}

// The events, checked for what holds for all streams: names, numbers, first and last.
async function eventsOf(s) {
    await s.rest();
    const found = namedEvents(s.text);
    const all = found.map(({ json }) => json);
    all.forEach((one, i) => {
        assert.equal(one.type, found[i].name);
        assert.equal(one.sequence_number, i, s.text);
    });
    assert.equal(all[0].type, 'response.created');
    return all;
}

// ---- the order of events

// What has to come between the beginning and the end of an item, by its type.
const shape = (...names) => new RegExp(`^output_item.added ${names.join(' ')} output_item.done$`);
const shapes = {
    message: shape(
        'content_part.added',
        '(output_text.delta )+output_text.done',
        'content_part.done',
    ),
    function_call: shape('(function_call_arguments.delta )+function_call_arguments.done'),
    reasoning: shape(
        'reasoning_summary_part.added',
        '(reasoning_summary_text.delta )+reasoning_summary_text.done',
        'reasoning_summary_part.done',
    ),
};

function checkItems(all) {
    const items = all
        .filter((one) => one.type === 'response.output_item.added')
        .map((one) => one.output_index);
    assert.deepEqual(
        items,
        items.map((_, i) => i),
    );
    const { response } = all.at(-1);
    assert.equal(response.output.length, items.length);
    for (const index of items) {
        const mine = all.filter((one) => one.output_index === index);
        const item = response.output[index];
        const order = mine.map((one) => one.type.replace('response.', '')).join(' ');
        assert.match(order, shapes[item.type]);
        assert.deepEqual(mine.at(-1).item, item, 'the last event has the item as it is');
        for (const one of mine.slice(1, -1)) assert.equal(one.item_id, item.id);
        const told = mine.map((one) => one.delta ?? '').join('');
        if (item.type === 'message') assert.equal(told, item.content[0].text);
        if (item.type === 'function_call') assert.equal(told, item.arguments);
    }
    return response;
}

for (const kind of kinds)
    test(`events are in order, behind ${kind}`, async (t) => {
        const { p, [kind]: up } = await behind(t, [kind], { scene: 'reasoning' });
        const reasoning = { effort: 'low', summary: 'auto' };
        const all = await eventsOf(await open(p, { reasoning, tools: [TOOL] }));
        up.check();
        assert.equal(all.at(-1).type, 'response.completed');
        const response = checkItems(all);
        const [thought, call] = response.output;
        assert.equal([...thought.summary, ...(thought.content ?? [])][0].text, THOUGHT);
        assert.deepEqual(JSON.parse(call.arguments), JSON.parse(ARGS));
        assert.match(call.id, /^fc_/);
        assert.match(thought.id, /^rs_/);
        assert.match(response.id, /^[a-z]+[-_]/);
        assert.ok(near(response.usage.cost, costAt(kind)), JSON.stringify(response.usage));
    });

test('text comes as it comes, not all at the end', async (t) => {
    const go = gate();
    const up = await upstream(t, async (req, res) => {
        begin(res);
        res.write(event(openaiChunk({ role: 'assistant', content: 'one ' })));
        await go.opened;
        res.end([openaiChunk('two'), openaiChunk({}, 'stop'), '[DONE]'].map(event).join(''));
    });
    const p = await gateway(t, {
        providers: { plain: { up: { ...up, title: 'Plain' }, endpoints: { [MODEL]: PRICES } } },
    });
    const s = await open(p);
    await within(
        (async () => {
            while (!s.text.includes('"delta":"one "')) await s.next();
        })(),
        'the first word',
    );
    go.open();
    const response = checkItems(await eventsOf(s));
    assert.equal(response.output[0].content[0].text, 'one two');
});

test('31: calls that interleave are items of their own', async (t) => {
    const p = await interleaving(t);
    const tools = ['one', 'two'].map((name) => ({ ...TOOL, name }));
    const response = checkItems(await eventsOf(await open(p, { tools })));
    const calls = response.output.map((item) => [item.call_id, item.name, item.arguments]);
    assert.deepEqual(calls, [
        ['a', 'one', '{"y":[1]}'],
        ['b', 'two', '{"x":"é"}'],
    ]);
    const answer = await sdk(p)
        .responses.stream({ ...HELLO, tools })
        .finalResponse();
    assert.deepEqual(answer.output[1].arguments, '{"x":"é"}');
});

test('a silent provider: comments, then the answer', async (t) => {
    const go = gate();
    const { p, gemini } = await behind(t, ['gemini'], { top: { heartbeat: '50ms' } });
    gemini.scene = async () => {
        await go.opened;
        return { parts: [{ text: TEXT }], stop: 'end' };
    };
    const s = await open(p);
    await within(
        (async () => {
            while (s.comments < 3) await new Promise((resolve) => setTimeout(resolve, 20));
        })(),
        'three comments',
    );
    go.open();
    const all = await eventsOf(s);
    assert.equal(all.at(-1).response.output[0].content[0].text, TEXT);
});

// ---- what an answer repeats

const REPEATED = {
    instructions: 'Answer in one line.',
    max_output_tokens: 500,
    metadata: { a: 'b' },
    parallel_tool_calls: false,
    temperature: 0.25,
    tools: [TOOL],
    tool_choice: 'auto',
};
for (const how of ['whole', 'stream'])
    test(`the answer repeats what was asked, ${how}`, async (t) => {
        const { p, compatible } = await behind(t, ['compatible']);
        const response =
            how === 'whole'
                ? (await send(p, REPEATED)).json
                : (await eventsOf(await open(p, REPEATED))).at(-1).response;
        compatible.check();
        const { type, name, parameters } = response.tools[0];
        assert.deepEqual({ type, name, parameters, strict: false }, TOOL);
        for (const member of Object.keys(REPEATED).filter((one) => one !== 'tools'))
            assert.deepEqual(response[member], REPEATED[member], member);
        assert.equal(response.object, 'response');
        assert.equal(response.status, 'completed');
        assert.equal(response.store, false);
        assert.equal(response.previous_response_id, null);
        assert.equal(response.error, null);
        assert.equal(response.incomplete_details, null);
        assert.equal(typeof response.created_at, 'number');
        assert.equal(response.top_p, 1);
        for (const member of ['text', 'reasoning', 'truncation'])
            assert.ok(member in response, member);
    });

// ---- items

const INPUT = [
    { role: 'system', content: 'Be brief.' },
    { role: 'developer', content: [{ type: 'input_text', text: 'Be kind.' }] },
    { type: 'message', role: 'user', content: [{ type: 'input_text', text: question }] },
    { type: 'reasoning', id: 'rs_1', summary: [{ type: 'summary_text', text: 'hm' }] },
    {
        type: 'message',
        id: 'msg_1',
        role: 'assistant',
        status: 'completed',
        content: [{ type: 'output_text', text: 'I look.', annotations: [] }],
    },
    { type: 'function_call', id: 'fc_1', call_id: 'c1', name: 'get_tide', arguments: ARGS },
    { type: 'function_call', call_id: 'c2', name: 'get_tide', arguments: '{}' },
    { type: 'function_call_output', call_id: 'c1', output: 'low' },
    {
        type: 'function_call_output',
        call_id: 'c2',
        output: [{ type: 'input_text', text: 'high' }],
    },
];
for (const kind of kinds)
    test(`items of all kinds reach ${kind}`, async (t) => {
        const { p, [kind]: up } = await behind(t, [kind], { scene: 'tools' });
        const answer = await send(p, { input: INPUT, tools: [TOOL] });
        up.check();
        assert.equal(answer.status, 200, answer.body);
        assert.equal(answer.json.output[0].content[0].text, 'So: low; high');
        const sent = up.requests.at(-1).raw.toString();
        for (const text of ['Be brief.', 'Be kind.', question, 'I look.', '12345678901234567890'])
            assert.ok(sent.includes(text), `${text} in ${sent}`);
    });

test('a schema, an effort and a limit go on under the names of chat completions', async (t) => {
    const { p, compatible } = await behind(t, ['compatible']);
    const format = { type: 'json_schema', name: 'tide', schema, strict: true };
    const answer = await send(p, {
        text: { format },
        reasoning: { effort: 'low' },
        max_output_tokens: 77,
        tools: [TOOL],
        tool_choice: { type: 'function', name: 'get_tide' },
    });
    compatible.check();
    assert.equal(answer.status, 200, answer.body);
    const sent = compatible.requests.at(-1).json;
    const { name, strict } = sent.response_format.json_schema;
    assert.deepEqual([sent.response_format.type, name, strict], ['json_schema', 'tide', true]);
    assert.deepEqual(sent.response_format.json_schema.schema, schema);
    assert.equal(sent.reasoning_effort, 'low');
    assert.equal(sent.max_tokens ?? sent.max_completion_tokens, 77);
    assert.deepEqual(sent.tool_choice, { type: 'function', function: { name: 'get_tide' } });
});

// ---- custom tools: text in, text out

const WORDS = 'two lines\nand "quotes" \\ é 🌊';
const CUSTOM = { type: 'custom', name: 'run', description: 'Runs a text' };
for (const how of ['whole', 'stream'])
    test(`a custom tool is a function upstream, and custom again here, ${how}`, async (t) => {
        const { p, compatible } = await behind(t, ['compatible']);
        const one = { id: 'c1', name: 'run', args: JSON.stringify({ input: WORDS }) };
        compatible.scene = (view) =>
            view.results.length > 0
                ? { parts: [{ text: view.results[0].text }], stop: 'end' }
                : { parts: [{ call: one }], stop: 'tools' };
        const params = { ...HELLO, tools: [CUSTOM] };
        const response = await (how === 'whole'
            ? sdk(p).responses.create(params)
            : sdk(p).responses.stream(params).finalResponse());
        compatible.check();
        const [call] = response.output;
        assert.equal(call.type, 'custom_tool_call');
        assert.deepEqual([call.call_id, call.name, call.input], ['c1', 'run', WORDS]);
        const output = { type: 'custom_tool_call_output', call_id: 'c1', output: 'it ran' };
        const input = [{ role: 'user', content: question }, call, output];
        const last = await sdk(p).responses.create({ ...params, input });
        compatible.check();
        assert.equal(last.output_text, 'it ran');
        const sent = compatible.requests.at(-1).json.messages;
        assert.equal(JSON.parse(sent[1].tool_calls[0].function.arguments).input, WORDS);
    });

// ---- what needs a memory

const stateful = [
    ['store', { store: true }],
    ['previous_response_id', { previous_response_id: 'resp_1' }],
    ['conversation', { conversation: 'conv_1' }],
    ['background', { background: true }],
    ['prompt', { prompt: { id: 'pmpt_1' } }],
    ['item_reference', { input: [{ type: 'item_reference', id: 'msg_1' }] }],
];
for (const [what, more] of stateful)
    test(`${what} is refused, and named`, async (t) => {
        const { p, compatible } = await behind(t, ['compatible']);
        for (const stream of [false, true]) {
            const answer = await send(p, { ...more, stream });
            assertOwnError(answer, 400);
            assert.ok(answer.body.includes(what), answer.body);
        }
        assert.equal(compatible.requests.length, 0);
    });

test('61: null is nothing to remember, and store may be left out', async (t) => {
    const { p } = await behind(t, ['compatible']);
    const none = { previous_response_id: null, conversation: null, background: false };
    assert.equal((await send(p, none)).status, 200);
    const left = await send(p, { store: undefined });
    assert.equal(left.status, 200, left.body);
    assert.equal(left.json.store, false);
});

test('61: an answer of before is not there', async (t) => {
    const { p } = await behind(t, ['compatible']);
    const { json } = await send(p);
    for (const method of ['GET', 'DELETE']) {
        const answer = await ask(p, { path: `${PATH}/${json.id}`, method });
        assert.ok([404, 405].includes(answer.status), answer.body);
        assert.equal(typeof answer.json.error.message, 'string');
    }
});

// ---- errors

test('59: errors of the gateway are in its own form', async (t) => {
    const { p, compatible } = await behind(t, ['compatible'], {
        sections: { limits: { body: '4k' } },
    });
    const at = (more) => ask(p, { path: PATH, method: 'POST', ...more });
    assertOwnError(await at({}), 400);
    for (const body of ['', '{', '[]', '{"model":1}', '{}'])
        assertOwnError(await at({ body }), 400);
    assertOwnError(await at({ method: 'GET' }), 405);
    const unknown = await send(p, { model: 'nobody/knows' });
    assert.ok([400, 404].includes(unknown.status), unknown.body);
    assertOwnError(unknown, unknown.status, /nobody\/knows/);
    assertOwnError(await send(p, { input: 'x'.repeat(5000) }), 413);
    assert.equal(compatible.requests.length, 0);
    assert.equal((await send(p)).status, 200);
});

test('a wrong key and none are 401', async (t) => {
    const { p } = await behind(t, ['compatible'], {
        sections: { 'key kitchen': { key: 'env:KEY_KITCHEN' } },
    });
    assertOwnError(await send(p), 401);
    assertOwnError(await send(p, {}, { authorization: 'Bearer sk-other' }), 401);
    await assert.rejects(sdk(p).responses.create(HELLO), OpenAI.AuthenticationError);
    const right = { authorization: `Bearer ${keyOf('kitchen')}` };
    assert.equal((await send(p, {}, right)).status, 200);
});

test('a provider that is down', async (t) => {
    const up = { url: `http://127.0.0.1:${await nobody()}`, title: 'Down' };
    const p = await gateway(t, {
        providers: { down: { up, kind: 'gemini', endpoints: { [MODEL]: PRICES } } },
    });
    const answer = await send(p);
    assert.ok(answer.status >= 500, answer.body);
    assertOwnError(answer, answer.status);
});

for (const kind of kinds)
    for (const scene of ['broken', 'cut'])
        test(`a stream that is ${scene} says so last, behind ${kind}`, async (t) => {
            const { p } = await behind(t, [kind], { scene });
            const all = await eventsOf(await open(p));
            const last = all.at(-1);
            assert.match(last.type, /^(response\.failed|error)$/);
            const error = last.response?.error ?? last;
            assert.equal(typeof error.message, 'string');
            assert.equal(typeof error.code, 'string');
            if (last.response) assert.equal(last.response.status, 'failed');
            assert.ok(!all.some((one) => one.type === 'response.completed'));
        });

// ---- and the rest of the gateway

test('fallback, OpenRouter members, a record', async (t) => {
    const { p, ...ups } = await behind(t, kinds);
    ups.anthropic.scene = 'overloaded';
    const answer = await send(p, { models: ['nobody/knows', MODEL], ...inOrder(kinds) });
    ups.anthropic.check();
    ups.gemini.check();
    assert.equal(answer.status, 200, answer.body);
    assert.equal(answer.json.output[0].content[0].text, TEXT);
    assert.equal(ups.anthropic.requests.length, 1);
    assert.ok(near(answer.json.usage.cost, costAt('gemini')), answer.body);
    const record = await recorded(p, answer);
    assert.equal(record.provider_name, 'My gemini');
});

test('a call goes to the next provider after another made it', async (t) => {
    const all = [...kinds, 'openai'];
    const { p, ...ups } = await behind(t, all, { scene: 'reasoning' });
    const params = {
        ...HELLO,
        input: [{ role: 'user', content: question }],
        reasoning: { effort: 'low', summary: 'auto' },
        include: ['reasoning.encrypted_content'],
        tools: [TOOL],
    };
    for (const first of all)
        for (const then of all.filter((kind) => kind !== first)) {
            await t.test(`${first}, ${then}`, async () => {
                ups[first].refused.length = ups[then].refused.length = 0;
                const made = await send(p, { ...params, ...only(first) });
                ups[first].check();
                const output = made.json.output;
                const call = output.find((item) => item.type === 'function_call');
                assert.equal(call.name, CALL.name, made.body);
                const back = { type: 'function_call_output', call_id: call.call_id, output: 'low' };
                const input = [...params.input, ...output, back];
                const answer = await send(p, { ...params, ...only(then), input });
                ups[then].check();
                assert.equal(answer.status, 200, `${first}, ${then}: ${answer.body}`);
                // A server that nobody knows gets it all; it may be another gateway.
                const told = answer.headers['x-orproxy-unsupported'] ?? '';
                if (then !== 'compatible') assert.match(told, /\breasoning\b/, `${first}, ${then}`);
            });
        }
});

// ---- the same dialect on both sides

// Members nobody knows, odd spaces, numbers as they stand.
const ODD =
    '{ "model" : "acme/big","future_member":{"b":1.50,"a":-0.0,"a":1E+2},\r\n "input":[{"role":' +
    '"user","content":[{"type":"input_text","text":"\\u00e9 \\/ é \\ud83d\\ude00","x":[ ]}]}] ,' +
    '"store":false, "stream":STREAM}\n';
const ANSWER =
    '"id":"resp_7","object":"response","created_at":1780000000,"model":"gpt-x","future":1.50,' +
    '"error":null,"incomplete_details":null';
const ITEM = '{"type":"future_item","id":"f_1","n":12345678901234567890}';
const COUNTED = '"usage":{"input_tokens":5,"output_tokens":2,"total_tokens":7,"future":1.50}';
const FINAL = `{${ANSWER},"status":"completed","output":[${ITEM}],${COUNTED}}`;
const FRAMES = [
    [
        'response.created',
        `{"type":"response.created","sequence_number":0,"response":{${ANSWER},` +
            '"status":"in_progress","output":[]}}',
    ],
    [
        'response.output_item.added',
        `{"type":"response.output_item.added","output_index":0, "sequence_number":1,"item":${ITEM}}`,
    ],
    ['response.future', '{"type":"response.future","sequence_number":2,"n":1.50}'],
    [
        'response.output_item.done',
        `{"type":"response.output_item.done","sequence_number":3,"output_index":0,"item":${ITEM}}`,
    ],
    ['response.completed', `{"type":"response.completed","sequence_number":4,"response":${FINAL}}`],
];

async function odd(t) {
    const up = await upstream(t, (req, res) => {
        if (!/"stream":true/.test(req.raw)) return reply(res, 200, FINAL);
        begin(res);
        return res.end(FRAMES.map(([name, data]) => `event: ${name}\ndata: ${data}\n\n`).join(''));
    });
    const endpoints = { [MODEL]: { ...PRICES, upstream_model: 'gpt-x' } };
    const p = await gateway(t, {
        providers: { openai: { up: { ...up, title: 'OpenAI' }, endpoints } },
    });
    return { up, p };
}

test('OpenAI itself gets the bytes as they are but for the model', async (t) => {
    const { up, p } = await odd(t);
    const body = ODD.replace('STREAM', 'false');
    const answer = await ask(p, { path: PATH, body });
    assert.equal(answer.status, 200, answer.body);
    assert.equal(up.requests[0].url, '/v1/responses');
    assert.equal(up.requests[0].raw.toString(), body.replace('acme/big', 'gpt-x'));
    assert.ok(answer.body.includes(ITEM), answer.body);
    assert.ok(answer.body.includes('"future":1.50'), answer.body);
    assert.ok(near(answer.json.usage.cost, 9e-6), answer.body);
});

test('OpenAI itself is told not to store what nobody said is to be stored', async (t) => {
    const { up, p } = await odd(t);
    const answer = await ask(p, { path: PATH, body: { model: MODEL, input: question } });
    assert.equal(answer.status, 200, answer.body);
    assert.equal(up.requests[0].json.store, false);
});

test('OpenAI itself: events stay as they are but for what is added', async (t) => {
    const { p } = await odd(t);
    const s = await stream(p, { path: PATH, body: ODD.replace('STREAM', 'true') });
    const all = await eventsOf(s);
    assert.equal(all.length, FRAMES.length, s.text);
    const data = namedEvents(s.text).map((one) => one.data);
    for (const i of [1, 2, 3]) assert.equal(data[i], FRAMES[i][1]);
    assert.ok(data[4].includes(ITEM), data[4]);
    assert.ok(near(all[4].response.usage.cost, 9e-6), data[4]);
});
