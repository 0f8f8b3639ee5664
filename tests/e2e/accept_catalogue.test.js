// The acceptance list (tests/ACCEPTANCE.md): lists of models and endpoints, embeddings, odd
// answers; and that the list itself names tests that exist. Each name begins with the number of
// its point.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';

import {
    TOP,
    asOpenRouter,
    ask,
    assertError,
    attempts,
    big,
    envOf,
    gateway,
    greek,
    inOrder,
    keyOf,
    listed,
    lists,
    openaiAnswer,
    plan,
    priced,
    provider,
    recorded,
    reply,
    scratch,
    until,
} from './helpers.js';

const get = async (p, target, headers) => {
    const answer = await ask(p, { path: target, headers });
    assert.equal(answer.status, 200, `${target}: ${answer.body}`);
    return answer.json;
};
const ids = async (p, query = '') => (await get(p, `/v1/models${query}`)).data.map((m) => m.id);

// Two direct providers, one with a live list, and an OpenRouter; keys are needed for the rest.
async function market(t) {
    const alpha = await provider(t, 'alpha', { models: ['small-live', 'acme/live'] });
    const beta = await provider(t, 'beta');
    const openrouter = await provider(t, 'openrouter', {
        models: [
            listed('acme/big', '0.000009', '0.000009'),
            listed('far/away', '0.0000005', '0.0000015', {
                architecture: {
                    modality: 'text+image->text',
                    input_modalities: ['text', 'image'],
                    output_modalities: ['text'],
                },
                unknown_member: { kept: true },
            }),
            listed('far/away:free', '0', '0'),
        ],
        answer: asOpenRouter('hi'),
    });
    const p = await gateway(t, {
        providers: {
            alpha: { up: alpha, list: 'yes', endpoints: { 'acme/big': priced(1, OFFER) } },
            beta: {
                up: beta,
                zdr: 'yes',
                endpoints: {
                    'acme/big': { prompt: 2, completion: 4, tag: 'beta/turbo' },
                    'acme/embed': {
                        prompt: 0.02,
                        completion: 0,
                        output_modalities: 'embeddings',
                    },
                },
            },
            openrouter: { up: openrouter, kind: 'openrouter', list: 'yes' },
        },
        sections: { 'key one': { key: `env:${envOf('one')}`, models: 'acme/*' } },
    });
    await lists(p, 'far/away');
    await lists(p, 'acme/live');
    return p;
}
const OFFER = {
    context_length: 131072,
    max_completion_tokens: 8192,
    quantization: 'fp8',
    supported_parameters: 'max_tokens, tools, temperature',
    input_cache_read: 0.1,
};

test('57: GET /models needs no key and has ids and string prices', async (t) => {
    const p = await market(t);
    for (const base of ['/v1', '/api/v1']) {
        const { data, total_count, links } = await get(p, `${base}/models`);
        assert.equal(total_count, data.length);
        assert.deepEqual(links, { next: null });
        for (const model of data) {
            assert.equal(typeof model.id, 'string');
            assert.equal(typeof model.name, 'string');
            assert.equal(typeof model.pricing.prompt, 'string', model.id);
            assert.equal(typeof model.pricing.completion, 'string', model.id);
            assert.ok(model.architecture.output_modalities.includes('text'), model.id);
        }
        assert.deepEqual(
            data.map((model) => model.id),
            [...new Set(data.map((model) => model.id))],
            'each once',
        );
    }
    const all = Object.fromEntries((await get(p, '/v1/models')).data.map((m) => [m.id, m]));
    assert.equal(all['far/away'].pricing.prompt, '0.0000005');
    assert.deepEqual(all['far/away'].unknown_member, { kept: true });
    assert.equal(all['far/away:free'].pricing.prompt, '0');
    assert.ok(all['acme/big'] && all['acme/live'] && all['alpha/small-live']);
    assert.equal(all['acme/live'].pricing.prompt, '-1', 'unknown');
    assert.equal(all['acme/embed'], undefined, 'the default is text');
});

test('57: filters of GET /models', async (t) => {
    const p = await market(t);
    assert.deepEqual(await ids(p, '?output_modalities=embeddings'), ['acme/embed']);
    assert.ok((await ids(p, '?output_modalities=all')).includes('acme/embed'));
    assert.deepEqual(
        (await ids(p, '?input_modalities=image')).filter((id) => id !== 'acme/big'),
        ['far/away'],
    );
    assert.ok((await ids(p, '?q=AWAY')).every((id) => id.startsWith('far/away')));
    assert.ok((await ids(p, '?supported_parameters=tools')).includes('acme/big'));
    assert.ok(!(await ids(p, '?context=120000')).includes('far/away'));
    assert.ok((await ids(p, '?context=100000')).includes('far/away'));
    assert.ok(!(await ids(p, '?max_price=0.4')).includes('far/away'));
    assert.ok((await ids(p, '?max_price=0.5')).includes('far/away'));
    assert.ok((await ids(p, '?model_authors=far')).every((id) => id.startsWith('far/')));
    const dear = await ids(p, '?sort=pricing-low-to-high');
    assert.ok(dear.indexOf('far/away:free') < dear.indexOf('far/away'));
    const page = await get(p, '/v1/models?limit=1&offset=1');
    assert.equal(page.data.length, 1);
    assert.ok(page.total_count > 1);
    for (const bad of ['?sort=nonsense', '?context=many', '?output_modalities=smell'])
        assertError(await ask(p, { path: `/v1/models${bad}` }), 400);
});

test("57: one model, by OpenAI's path and by OpenRouter's; the count", async (t) => {
    const p = await market(t);
    const one = await get(p, '/v1/models/acme/big');
    assert.equal(one.id ?? one.data?.id, 'acme/big');
    const model = await get(p, '/api/v1/model/acme/big');
    assert.equal(model.data.id, 'acme/big');
    assert.equal((await get(p, '/api/v1/model/far/away:floor')).data.id, 'far/away');
    const { total_count } = await get(p, '/v1/models');
    assert.equal((await get(p, '/v1/models/count')).data.count, total_count);
    assertError(await ask(p, { path: '/v1/models/nobody/knows' }), 404);
});

test("57: /models/user is the key's own list", async (t) => {
    const p = await market(t);
    assertError(await ask(p, { path: '/v1/models/user' }), 401);
    const { data } = await get(p, '/v1/models/user', { authorization: `Bearer ${keyOf('one')}` });
    assert.ok(data.length > 0);
    assert.ok(
        data.every((model) => model.id.startsWith('acme/')),
        JSON.stringify(data),
    );
});

test('57: a live id without a slash has two names, and both work', async (t) => {
    const alpha = await provider(t, 'alpha', { models: ['small-live'] });
    const p = await gateway(t, { providers: { alpha: { up: alpha, list: 'yes' } } });
    await lists(p, 'alpha/small-live');
    for (const model of ['alpha/small-live', 'small-live']) {
        const answer = await big(p, { model });
        assert.equal(answer.status, 200, answer.body);
        assert.equal(answer.json.model, 'alpha/small-live');
        assert.equal(alpha.chats.at(-1).json.model, 'small-live');
    }
});

test('57: an [endpoint] section replaces the live entry of that model', async (t) => {
    const alpha = await provider(t, 'alpha', { models: ['big-v7', 'other'] });
    const p = await gateway(t, {
        providers: {
            alpha: {
                up: alpha,
                list: 'yes',
                endpoints: { 'acme/big': priced(1, { upstream_model: 'big-v7' }) },
            },
        },
    });
    const all = await lists(p, 'alpha/other');
    assert.ok(all.includes('acme/big') && !all.includes('alpha/big-v7'), all.join());
});

test('57: a model nobody knows is 400, one without endpoints left 404', async (t) => {
    const { p, ups } = await greek(t);
    const unknown = await big(p, { model: 'nobody/knows' });
    assertError(unknown, 400, /nobody\/knows/);
    assert.equal(unknown.json.error.availability.code, 'model_not_found');
    assertError(await big(p, { provider: { only: ['nobody'] } }), 404);
    assert.equal(
        ups.reduce((sum, up) => sum + up.chats.length, 0),
        0,
    );
    // but among several, one that is known is enough
    const answer = await big(p, { model: 'nobody/knows', models: ['acme/big'] });
    assert.equal(answer.status, 200, answer.body);
    assert.equal(answer.json.model, 'acme/big');
});

test('58: endpoints of a known model without that variant: 200 and an empty list', async (t) => {
    const p = await market(t);
    const { data } = await get(p, '/api/v1/models/acme/big:free/endpoints');
    assert.deepEqual(data.endpoints, []);
    assertError(await ask(p, { path: '/api/v1/model/acme/big:free' }), 404);
    assertError(await ask(p, { path: '/api/v1/models/nobody/knows/endpoints' }), 404);
});

test('58: endpoints of a model', async (t) => {
    const p = await market(t);
    const { data } = await get(p, '/api/v1/models/acme/big/endpoints');
    assert.equal(data.id, 'acme/big');
    const tags = Object.fromEntries(data.endpoints.map((one) => [one.tag, one]));
    assert.deepEqual(Object.keys(tags).sort(), ['alpha', 'beta/turbo', 'openrouter']);
    const { alpha } = tags;
    assert.equal(alpha.provider_name, 'Alpha');
    assert.equal(alpha.context_length, 131072);
    assert.equal(alpha.max_completion_tokens, 8192);
    assert.equal(alpha.quantization, 'fp8');
    assert.equal(alpha.pricing.prompt, '0.000001');
    assert.equal(alpha.pricing.input_cache_read, '0.0000001');
    assert.deepEqual(alpha.supported_parameters.sort(), ['max_tokens', 'temperature', 'tools']);
    assert.equal(alpha.status, 0);
    assert.equal(tags['beta/turbo'].pricing.completion, '0.000004');
    assert.equal((await get(p, '/v1/models/acme/big:nitro/endpoints')).data.endpoints.length, 3);
});

test('58: providers, endpoints with zero retention, models for embeddings', async (t) => {
    const p = await market(t);
    const slugs = (await get(p, '/v1/providers')).data.map((one) => [one.slug, one.name]);
    assert.deepEqual(slugs.sort(), [
        ['alpha', 'Alpha'],
        ['beta', 'Beta'],
        ['openrouter', 'Openrouter'],
    ]);
    const zdr = (await get(p, '/v1/endpoints/zdr')).data;
    assert.ok(zdr.length > 0 && zdr.every((one) => one.provider_name === 'Beta'));
    const embed = (await get(p, '/v1/embeddings/models')).data.map((model) => model.id);
    assert.deepEqual(embed, ['acme/embed']);
});

test('58: a catalogue file gives context and parameters, live lists give the ids', async (t) => {
    const dir = scratch(t);
    const file = path.join(dir, 'catalogue.json');
    fs.writeFileSync(file, JSON.stringify({ data: [listed('acme/live', '0.000001')] }));
    const alpha = await provider(t, 'alpha', { models: ['acme/live'] });
    const p = await gateway(t, {
        top: { catalog: file },
        providers: { alpha: { up: alpha, list: 'yes' } },
    });
    await lists(p, 'acme/live');
    await until(async () => {
        const { data } = await get(p, '/v1/models/acme/live/endpoints');
        return data.endpoints[0]?.context_length === 100000;
    }, 'the context of the file');
    assert.equal((await big(p, { model: 'acme/live' })).status, 200);
});

// ---- other skins

const VECTORS = [
    [0.5, -1.25, 3.0000001e-7, 1e30, 0],
    [-0.1, 123456.789, 2, 16777217, 1e-42],
];
const floats = (list) => Buffer.from(Float32Array.from(list).buffer).toString('base64');
const embedding = (req, res) =>
    reply(res, 200, {
        object: 'list',
        model: 'embed-1',
        data: VECTORS.map((list, index) => ({
            object: 'embedding',
            index,
            embedding: req.asBase64 ? floats(list) : list,
        })),
        usage: { prompt_tokens: 8, total_tokens: 8 },
    });
async function embeddings(t, answer = embedding) {
    const { p, alpha } = await greek(t, {
        names: ['alpha'],
        more: {
            alpha: {
                endpoints: {
                    'acme/embed': { prompt: 1, completion: 0, output_modalities: 'embeddings' },
                },
            },
        },
    });
    alpha.answer = answer;
    const embed = (more) =>
        ask(p, {
            path: '/v1/embeddings',
            body: { model: 'acme/embed', input: ['a', 'b'], ...more },
        });
    return { p, alpha, embed };
}

test('62: encoding_format base64 is little-endian float32, also of a provider that answers floats', async (t) => {
    for (const asBase64 of [false, true]) {
        const { embed } = await embeddings(t, (req, res) => {
            req.asBase64 = asBase64;
            embedding(req, res);
        });
        const answer = await embed({ encoding_format: 'base64' });
        assert.equal(answer.status, 200, answer.body);
        assert.deepEqual(
            answer.json.data.map((one) => one.embedding),
            VECTORS.map(floats),
        );
        assert.equal(answer.json.model, 'acme/embed');
        assert.equal(answer.json.usage.prompt_tokens, 8);
        assert.equal(answer.json.usage.cost, 0.000008);
    }
});

test('62: without it floats, also of a provider that answers base64', async (t) => {
    for (const asBase64 of [false, true])
        for (const more of [{}, { encoding_format: 'float' }]) {
            const { embed } = await embeddings(t, (req, res) => {
                req.asBase64 = asBase64;
                embedding(req, res);
            });
            const answer = await embed(more);
            assert.equal(answer.status, 200, answer.body);
            answer.json.data.forEach((one, i) =>
                assert.deepEqual(
                    [...Float32Array.from(one.embedding)].map((x) => x + 0),
                    [...Float32Array.from(VECTORS[i])].map((x) => x + 0),
                ),
            );
        }
});

test('63: leading white space in front of an answer is fine', async (t) => {
    const { p, alpha } = await greek(t, { names: ['alpha'] });
    alpha.answer = (req, res) => {
        res.writeHead(200, { 'content-type': 'application/json' });
        res.write('\n\n   \n', () => res.end(`\r\n\t${JSON.stringify(openaiAnswer('spaced'))}\n`));
    };
    const answer = await big(p);
    assert.equal(answer.status, 200, answer.body);
    assert.equal(answer.json.choices[0].message.content, 'spaced');
});

for (const [name, body] of [
    ["OpenRouter's error", { error: { code: 503, message: 'fell over' } }],
    ['a string', { error: 'Unexpected endpoint or method' }],
    ['an error without a code', { error: { message: 'fell over' } }],
])
    test(`63: an error with status 200 is a failure, with fallback: ${name}`, async (t) => {
        const { p, alpha } = await greek(t, { names: ['alpha', 'beta'] });
        alpha.answer = (req, res) => reply(res, 200, body);
        const answer = await big(p, inOrder('alpha'));
        assert.equal(answer.status, 200, answer.body);
        assert.equal(answer.json.provider, 'Beta');
        assert.equal(attempts(answer).length, 2);
        const record = await recorded(p, answer);
        assert.equal(record.provider_responses.length, 2);
        const alone = await big(p, {
            provider: { order: ['alpha'], only: ['alpha'], allow_fallbacks: false },
        });
        assertError(alone, alone.status);
        assert.ok(alone.status >= 500);
        assert.equal((await plan(p)).candidates[0], 'beta');
    });

// ---- the list itself

test('tests/ACCEPTANCE.md has all 64 points and 60 cases, and names tests that exist', () => {
    const sources = {};
    for (const dir of ['tests/e2e', 'tests/hostile'].map((name) => path.join(TOP, name)))
        for (const name of fs.readdirSync(dir).filter((name) => /(\.test|^scenarios_.*)\.js$/.test(name)))
            sources[name] = fs.readFileSync(path.join(dir, name), 'utf8');
    const table = fs.readFileSync(path.join(TOP, 'tests/ACCEPTANCE.md'), 'utf8');
    const rows = [...table.matchAll(/^\| (\d+) \| (.*?) \| (.*?) \|$/gm)];
    assert.deepEqual(
        rows.map(([, number]) => Number(number)),
        Array.from({ length: 64 }, (_, i) => i + 1),
    );
    for (const [, number, , where] of rows) {
        const tests = [...where.matchAll(/`([\w.]+)` "([^"]*)"/g)];
        assert.ok(tests.length > 0 || /next version|the one after/.test(where), `point ${number}`);
        for (const [, file, name] of tests) {
            // "53, 55: ..." is about both
            const about = /^(\d+(?:, \d+)*): /.exec(name)?.[1].split(', ') ?? [];
            assert.ok(about.includes(number), `point ${number}: "${name}"`);
            assert.ok(sources[file], `point ${number}: there is no ${file}`);
            // names made from a table end where the table begins
            assert.ok(sources[file].includes(name), `point ${number}: "${name}" in ${file}`);
        }
    }
    const cases = [...table.matchAll(/^\| G(\d+) \| (.*?) \| (.*?) \|$/gm)];
    assert.deepEqual(
        cases.map(([, number]) => Number(number)),
        Array.from({ length: 60 }, (_, i) => i + 1),
    );
    for (const [, number, , where] of cases) {
        const tests = [...where.matchAll(/`([\w.]+)`(?: "([^"]*)")?/g)];
        assert.ok(tests.length > 0, `case ${number}`);
        for (const [, file, name] of tests) {
            const named = file.endsWith('.js');
            const text = named
                ? sources[file]
                : fs.readFileSync(path.join(TOP, 'tests', file), 'utf8');
            const there = named ? text.includes(name) : new RegExp(`G${number}\\b`).test(text);
            assert.ok(there, `case ${number}: ${name ?? ''} in ${file}`);
        }
    }
});
