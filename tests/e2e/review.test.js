// Paths that only a hostile or unlucky client finds: who is asked after a fallback when many
// others ask meanwhile, answers that are not text, limits that one can walk around.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';

import {
    CLIENT_KEY,
    HELLO,
    HELLO_STREAM,
    ask,
    begin,
    chat,
    chunk,
    completion,
    connect,
    event,
    gate,
    post,
    proxy,
    rawUpstream,
    reply,
    scratch,
    start,
    stream,
    until,
    upstream,
} from './helpers.js';

function settings(t, text) {
    const file = path.join(scratch(t), 'review.conf');
    fs.writeFileSync(file, text);
    return file;
}

const provider = (name, up, more = '') =>
    `[provider ${name}]\nkind = openai\nbase_url = ${up.url}\nlist = no\nany_model = yes\n${more}\n`;

const BEARER = { authorization: `Bearer ${CLIENT_KEY}` };
const KEY = { env: { CLIENT: CLIENT_KEY } };

test('a fallback goes to the model that was asked for, whatever others ask meanwhile', async (t) => {
    const held = gate();
    const alpha = await upstream(t, async (req, res) => {
        if (req.json.model !== 'mine/model') return reply(res, 200, completion());
        await held.opened;
        return reply(res, 503, { error: { code: 503, message: 'down' } });
    });
    const beta = await upstream(t, (req, res) => reply(res, 200, completion()));
    const conf = settings(
        t,
        `refresh = 0s\nprovider_preferences = {"order":["alpha","beta"]}\n` +
            provider('alpha', alpha) + provider('beta', beta),
    );
    const p = await start(t, ['-c', conf]);
    const mine = chat(p, { model: 'mine/model' });
    await until(() => alpha.requests.length === 1, 'my request');
    for (let i = 0; i < 80; i++) await chat(p, { model: `other/model-${i}` });
    held.open();
    const answer = await mine;
    assert.equal(answer.status, 200, answer.body);
    assert.equal(beta.requests.at(-1)?.json.model, 'mine/model');
    assert.equal(answer.json.model, 'mine/model');
});

test('no comment is written into an answer that is no event stream', async (t) => {
    const up = await upstream(t, async (req, res) => {
        res.writeHead(200, { 'content-type': 'audio/mpeg' });
        res.write('half');
        await new Promise((r) => setTimeout(r, 300));
        res.end('other');
    });
    const p = await proxy(t, up, { heartbeat: '20ms' });
    const answer = await ask(p, { path: '/v1/audio/speech', body: { model: 'a/b', input: 'x' } });
    assert.equal(answer.body, 'halfother');
});

test('a long name does not keep a request out of the log', async (t) => {
    const up = await upstream(t, (req, res) => reply(res, 200, completion()));
    const conf = settings(t, `refresh = 0s\nlog = json\n${provider('alpha', up)}`);
    const p = await start(t, ['-c', conf]).catch((e) => { throw e; });
    const answer = await chat(p, { models: ['x'.repeat(5000), 'acme/big'], model: undefined });
    assert.equal(answer.status, 200, answer.body);
    await until(() => /chat\/completions/.test(p.stderr), 'its line');
});

test('a request that cannot be rewritten says nothing about the provider', async (t) => {
    const up = await upstream(t, (req, res) => reply(res, 200, completion()));
    const conf = settings(t, `refresh = 0s\n[provider mistral]\nbase_url = ${up.url}\nlist = no\nany_model = yes\n`);
    const p = await start(t, ['-c', conf]);
    const messages = Array.from({ length: 2000 }, () => ({ role: 'developer', content: 'x' }));
    for (let i = 0; i < 12; i++) {
        const bad = await chat(p, { model: 'acme/big', messages });
        assert.equal(bad.status, 200, bad.body);
    }
    assert.equal((await chat(p, { model: 'acme/big' })).status, 200);
});

const limited = (up, kind, more) =>
    `refresh = 0s\n[provider alpha]\nkind = ${kind}\nbase_url = ${up.url}\nlist = no\n` +
    `[endpoint alpha acme/big]\nprompt = 1\ncompletion = 1\n[key me]\nkey = env:CLIENT\n${more}\n`;

test('the smaller of two limits is the one that the provider gets', async (t) => {
    const up = await upstream(t, (req, res) => reply(res, 200, completion()));
    const p = await start(t, ['-c', settings(t, limited(up, 'openrouter', 'max_tokens_per_request = 100'))], KEY);
    const more = { model: 'acme/big', max_tokens: 10, max_completion_tokens: 100000 };
    const answer = await chat(p, more, BEARER);
    assert.ok([200, 403].includes(answer.status), answer.body);
    for (const { json } of up.requests) {
        assert.ok(!(json.max_tokens > 100));
        assert.ok(!(json.max_completion_tokens > 100));
    }
});

test('/responses keeps the limit of the key', async (t) => {
    const answer = { id: 'resp_1', object: 'response', status: 'completed', output: [] };
    const up = await upstream(t, (req, res) => reply(res, 200, answer));
    const p = await start(t, ['-c', settings(t, limited(up, 'openrouter', 'max_tokens_per_request = 100'))], KEY);
    const send = (more) =>
        ask(p, { path: '/v1/responses', body: { model: 'acme/big', input: 'x', ...more }, headers: BEARER });
    assert.equal((await send({ max_output_tokens: 100000 })).status, 403);
    assert.equal((await send({})).status, 200);
    assert.equal(up.requests.at(-1).json.max_output_tokens, 100);
    assert.equal((await send({ max_output_tokens: 50 })).status, 200);
    assert.equal(up.requests.at(-1).json.max_output_tokens, 50);
});

test('several choices cost several times as much', async (t) => {
    const up = await upstream(t, (req, res) => reply(res, 200, completion()));
    const p = await start(t, ['-c', settings(t, limited(up, 'openai', 'max_cost_per_request = 0.002'))], KEY);
    assert.equal((await chat(p, { model: 'acme/big', max_tokens: 1000 }, BEARER)).status, 200);
    assert.equal((await chat(p, { model: 'acme/big', max_tokens: 1000, n: 100 }, BEARER)).status, 402);
});

test('who came by an address that is closed by a reload does not stay', async (t) => {
    const up = await upstream(t, (req, res) => reply(res, 200, completion()));
    const file = settings(t, '');
    const write = (listen, key) =>
        fs.writeFileSync(file, `refresh = 0s\n${listen}${provider('alpha', up)}${key}`);
    write('listen = 0.0.0.0:0\n', '[key me]\nkey = env:CLIENT\n');
    const p = await start(t, ['-c', file], { ...KEY, any: true });
    const c = connect(t, p.port);
    c.write(post({ ...HELLO, model: 'a/b' }, { fields: `Authorization: Bearer ${CLIENT_KEY}\r\n` }));
    await c.until(/hi there/);
    write('listen = 127.0.0.1:0\n', '');
    p.child.kill('SIGHUP');
    await until(() => /reloaded/.test(p.stderr), 'the reload');
    c.write(post({ ...HELLO, model: 'a/b' }));
    await until(() => c.closed || /hi there[^]*hi there/.test(c.text), 'an end');
    assert.ok(c.closed, c.text);
    assert.equal(up.requests.length, 1);
});

test('a bound on the cost holds without max_tokens: it is sent', async (t) => {
    const up = await upstream(t, (req, res) => reply(res, 200, completion()));
    const p = await start(t, ['-c', settings(t, limited(up, 'openai', 'max_cost_per_request = 0.02'))], KEY);
    assert.equal((await chat(p, { model: 'acme/big' }, BEARER)).status, 200);
    const sent = up.requests.at(-1).json;
    assert.equal(sent.max_tokens ?? sent.max_completion_tokens, 8192);
});

test("OpenRouter gets the owner's rules, whatever a request says", async (t) => {
    const up = await upstream(t, (req, res) => reply(res, 200, completion()));
    const own = '{"ignore":["badhost"],"quantizations":["fp16","bf16"],"max_price":{"prompt":1,"completion":2}}';
    const p = await start(t, [
        '-c',
        settings(t, `refresh = 0s\nprovider_preferences = ${own}\n` +
            `[provider openrouter]\nbase_url = ${up.url}\nlist = no\nany_model = yes\nkey = env:UPSTREAM_KEY\n` +
            `[endpoint openrouter acme/big]\nprompt = 1\ncompletion = 1\nquantization = fp16\n`),
    ]);
    const answer = await chat(p, {
        model: 'acme/big',
        provider: { ignore: ['other'], quantizations: ['fp16', 'int4'], max_price: { prompt: 50, completion: 1 } },
    });
    assert.equal(answer.status, 200, answer.body);
    const sent = up.requests.at(-1).json.provider;
    assert.deepEqual(sent.ignore, ['badhost', 'other']);
    assert.deepEqual(sent.quantizations, ['fp16']);
    assert.equal(Number(sent.max_price.prompt), 1);
    assert.equal(Number(sent.max_price.completion), 1);
});

test('what bytes do not tell is not called a cost', async (t) => {
    const up = await upstream(t, (req, res) => {
        res.writeHead(200, { 'content-type': 'audio/mpeg' });
        res.end('sound');
    });
    const p = await start(t, ['-c', settings(t, limited(up, 'openai', ''))], KEY);
    const answer = await ask(p, {
        path: '/v1/audio/speech', body: { model: 'acme/big', input: 'x'.repeat(400) }, headers: BEARER,
    });
    const record = await ask(p, { path: `/v1/generation?id=${answer.headers['x-generation-id']}`, headers: BEARER });
    assert.equal(record.json.data.total_cost, -1); // not known
});

test('POST /route leaves no record', async (t) => {
    const up = await upstream(t, (req, res) => reply(res, 200, completion()));
    const conf = settings(t, `refresh = 0s\n[provider alpha]\nkind = openai\nbase_url = ${up.url}\nlist = no\n[endpoint alpha a/b]\n`);
    const p = await start(t, ['-c', conf]);
    const answer = await ask(p, { path: '/v1/route', body: { ...HELLO, model: 'no/such' } });
    assert.equal(answer.status, 400);
    const metrics = await ask(p, { path: '/metrics' });
    assert.doesNotMatch(metrics.body, /^orproxy_requests_total\{/m);
});

test('an answer without a body does not run into the next one', async (t) => {
    let first = true;
    const up = await rawUpstream(t, (socket) => {
        socket.write(first
            ? 'HTTP/1.1 204 No Content\r\nContent-Type: text/plain\r\n\r\n'
            : 'HTTP/1.1 200 OK\r\nContent-Type: audio/x\r\nContent-Length: 2\r\n\r\nhi');
        first = false;
    });
    const p = await proxy(t, up);
    const c = connect(t, p.port);
    c.write(post({ model: 'a/b', input: 'x' }, { target: '/v1/audio/speech' }));
    await c.untilClosed();
    assert.match(c.text, /^HTTP\/1.1 204 /);
    assert.match(c.text, /\r\n\r\n$/);
    assert.doesNotMatch(c.text, /chunked|\r\n0\r\n/i);
});

test('more unlisted models at once than there are places: try again, not unknown', async (t) => {
    const held = gate();
    const up = await upstream(t, async (req, res) => {
        await held.opened;
        reply(res, 200, completion());
    });
    const p = await proxy(t, up);
    const asked = Array.from({ length: 64 }, (_, i) => chat(p, { model: `a/m${i}` }));
    await until(() => up.requests.length === 64, '64 requests');
    const answer = await chat(p, { model: 'a/another' });
    assert.equal(answer.status, 503, answer.body);
    assert.equal(answer.headers['retry-after'], '1');
    held.open();
    for (const one of await Promise.all(asked)) assert.equal(one.status, 200);
    assert.equal((await chat(p, { model: 'a/another' })).status, 200);
});

test("a preset's parameters are under the limits of the key, too", async (t) => {
    const up = await upstream(t, (req, res) => reply(res, 200, completion()));
    const conf = limited(up, 'openai', 'max_tokens_per_request = 100') +
        '[preset big]\nmodel = acme/big\nparameters = {"max_tokens":5000}\n' +
        '[preset small]\nmodel = acme/big\nparameters = {"max_tokens":50}\n';
    const p = await start(t, ['-c', settings(t, conf)], KEY);
    assert.equal((await chat(p, { model: '@preset/big' }, BEARER)).status, 403);
    const answer = await chat(p, { model: '@preset/small' }, BEARER);
    assert.equal(answer.status, 200, answer.body);
    const sent = up.requests.at(-1).json;
    assert.equal(sent.max_tokens ?? sent.max_completion_tokens, 50);
});

test('an Origin that no browser sends does not cost the answer', async (t) => {
    const up = await upstream(t, (req, res) => reply(res, 200, completion()));
    const p = await start(t, ['-c', settings(t, limited(up, 'openai', ''))], KEY);
    const answer = await chat(p, { model: 'acme/big' }, { ...BEARER, origin: `https://${'x'.repeat(6000)}` });
    assert.equal(answer.status, 200);
});
