// 50, 80 and 100 % of a limit: in the log, in the metrics and at alert_webhook, once each.
import assert from 'node:assert/strict';
import http from 'node:http';
import path from 'node:path';
import { test } from 'node:test';

import { ask, atEnd, gate, scratch, sleep, stream, until } from './helpers.js';
import {
    MANAGEMENT,
    as,
    bank,
    books,
    hashOfKey,
    metered,
    order,
} from './ledger_helpers.js';

// A place that webhooks are posted to.
async function listener(t, status = 204, text = undefined) {
    const got = [];
    const server = http.createServer((req, res) => {
        const parts = [];
        req.on('data', (part) => parts.push(part));
        req.on('end', () => {
            got.push({ req, body: JSON.parse(Buffer.concat(parts)) });
            res.writeHead(status);
            res.end(text);
        });
    });
    await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
    atEnd(t, () => {
        server.closeAllConnections();
        server.close();
    });
    return { got, url: `http://127.0.0.1:${server.address().port}/hook/x?to=me` };
}

const ask1 = (p, key, id, more) => ask(p, { body: order(id, more), headers: as(key) });

test('each step of a limit is told once, to the log, the metrics and the webhook', async (t) => {
    const up = await metered(t);
    const { got, url } = await listener(t);
    const p = await bank(t, up, {
        state: path.join(scratch(t), 'state'),
        keys: { kitchen: { limit: '1', limit_reset: 'monthly' }, free: {} },
        offer: { prompt: 0, completion: 10000 },
        top: { alert_webhook: url },
    });
    // 10 tokens of 0.01 USD each time: 40 %, 50 %, ... of 1 USD
    for (let i = 0; i < 4; i++) assert.equal((await ask1(p, 'kitchen', `a${i}`)).status, 200);
    await sleep(50);
    assert.equal(got.length, 0, 'nothing to tell yet');
    for (let i = 4; i < 7; i++) assert.equal((await ask1(p, 'kitchen', `a${i}`)).status, 200);
    await until(() => got.length === 1, 'half of it');
    for (let i = 7; i < 10; i++) assert.equal((await ask1(p, 'kitchen', `a${i}`)).status, 200);
    await until(() => got.length === 3, 'nearly all, and all');
    assert.deepEqual(
        got.map((one) => one.body.percent),
        [50, 80, 100],
    );
    for (const { req, body } of got) {
        assert.equal(`${req.method} ${req.url}`, 'POST /hook/x?to=me');
        assert.equal(req.headers['content-type'], 'application/json');
        assert.equal(req.headers.authorization, undefined, 'no key of anybody');
        assert.deepEqual(
            { ...body, time: undefined, percent: undefined, spent: undefined },
            {
                event: 'limit',
                time: undefined,
                kind: 'key',
                id: hashOfKey('kitchen'),
                name: 'kitchen',
                percent: undefined,
                limit: 1,
                limit_reset: 'monthly',
                spent: undefined,
            },
        );
    }
    assert.equal((await ask1(p, 'kitchen', 'b')).status, 402);
    await sleep(50);
    assert.equal(got.length, 3, 'it was told');
    for (const percent of [50, 80, 100])
        assert.equal(p.stderr.split(`alert: key kitchen: ${percent} %`).length, 2, p.stderr);
    const metrics = await ask(p, {
        path: '/metrics',
        headers: { authorization: `Bearer ${MANAGEMENT}` },
    });
    assert.match(metrics.body, /orproxy_limit_usd\{kind="key",name="kitchen"\} 1\n/);
    assert.match(metrics.body, /orproxy_limit_spent_usd\{kind="key",name="kitchen"\} 1\n/);
    assert.doesNotMatch(metrics.body, /orproxy_limit_usd\{kind="key",name="free"/);
});

test('a request that is too large says nothing of a limit that is hardly used', async (t) => {
    const up = await metered(t);
    const { got, url } = await listener(t, 200, 'ok');
    const p = await bank(t, up, {
        state: path.join(scratch(t), 'state'),
        keys: { kitchen: { limit: '1' } },
        offer: { prompt: 0, completion: 10000 },
        top: { alert_webhook: url },
    });
    assert.equal((await ask1(p, 'kitchen', 'a', { max: 500 })).status, 402);
    for (let i = 0; i < 8; i++) assert.equal((await ask1(p, 'kitchen', `b${i}`)).status, 200);
    await until(() => got.length === 2, 'half, and nearly all');
    assert.equal((await ask1(p, 'kitchen', 'c', { max: 500 })).status, 402);
    await until(() => got.length === 3, 'too little is left');
    assert.deepEqual(
        got.map((one) => one.body.percent),
        [50, 80, 100],
    );
    assert.doesNotMatch(p.stderr, /alert_webhook:/, 'any answer of 2xx will do');
});

test('a webhook that fails, hangs or is not there holds nothing up', async (t) => {
    const up = await metered(t);
    const silent = http.createServer(() => {});
    await new Promise((resolve) => silent.listen(0, '127.0.0.1', resolve));
    atEnd(t, () => {
        silent.closeAllConnections();
        silent.close();
    });
    const urls = [
        (await listener(t, 500)).url,
        `http://127.0.0.1:${silent.address().port}/`,
        'http://127.0.0.1:1/',
    ];
    for (const [i, url] of urls.entries()) {
        const p = await bank(t, up, {
            state: path.join(scratch(t), 'state'),
            keys: { kitchen: { limit: '0.2' } },
            offer: { prompt: 0, completion: 10000 },
            top: { alert_webhook: url },
        });
        assert.equal((await ask1(p, 'kitchen', `${i}a`)).status, 200);
        assert.equal((await ask1(p, 'kitchen', `${i}b`)).status, 200);
        assert.equal((await ask1(p, 'kitchen', `${i}c`)).status, 402);
        if (i !== 1) await until(() => /alert_webhook: /.test(p.stderr), 'it to be said');
    }
});

test('a hang-up at an OpenRouter is corrected by what that says later', async (t) => {
    const up = await metered(t);
    const [serving] = up.server.listeners('request');
    let tries = 0;
    up.server.removeAllListeners('request');
    up.server.on('request', (req, res) => {
        if (!req.url.startsWith('/v1/generation')) return serving(req, res);
        // records appear some time after the request
        const there = ++tries > 1;
        res.writeHead(there ? 200 : 404, { 'content-type': 'application/json' });
        res.end(
            there
                ? '{"data":{"id":"x","total_cost":0.000000123456,"is_byok":true,' +
                      '"upstream_inference_cost":0.5}}'
                : '{"error":{"code":404,"message":"not yet"}}',
        );
    });
    const hold = gate();
    atEnd(t, hold.open);
    let pieces = 0;
    up.pause = () => (++pieces > 2 ? hold.opened : undefined);
    const p = await bank(t, up, {
        state: path.join(scratch(t), 'state'),
        keys: { kitchen: { limit: '5' } },
        provider: { kind: 'openrouter' },
    });
    const s = await stream(p, { body: order('h', { stream: true }), headers: as('kitchen') });
    await s.next();
    s.close();
    await until(async () => (await books(p, 'kitchen')).spent > 0n, 'the guess');
    const guess = (await books(p, 'kitchen')).spent;
    await until(async () => (await books(p, 'kitchen')).spent !== guess, 'the correction');
    const { usage, byok, remaining } = await books(p, 'kitchen');
    assert.deepEqual([usage, byok, remaining], [123456n, 5n * 10n ** 11n, 4499999876544n]);
    assert.ok(tries >= 2);
});
