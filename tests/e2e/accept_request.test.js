// The acceptance list (tests/ACCEPTANCE.md): transport, authorisation, what of a request goes
// up and how. Each name begins with the number of its point.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import {
    BIG,
    ask,
    assertError,
    asOpenRouter,
    attempts,
    big,
    bigStream,
    connect,
    envOf,
    failing,
    gateway,
    greek,
    keyOf,
    lists,
    listed,
    openaiAnswer,
    plan,
    post,
    priced,
    provider,
    recorded,
    reply,
    until,
} from './helpers.js';

const alone = (t, options) => greek(t, { names: ['alpha'], ...options });
const bearer = (key) => ({ authorization: `Bearer ${key}` });
const keys = (...names) =>
    Object.fromEntries(names.map((name) => [`key ${name}`, { key: `env:${envOf(name)}` }]));

// ---- transport

test('1: /v1 and /api/v1 are the same, a trailing slash or a query changes nothing', async (t) => {
    const { p } = await alone(t);
    for (const base of ['/v1', '/api/v1'])
        for (const end of ['', '/', '?beta=true', '/?beta=true']) {
            const answer = await ask(p, { path: `${base}/chat/completions${end}`, body: BIG });
            assert.equal(answer.status, 200, `${base} ${end}: ${answer.body}`);
            const models = await ask(p, { path: `${base}/providers${end}` });
            assert.equal(models.status, 200, `${base}/providers${end}`);
            const decided = await ask(p, { path: `${base}/route${end}`, body: BIG });
            assert.equal(decided.status, 200, `${base}/route${end}`);
        }
});

test('2: Bearer in any case and x-api-key are taken', async (t) => {
    const { p, alpha } = await alone(t, { sections: keys('kitchen') });
    const key = keyOf('kitchen');
    for (const headers of [
        bearer(key),
        { authorization: `bearer ${key}` },
        { authorization: `BEARER ${key}` },
        { authorization: `bEaReR   ${key}` },
        { 'x-api-key': key },
    ])
        assert.equal((await big(p, {}, headers)).status, 200, JSON.stringify(headers));
    assert.equal(alpha.chats.length, 5);
    assertError(await big(p, {}, { authorization: key }), 401);
    assertError(await big(p, {}, { authorization: `Basic ${key}` }), 401);
});

test('2: on /messages an x-api-key that is not empty wins over Bearer', async (t) => {
    const { p, alpha } = await alone(t, { sections: keys('kitchen') });
    const good = keyOf('kitchen');
    const body = { model: 'acme/big', max_tokens: 5, messages: BIG.messages };
    const messages = (headers) => ask(p, { path: '/api/v1/messages', body, headers });
    assert.equal((await messages({ ...bearer('placeholder'), 'x-api-key': good })).status, 200);
    assert.equal((await messages({ ...bearer(good), 'x-api-key': '' })).status, 200);
    assert.equal(alpha.chats.length, 2);
    assert.equal((await messages({ ...bearer(good), 'x-api-key': 'placeholder' })).status, 401);
    assert.equal(alpha.chats.length, 2);
});

test('3: without a key, or with one nobody knows: 401 in the envelope', async (t) => {
    const { p, alpha } = await alone(t, { sections: keys('kitchen') });
    for (const headers of [{}, bearer('sk-nobody'), { 'x-api-key': 'sk-nobody' }, bearer('')])
        for (const path of ['/v1/chat/completions', '/v1/embeddings', '/v1/route', '/v1/rerank']) {
            const answer = await ask(p, { path, body: BIG, headers });
            assertError(answer, 401);
            assert.equal(
                answer.json.error.metadata?.error_type ?? 'authentication',
                'authentication',
            );
        }
    assertError(await ask(p, { path: '/v1/generation?id=gen-1' }), 401);
    assert.equal(alpha.chats.length, 0);
});

test('3: who has no key is told so before the body is sent', async (t) => {
    const { p } = await alone(t, { sections: keys('kitchen') });
    const text = post(BIG, { fields: 'Authorization: Bearer sk-nobody\r\n' });
    await connect(t, p.port).write(text.slice(0, -10)).until(/^HTTP\/1.1 401 [^]*not known/);
});

test('3: a disabled or expired key is 401 and says so', async (t) => {
    const { p, alpha } = await alone(t, {
        sections: {
            'key off': { key: 'env:KEY_OFF', disabled: 'yes' },
            'key old': { key: 'env:KEY_OLD', expires_at: '2020-01-31' },
            'key older': { key: 'env:KEY_OLDER', expires_at: '2020-01-31T12:00:00Z' },
            'key new': { key: 'env:KEY_NEW', expires_at: '2099-01-31', disabled: 'no' },
        },
    });
    assertError(await big(p, {}, bearer(keyOf('off'))), 401, /disabled/i);
    assertError(await big(p, {}, bearer(keyOf('old'))), 401, /expired/i);
    assertError(await big(p, {}, bearer(keyOf('older'))), 401, /expired/i);
    assert.equal(alpha.chats.length, 0);
    assert.equal((await big(p, {}, bearer(keyOf('new')))).status, 200);
});

test('4: the management key does not infer, and opens what it is for', async (t) => {
    const alpha = await provider(t, 'alpha');
    const p = await gateway(
        t,
        {
            top: { management_key: 'env:KEY_BOSS' },
            providers: { alpha: { up: alpha, endpoints: { 'acme/big': priced(1) } } },
            sections: keys('kitchen'),
        },
        { env: { KEY_BOSS: keyOf('boss') } },
    );
    for (const headers of [bearer(keyOf('boss')), { 'x-api-key': keyOf('boss') }])
        for (const path of ['/v1/chat/completions', '/v1/embeddings', '/v1/route'])
            assertError(await ask(p, { path, body: BIG, headers }), 403);
    for (const path of ['/v1/responses', '/v1/messages'])
        for (const headers of [bearer(keyOf('boss')), { 'x-api-key': keyOf('boss') }]) {
            const answer = await ask(p, { path, body: BIG, headers });
            assert.equal(answer.status, 403, answer.body);
            assert.match(answer.json.error.message, /management key/); // in its own form
        }
    assert.equal(alpha.chats.length, 0);
    assert.equal((await ask(p, { path: '/metrics', headers: bearer(keyOf('boss')) })).status, 200);
});

test('5: keys stay on their side', async (t) => {
    const { p, alpha } = await alone(t, { top: { log: 'json' }, sections: keys('kitchen') });
    const key = keyOf('kitchen');
    alpha.answer = (req, res) =>
        reply(res, 200, openaiAnswer(), {
            'x-request-id': 'r1',
            'x-echo': req.headers.authorization,
        });
    const answer = await big(p, {}, { ...bearer(key), 'x-api-key': key, cookie: `k=${key}` });
    assert.equal(answer.status, 200, answer.body);
    const sent = JSON.stringify(alpha.chats[0].rawHeaders) + alpha.chats[0].raw;
    assert.ok(!sent.includes(key), sent);
    assert.equal(alpha.chats[0].headers.authorization, `Bearer ${alpha.key}`);
    for (const reflect of [401, 500]) {
        alpha.answer = (req, res) =>
            reply(res, reflect, { error: { message: `bad ${req.headers.authorization}` } });
        const refused = await big(p, {}, bearer(key));
        assert.ok(!(refused.body + JSON.stringify(refused.headers)).includes(alpha.key));
    }
    for (const path of ['/metrics', '/v1/models', '/v1/providers', '/healthz']) {
        const page = await ask(p, { path, headers: bearer(key) });
        assert.ok(!page.body.includes(alpha.key) && !page.body.includes(key), path);
    }
}); // and that no key is in the log is part of every test

test('6: OPTIONS is 204 and echoes what was asked', async (t) => {
    const { p, alpha } = await alone(t, { sections: keys('kitchen') });
    const asked = 'authorization,content-type,openai-beta,x-stainless-lang,x-title';
    for (const path of ['/v1/chat/completions', '/api/v1/models', '/v1/embeddings', '/nowhere']) {
        const answer = await ask(p, {
            path,
            method: 'OPTIONS',
            headers: {
                origin: 'https://app.example',
                'access-control-request-method': 'POST',
                'access-control-request-headers': asked,
            },
        });
        assert.equal(answer.status, 204, `${path}: ${answer.body}`);
        assert.equal(answer.body, '');
        assert.equal(answer.headers['access-control-allow-origin'], 'https://app.example');
        assert.match(answer.headers.vary ?? '', /origin/i);
        const allowed = answer.headers['access-control-allow-headers'].toLowerCase();
        for (const name of asked.split(',')) assert.ok(allowed.includes(name), name);
        for (const method of ['GET', 'POST'])
            assert.ok(answer.headers['access-control-allow-methods'].includes(method), method);
        assert.match(answer.headers['access-control-max-age'], /^\d+$/);
    }
    assert.equal(alpha.requests.length, 0);
});

test('6: X-Generation-Id and Retry-After are exposed to a page', async (t) => {
    const { p, alpha } = await alone(t, { sections: keys('kitchen') });
    const headers = { ...bearer(keyOf('kitchen')), origin: 'https://app.example' };
    const exposes = (answer) => {
        assert.equal(answer.headers['access-control-allow-origin'], 'https://app.example');
        const list = (answer.headers['access-control-expose-headers'] ?? '').toLowerCase();
        for (const name of ['x-generation-id', 'retry-after', 'x-orproxy-route'])
            assert.ok(list.includes(name), `${name} in ${list}`);
    };
    exposes(await big(p, {}, headers));
    const s = await bigStream(p, {}, headers);
    await s.rest();
    exposes(s);
    alpha.answer = failing(429, { headers: { 'retry-after': '7' } });
    const refused = await big(p, {}, headers);
    assertError(refused, 429);
    exposes(refused);
    const nobody = await big(p, {}, { origin: 'https://app.example' });
    assertError(nobody, 401);
    exposes(nobody);
});

test('6: without keys a page of another origin gets nothing', async (t) => {
    const { p, alpha } = await alone(t);
    const evil = { origin: 'https://evil.example' };
    assertError(await big(p, {}, evil), 403);
    const before = await ask(p, { path: '/v1/models', method: 'OPTIONS', headers: evil });
    assert.equal(before.status, 403);
    assert.equal(alpha.requests.length, 0);
    const local = await ask(p, {
        path: '/v1/chat/completions',
        method: 'OPTIONS',
        headers: { origin: `http://127.0.0.1:${p.port}`, 'access-control-request-method': 'POST' },
    });
    assert.equal(local.status, 204);
});

test('7: unknown members, headers and enum values are no error', async (t) => {
    const { p } = await alone(t);
    const answer = await big(
        p,
        {
            brand_new: { a: [1] },
            service_tier: 'hyperspeed',
            verbosity: 'whispering',
            reasoning: { effort: 'galactic', mood: 1 },
            provider: { brand_new: true, experimental: { x: 1 } },
            tool_choice: 'perhaps',
            messages: [{ role: 'oracle', content: [{ type: 'smell', smell: 'x' }] }],
        },
        { 'x-openrouter-brand-new': '1', 'idempotency-key': 'x', 'x-stainless-os': 'Plan9' },
    );
    assert.equal(answer.status, 200, answer.body);
});

test('8: unknown members of an answer pass as they are', async (t) => {
    const { p, alpha } = await alone(t);
    const odd = '{"deep":[1.50e+2,-0,"\\u00e9",{"x":null}]}';
    alpha.answer = (req, res) =>
        reply(
            res,
            200,
            JSON.stringify(openaiAnswer('hi', { new_member: 'ODD' })).replace('"ODD"', odd),
        );
    const answer = await big(p);
    assert.equal(answer.status, 200, answer.body);
    assert.ok(answer.body.includes(`"new_member":${odd}`), answer.body);
    alpha.answer = (req, res) => {
        res.writeHead(200, { 'content-type': 'text/event-stream' });
        res.end(
            `data: {"id":"x","choices":[{"index":0,"delta":{"content":"a","odd":${odd}},"finish_reason":null}],"new_member":${odd}}\n\n` +
                'data: {"id":"x","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n' +
                'data: [DONE]\n\n',
        );
    };
    const s = await bigStream(p);
    await s.rest();
    assert.ok(s.text.includes(`"odd":${odd}`), s.text);
    assert.ok(s.text.includes(`"new_member":${odd}`), s.text);
});

// ---- what goes up

const raw = (text) => `{"model":"acme/big",${text}}`;

test('9: messages, parts and tools keep their order and every byte', async (t) => {
    const { p, alpha } = await alone(t);
    const messages =
        '"messages":[ {"role":"system","content":"\\u00e9 \\ud83d\\ude00 é😀 \\/"} ,\n' +
        ' {"content":[{"text":"b","type":"text","n":1.0e+2},{"type":"text","text":"a"}],"role":"user"}]';
    const tools =
        '"tools":[{"type":"function","function":{"name":"z","parameters":{"maximum":1234567890123456789012,"z":1,"a":-0.0}}},' +
        '{"function":{"name":"a"},"type":"function"}]';
    const answer = await ask(p, { body: raw(`${messages},${tools}`) });
    assert.equal(answer.status, 200, answer.body);
    const sent = alpha.chats[0].raw.toString();
    assert.ok(sent.includes(messages), sent);
    assert.ok(sent.includes(tools), sent);
});

test('10: content is a string, an array, null or absent; arguments stay a string', async (t) => {
    const { p, alpha } = await alone(t);
    const messages = [
        { role: 'user', content: 'x' },
        { role: 'user', content: [{ type: 'text', text: 'x' }] },
        {
            role: 'assistant',
            content: null,
            tool_calls: [
                { id: 'c1', type: 'function', function: { name: 'f', arguments: '{"bed":4}' } },
            ],
        },
        { role: 'tool', tool_call_id: 'c1', content: '31%' },
        {
            role: 'assistant',
            tool_calls: [{ id: 'c2', type: 'function', function: { name: 'f', arguments: '' } }],
        },
        { role: 'tool', tool_call_id: 'c2', content: [{ type: 'text', text: 'none' }] },
    ];
    const answer = await big(p, { messages });
    assert.equal(answer.status, 200, answer.body);
    assert.deepEqual(alpha.chats[0].json.messages, messages);
});

test('11: reasoning_details go up complete, in order, unmodified', async (t) => {
    const { p, alpha } = await alone(t);
    const details =
        '[{"type":"reasoning.text","text":"need \\u00e9","signature":"c2ln","format":"anthropic-claude-v1","index":0,"id":null},' +
        '{"type":"reasoning.encrypted","data":"AAAA","index":1},{"type":"reasoning.summary","summary":"s","index":2}]';
    const answer = await ask(p, {
        body: raw(
            `"messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b","reasoning_details":${details}},{"role":"user","content":"c"}]`,
        ),
    });
    assert.equal(answer.status, 200, answer.body);
    assert.ok(alpha.chats[0].raw.toString().includes(`"reasoning_details":${details}`));
});

test('12: sampling parameters that were left out are not added', async (t) => {
    const { p, alpha } = await alone(t);
    await big(p);
    assert.deepEqual(Object.keys(alpha.chats[0].json).sort(), ['messages', 'model']);
    await (await bigStream(p)).rest();
    const allowed = ['messages', 'model', 'stream', 'stream_options'];
    assert.deepEqual(
        Object.keys(alpha.chats[1].json).filter((name) => !allowed.includes(name)),
        [],
    );
    await big(p, { temperature: 0, top_p: 1 });
    assert.equal(alpha.chats[2].json.temperature, 0);
    assert.equal(alpha.chats[2].json.top_p, 1);
});

// The name by which each provider knows the limit.
const caps = [
    ['mistral', 'max_tokens'],
    ['ollama', 'max_tokens'],
    ['openai', 'max_completion_tokens'],
    ['groq', 'max_completion_tokens'],
    ['deepseek', 'max_tokens'],
    ['together', 'max_tokens'],
];
for (const [name, cap] of caps)
    test(`13: only one of the two, by the name it knows: ${name} gets ${cap}`, async (t) => {
        const up = await provider(t, name);
        const p = await gateway(t, {
            providers: {
                [name]: {
                    up,
                    ...(name === 'ollama' && {
                        kind: 'ollama',
                        base_url: up.url.replace(/\/v1$/, ''),
                    }),
                    endpoints: { 'acme/big': priced(1) },
                },
            },
        });
        for (const [asked, got] of [
            [{ max_tokens: 50 }, 50],
            [{ max_completion_tokens: 60 }, 60],
            [{ max_tokens: 50, max_completion_tokens: 40 }, 40],
            [{ max_tokens: 30, max_completion_tokens: 40 }, 30],
        ]) {
            const answer = await big(p, asked);
            assert.equal(answer.status, 200, answer.body);
            const { max_tokens, max_completion_tokens } = up.chats.at(-1).json;
            const both = { max_tokens, max_completion_tokens };
            const other = cap === 'max_tokens' ? 'max_completion_tokens' : 'max_tokens';
            assert.equal(both[cap], got, JSON.stringify(both));
            assert.equal(both[other], undefined, JSON.stringify(both));
        }
    });

test('13: a provider nobody knows gets one of the two, the smaller', async (t) => {
    const { p, alpha } = await alone(t);
    const got = () => {
        const { max_tokens, max_completion_tokens } = alpha.chats.at(-1).json;
        return [max_tokens, max_completion_tokens].filter((n) => n !== undefined);
    };
    for (const [asked, want] of [
        [{ max_tokens: 50 }, 50],
        [{ max_completion_tokens: 60 }, 60],
        [{ max_tokens: 50, max_completion_tokens: 40 }, 40],
    ]) {
        await big(p, asked);
        assert.deepEqual(got(), [want]);
    }
});

test('13: a kind of provider has its other names too', async (t) => {
    const mistral = await provider(t, 'mistral');
    const p = await gateway(t, {
        providers: { mistral: { up: mistral, endpoints: { 'acme/big': priced(1) } } },
    });
    const answer = await big(p, {
        tool_choice: 'required',
        seed: 7,
        tools: [{ type: 'function', function: { name: 'f', parameters: {} } }],
        messages: [{ role: 'developer', content: 'be brief' }, ...BIG.messages],
    });
    assert.equal(answer.status, 200, answer.body);
    const sent = mistral.chats[0].json;
    assert.equal(sent.tool_choice, 'any');
    assert.equal(sent.random_seed, 7);
    assert.equal(sent.seed, undefined);
    assert.equal(sent.messages[0].role, 'system');
});

// What only OpenRouter understands and what is harmless to leave out.
const OURS = {
    models: ['acme/big'],
    provider: { allow_fallbacks: true },
    route: 'fallback',
    usage: { include: true },
    session_id: 'kitchen-7',
    trace: { trace_id: 't1' },
    debug: { echo_upstream_body: false },
};

test("14: members of OpenRouter's do not reach direct providers", async (t) => {
    const { p, alpha } = await alone(t);
    const answer = await big(p, { ...OURS, temperature: 0.5 });
    assert.equal(answer.status, 200, answer.body);
    const sent = alpha.chats[0].json;
    for (const name of Object.keys(OURS)) assert.equal(sent[name], undefined, name);
    assert.equal(sent.temperature, 0.5);
});

// A direct provider and an OpenRouter that serve the same model, the direct one cheaper.
async function beside(t, more) {
    const openrouter = await provider(t, 'openrouter', {
        models: [listed('acme/big', '0.000005', '0.000005')],
        answer: asOpenRouter('from openrouter'),
    });
    const alpha = await provider(t, 'alpha');
    const p = await gateway(t, {
        providers: {
            alpha: { up: alpha, endpoints: { 'acme/big': priced(1) } },
            openrouter: { up: openrouter, kind: 'openrouter', list: 'yes' },
        },
        ...more,
    });
    await lists(p, 'acme/big');
    await until(
        async () => (await plan(p)).candidates.length === 2,
        'both providers to be candidates',
    );
    return { p, alpha, openrouter };
}

test("14: members of OpenRouter's reach an OpenRouter", async (t) => {
    const { p, openrouter } = await beside(t);
    const answer = await big(p, {
        provider: { only: ['openrouter'], data_collection: 'deny' },
        session_id: 'kitchen-7',
        trace: { trace_id: 't1' },
        transforms: ['middle-out'],
        usage: { include: true },
    });
    assert.equal(answer.status, 200, answer.body);
    const sent = openrouter.chats[0].json;
    assert.equal(sent.session_id, 'kitchen-7');
    assert.deepEqual(sent.trace, { trace_id: 't1' });
    assert.deepEqual(sent.transforms, ['middle-out']);
    assert.equal(sent.provider.data_collection, 'deny');
});

for (const [name, more] of [
    ['plugins', { plugins: [{ id: 'web' }] }],
    ['transforms', { transforms: ['middle-out'] }],
    ['x_search_filter', { x_search_filter: { from: 'x' } }],
    ['a server tool', { tools: [{ type: 'openrouter:web_search' }] }],
    [':online', { model: 'acme/big:online' }],
])
    test(`14: a request with ${name} goes to OpenRouter alone`, async (t) => {
        const { p, alpha, openrouter } = await beside(t);
        for (let i = 0; i < 4; i++) {
            const answer = await big(p, more);
            assert.equal(answer.status, 200, answer.body);
            assert.deepEqual(attempts(answer), [['openrouter', '200']]);
        }
        assert.equal(alpha.chats.length, 0);
        const sent = openrouter.chats[0].json;
        for (const [member, value] of Object.entries(more))
            assert.deepEqual(sent[member], value, member);
    });

test('14: without an OpenRouter such a request is 404 that names the member', async (t) => {
    const { p, alpha } = await alone(t);
    assertError(await big(p, { plugins: [{ id: 'web' }] }), 404, /plugins/);
    assertError(await big(p, { transforms: ['middle-out'] }), 404, /transforms/);
    assertError(await big(p, { model: 'acme/big:online' }), 404, /online/);
    assertError(
        await big(p, { tools: [{ type: 'openrouter:web_search' }] }),
        404,
        /tools|web_search/,
    );
    assertError(await big(p, { preset: 'nobody-knows' }), 404, /preset/);
    assert.equal(alpha.chats.length, 0);
});

test('15: session_id of the body beats the header, and both have a limit', async (t) => {
    const { p, alpha, beta } = await greek(t, {
        names: ['alpha', 'beta'],
        more: { beta: { endpoints: { 'acme/big': priced(1) } } },
    });
    const where = async (more, headers) => (await big(p, more, headers)).json.provider;
    // one conversation at each of the two
    const at = {};
    for (let i = 0; i < 200 && Object.keys(at).length < 2; i++)
        at[await where({ session_id: `s${i}` })] ??= `s${i}`;
    assert.deepEqual(Object.keys(at).sort(), ['Alpha', 'Beta']);
    for (let i = 0; i < 8; i++) {
        assert.equal(await where({ session_id: at.Alpha }, { 'x-session-id': at.Beta }), 'Alpha');
        assert.equal(await where({}, { 'x-session-id': at.Beta }), 'Beta');
    }
    const before = alpha.chats.length + beta.chats.length;
    const long = 'x'.repeat(257);
    assertError(await big(p, { session_id: long }), 400, /session_id|session-id/);
    assertError(await big(p, {}, { 'x-session-id': long }), 400, /session.id/);
    assert.equal(alpha.chats.length + beta.chats.length, before);
    assert.equal((await big(p, { session_id: 'x'.repeat(256) })).status, 200);
});

test('16: bad JSON or no messages is 400, too large a body is 413', async (t) => {
    const { p, alpha } = await alone(t, { sections: { limits: { body: '1000' } } });
    assertError(await ask(p, { body: '{"model":"acme/big",' }), 400, /JSON/);
    assertError(await ask(p, { body: { model: 'acme/big' } }), 400, /messages/);
    assertError(await big(p, { user: 'x'.repeat(1000) }), 413, /limits\.body/);
    assert.equal(alpha.chats.length, 0);
    const none = await recorded(p, await big(p));
    assert.equal(none.provider_name, 'Alpha');
});
