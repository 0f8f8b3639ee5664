// Several keys of one provider: in turn, and those that are refused or over their rate rest.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { assertError, big, gateway, reply, until, upstream, whole } from './helpers.js';

// answer(key, req, res) by the number of the key, from 1.
async function keyed(t, answer, num = 2) {
    const used = [];
    const up = await upstream(t, (req, res) => {
        if (req.method === 'GET') return reply(res, 200, { data: [] });
        const key = Number(/sk-alpha-(\d)$/.exec(req.headers.authorization)[1]);
        used.push(key);
        return answer(key, req, res);
    });
    const env = {};
    let lines = '';
    for (let i = 1; i <= num; i++) {
        env[`KEY_${i}`] = `sk-alpha-${i}`;
        lines += `key = env:KEY_${i}\n`;
    }
    const p = await gateway(
        t,
        `[provider alpha]\nbase_url = ${up.url}\nlist = no\n${lines}` +
            '[endpoint alpha acme/big]\nprompt = 1\ncompletion = 1\n',
        { env },
    );
    return { p, used };
}

const limited = (req, res, after = '60') =>
    reply(res, 429, { error: { message: 'slow down', code: 429 } }, { 'retry-after': after });

test('keys are used in turn', async (t) => {
    const { p, used } = await keyed(t, (key, req, res) => whole('hi')(req, res), 3);
    for (let i = 0; i < 6; i++) assert.equal((await big(p)).status, 200);
    assert.deepEqual(used, [1, 2, 3, 1, 2, 3]);
});

test('a key over its rate rests, and the next one serves the same request', async (t) => {
    const { p, used } = await keyed(t, (key, req, res) =>
        key === 1 ? limited(req, res) : whole('hi')(req, res),
    );
    const answer = await big(p);
    assert.equal(answer.status, 200);
    assert.equal(answer.headers['x-orproxy-route'], 'alpha=429, alpha=200');
    for (let i = 0; i < 3; i++) assert.equal((await big(p)).status, 200);
    assert.deepEqual(used, [1, 2, 2, 2, 2]);
});

test('a rest ends', async (t) => {
    let over = true;
    const { p, used } = await keyed(t, (key, req, res) =>
        key === 1 && over ? limited(req, res, '1') : whole('hi')(req, res),
    );
    assert.equal((await big(p)).status, 200);
    over = false;
    await until(async () => {
        assert.equal((await big(p)).status, 200);
        return used.at(-1) === 1;
    }, 'the first key to serve again');
});

test('a refused key rests too', async (t) => {
    const { p, used } = await keyed(t, (key, req, res) =>
        key === 1 ? reply(res, 401, { error: { message: 'no' } }) : whole('hi')(req, res),
    );
    for (let i = 0; i < 3; i++) assert.equal((await big(p)).status, 200);
    assert.deepEqual(used, [1, 2, 2, 2]);
});

test('all keys over their rate: 429 with the shortest wait, then without asking', async (t) => {
    const { p, used } = await keyed(t, (key, req, res) =>
        limited(req, res, key === 1 ? '60' : '30'),
    );
    const answer = await big(p);
    assertError(answer, 429, /slow down/);
    assert.equal(answer.headers['retry-after'], '30');
    assertError(await big(p), 429, /left alone/);
    assert.deepEqual(used, [1, 2]);
});

test('another key does not help a provider that is down', async (t) => {
    const { p, used } = await keyed(t, (key, req, res) =>
        reply(res, 503, { error: { message: 'down' } }),
    );
    assertError(await big(p), 503, /down/);
    assert.deepEqual(used, [1]);
});
