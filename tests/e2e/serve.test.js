// What a client gets and what the provider gets, when nothing goes wrong.
import assert from 'node:assert/strict';
import http from 'node:http';
import { test } from 'node:test';

import {
    CLIENT_KEY,
    HELLO,
    HELLO_STREAM,
    PROVIDER_KEY,
    ask,
    assertError,
    assertGoodStream,
    atEnd,
    chat,
    completion,
    connect,
    exchange,
    polite,
    post,
    proxy,
    reply,
    sleep,
    stream,
    until,
    upstream,
} from './helpers.js';

for (const target of [
    '/api/v1/chat/completions',
    '/v1/chat/completions',
    '/api/v1/chat/completions/',
    '/v1/chat/completions?trace=1&x=%2F',
    '/v1/chat/completions/?a',
])
    test(`POST ${target} is a chat completion`, async (t) => {
        const up = await upstream(t, polite);
        const p = await proxy(t, up);
        const answer = await ask(p, { path: target, body: HELLO });
        assert.equal(answer.status, 200, answer.body);
        assert.match(answer.headers['content-type'], /^application\/json/);
        assert.equal(answer.json.choices[0].message.content, 'hi there');
        assert.match(up.requests[0].url, /^\/v1\/chat\/completions/);
        const s = await stream(p, { path: target });
        assert.equal(s.status, 200);
        assertGoodStream(await s.rest(), 'hi there');
    });

for (const target of ['/api/v1/models', '/v1/models', '/v1/models/'])
    test(`GET ${target} lists what the provider has`, async (t) => {
        const up = await upstream(t, polite);
        const p = await proxy(t, up, { refresh: '1h' });
        let answer;
        await until(async () => {
            answer = await ask(p, { path: target });
            return answer.json.data.length > 0;
        }, 'the list of models');
        assert.equal(answer.status, 200);
        assert.equal(answer.json.data[0].id, 'vendor/model');
        assert.equal(answer.json.data[0].pricing.prompt, '0.000001');
        assert.equal(up.requests[0].method, 'GET');
        assert.match(up.requests[0].url, /^\/v1\/models/);
        assert.equal(up.requests[0].headers.authorization, `Bearer ${PROVIDER_KEY}`);
    });

test('GET /healthz needs no upstream', async (t) => {
    const up = await upstream(t, polite);
    const p = await proxy(t, up);
    assert.equal((await ask(p, { path: '/healthz' })).status, 200);
    assert.equal(up.requests.length, 0);
});

test('an unknown path is 404', async (t) => {
    const up = await upstream(t, polite);
    const p = await proxy(t, up);
    for (const path of [
        '/v1',
        '/api/v1/chat/completion',
        '/v1/chat/completions/x',
        '/v2/models',
    ])
        if (path !== '/') assertError(await ask(p, { path }), 404);
    assertError(await ask(p, { path: '/api/v1/nothing', body: HELLO }), 404);
    assert.equal(up.requests.length, 0);
});

test('a wrong method is 405 and says which is right', async (t) => {
    const up = await upstream(t, polite);
    const p = await proxy(t, up);
    const get = await ask(p, { path: '/api/v1/chat/completions' });
    assertError(get, 405);
    assert.match(get.headers.allow, /POST/);
    const posted = await ask(p, { path: '/v1/models', body: HELLO });
    assertError(posted, 405);
    assert.match(posted.headers.allow, /GET/);
    assert.equal(up.requests.length, 0);
});

test('inference answers carry X-Generation-Id', async (t) => {
    const up = await upstream(t, polite);
    const p = await proxy(t, up);
    const whole = await chat(p);
    assert.ok(whole.headers['x-generation-id']);
    const s = await stream(p);
    assert.ok(s.headers['x-generation-id']);
    await s.rest();
});

test("the client's key stays here and the provider's goes up", async (t) => {
    const up = await upstream(t, polite);
    const p = await proxy(t, up);
    await chat(
        p,
        {},
        {
            Authorization: `Bearer ${CLIENT_KEY}`,
            'X-Api-Key': CLIENT_KEY,
            Cookie: `k=${CLIENT_KEY}`,
            'Proxy-Authorization': `Basic ${CLIENT_KEY}`,
        },
    );
    const [got] = up.requests;
    assert.equal(got.headers.authorization, `Bearer ${PROVIDER_KEY}`);
    assert.ok(!JSON.stringify(got.rawHeaders).includes(CLIENT_KEY), got.rawHeaders.join(' '));
});

test('hop-by-hop fields stay here', async (t) => {
    const up = await upstream(t, polite);
    const p = await proxy(t, up);
    await exchange(
        t,
        p.port,
        post(HELLO, {
            fields: 'Connection: close, X-Private\r\nX-Private: 1\r\nTE: trailers\r\nUpgrade: h2c\r\n',
        }),
    );
    const [got] = up.requests;
    for (const name of ['x-private', 'te', 'upgrade'])
        assert.equal(got.headers[name], undefined, name);
    assert.equal(got.headers.host, `127.0.0.1:${up.port}`);
});

test('an upstream that repeats the key does not get it to the client', async (t) => {
    const up = await upstream(t, (req, res) =>
        reply(res, 200, completion(), { 'x-echo': req.headers.authorization, 'set-cookie': 'a=b' }),
    );
    const p = await proxy(t, up);
    const answer = await chat(p);
    assert.equal(answer.status, 200);
    assert.ok(!JSON.stringify(answer.headers).includes(PROVIDER_KEY));
});

test('the request goes up byte for byte', async (t) => {
    const up = await upstream(t, polite);
    const p = await proxy(t, up);
    const body =
        '{ "model" :\t"vendor\\/model",\r\n "unknown": [1.0e+2, -0, 1234567890123456789012],' +
        '"messages":[{"content":"\\u00e9 \\ud83d\\ude00 é 😀","role":"user","x":null}] , "stream":false }\n';
    assert.equal((await ask(p, { body })).status, 200);
    assert.equal(up.requests[0].raw.toString(), body);
    assert.match(up.requests[0].headers['content-type'], /^application\/json/);
});

test('a chunked request goes up whole', async (t) => {
    const up = await upstream(t, polite);
    const p = await proxy(t, up);
    const body = JSON.stringify(HELLO);
    const pieces = [...body].map((c) => `1;x="y"\r\n${c}\r\n`).join('');
    const text = await exchange(
        t,
        p.port,
        'POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\n' +
            `Connection: close\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n${pieces}0\r\nTrailer: x\r\n\r\n`,
    );
    assert.match(text, /^HTTP\/1\.1 200 /);
    assert.equal(up.requests[0].raw.toString(), body);
});

test('a body of megabytes passes', async (t) => {
    const up = await upstream(t, polite);
    const p = await proxy(t, up);
    const content = 'x'.repeat(5 << 20);
    assert.equal((await chat(p, { messages: [{ role: 'user', content }] })).status, 200);
    assert.equal(up.requests[0].json.messages[0].content.length, content.length);
});

test('unknown members of an answer pass', async (t) => {
    const extra = { new_member: { deep: [1, 2, { x: null }] }, service_tier: 'default' };
    const up = await upstream(t, (req, res) => reply(res, 200, completion('hi', extra)));
    const p = await proxy(t, up);
    const { json } = await chat(p);
    assert.deepEqual(json.new_member, extra.new_member);
    assert.equal(json.service_tier, 'default');
    assert.deepEqual(json.usage, completion().usage);
});

test('one client connection serves many requests, one upstream connection too', async (t) => {
    const up = await upstream(t, polite);
    const p = await proxy(t, up);
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    atEnd(t, () => agent.destroy());
    for (let i = 0; i < 5; i++)
        assert.equal((await ask(p, { body: i % 2 ? HELLO_STREAM : HELLO, agent })).status, 200);
    assert.equal(up.connections, 1);
});

test('pipelined requests are answered in order', async (t) => {
    const up = await upstream(t, (req, res) => {
        const answer = () => reply(res, 200, completion(req.json.messages[0].content));
        if (req.json.messages[0].content === 'first') setTimeout(answer, 100);
        else answer();
    });
    const p = await proxy(t, up);
    const names = ['first', 'second', 'third'];
    const c = connect(t, p.port).write(
        names.map((content) => post({ ...HELLO, messages: [{ role: 'user', content }] })).join(''),
    );
    await c.until(/third"/);
    assert.deepEqual(
        [...c.text.matchAll(/"content":"(\w+)"/g)].map((m) => m[1]),
        names,
    );
    assert.equal(c.text.match(/HTTP\/1\.1 200 /g).length, 3);
});

test('an HTTP/1.0 client gets an answer that ends with the connection', async (t) => {
    const up = await upstream(t, polite);
    const p = await proxy(t, up);
    const whole = await exchange(t, p.port, post(HELLO, { version: '1.0' }));
    assert.match(whole, /^HTTP\/1\.[01] 200 /);
    assert.match(whole, /hi there/);
    const streamed = await exchange(t, p.port, post(HELLO_STREAM, { version: '1.0' }));
    assert.match(streamed, /^HTTP\/1\.[01] 200 /);
    assert.doesNotMatch(streamed, /transfer-encoding/i);
    assert.match(streamed, /data: \[DONE\]\n\n$/);
    // it asks for what a stream without a length cannot have
    const kept = await exchange(
        t,
        p.port,
        post(HELLO_STREAM, { version: '1.0', fields: 'Connection: keep-alive\r\n' }),
    );
    assert.match(kept, /data: \[DONE\]\n\n$/);
});

test('HEAD /healthz has no body', async (t) => {
    const up = await upstream(t, polite);
    const p = await proxy(t, up);
    const text = await exchange(
        t,
        p.port,
        'HEAD /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n',
    );
    assert.match(text, /^HTTP\/1\.1 (200|405) /);
    assert.match(text, /\r\n\r\n$/);
});

test('100-continue: the body is asked for, unless it will be refused', async (t) => {
    const up = await upstream(t, polite);
    const p = await proxy(t, up, { 'limits.body': '1k' });
    const body = JSON.stringify(HELLO);
    const head = (length) =>
        'POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n' +
        `Content-Type: application/json\r\nContent-Length: ${length}\r\nExpect: 100-continue\r\n\r\n`;
    const c = connect(t, p.port).write(head(body.length));
    await c.until(/^HTTP\/1\.1 100 Continue\r\n\r\n$/);
    c.write(body);
    await c.untilClosed();
    assert.match(c.text, /HTTP\/1\.1 200 /);
    const refused = await exchange(t, p.port, head(100000));
    assert.match(refused, /^HTTP\/1\.1 413 /);
});

const hosts = [
    ['localhost', 200],
    ['localhost:8787', 200],
    ['LOCALHOST', 200],
    ['box.localhost:80', 200],
    ['127.0.0.1', 200],
    ['127.8.8.8:1', 200],
    ['[::1]:8787', 200],
    ['evil.example', 403],
    ['localhost.evil.example', 403],
    ['evillocalhost', 403],
    ['192.168.1.7', 403],
    ['127.0.0.1.evil.example', 403],
    ['[::2]', 403],
];
test('without keys, Host is this machine or refused', async (t) => {
    const up = await upstream(t, polite);
    const p = await proxy(t, up);
    for (const [host, status] of hosts) {
        const answer = await chat(p, {}, { Host: host });
        assert.equal(answer.status, status, `${host}: ${answer.body}`);
        if (status === 403) assertError(answer, 403);
    }
    assert.equal(up.requests.length, hosts.filter(([, status]) => status === 200).length);
});

const origins = [
    ['localhost:8787', 'http://localhost:8787', 200],
    ['127.0.0.1:8787', 'http://127.0.0.1:8787', 200],
    ['localhost:8787', 'https://evil.example', 403],
    ['localhost:8787', 'http://localhost.evil.example:8787', 403],
    ['localhost:8787', 'null', 403],
];
test('without keys, Origin is absent or the same host', async (t) => {
    const up = await upstream(t, polite);
    const p = await proxy(t, up);
    for (const [host, origin, status] of origins) {
        const answer = await chat(p, {}, { Host: host, Origin: origin });
        assert.equal(answer.status, status, `${origin} on ${host}: ${answer.body}`);
    }
});

test('an answer that names its length is whole, keep-alive or not', async (t) => {
    const up = await upstream(t, (req, res) => {
        res.writeHead(200, { 'content-type': 'application/json', connection: 'close' });
        res.end(JSON.stringify(completion('é'.repeat(100000))));
    });
    const p = await proxy(t, up);
    for (let i = 0; i < 2; i++)
        assert.equal((await chat(p)).json.choices[0].message.content.length, 100000);
});

test('a request that is refused by its head ends there: the next one on its connection is its own', async (t) => {
    const up = await upstream(t, polite);
    const p = await proxy(t, up);
    for (const first of ['/nothing/of/the/kind', '/v1/models?limit=x', '/v1/keys']) {
        const c = connect(t, p.port);
        c.write(`GET ${first} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
        await c.until(/\r\n\r\n\{/);
        await sleep(20);
        const before = c.text.length;
        c.write('GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n');
        await c.until((c) => c.text.length > before);
        c.write(post(HELLO));
        await c.until(/chat\.completion/);
        await sleep(20);
        const said = c.text.slice(before).match(/HTTP\/1\.1 \d+/g);
        assert.deepEqual(said, ['HTTP/1.1 200', 'HTTP/1.1 200'], c.text);
    }
    // pipelined as well
    const c = connect(t, p.port);
    const get = (path) => `GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`;
    c.write(get('/no') + get('/healthz') + get('/v1/keys') + get('/healthz'));
    await c.until((c) => (c.text.match(/HTTP\/1\.1 /g) ?? []).length >= 4);
    await sleep(20);
    assert.deepEqual(c.text.match(/HTTP\/1\.1 (\d+)/g).map((line) => line.slice(-3)), [
        '404',
        '200',
        '403',
        '200',
    ]);
});
