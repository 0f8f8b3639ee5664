// endpoints = yes: the endpoints behind an OpenRouter are in the catalogue, and it is we who
// choose among them.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { ask, big, envOf, gateway, keyOf, reply, until, upstream, whole } from './helpers.js';

const endpoint = (name, tag, usd, more = {}) => ({
    name: `${name} | acme/big`,
    model_id: 'acme/big',
    provider_name: name,
    tag,
    context_length: 100000,
    pricing: { prompt: `0.${'0'.repeat(5)}${usd}`, completion: `0.${'0'.repeat(5)}${usd}` },
    quantization: 'fp8',
    supported_parameters: ['temperature', 'max_tokens'],
    status: 0,
    ...more,
});

async function market(t, setting, list) {
    const up = await upstream(t, (req, res) => {
        if (req.url === '/v1/models')
            return reply(res, 200, {
                data: [
                    {
                        id: 'acme/big',
                        name: 'Big',
                        context_length: 100000,
                        pricing: { prompt: '0.000001', completion: '0.000001' },
                    },
                ],
            });
        if (req.url === '/v1/models/acme/big/endpoints')
            return reply(res, 200, { data: { id: 'acme/big', name: 'Big', endpoints: list } });
        return whole('from afar')(req, res);
    });
    const p = await gateway(
        t,
        `[provider openrouter]\nbase_url = ${up.url}\nkey = env:${envOf('openrouter')}\n${setting}`,
        { env: { [envOf('openrouter')]: keyOf('openrouter') } },
    );
    await until(
        async () => (await ask(p, { path: '/v1/models' })).json.data.length > 0,
        'the list of models',
    );
    return { up, p, tags: async () => (await listed(p)).map((e) => e.tag).sort() };
}

const listed = async (p) =>
    (await ask(p, { path: '/v1/models/acme/big/endpoints' })).json.data.endpoints;

const LIST = [endpoint('Deep', 'deep/fp8', 3), endpoint('Shallow', 'shallow', 2)];

test('endpoints = yes: learned at the first request, chosen among from then on', async (t) => {
    const { up, p, tags } = await market(t, 'endpoints = yes', LIST);
    const first = await big(p, { provider: { sort: 'price', order: ['deep'] } });
    assert.equal(first.headers['x-orproxy-route'], 'openrouter=200');
    await until(async () => (await tags()).length === 3, 'the endpoints');
    assert.deepEqual(await tags(), ['deep/fp8', 'openrouter', 'shallow']);

    const cheap = await big(p, { provider: { sort: 'price', max_price: { prompt: 2.5 } } });
    assert.equal(cheap.headers['x-orproxy-route'], 'shallow=200');
    assert.deepEqual(up.requests.at(-1).json.provider.only, ['shallow']);
    assert.equal(up.requests.at(-1).json.provider.allow_fallbacks, false);
    assert.equal(up.requests.at(-1).json.model, 'acme/big');
    assert.equal(up.requests.at(-1).headers.authorization, `Bearer ${keyOf('openrouter')}`);

    const deep = await big(p, { provider: { only: ['Deep'] } });
    assert.equal(deep.headers['x-orproxy-route'], 'deep/fp8=200');

    const route = await ask(p, { path: '/v1/route', body: { model: 'acme/big', messages: [{ role: 'user', content: 'x' }] } });
    assert.deepEqual(
        route.json.data.excluded.map((e) => [e.tag, e.excluded_by]),
        [['openrouter', 'expanded']],
    );
});

test('endpoints = yes: what only OpenRouter can judge is left to it', async (t) => {
    const { up, p, tags } = await market(t, 'endpoints = yes', LIST);
    await big(p);
    await until(async () => (await tags()).length === 3, 'the endpoints');
    const zdr = await big(p, { provider: { zdr: true } });
    assert.equal(zdr.headers['x-orproxy-route'], 'openrouter=200');
    assert.deepEqual(up.requests.at(-1).json.provider, { zdr: true });
    const online = await big(p, { plugins: [{ id: 'web' }] });
    assert.equal(online.headers['x-orproxy-route'], 'openrouter=200');
});

test('without it OpenRouter chooses, and is not asked for endpoints', async (t) => {
    const { up, p, tags } = await market(t, '', LIST);
    for (let i = 0; i < 3; i++) await big(p);
    assert.deepEqual(await tags(), ['openrouter']);
    assert.ok(up.requests.every((r) => !r.url.endsWith('/endpoints')));
});

test('endpoints of other models, and lists that are none, change nothing', async (t) => {
    const odd = [
        endpoint('Other', 'other', 1, { model_id: 'acme/else' }),
        endpoint('Itself', 'openrouter', 1),
        7,
        { tag: 5 },
    ];
    const { up, p, tags } = await market(t, 'endpoints = yes', odd);
    await big(p);
    await until(() => up.requests.some((r) => r.url.endsWith('/endpoints')), 'the question');
    assert.equal((await big(p)).status, 200);
    assert.deepEqual(await tags(), ['openrouter']);
});
