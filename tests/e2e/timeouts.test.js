// The four timeouts and the keep-alive comments. Times are tiny settings; nothing is measured.
import assert from 'node:assert/strict';
import net from 'node:net';
import { test } from 'node:test';

import {
    assertError,
    assertFailedStream,
    assertGoodStream,
    atEnd,
    begin,
    chat,
    chunk,
    completion,
    event,
    gate,
    proxy,
    reply,
    sleep,
    stream,
    upstream,
} from './helpers.js';

const silent = (t) => upstream(t, () => {});

test('timeout.connect: a TLS provider that says nothing is 504', async (t) => {
    const sockets = new Set();
    const server = net.createServer((socket) => {
        sockets.add(socket);
        socket.on('error', () => {});
    });
    await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
    atEnd(t, () => {
        for (const s of sockets) s.destroy();
        server.close();
    });
    const p = await proxy(t, `https://127.0.0.1:${server.address().port}/v1`, {
        'timeout.connect': '200ms',
    });
    assertError(await chat(p), 504, /timeout\.connect/);
});

test('timeout.first_token: no answer at all is 504', async (t) => {
    const p = await proxy(t, await silent(t), { 'timeout.first_token': '200ms' });
    assertError(await chat(p), 504, /timeout\.first_token/);
    assertError(await chat(p, { stream: true }), 504, /timeout\.first_token/);
});

test('timeout.first_token: comments are no token', async (t) => {
    const up = await upstream(t, (req, res) => {
        begin(res);
        const drip = setInterval(() => res.write(': OPENROUTER PROCESSING\n\n'), 50);
        res.on('close', () => clearInterval(drip));
    });
    const p = await proxy(t, up, { 'timeout.first_token': '300ms' });
    assertError(await chat(p, { stream: true }), 504, /timeout\.first_token/);
});

test('timeout.between_bytes: silence in the middle of a stream ends it', async (t) => {
    const up = await upstream(t, (req, res) => {
        begin(res);
        res.write(event(chunk('half a')));
    });
    const p = await proxy(t, up, { 'timeout.between_bytes': '200ms' });
    const events = await (await stream(p)).rest();
    assertFailedStream(events, 504, /timeout\.between_bytes/);
});

test('timeout.between_bytes: silence in the middle of a whole answer is 504', async (t) => {
    const up = await upstream(t, (req, res) => {
        res.writeHead(200, { 'content-type': 'application/json', 'content-length': 1000 });
        res.write('{"id":');
    });
    const p = await proxy(t, up, { 'timeout.between_bytes': '200ms' });
    assertError(await chat(p), 504, /timeout\.between_bytes/);
});

test('timeout.between_bytes: comments in a stream keep it alive', async (t) => {
    const up = await upstream(t, async (req, res) => {
        begin(res);
        res.write(event(chunk('one ')));
        for (let i = 0; i < 12; i++) {
            await sleep(50);
            res.write(': OPENROUTER PROCESSING\n\n');
        }
        res.end(event(chunk('two', 'stop')) + event('[DONE]'));
    });
    const p = await proxy(t, up, { 'timeout.between_bytes': '400ms' });
    assertGoodStream(await (await stream(p)).rest(), 'one two');
});

test('timeout.total: a stream that goes on for ever is ended', async (t) => {
    const up = await upstream(t, (req, res) => {
        begin(res);
        const drip = setInterval(() => res.write(event(chunk('x'))), 20);
        res.on('close', () => clearInterval(drip));
    });
    const p = await proxy(t, up, { 'timeout.total': '300ms' });
    assertFailedStream(await (await stream(p)).rest(), 504, /timeout\.total/);
});

test('timeout.total: an answer that drips for ever is 504', async (t) => {
    const up = await upstream(t, (req, res) => {
        res.writeHead(200, { 'content-type': 'application/json' });
        const drip = setInterval(() => res.write(' '), 20);
        res.on('close', () => clearInterval(drip));
    });
    const p = await proxy(t, up, { 'timeout.total': '300ms' });
    assertError(await chat(p), 504, /timeout\.total/);
});

test('a timeout closes the connection to the provider', async (t) => {
    const closed = gate();
    const up = await upstream(t, (req, res) => res.on('close', closed.open));
    const p = await proxy(t, up, { 'timeout.first_token': '100ms' });
    assertError(await chat(p), 504);
    await closed.opened;
});

test('heartbeat: comments while waiting, then the stream', async (t) => {
    const go = gate();
    const up = await upstream(t, async (req, res) => {
        await go.opened;
        begin(res);
        res.end(event(chunk('late')) + event(chunk('', 'stop')) + event('[DONE]'));
    });
    const p = await proxy(t, up, { heartbeat: '100ms' });
    const s = await stream(p);
    assert.equal(s.status, 200); // committed by the comment: nothing else can have come
    assert.equal(s.headers['content-type'], 'text/event-stream');
    const { text } = s;
    go.open();
    assertGoodStream(await s.rest(), 'late');
    assert.ok(s.comments > 0);
    assert.doesNotMatch(text, /data:/);
    assert.match(s.text, /^:/);
});

test('heartbeat: comments between events too', async (t) => {
    const seen = gate();
    const up = await upstream(t, async (req, res) => {
        begin(res);
        res.write(event(chunk('one ')));
        await seen.opened;
        res.end(event(chunk('two', 'stop')) + event('[DONE]'));
    });
    const p = await proxy(t, up, { heartbeat: '100ms' });
    const s = await stream(p);
    await s.next();
    while (s.comments === 0) await sleep(10);
    seen.open();
    assertGoodStream(await s.rest(), 'two');
});

test('heartbeat: a failure after the first comment is told in the stream', async (t) => {
    const go = gate();
    const up = await upstream(t, async (req, res) => {
        await go.opened;
        reply(res, 429, { error: { code: 429, message: 'slow down' } });
    });
    const p = await proxy(t, up, { heartbeat: '100ms' });
    const s = await stream(p);
    assert.equal(s.status, 200);
    go.open();
    assertFailedStream(await s.rest(), 429, /slow down/);
});

test('heartbeat: a whole answer has no comments', async (t) => {
    const up = await upstream(t, async (req, res) => {
        await sleep(400);
        reply(res, 200, completion());
    });
    const p = await proxy(t, up, { heartbeat: '100ms' });
    assert.equal((await chat(p)).json.choices[0].message.content, 'hi there');
});
