// What clients should not send: refused with the reason, and none of it goes up. Smuggling and
// slow clients: tests/hostile.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import {
    HELLO,
    ask,
    assertError,
    chat,
    connect,
    exchange,
    polite,
    post,
    proxy,
    until,
    upstream,
} from './helpers.js';

// An answer as text, taken apart.
function parse(text) {
    const [head, ...rest] = text.split('\r\n\r\n');
    const headers = Object.fromEntries(
        [...head.matchAll(/^([\w-]+): (.*)$/gm)].map(([, name, value]) => [
            name.toLowerCase(),
            value.trim(),
        ]),
    );
    const body = rest.join('\r\n\r\n');
    let json;
    try {
        json = JSON.parse(body);
    } catch {
        /* assertError will say */
    }
    return { status: Number(/^HTTP\/1\.1 (\d+)/.exec(head)?.[1]), headers, body, json };
}

const malformed = [
    ['not HTTP', 'hello there\r\n\r\n'],
    ['an empty method', ' /v1/models HTTP/1.1\r\nHost: localhost\r\n\r\n'],
    ['two spaces in the first line', 'GET  /v1/models HTTP/1.1\r\nHost: localhost\r\n\r\n'],
    ['HTTP/2.0', 'GET /v1/models HTTP/2.0\r\nHost: localhost\r\n\r\n', 505],
    ['no Host', 'GET /v1/models HTTP/1.1\r\n\r\n'],
    ['two Hosts', 'GET /v1/models HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n'],
    ['a space before the colon', 'GET /v1/models HTTP/1.1\r\nHost : localhost\r\n\r\n'],
    ['a folded line', 'GET /v1/models HTTP/1.1\r\nHost: localhost\r\nX: a\r\n b\r\n\r\n'],
    ['a NUL in a field', 'GET /v1/models HTTP/1.1\r\nHost: localhost\r\nX: a\0b\r\n\r\n'],
    ['a bare CR', 'GET /v1/models HTTP/1.1\r\nHost: localhost\r\nX: a\rb\r\n\r\n'],
    ['a TLS hello', '\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03\r\n\r\n'],
];
test('malformed HTTP is 400, and the connection ends', async (t) => {
    const up = await upstream(t, polite);
    const p = await proxy(t, up);
    for (const [name, bytes, status = 400] of malformed) {
        const answer = parse(await exchange(t, p.port, Buffer.from(bytes, 'latin1')));
        assert.equal(answer.status, status, name);
        assertError(answer, status);
    }
    assert.equal(up.requests.length, 0);
});

const invalid = [
    ['nothing', '', /empty|JSON/i],
    ['a word', 'hello', /JSON.*\b[01]\b/],
    [
        'a comma too many',
        '{"model":"m","messages":[{"role":"user","content":"x"}],}',
        /JSON.*\b5\d\b/,
    ],
    ['a comma missing', '{"model":"m" "messages":[]}', /JSON.*\b1\d\b/],
    ['two values', `${JSON.stringify(HELLO)}{}`, /JSON/],
    ['a quote missing', '{"model":"m', /JSON/],
    ['a bare control character', '{"model":"a\nb","messages":[]}', /JSON/],
    ['a word almost like true', '{"stream":trux,"messages":[]}', /JSON.*\b1\d\b/],
    ['half an escape', '{"model":"\\u12","messages":[]}', /JSON/],
    ['half a surrogate pair', '{"model":"\\ud800","messages":[]}', null],
    [
        'bytes that are not UTF-8',
        Buffer.from('{"model":"\xff","messages":[]}', 'latin1'),
        /UTF-8|JSON/,
    ],
    ['a NUL byte behind the end', `${JSON.stringify(HELLO)}\0`, /JSON/],
    ['depth without end', `{"a":${'['.repeat(100000)}`, /deep/],
    ['an array', '[]', /object/],
];
test('invalid JSON is 400 and says where', async (t) => {
    const up = await upstream(t, polite);
    const p = await proxy(t, up);
    for (const [name, body, what] of invalid) {
        const answer = await ask(p, { body });
        assert.equal(answer.status, 400, `${name}: ${answer.body}`);
        assertError(answer, 400, what);
    }
    assert.equal(up.requests.length, 0);
});

const message = HELLO.messages[0];
const types = [
    [{ messages: 'hello' }, /messages/],
    [{ messages: null }, /messages/],
    [{ messages: [] }, /messages.*empty/],
    [{ messages: ['hello'] }, /messages\[0\]/],
    [{ messages: [message, message, { role: 'user', content: 7 }] }, /messages\[2\]\.content/],
    [{ messages: [message, { role: 'user', content: ['x'] }] }, /messages\[1\]\.content\[0\]/],
    [{ messages: [{ content: 'x' }] }, /messages\[0\]\.role/],
    [{ messages: [{ role: 1, content: 'x' }] }, /messages\[0\]\.role/],
    [{ stream: 'true' }, /stream/],
    [{ stream: 1 }, /stream/],
    [{ model: 7 }, /model/],
    [{ models: 'a' }, /models/],
    [{ models: ['a', 1] }, /models\[1\]/],
    [{ max_tokens: '100' }, /max_tokens/],
    [{ tools: {} }, /tools/],
    [{ temperature: 'hot' }, /temperature/],
];
test('a known member of a wrong type is 400 and is named', async (t) => {
    const up = await upstream(t, polite);
    const p = await proxy(t, up);
    for (const [more, what] of types) assertError(await chat(p, more), 400, what);
    assertError(await ask(p, { body: { model: 'm' } }), 400, /messages.*missing/);
    assert.equal(up.requests.length, 0);
});

test('null is as good as absent', async (t) => {
    const up = await upstream(t, polite);
    const p = await proxy(t, up);
    const answer = await chat(p, { stream: null, max_tokens: null, tools: null });
    assert.equal(answer.status, 200, answer.body);
});

test('a member given twice is 400, however it is spelled', async (t) => {
    const up = await upstream(t, polite);
    const p = await proxy(t, up);
    const rest = '"messages":[{"role":"user","content":"x"}]';
    for (const body of [
        `{"model":"a","model":"b",${rest}}`,
        `{"stream":false,${rest},"str\\u0065am":true}`,
        `{"model":"a",${rest},${rest}}`,
    ])
        assertError(await ask(p, { body }), 400, /model|stream|messages/);
    assert.equal(up.requests.length, 0);
});

test('a head of more than limits.head is 431', async (t) => {
    const up = await upstream(t, polite);
    const p = await proxy(t, up, { 'limits.head': '1k' });
    const big = await exchange(
        t,
        p.port,
        `GET /v1/models HTTP/1.1\r\nHost: localhost\r\nX: ${'y'.repeat(2000)}\r\n\r\n`,
    );
    assertError(parse(big), 431, /limits\.head/);
    const endless = await exchange(t, p.port, `GET /${'y'.repeat(5000)}`);
    assertError(parse(endless), 414);
    const many = await exchange(
        t,
        p.port,
        `GET /v1/models HTTP/1.1\r\nHost: localhost\r\n${'a:b\r\n'.repeat(180)}\r\n`,
    );
    assertError(parse(many), 431);
    assert.equal(up.requests.length, 0);
});

test('a body of more than limits.body is 413, one of just that passes', async (t) => {
    const up = await upstream(t, polite);
    const size = 1000;
    const p = await proxy(t, up, { 'limits.body': size });
    const fill = (n) => {
        const text = JSON.stringify({ ...HELLO, user: '' });
        return text.replace('"user":""', `"user":"${'x'.repeat(n - text.length)}"`);
    };
    assert.equal((await ask(p, { body: fill(size) })).status, 200);
    assertError(await ask(p, { body: fill(size + 1) }), 413, /limits\.body/);
    const chunked = await exchange(
        t,
        p.port,
        'POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\n' +
            `Transfer-Encoding: chunked\r\n\r\n${(size + 1).toString(16)}\r\n${fill(size + 1)}\r\n0\r\n\r\n`,
    );
    assertError(parse(chunked), 413);
    const huge = await exchange(
        t,
        p.port,
        'POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\n' +
            'Content-Length: 4294967301\r\n\r\nhello',
    );
    assertError(parse(huge), 413);
    assert.equal(up.requests.length, 1);
});

test('who is refused while it sends may send for some time, and then reads why', async (t) => {
    const up = await upstream(t, polite);
    const p = await proxy(t, up, { 'limits.body': 1000000 });
    const c = connect(t, p.port);
    c.socket.pause();
    c.write('POST /v1/messages HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000001\r\n\r\n');
    for (let i = 0; i < 30; i++) {
        c.write('x'.repeat(20000));
        await new Promise((resolve) => setTimeout(resolve, 100));
    }
    c.socket.resume();
    await c.until(/^HTTP\/1.1 413 [^]*limits.body/);
});

test('one connection too many is 503 with Retry-After, and room comes back', async (t) => {
    const up = await upstream(t, polite);
    const p = await proxy(t, up, { 'limits.connections': 2 });
    const held = [connect(t, p.port), connect(t, p.port)];
    for (const c of held) {
        c.write('GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n');
        await c.until(/HTTP\/1\.1 200 /);
    }
    const refused = parse(
        await exchange(t, p.port, 'GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n'),
    );
    assertError(refused, 503, /limits\.connections/);
    assert.match(refused.headers['retry-after'], /^\d+$/);
    held[0].socket.destroy();
    await until(async () => (await ask(p, { path: '/healthz' })).status === 200, 'room again');
});

test('an idle connection is closed without a word', async (t) => {
    const up = await upstream(t, polite);
    const p = await proxy(t, up, { 'timeout.client': '200ms' });
    assert.equal(await exchange(t, p.port, ''), '');
    const used = await exchange(t, p.port, 'GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n');
    assert.equal(used.match(/^HTTP\//gm).length, 1);
});

test('a request in any two pieces is the same request', async (t) => {
    const up = await upstream(t, polite);
    const p = await proxy(t, up);
    const request = post(HELLO);
    const c = connect(t, p.port);
    c.socket.setNoDelay(true);
    for (let n = 1, served = 0; n < request.length; n += 3, served++) {
        c.text = '';
        c.write(request.slice(0, n));
        await new Promise((resolve) => setTimeout(resolve, 2));
        c.write(request.slice(n));
        await c.until(/hi there/);
    }
    assert.equal(new Set(up.requests.map((r) => r.raw.toString())).size, 1);
});
