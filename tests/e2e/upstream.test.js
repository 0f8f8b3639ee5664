// Providers that fail: every way has its status and its words. Cuts, stalls and broken HTTP:
// tests/hostile.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import {
    HELLO,
    PROVIDER_KEY,
    ask,
    assertError,
    assertFailedStream,
    assertGoodStream,
    atEnd,
    begin,
    chat,
    chunk,
    completion,
    event,
    nobody,
    polite,
    proxy,
    rawUpstream,
    reply,
    stream,
    upstream,
} from './helpers.js';

test('nobody listens: 502 that names what was tried', async (t) => {
    const port = await nobody();
    const p = await proxy(t, `http://127.0.0.1:${port}/v1`);
    assertError(await chat(p), 502, new RegExp(`127\\.0\\.0\\.1.*${port}.*refused`, 'i'));
    assertError(await chat(p, { stream: true }), 502, /refused/i);
});

test('a name that does not exist: 502 that names it', async (t) => {
    const p = await proxy(t, 'http://no-such-host.invalid/v1');
    assertError(await chat(p), 502, /no-such-host\.invalid/);
});

test('a provider that comes back is used again', async (t) => {
    const port = await nobody();
    const p = await proxy(t, `http://127.0.0.1:${port}/v1`);
    assertError(await chat(p), 502);
    const http = await import('node:http');
    const server = http.createServer((req, res) => reply(res, 200, completion()));
    await new Promise((resolve) => server.listen(port, '127.0.0.1', resolve));
    atEnd(t, () => {
        server.closeAllConnections();
        server.close();
    });
    assert.equal((await chat(p)).status, 200);
});

test('401: our key is bad, and whose it is', async (t) => {
    const up = await upstream(t, (req, res) =>
        reply(res, 401, {
            error: { code: 401, message: `Incorrect API key ${req.headers.authorization}` },
        }),
    );
    const p = await proxy(t, up);
    const answer = await chat(p);
    assert.equal(answer.status, 502);
    assertError(answer, 502, /key.*(upstream|provider)|(upstream|provider).*key/i);
});

test('429 keeps its status and Retry-After', async (t) => {
    const up = await upstream(t, (req, res) =>
        reply(res, 429, { error: { code: 429, message: 'slow down' } }, { 'retry-after': '17' }),
    );
    for (const streaming of [false, true]) {
        const p = await proxy(t, up);
        const answer = await chat(p, { stream: streaming });
        assertError(answer, 429, /slow down/);
        assert.equal(answer.headers['retry-after'], '17');
    }
});

const statuses = [400, 402, 403, 404, 413, 422, 500, 503, 529];
test('other statuses are passed on with their message', async (t) => {
    let status;
    const up = await upstream(t, (req, res) =>
        reply(res, status, { error: { code: status, message: `because of ${status}` } }),
    );
    const p = await proxy(t, up);
    for (status of statuses) {
        assertError(await chat(p), status, new RegExp(`because of ${status}`));
        assertError(await chat(p, { stream: true }), status);
    }
});

const shapes = [
    [
        "OpenAI's",
        '{"error":{"message":"bad thing","type":"invalid_request_error","param":null,"code":"bad_thing"}}',
        /bad thing/,
    ],
    ['a bare string', '{"error":"bad thing"}', null],
    ['a message at the top', '{"message":"bad thing"}', null],
    ['HTML', '<html><h1>bad thing</h1></html>', null],
    ['nothing', '', null],
    ['binary', '\x00\xff\xfe', null],
];
test('errors of any shape become the one shape', async (t) => {
    let body;
    const up = await upstream(t, (req, res) =>
        reply(res, 400, Buffer.from(body, 'latin1').toString('latin1')),
    );
    const p = await proxy(t, up);
    for (const [name, text, what] of shapes) {
        body = text;
        const answer = await chat(p);
        assert.equal(answer.status, 400, name);
        assertError(answer, 400, what);
    }
});

test('an error in a 200 body is a failure', async (t) => {
    let code;
    const up = await upstream(t, (req, res) =>
        reply(res, 200, { error: { code, message: 'the model fell over' } }),
    );
    const p = await proxy(t, up);
    for (code of [502, 429, 503, 'server_error', null]) {
        const answer = await chat(p);
        assertError(answer, typeof code === 'number' ? code : 502, /fell over/);
    }
});

const useless = [
    ['HTML', 'text/html', '<html>Welcome to the captive portal</html>'],
    ['HTML called JSON', 'application/json', '<html></html>'],
    ['half a JSON', 'application/json', '{"id":"x","choices":['],
    ['another JSON', 'application/json', '{"hello":"world"}'],
    ['an array', 'application/json', '[]'],
    ['nothing', 'application/json', ''],
];
test('200 without a completion in it is 502', async (t) => {
    let type, body;
    const up = await upstream(t, (req, res) => reply(res, 200, body, { 'content-type': type }));
    const p = await proxy(t, up);
    for (const [name, ...rest] of useless) {
        [type, body] = rest;
        const answer = await chat(p);
        assert.equal(answer.status, 502, `${name}: ${answer.body}`);
        assertError(answer, 502);
        const streamed = await chat(p, { stream: true });
        assertError(streamed, 502);
    }
});

const LONG = JSON.stringify(completion('x'.repeat(200)));
test('an answer larger than limits.answer is 502', async (t) => {
    const up = await upstream(t, (req, res) => reply(res, 200, completion('x'.repeat(100000))));
    const p = await proxy(t, up, { 'limits.answer': '10k' });
    assertError(await chat(p), 502, /limits\.answer/);
});

test('limits.answer is named, and not limits.memory, when an answer has to be held', async (t) => {
    const up = await upstream(t, (req, res) => {
        begin(res); // whatever was asked for
        for (let i = 0; i < 20; i++) res.write(event(chunk('x'.repeat(1000))));
        res.write(event(chunk('', 'stop')));
        res.end(event('[DONE]'));
    });
    const p = await proxy(t, up, { 'limits.answer': '10k', 'provider upstream.kind': 'openai' });
    const named = /: its answer is too large: limits\.answer is reached/;
    assertError(await chat(p), 502, named); // gathered
    assertGoodStream(await (await stream(p)).rest(), 'x'.repeat(20000)); // nothing is held
    const body = { model: 'vendor/model', input: 'hi' };
    const whole = await ask(p, { path: '/v1/responses', body });
    assert.equal(whole.status, 502);
    assert.match(whole.json.error.message, named);
    const s = await stream(p, { path: '/v1/responses', body: { ...body, stream: true } });
    await s.rest(); // its last event repeats all
    assert.match(s.text, /\nevent: response\.failed\ndata: .*limits\.answer is reached/);
    assert.doesNotMatch(s.text, /response\.completed/);
});

test('a kept connection that died is replaced without a word', async (t) => {
    const up = await upstream(t, polite);
    const p = await proxy(t, up);
    for (let i = 1; i <= 3; i++) {
        assert.equal((await chat(p)).status, 200);
        for (const socket of up.open) socket.destroy();
        assert.equal(up.requests.length, i);
    }
});

test('a kept connection that dies on the next request is replaced too', async (t) => {
    const up = await rawUpstream(t, (socket) => {
        if (socket.used) return socket.destroy(); // as a server does whose patience just ended
        socket.used = true;
        return socket.write(
            `HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: ${LONG.length}\r\n\r\n${LONG}`,
        );
    });
    const p = await proxy(t, up);
    assert.equal((await chat(p)).status, 200);
    assert.equal((await chat(p)).status, 200);
    assert.equal(up.connections, 2);
});

test('a fresh connection that closes without an answer is 502, and not tried for ever', async (t) => {
    const up = await rawUpstream(t, (socket) => socket.destroy());
    const p = await proxy(t, up);
    assertError(await chat(p), 502, /closed|reset/i);
    assert.equal(up.connections, 1);
});

test('an answer before the end of the question is passed on', async (t) => {
    const http = await import('node:http');
    const server = http.createServer((req, res) =>
        reply(res, 413, { error: { code: 413, message: 'too much' } }, { connection: 'close' }),
    ); // without reading
    await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
    atEnd(t, () => {
        server.closeAllConnections();
        server.close();
    });
    const p = await proxy(t, `http://127.0.0.1:${server.address().port}/v1`);
    const answer = await chat(p, { messages: [{ role: 'user', content: 'x'.repeat(1 << 20) }] });
    assert.ok([413, 502].includes(answer.status), answer.body);
    assertError(answer, answer.status);
});

// ---- streams

test('a stream cut before any content is a plain 502', async (t) => {
    const up = await upstream(t, (req, res) => {
        begin(res);
        res.write(event(chunk('')), () => res.socket.destroy());
    });
    const p = await proxy(t, up);
    assertError(await chat(p, { stream: true }), 502);
});

test('a stream cut in the middle ends with an error', async (t) => {
    let reset;
    const up = await upstream(t, (req, res) => {
        begin(res);
        res.write(event(chunk('half a ')) + event(chunk('sent')) + 'data: {"id":', () => {
            if (reset) res.socket.resetAndDestroy();
            else res.socket.end();
        });
    });
    const p = await proxy(t, up);
    for (reset of [false, true]) {
        const s = await stream(p);
        const events = await s.rest();
        assert.equal(s.status, 200);
        assert.match(s.text, /half a /);
        assertFailedStream(events, 502);
    }
});

test('a stream that ends in good order without finishing is cut all the same', async (t) => {
    const up = await upstream(t, (req, res) => {
        begin(res);
        res.end(event(chunk('half a')));
    });
    const p = await proxy(t, up);
    assertFailedStream(await (await stream(p)).rest(), 502);
});

test('[DONE] without a finish reason is no good end', async (t) => {
    const up = await upstream(t, (req, res) => {
        begin(res);
        res.end(event(chunk('half a')) + event('[DONE]'));
    });
    const p = await proxy(t, up);
    assertFailedStream(await (await stream(p)).rest(), 502);
});

test('a finished stream without [DONE] gets one', async (t) => {
    const up = await upstream(t, (req, res) => {
        begin(res);
        res.end(event(chunk('all')) + event(chunk('', 'stop')));
    });
    const p = await proxy(t, up);
    assertGoodStream(await (await stream(p)).rest(), 'all');
});

test('a stream with two [DONE]s and more behind gives one', async (t) => {
    const up = await upstream(t, (req, res) => {
        begin(res);
        res.end(
            event(chunk('all')) +
                event(chunk('', 'stop')) +
                event('[DONE]') +
                event('[DONE]') +
                event(chunk('more')),
        );
    });
    const p = await proxy(t, up);
    assertGoodStream(await (await stream(p)).rest(), 'all');
});

test('an error before the content is a plain error', async (t) => {
    const up = await upstream(t, (req, res) => {
        begin(res);
        res.end(event(chunk('')) + event({ error: { code: 429, message: 'no room' } }));
    });
    const p = await proxy(t, up);
    assertError(await chat(p, { stream: true }), 429, /no room/);
});

test('an error after content ends the stream', async (t) => {
    let error;
    const up = await upstream(t, (req, res) => {
        begin(res);
        res.end(event(chunk('half ')) + event(error));
    });
    const p = await proxy(t, up);
    for (error of [
        { error: { code: 503, message: 'fell over' } },
        chunk('', 'error', { error: { code: 503, message: 'fell over' } }),
    ]) {
        const events = await (await stream(p)).rest();
        assert.equal(events.length, 2);
        assertFailedStream(events, 503, /fell over/);
    }
});

test('an event that is not JSON ends the stream with an error', async (t) => {
    const up = await upstream(t, (req, res) => {
        begin(res);
        res.end(
            event(chunk('half ')) + event('{"id":') + event(chunk('', 'stop')) + event('[DONE]'),
        );
    });
    const p = await proxy(t, up);
    assertFailedStream(await (await stream(p)).rest(), 502);
});

test('a whole answer to a stream request becomes a stream', async (t) => {
    const up = await upstream(t, (req, res) => reply(res, 200, completion()));
    const p = await proxy(t, up);
    const s = await stream(p);
    assert.equal(s.status, 200);
    assertGoodStream(await s.rest(), 'hi there');
});

test('a failure does not harm the requests beside it', async (t) => {
    const up = await upstream(t, (req, res) => {
        if (req.json.user === 'cut') return res.socket.destroy();
        return polite(req, res);
    });
    const p = await proxy(t, up);
    const all = await Promise.all(
        Array.from({ length: 40 }, (_, i) =>
            ask(p, { body: { ...HELLO, user: i % 3 ? 'fine' : 'cut' } }),
        ),
    );
    all.forEach((answer, i) => assert.equal(answer.status, i % 3 ? 200 : 502, answer.body));
    assert.ok(all.every((answer) => !answer.body.includes(PROVIDER_KEY)));
});
