// Inference paths other than chat go through the same choke point: routed, fallen back,
// recorded; and what is not JSON passes byte by byte.
import assert from 'node:assert/strict';
import http from 'node:http';
import { test } from 'node:test';

import {
    ask,
    big,
    bigStream,
    failing,
    greek,
    openaiAnswer,
    recorded,
    reply,
    stream,
    within,
} from './helpers.js';

const TEXT = { model: 'acme/big', prompt: 'once' };
const piece = (text, finish = null, more = {}) => ({
    id: 'cmpl-1',
    object: 'text_completion',
    created: 1780000000,
    model: 'big',
    choices: [{ index: 0, text, logprobs: null, finish_reason: finish }],
    ...more,
});
const completions = (req, res) => {
    const usage = { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 };
    if (!req.json.stream) return reply(res, 200, piece('upon a time', 'length', { usage }));
    res.writeHead(200, { 'content-type': 'text/event-stream' });
    const say = (o) => res.write(`data: ${JSON.stringify(o)}\n\n`);
    say(piece('upon '));
    say(piece('a time', 'length'));
    say({ ...piece(''), choices: [], usage });
    return res.end('data: [DONE]\n\n');
};

test('/completions: whole, of a direct provider, behind one that fails', async (t) => {
    const { p, alpha, beta } = await greek(t);
    alpha.answer = failing(503);
    beta.answer = completions;
    const got = await ask(p, {
        path: '/v1/completions',
        body: { ...TEXT, provider: { order: ['alpha', 'beta'] } },
    });
    assert.equal(got.status, 200, got.body);
    assert.equal(got.headers['x-orproxy-route'], 'alpha=503, beta=200');
    assert.equal(got.json.object, 'text_completion');
    assert.equal(got.json.choices[0].text, 'upon a time');
    assert.equal(got.json.choices[0].finish_reason, 'length');
    assert.equal(got.json.id, got.headers['x-generation-id']);
    assert.equal(got.json.model, 'acme/big');
    assert.equal(got.json.usage.cost, 0.00001); // 5 tokens at 2 micro-dollars
    assert.equal(beta.chats[0].url, '/v1/completions');
    assert.equal(beta.chats[0].json.provider, undefined);
});

test('/completions: a stream', async (t) => {
    const { p, ups } = await greek(t);
    for (const up of ups) up.answer = completions;
    const s = await stream(p, { path: '/v1/completions', body: { ...TEXT, stream: true } });
    const list = await s.rest();
    assert.equal(list.at(-1), '[DONE]');
    const chunks = list.slice(0, -1).map((e) => JSON.parse(e));
    assert.equal(chunks.map((c) => c.choices[0]?.text ?? '').join(''), 'upon a time');
    assert.deepEqual(chunks.at(-1).choices, []);
    assert.equal(chunks.at(-1).usage.total_tokens, 5);
    assert.ok(chunks.every((c) => c.object === 'text_completion'));
});

// The bytes of an answer, as they came.
const raw = (p, path, body) =>
    within(
        new Promise((resolve, reject) => {
            const req = http.request(
                {
                    host: '127.0.0.1',
                    port: p.port,
                    path,
                    method: 'POST',
                    agent: false,
                    headers: { 'content-type': 'application/json' },
                },
                (res) => {
                    const parts = [];
                    res.on('data', (part) => parts.push(part));
                    res.on('error', () => {});
                    res.on('close', () =>
                        resolve({
                            status: res.statusCode,
                            headers: res.headers,
                            bytes: Buffer.concat(parts),
                            whole: res.complete,
                        }),
                    );
                },
            );
            req.on('error', reject);
            req.end(JSON.stringify(body));
        }),
        path,
    );

const SOUND = Buffer.from(Array.from({ length: 300000 }, (_, i) => (i * 7 + (i >> 8)) & 255));

test('/audio/speech: sound, behind a provider that fails', async (t) => {
    const { p, alpha, beta } = await greek(t);
    alpha.answer = failing(500);
    beta.answer = (req, res) => {
        res.writeHead(200, { 'content-type': 'audio/mpeg' });
        res.end(SOUND);
    };
    const got = await raw(p, '/v1/audio/speech', {
        model: 'acme/big',
        input: 'x',
        provider: { order: ['alpha', 'beta'] },
    });
    assert.equal(got.status, 200);
    assert.equal(got.headers['content-type'], 'audio/mpeg');
    assert.ok(got.bytes.equals(SOUND));
    assert.ok(got.whole);
    assert.equal(got.headers['x-orproxy-route'], 'alpha=500, beta=200');
});

test('a body that is cut does not look whole', async (t) => {
    const { p, ups } = await greek(t);
    for (const up of ups)
        up.answer = (req, res) => {
            res.writeHead(200, { 'content-type': 'audio/mpeg', 'content-length': SOUND.length });
            res.write(SOUND.subarray(0, 1000));
            setTimeout(() => res.socket.destroy(), 50);
        };
    const got = await raw(p, '/v1/audio/speech', { model: 'acme/big', input: 'x' });
    assert.equal(got.whole, false);
});

test('a job that was accepted: 202 stays 202', async (t) => {
    const { p, ups } = await greek(t);
    for (const up of ups)
        up.answer = (req, res) => reply(res, 202, { id: 'gen-vid-1', status: 'pending' });
    const got = await ask(p, { path: '/v1/videos', body: { model: 'acme/big', prompt: 'x' } });
    assert.equal(got.status, 202);
    assert.equal(got.json.status, 'pending');
});

test('debug.echo_upstream_body: the first chunk is what the provider was sent', async (t) => {
    const { p, alpha } = await greek(t);
    const s = await bigStream(p, {
        provider: { only: ['alpha'] },
        debug: { echo_upstream_body: true },
    });
    const list = await s.rest();
    const first = JSON.parse(list[0]);
    assert.deepEqual(first.choices, []);
    assert.deepEqual(first.debug.echo_upstream_body, alpha.chats[0].json);
});

test('without a session a conversation stays once its cache was hit, and only then', async (t) => {
    const cached = (hit) => (req, res) =>
        reply(
            res,
            200,
            openaiAnswer('hi', {
                usage: {
                    prompt_tokens: 1000,
                    completion_tokens: 1,
                    total_tokens: 1001,
                    prompt_tokens_details: { cached_tokens: hit ? 900 : 0 },
                },
            }),
        );
    for (const hit of [false, true]) {
        const { p, ups } = await greek(t, {
            more: Object.fromEntries(
                ['alpha', 'beta', 'gamma'].map((name) => [
                    name,
                    {
                        endpoints: {
                            'acme/big': { prompt: 1, completion: 1, input_cache_read: 0.1 },
                        },
                    },
                ]),
            ),
        });
        for (const up of ups) up.answer = cached(hit);
        const served = new Set();
        for (let i = 0; i < 24; i++) served.add((await big(p)).headers['x-orproxy-route']);
        if (hit) assert.equal(served.size, 1);
        else assert.ok(served.size > 1);
    }
});

test('a passed-through answer has a record', async (t) => {
    const { p, ups } = await greek(t);
    for (const up of ups)
        up.answer = (req, res) =>
            reply(res, 200, { results: [], usage: { prompt_tokens: 10, total_tokens: 10 } });
    const got = await ask(p, {
        path: '/v1/rerank',
        body: { model: 'acme/big', query: 'x', documents: ['y'] },
    });
    assert.deepEqual(got.json.results, []);
    const record = await recorded(p, got);
    assert.equal(record.api_type, 'rerank');
    assert.equal(record.native_tokens_prompt, 10);
});
