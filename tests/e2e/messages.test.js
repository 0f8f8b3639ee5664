// POST /v1/messages beyond what dialects.test.js tries: who may ask, headers, errors, bytes that
// stay as they are, what is left out, fallback over dialects.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import Anthropic from '@anthropic-ai/sdk';

import {
    CLIENT_KEY,
    ask,
    atEnd,
    begin,
    connect,
    gate,
    gateway,
    keyOf,
    nobody,
    post,
    recorded,
    reply,
    stream,
    until,
    upstream,
    within,
} from './helpers.js';
import {
    COUNT,
    MODEL,
    PRICES,
    TEXT,
    THOUGHT,
    behind,
    costAt,
    inOrder,
    namedEvents,
    near,
    only,
} from './native.js';

const question = 'When is low water in Brest?';
const user = (content) => ({ role: 'user', content });
const assistant = (content) => ({ role: 'assistant', content });
const HELLO = { model: MODEL, max_tokens: 500, messages: [user(question)] };
const VERSION = { 'anthropic-version': '2023-06-01' };
const send = (p, more = {}, headers = {}, target = '/v1/messages') =>
    ask(p, { path: target, body: { ...HELLO, ...more }, headers: { ...VERSION, ...headers } });
const sdk = (p, more = {}) =>
    new Anthropic({ baseURL: p.url, apiKey: CLIENT_KEY, maxRetries: 0, ...more });

// The envelope of Anthropic's errors; the gateway's number for the request may be in it.
function assertOwnError(answer, status, type, words) {
    assert.equal(answer.status, status, answer.body);
    assert.match(answer.headers['content-type'] ?? '', /^application\/json/);
    assert.equal(answer.json?.type, 'error', answer.body);
    assert.equal(answer.json.error?.type, type, answer.body);
    assert.equal(typeof answer.json.error.message, 'string');
    if (words) assert.match(answer.json.error.message, words);
}

const unsupported = (answer) =>
    (answer.headers['x-orproxy-unsupported'] ?? '').split(/, */).filter(Boolean);

// ---- who asks, and where

const LOCKED = { sections: { 'key kitchen': { key: 'env:KEY_KITCHEN' } } };
const who = [
    ['x-api-key', { 'x-api-key': keyOf('kitchen') }],
    ['Bearer', { authorization: `Bearer ${keyOf('kitchen')}` }],
];
for (const [what, headers] of who)
    test(`a key as ${what}, under both prefixes, with ?beta=true`, async (t) => {
        const { p, anthropic } = await behind(t, ['anthropic'], LOCKED);
        for (const prefix of ['/v1', '/api/v1'])
            for (const query of ['', '?beta=true']) {
                const answer = await send(p, {}, headers, `${prefix}/messages${query}`);
                assert.equal(answer.status, 200, answer.body);
                assert.equal(answer.json.content[0].text, TEXT);
            }
        anthropic.check();
        for (const { req } of anthropic.asked) {
            assert.equal(req.headers['x-api-key'], anthropic.key);
            assert.ok(!req.raw.toString().includes(keyOf('kitchen')));
        }
    });

test('a wrong key and none are 401 in its own form', async (t) => {
    const { p } = await behind(t, ['anthropic'], LOCKED);
    for (const headers of [{}, { 'x-api-key': 'sk-other' }, { authorization: 'Bearer sk-other' }])
        for (const target of ['/v1/messages', '/v1/messages/count_tokens'])
            assertOwnError(await send(p, {}, headers, target), 401, 'authentication_error');
    await assert.rejects(sdk(p).messages.create(HELLO), Anthropic.AuthenticationError);
});

test('its headers go on to Anthropic, and to nobody else', async (t) => {
    const list = ['anthropic', 'gemini', 'openai'];
    const { p, ...ups } = await behind(t, list);
    const edits = { edits: [{ type: 'clear_thinking_20251015', keep: 'all' }] };
    for (const kind of list) {
        const answer = await send(
            p,
            { context_management: edits, ...only(kind) },
            { 'anthropic-beta': 'context-management-2025-06-27,other-2026-01-01' },
        );
        ups[kind].check();
        assert.equal(answer.status, 200, answer.body);
        const { headers, json } = ups[kind].requests.at(-1);
        const theirs = kind === 'anthropic';
        assert.equal(headers['anthropic-beta']?.includes('other-2026-01-01') ?? false, theirs);
        assert.equal(headers['anthropic-version'] ?? 'none', theirs ? '2023-06-01' : 'none');
        assert.equal('context_management' in json, theirs);
        assert.ok(!('provider' in json));
    }
});

test('its version goes on to Anthropic; other clients have the old one', async (t) => {
    const { p, anthropic } = await behind(t, ['anthropic']);
    await sdk(p).messages.create(HELLO);
    assert.equal(anthropic.requests.at(-1).headers['anthropic-version'], '2026-10-21');
    const { max_tokens, messages } = HELLO;
    const answer = await ask(p, { body: { model: MODEL, max_tokens, messages } });
    assert.equal(answer.status, 200, answer.body);
    assert.equal(anthropic.requests.at(-1).headers['anthropic-version'], '2023-06-01');
    anthropic.check();
});

// ---- count_tokens

for (const kind of ['anthropic', 'gemini', 'openai'])
    test(`60: count_tokens, of a provider that is ${kind}`, async (t) => {
        const { p, [kind]: up } = await behind(t, [kind]);
        const { model, messages } = HELLO;
        const { input_tokens } = await sdk(p).messages.countTokens({ model, messages });
        up.check();
        assert.ok(input_tokens > 3 && input_tokens <= COUNT.input, `${input_tokens}`);
        const long = await sdk(p).messages.countTokens({
            model,
            messages: [user('low water '.repeat(1000))],
        });
        assert.ok(long.input_tokens > 1000, `${long.input_tokens}`);
        const bad = await ask(p, { path: '/v1/messages/count_tokens', body: '{"model":' });
        assertOwnError(bad, 400, 'invalid_request_error');
    });

// ---- errors

test('messages that hold nothing to ask are refused, and not for want of a memory', async (t) => {
    const { p, anthropic } = await behind(t, ['anthropic']);
    const answer = await send(p, { messages: [{ role: 'system', content: [] }] });
    assertOwnError(answer, 400, 'invalid_request_error', /messages holds nothing/);
    assert.equal(anthropic.requests.length, 0);
});

test('59: errors of the gateway are in its own form', async (t) => {
    const { p, anthropic } = await behind(t, ['anthropic'], {
        sections: { limits: { body: '4k' } },
    });
    const at = (more) =>
        ask(p, { path: '/v1/messages', method: 'POST', headers: VERSION, ...more });
    assertOwnError(await at({}), 400, 'invalid_request_error');
    for (const body of ['', '{', '[]', '{"model":1}', '{}'])
        assertOwnError(await at({ body }), 400, 'invalid_request_error');
    assertOwnError(await at({ method: 'GET' }), 405, 'invalid_request_error');
    const unknown = await send(p, { model: 'nobody/knows' });
    assertOwnError(unknown, unknown.status, unknown.json.error.type, /nobody\/knows/);
    assert.ok([400, 404].includes(unknown.status), unknown.body);
    const long = await send(p, { messages: [user('x'.repeat(5000))] });
    assertOwnError(long, 413, 'request_too_large');
    assert.equal(anthropic.requests.length, 0);
    assert.equal((await send(p)).status, 200);
});

test('a provider that is down is an error in its own form', async (t) => {
    const port = await nobody();
    const up = { url: `http://127.0.0.1:${port}`, title: 'Down' };
    const p = await gateway(t, {
        providers: { down: { up, kind: 'anthropic', endpoints: { [MODEL]: PRICES } } },
    });
    const answer = await send(p);
    assert.ok(answer.status >= 500, answer.body);
    assertOwnError(answer, answer.status, answer.json.error.type);
    assert.match(answer.json.error.type, /^(api|overloaded|timeout)_error$/);
    const s = await stream(p, { path: '/v1/messages', body: { ...HELLO, stream: true } });
    await s.rest();
    assert.equal(JSON.parse(s.text.replace(/^[^{]*/s, '')).type, 'error');
});

for (const kind of ['anthropic', 'gemini', 'openai'])
    for (const scene of ['broken', 'cut'])
        test(`a stream that is ${scene} ends in its own error, behind ${kind}`, async (t) => {
            const { p } = await behind(t, [kind], { scene });
            const s = await stream(p, { path: '/v1/messages', body: { ...HELLO, stream: true } });
            await s.rest();
            const all = namedEvents(s.text);
            assert.equal(all[0].name, 'message_start');
            const last = all.at(-1);
            assert.equal(last.name, 'error', s.text);
            assert.equal(last.json.type, 'error');
            assert.match(last.json.error.type, /_error$/);
            assert.ok(!all.some(({ name }) => name === 'message_stop'));
        });

test('a silent provider: pings, and then the answer', async (t) => {
    const go = gate();
    const { p, openai } = await behind(t, ['openai'], { top: { heartbeat: '50ms' } });
    openai.scene = async () => {
        await go.opened;
        return { parts: [{ text: TEXT }], stop: 'end' };
    };
    const s = await stream(p, { path: '/v1/messages', body: { ...HELLO, stream: true } });
    await within(
        (async () => {
            while ((s.text.match(/^event: ping$/gm) ?? []).length < 3) await s.next();
        })(),
        'three pings',
    );
    go.open();
    await s.rest();
    const all = namedEvents(s.text).filter(({ name }) => name !== 'ping');
    assert.equal(all[0].name, 'message_start');
    assert.equal(all.at(-1).name, 'message_stop');
});

// ---- the same dialect on both sides

// Members nobody knows, odd spaces, numbers as they stand.
const ODD =
    '{ "max_tokens":\t1e2,"model" : "acme/big","future_member":{"b":1.50,"a":-0.0,"a":1E+2},\r\n' +
    ' "messages":[{"content":[{"text":"\\u00e9 \\/ é \\ud83d\\ude00","type":"text","x":[ ]}],' +
    '"role":"user"}] ,"tools":[{"name":"z","input_schema":{"type":"object","maximum":' +
    '123456789012345678901234567890}}], "stream":false}\n';
const FRAMES = [
    [
        'message_start',
        '{"type":"message_start","message":{"id":"msg_7","type":"message","role":"assistant",' +
            '"model":"claude-x","content":[],"stop_reason":null,"stop_sequence":null,' +
            '"usage":{"input_tokens":5,"output_tokens":1},"future":1.50}}',
    ],
    ['ping', '{"type": "ping"}'],
    [
        'content_block_start',
        '{"type":"content_block_start","index":0,"content_block":{"type":"future_block","x":1e2}}',
    ],
    ['content_block_stop', '{"type":"content_block_stop", "index":0}'],
    [
        'content_block_start',
        '{"type":"content_block_start","index":1,"content_block":{"type":"text","text":""}}',
    ],
    [
        'content_block_delta',
        '{"type":"content_block_delta","index":1,' +
            '"delta":{"type":"text_delta","text":"h\\u00e9 \\/"} , "n":1.0}',
    ],
    ['future_event', '{"type":"future_event","n":12345678901234567890}'],
    ['content_block_stop', '{"type":"content_block_stop","index":1}'],
    [
        'message_delta',
        '{"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},' +
            '"usage":{"output_tokens":2,"future":1.50}}',
    ],
    ['message_stop', '{"type":"message_stop"}'],
];
const WHOLE =
    '{"id":"msg_7","type":"message","role":"assistant","model":"claude-x","content":[{"type":' +
    '"future_block","n":1.50},{"type":"text","text":"h\\u00e9 \\/"}],"stop_reason":"end_turn",' +
    '"stop_sequence":null,"usage":{"input_tokens":5,"output_tokens":2},' +
    '"future":12345678901234567890}';

async function odd(t) {
    const up = await upstream(t, (req, res) => {
        if (!/"stream":true/.test(req.raw)) return reply(res, 200, WHOLE);
        begin(res);
        const all = FRAMES.map(([name, data]) => `event: ${name}\ndata: ${data}\n\n`);
        return res.end(all.join(''));
    });
    up.url = up.url.replace(/\/v1$/, '');
    const endpoints = { [MODEL]: { ...PRICES, upstream_model: 'claude-x' } };
    const p = await gateway(t, {
        providers: { same: { up: { ...up, title: 'Same' }, kind: 'anthropic', endpoints } },
    });
    return { up, p };
}

test('the same dialect: the request keeps its bytes but for the model', async (t) => {
    const { up, p } = await odd(t);
    const answer = await ask(p, { path: '/v1/messages', body: ODD, headers: VERSION });
    assert.equal(answer.status, 200, answer.body);
    assert.equal(up.requests[0].raw.toString(), ODD.replace('acme/big', 'claude-x'));
    assert.equal(up.requests[0].url, '/v1/messages');
});

test('the same dialect: the answer keeps its members', async (t) => {
    const { p } = await odd(t);
    const answer = await ask(p, { path: '/v1/messages', body: ODD, headers: VERSION });
    for (const piece of [
        '{"type":"future_block","n":1.50}',
        'h\\u00e9 \\/',
        '12345678901234567890',
    ])
        assert.ok(answer.body.includes(piece), `${piece} in ${answer.body}`);
    assert.equal(answer.json.model, MODEL);
    assert.ok(near(answer.json.usage.cost, 9e-6), answer.body);
});

test('60: the same dialect: events keep their bytes but for what is added', async (t) => {
    const { p } = await odd(t);
    const body = ODD.replace('"stream":false', '"stream":true');
    const s = await stream(p, { path: '/v1/messages', body, headers: VERSION });
    await s.rest();
    const all = namedEvents(s.text);
    assert.deepEqual(
        all.map(({ name }) => name),
        FRAMES.map(([name]) => name),
    );
    FRAMES.forEach(([name, data], i) => {
        if (name === 'message_start')
            assert.deepEqual(all[i].json.message.model, MODEL, 'the name that was asked for');
        else if (name === 'message_delta') {
            assert.ok(near(all[i].json.usage.cost, 9e-6), all[i].data);
            assert.ok(all[i].data.includes('"future":1.50'), all[i].data);
        } else assert.equal(all[i].data, data);
    });
    assert.ok(all[0].data.includes('"future":1.50'), all[0].data);
});

// ---- what OpenRouter adds

test('models and provider in a request; cost, provider and a record of it', async (t) => {
    const { p, gemini, openai } = await behind(t, ['gemini', 'openai']);
    const answer = await send(p, {
        model: 'nobody/knows',
        models: ['nobody/knows', MODEL],
        ...only('openai'),
    });
    openai.check();
    assert.equal(answer.status, 200, answer.body);
    assert.equal(gemini.requests.length, 0);
    assert.equal(answer.json.provider, 'My openai');
    assert.ok(near(answer.json.usage.cost, costAt('openai')), answer.body);
    const record = await recorded(p, answer);
    assert.equal(record.model, MODEL);
    assert.equal(record.provider_name, 'My openai');
    assert.ok(near(record.total_cost, costAt('openai')), JSON.stringify(record));
});

test('models alone will do', async (t) => {
    const { p } = await behind(t, ['openai']);
    const answer = await send(p, { model: undefined, models: [MODEL] });
    assert.equal(answer.status, 200, answer.body);
});

test('usage.cost, whole, of each kind', async (t) => {
    for (const kind of ['anthropic', 'gemini', 'openai']) {
        const { p } = await behind(t, [kind]);
        const { usage } = await sdk(p).messages.create(HELLO);
        assert.ok(near(usage.cost, costAt(kind)), JSON.stringify(usage));
    }
});

// ---- what cannot be said

const losses = [
    ['anthropic', 'chat', { seed: 7, logit_bias: { 1: 2 } }, ['seed', 'logit_bias']],
    ['gemini', 'chat', { logit_bias: { 1: 2 } }, ['logit_bias']],
    ['openai', 'messages', { inference_geo: 'eu' }, ['inference_geo']],
];
const asDialect = (p, dialect, more) =>
    dialect === 'chat'
        ? ask(p, { body: { model: MODEL, messages: HELLO.messages, ...more } })
        : send(p, more);
for (const [kind, dialect, more, names] of losses) {
    test(`${dialect} -> ${kind}: ${names} is left out, and told`, async (t) => {
        const { p, [kind]: up } = await behind(t, [kind]);
        const answer = await asDialect(p, dialect, more);
        up.check();
        assert.equal(answer.status, 200, answer.body);
        for (const name of names)
            assert.ok(unsupported(answer).includes(name), JSON.stringify(answer.headers));
        const plain = await asDialect(p, dialect, {});
        assert.deepEqual(unsupported(plain), []);
    });

    test(`${dialect} -> ${kind}: ${names} with on_unsupported = drop is not told`, async (t) => {
        const { p, [kind]: up } = await behind(t, [kind], { top: { on_unsupported: 'drop' } });
        const answer = await asDialect(p, dialect, more);
        up.check();
        assert.equal(answer.status, 200, answer.body);
        assert.deepEqual(unsupported(answer), []);
        assert.doesNotMatch(p.stderr, /left out/);
    });

    test(`${dialect} -> ${kind}: ${names} with on_unsupported = reject is 400`, async (t) => {
        const { p, [kind]: up } = await behind(t, [kind], { top: { on_unsupported: 'reject' } });
        const answer = await asDialect(p, dialect, more);
        assert.equal(answer.status, 400, answer.body);
        assert.ok(answer.body.includes(names[0]), answer.body);
        if (dialect === 'messages') assertOwnError(answer, 400, 'invalid_request_error');
        assert.equal(up.requests.length, 0);
        assert.equal((await asDialect(p, dialect, {})).status, 200);
    });
}

// ---- fallback over dialects

const schema = { type: 'object', properties: { port: { type: 'string' } } };
const TOOLS = [{ name: 'get_tide', description: 'The tide', input_schema: schema }];
const order = ['anthropic', 'gemini', 'openai'];

test('fallback from Anthropic to Gemini to OpenAI, with thoughts in the history', async (t) => {
    const { p, ...ups } = await behind(t, order, {
        scene: 'reasoning',
        offer: { openai: { supported_parameters: 'tools, tool_choice, reasoning' } },
    });
    const thinking = { type: 'enabled', budget_tokens: 1024 };
    const params = { ...HELLO, max_tokens: 4000, tools: TOOLS, thinking, ...inOrder(order) };
    const first = await send(p, params);
    ups.anthropic.check();
    assert.equal(first.json.content[0].thinking, THOUGHT);
    assert.deepEqual(unsupported(first), []);
    const call = first.json.content.find((block) => block.type === 'tool_use');
    const result = { type: 'tool_result', tool_use_id: call.id, content: 'low' };
    const messages = [...HELLO.messages, assistant(first.json.content), user([result])];
    ups.anthropic.scene = 'overloaded';
    for (const kind of ['gemini', 'openai']) {
        const answer = await send(p, { ...params, messages });
        ups[kind].check();
        assert.equal(answer.status, 200, answer.body);
        const text = answer.json.content.filter((block) => block.type === 'text');
        assert.equal(text.map((block) => block.text).join(''), TEXT);
        assert.ok(unsupported(answer).includes('reasoning'), JSON.stringify(answer.headers));
        const sent = ups[kind].requests.at(-1).raw.toString();
        for (const [signature] of ups.anthropic.signatures) assert.ok(!sent.includes(signature));
        ups[kind].scene = 'overloaded';
    }
    const none = await send(p, { ...params, messages });
    assert.ok(none.status >= 500, none.body);
    assert.equal(none.json.type, 'error');
});

test('back at Anthropic, thoughts of another are left out, and told', async (t) => {
    const { p, ...ups } = await behind(t, order, { scene: 'thoughts' });
    const thinking = { type: 'enabled', budget_tokens: 1024 };
    const params = { ...HELLO, max_tokens: 4000, thinking };
    for (const kind of ['gemini', 'openai']) {
        const first = await send(p, { ...params, ...only(kind) });
        ups[kind].check();
        assert.equal(first.json.content[0].thinking, THOUGHT, first.body);
        const messages = [...HELLO.messages, assistant(first.json.content), user('And then?')];
        const answer = await send(p, { ...params, messages, ...only('anthropic') });
        ups.anthropic.check();
        assert.equal(answer.status, 200, answer.body);
        assert.ok(unsupported(answer).includes('reasoning'), JSON.stringify(answer.headers));
    }
});

// ---- what is not sent on

test('a member that is there twice is refused, however it is written', async (t) => {
    const sections = { 'key kitchen': { key: 'env:KEY_KITCHEN', max_tokens_per_request: 600 } };
    const { p, anthropic } = await behind(t, ['anthropic'], { sections });
    const headers = { 'x-api-key': keyOf('kitchen') };
    const ask_ = (more) => {
        const body = JSON.stringify(HELLO).slice(0, -1) + `,${more}}`;
        return ask(p, { path: '/v1/messages', body, headers });
    };
    const twice = [
        ['"max_tokens":60000', 'max_tokens'],
        ['"max_token\\u0073":60000', 'max_tokens'],
        [`"model":"${MODEL}"`, 'model'],
        ['"messages":[]', 'messages'],
        ['"\\u0078":1,"\\u0078":2', 'u0078'],
    ];
    for (const [more, name] of twice) {
        const answer = await ask_(more);
        assertOwnError(answer, 400, 'invalid_request_error', /given twice/);
        assert.ok(answer.json.error.message.includes(name), answer.body);
    }
    assert.equal(anthropic.requests.length, 0);
    assert.equal((await ask_('"top_k":5')).status, 200);
});

test('more members than are looked at are 400, and no fault of the provider', async (t) => {
    const { p, anthropic } = await behind(t, ['anthropic']);
    const some = (n) => Object.fromEntries(Array.from({ length: n }, (_, i) => [`x${i}`, null]));
    for (let i = 0; i < 3; i++) {
        const answer = await send(p, some(94)); // and three of its own
        assertOwnError(answer, 400, 'invalid_request_error', /more than 96 members/);
    }
    assert.equal(anthropic.requests.length, 0);
    assert.notEqual((await send(p, some(93))).status, 502);
    assert.equal((await send(p)).status, 200);
});

const wrong = [
    ['a tool that is no object', { tools: [5] }, /tools/],
    ['a call without a function', { messages: [{ role: 'assistant', tool_calls: [{ id: 5 }] }] }, /./],
    [
        'too many tools',
        {
            tools: Array.from({ length: 513 }, (_, i) => ({
                type: 'function',
                function: { name: `f${i}`, parameters: {} },
            })),
        },
        /tools/,
    ],
];
for (const [what, more, words] of wrong)
    for (const kind of ['anthropic', 'gemini'])
        test(`${what} is 400, and no fault of ${kind}`, async (t) => {
            const { p, [kind]: up } = await behind(t, [kind]);
            for (let i = 0; i < 4; i++) { // three failures would open its breaker
                const answer = await asDialect(p, 'chat', more);
                assert.equal(answer.status, 400, answer.body);
                assert.match(answer.json.error.message, /cannot be asked/);
                assert.match(answer.json.error.message, words);
                assert.match(answer.headers['x-orproxy-route'] ?? 'unsupported', /unsupported/);
            }
            assert.equal(up.requests.length, 0);
            assert.equal((await asDialect(p, 'chat', {})).status, 200);
        });

test('models to fall back to are not for OpenRouter to choose from', async (t) => {
    const up = await upstream(t, (req, res) => reply(res, 400, { error: { message: 'no' } }));
    Object.assign(up, { name: 'router', key: keyOf('router') });
    const providers = { router: { up, kind: 'openrouter', endpoints: { [MODEL]: PRICES } } };
    const sections = { 'key kitchen': { key: 'env:KEY_KITCHEN', models: MODEL } };
    const p = await gateway(t, { providers, sections });
    const headers = { 'x-api-key': keyOf('kitchen') };
    await send(p, { fallbacks: [{ model: 'other/dear' }] }, headers);
    await send(p, { models: ['other/dear'], route: 'fallback' }, headers);
    assert.equal(up.requests.length, 2);
    for (const { raw } of up.requests) assert.doesNotMatch(raw.toString(), /dear|fallback/);
});

test('a path that a provider has nothing for is 400, with words', async (t) => {
    const { p } = await behind(t, ['anthropic']);
    const paths = { embeddings: { input: 'x' }, rerank: { query: 'x', documents: ['a'] } };
    for (const [name, more] of Object.entries(paths)) {
        const answer = await ask(p, { path: `/v1/${name}`, body: { model: MODEL, ...more } });
        assert.equal(answer.status, 400, answer.body);
        assert.ok(answer.json.error.message.includes(`has nothing like /${name}`), answer.body);
    }
});

// ---- the rest of the gateway

test('limits, aliases and presets are those of the other paths', async (t) => {
    const { p, gemini } = await behind(t, ['gemini'], {
        sections: {
            'key kitchen': {
                key: 'env:KEY_KITCHEN',
                requests_per_minute: 3, // one that is refused counts, too
                max_cost_per_request: 0.01,
            },
            aliases: { 'claude-sonnet-4-6': MODEL },
            'preset terse': { model: MODEL, system: 'Be terse.' },
        },
    });
    const headers = { 'x-api-key': keyOf('kitchen') };
    assertOwnError(await send(p, { max_tokens: 60000 }, headers), 402, 'billing_error');
    const aliased = await send(p, { model: 'claude-sonnet-4-6' }, headers);
    assert.equal(aliased.status, 200, aliased.body);
    assert.equal(aliased.json.model, 'claude-sonnet-4-6');
    const terse = await send(p, { model: '@preset/terse', system: 'Be kind.' }, headers);
    assert.equal(terse.status, 200, terse.body);
    gemini.check();
    const { parts } = gemini.requests.at(-1).json.systemInstruction;
    assert.deepEqual(parts, [{ text: 'Be terse.' }, { text: 'Be kind.' }]);
    const late = await send(p, {}, headers);
    assertOwnError(late, 429, 'rate_limit_error');
    assert.ok(Number(late.headers['retry-after']) > 0, JSON.stringify(late.headers));
});

test('max_tokens is a wish also with a preset', async (t) => {
    const { p, anthropic } = await behind(t, ['anthropic'], {
        offer: { anthropic: { max_completion_tokens: 1000 } },
        sections: { 'preset calm': { parameters: '{"temperature":0.1}' } },
    });
    for (const more of [{}, { preset: 'calm' }]) {
        const answer = await send(p, { max_tokens: 32000, ...more });
        assert.equal(answer.status, 200, answer.body);
    }
    assert.equal(anthropic.requests.at(-1).json.temperature, 0.1);
});

test('an answer with more members than are looked at passes as it is', async (t) => {
    const { p, anthropic } = await behind(t, ['anthropic']);
    const more = Object.fromEntries(Array.from({ length: 70 }, (_, i) => [`x${i}`, i]));
    const said = {
        id: 'msg_1',
        type: 'message',
        role: 'assistant',
        model: 'm',
        content: [{ type: 'text', text: TEXT }],
        stop_reason: 'end_turn',
        usage: { input_tokens: 3, output_tokens: 5 },
        ...more,
    };
    anthropic.server.removeAllListeners('request');
    anthropic.server.on('request', (req, res) => {
        req.resume();
        reply(res, 200, said);
    });
    const answer = await send(p);
    assert.equal(answer.status, 200, answer.body);
    assert.deepEqual(answer.json, said);
    const { total_cost } = await recorded(p, answer);
    assert.ok(near(total_cost, (3 + 2 * 5) / 1e6), `${total_cost}`);
});

test('counts that were told before a stream was cut are the least that it cost', async (t) => {
    const up = await upstream(t, (req, res) => {
        const parts = [{ text: 'word '.repeat(800) }];
        const said = {
            candidates: [{ content: { parts, role: 'model' }, index: 0 }],
            usageMetadata: { promptTokenCount: 100, candidatesTokenCount: 1, totalTokenCount: 101 },
        };
        begin(res);
        res.write(`data: ${JSON.stringify(said)}\n\n`, () => setTimeout(() => res.destroy(), 50));
    });
    Object.assign(up, { name: 'cutter', key: keyOf('cutter') });
    const providers = { cutter: { up, kind: 'gemini', endpoints: { [MODEL]: PRICES } } };
    const p = await gateway(t, { providers });
    const s = await stream(p, { path: '/v1/messages', body: { ...HELLO, stream: true } });
    assert.match((await s.rest()).at(-1), /"type":"error"/);
    const { total_cost, estimated } = await recorded(p, s);
    assert.ok(near(total_cost, (100 + 2 * 1000) / 1e6), `${total_cost}`);
    assert.equal(estimated, true);
});

test('what a large answer took is given back', async (t) => {
    const { p, gemini } = await behind(t, ['gemini']);
    gemini.scene = () => ({ parts: [{ text: 'word '.repeat(400000) }], stop: 'end' });
    const used = async () => {
        const { body } = await ask(p, { path: '/metrics' });
        return Number(/^orproxy_memory_bytes (\d+)$/m.exec(body)[1]);
    };
    const before = await used();
    const answer = await asDialect(p, 'chat', {});
    assert.equal(answer.status, 200, answer.body.slice(0, 300));
    await until(async () => (await used()) < before + 1e6, 'memory to be given back');
});

test('a client that hangs up ends the provider, too', async (t) => {
    for (const kind of order) {
        const { p, [kind]: up } = await behind(t, [kind]);
        const go = gate();
        atEnd(t, () => go.open());
        up.scene = async () => {
            await go.opened;
            return { parts: [], stop: 'end' };
        };
        const body = { ...HELLO, stream: true };
        const c = connect(t, p.port).write(post(body, { target: '/v1/messages' }));
        await until(() => up.asked.length > 0, 'the request');
        c.socket.destroy();
        await until(() => up.open.size === 0, 'the connection to close');
    }
});
