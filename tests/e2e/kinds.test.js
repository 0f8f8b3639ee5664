// Providers that speak other dialects: how their lists are asked for, and that check asks so too.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';

import { PROVIDER_KEY, ask, reply, run, scratch, start, until, upstream } from './helpers.js';

const gemini = (id, methods = ['generateContent']) => ({
    name: `models/${id}`,
    displayName: id,
    inputTokenLimit: 1048576,
    outputTokenLimit: 65536,
    supportedGenerationMethods: methods,
});
const claude = (id) => ({
    type: 'model',
    id,
    display_name: id,
    created_at: '2026-01-01T00:00:00Z',
    max_input_tokens: 200000,
    max_tokens: 64000,
});

// Each kind: what stands in base_url behind the host, the targets that are asked for and what
// answers them, the head fields that must and must not be there, and the models that come of it.
const KINDS = {
    anthropic: {
        base: '/v1',
        pages: {
            '/v1/models?limit=1000': {
                data: [claude('claude-a')],
                has_more: true,
                last_id: 'claude-a',
            },
            '/v1/models?limit=1000&after_id=claude-a': {
                data: [claude('claude-b')],
                has_more: false,
                last_id: 'claude-b',
            },
        },
        has: { 'x-api-key': PROVIDER_KEY, 'anthropic-version': '2023-06-01' },
        models: { 'x/claude-a': 200000, 'x/claude-b': 200000 },
        shown: 2,
    },
    gemini: {
        base: '/v1beta/',
        pages: {
            '/v1beta/models?pageSize=1000': { models: [gemini('g-1')], nextPageToken: 'a+/=' },
            '/v1beta/models?pageSize=1000&pageToken=a%2B%2F%3D': {
                models: [gemini('embed', ['embedContent']), gemini('g-2')],
            },
        },
        has: { 'x-goog-api-key': PROVIDER_KEY },
        models: { 'x/g-1': 1048576, 'x/g-2': 1048576 },
        shown: 3,
    },
    azure: {
        base: '/openai?api-version=2025-01-01',
        pages: { '/openai/models?api-version=2025-01-01': { data: [{ id: 'gpt' }] } },
        has: { 'api-key': PROVIDER_KEY },
        models: { 'x/gpt': 0 },
        shown: 1,
    },
    ollama: {
        base: '',
        pages: { '/api/tags': { models: [{ name: 'q:8b' }] } },
        has: { authorization: `Bearer ${PROVIDER_KEY}` },
        models: { 'x/q:8b': 0 },
        shown: 1,
    },
    openai: {
        base: '/v1',
        pages: { '/v1/models': { data: [{ id: 'm' }], has_more: true, last_id: 'm' } },
        has: { authorization: `Bearer ${PROVIDER_KEY}` },
        models: { 'x/m': 0 },
        shown: 1,
    },
};
const FIELDS = ['authorization', 'api-key', 'x-api-key', 'x-goog-api-key', 'anthropic-version'];

async function provider(t, kind) {
    const up = await upstream(t, (req, res) =>
        kind.pages[req.url] ? reply(res, 200, kind.pages[req.url]) : reply(res, 404, { error: {} }),
    );
    up.host = up.url.slice(0, -'/v1'.length);
    return up;
}

function settings(t, up, name) {
    const file = path.join(scratch(t), 'x.conf');
    const base = `${up.host}${KINDS[name].base}`;
    fs.writeFileSync(
        file,
        `[provider x]\nkind = ${name}\nbase_url = ${base}\nkey = env:UPSTREAM_KEY\n`,
    );
    return ['-c', file];
}

function checkRequests(up, kind) {
    assert.deepEqual(
        up.requests.map((r) => r.url),
        Object.keys(kind.pages),
    );
    for (const r of up.requests)
        for (const field of FIELDS) assert.equal(r.headers[field], kind.has[field], field);
}

for (const [name, kind] of Object.entries(KINDS)) {
    test(`${name}: its list is read, page by page`, async (t) => {
        const up = await provider(t, kind);
        const p = await start(t, settings(t, up, name));
        let got;
        await until(async () => {
            got = (await ask(p, { method: 'GET', path: '/api/v1/models' })).json.data;
            return got.length === Object.keys(kind.models).length;
        }, 'the list of models');
        assert.deepEqual(got.map((m) => m.id).sort(), Object.keys(kind.models));
        for (const m of got) assert.equal(m.context_length ?? 0, kind.models[m.id], m.id);
        checkRequests(up, kind);
    });

    test(`${name}: check asks as the gateway does`, async (t) => {
        const up = await provider(t, kind);
        const p = await run(t, ['check', ...settings(t, up, name)]);
        assert.equal(p.code, 0, p.stdout + p.stderr);
        assert.match(p.stdout, new RegExp(`^x +ok +ok +none +${kind.shown} `, 'm'));
        checkRequests(up, kind);
    });
}

test('a list without an end is cut, and that is said', async (t) => {
    let n = 0;
    const up = await upstream(t, (req, res) =>
        reply(res, 200, { data: [claude(`c-${n}`)], has_more: true, last_id: `c-${n++}` }),
    );
    up.host = up.url.slice(0, -'/v1'.length);
    const p = await start(t, settings(t, up, 'anthropic'));
    await until(() => /x: its list of models has more than 16 pages/.test(p.stderr), 'the end');
    const models = (await ask(p, { method: 'GET', path: '/api/v1/models' })).json.data;
    assert.equal(models.length, 16);
    assert.equal(up.requests.length, 16);
});

for (const [name, status, body, what] of [
    ['fails', 500, {}, /answered with status 500/],
    ['is none', 200, { models: 5, nextPageToken: 'b' }, /no list of models/],
])
    test(`a page that ${name} is no list`, async (t) => {
        const up = await upstream(t, (req, res) =>
            up.requests.length === 1
                ? reply(res, 200, Object.values(KINDS.gemini.pages)[0])
                : reply(res, status, body),
        );
        up.host = up.url.slice(0, -'/v1'.length);
        const p = await start(t, settings(t, up, 'gemini'));
        await until(() => /x: no list of models/.test(p.stderr), 'the failure');
        assert.match(p.stderr, what);
        assert.doesNotMatch(p.stderr, /more than/);
        const models = (await ask(p, { method: 'GET', path: '/api/v1/models' })).json.data;
        assert.deepEqual(models, []);
        assert.equal(up.requests.length, 2);
    });

test('a variable that a provider of another name uses is used', async (t) => {
    const up = await provider(t, KINDS.gemini);
    const file = path.join(scratch(t), 'x.conf');
    fs.writeFileSync(file, `[provider gemini]\nbase_url = ${up.host}\nkey = env:GEMINI_API_KEY\n`);
    const env = { GEMINI_API_KEY: PROVIDER_KEY, ANTHROPIC_API_KEY: 'a' };
    const p = await run(t, ['check', '-c', file], { env });
    assert.equal(p.code, 0, p.stdout + p.stderr);
    assert.doesNotMatch(p.stdout, /GEMINI_API_KEY is set/);
    assert.equal(p.stdout.match(/ANTHROPIC_API_KEY is set/g).length, 1);
});
