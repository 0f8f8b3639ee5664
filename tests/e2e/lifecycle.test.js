// Signals: the first SIGTERM lets what runs finish, the second does not.
import assert from 'node:assert/strict';
import net from 'node:net';
import { test } from 'node:test';

import {
    assertGoodStream,
    begin,
    chat,
    chunk,
    connect,
    event,
    gate,
    polite,
    proxy,
    stream,
    until,
    upstream,
    within,
} from './helpers.js';

// Refused, or closed without an answer, which is the same to a client.
function refused(port) {
    return new Promise((resolve) => {
        const socket = net.connect(port, '127.0.0.1');
        socket.on('error', () => resolve(true));
        socket.on('data', () => {
            socket.destroy();
            resolve(false);
        });
        socket.on('close', () => resolve(true));
        socket.on('connect', () =>
            setTimeout(() => {
                socket.destroy();
                resolve(false);
            }, 200),
        );
    });
}

const paused = async (t, go) =>
    upstream(t, async (req, res) => {
        begin(res);
        res.write(event(chunk('one ')));
        await go.opened;
        res.end(event(chunk('two', 'stop')) + event('[DONE]'));
    });

for (const signal of ['SIGTERM', 'SIGINT'])
    test(`${signal}: a stream in flight finishes, new connections are refused`, async (t) => {
        const go = gate();
        const p = await proxy(t, await paused(t, go));
        const s = await stream(p);
        await s.next();
        p.child.kill(signal);
        await until(() => refused(p.port), 'new connections to be refused');
        assert.equal(p.code, undefined, 'still running');
        go.open();
        assertGoodStream(await s.rest(), 'two');
        await within(p.ended, 'orproxy to end');
        assert.equal(p.code, 0);
    });

test('SIGTERM: an idle connection does not hold it up', async (t) => {
    const p = await proxy(t, await upstream(t, polite));
    const c = connect(t, p.port).write('GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n');
    await c.until(/200 OK/);
    p.child.kill('SIGTERM');
    await within(p.ended, 'orproxy to end');
    assert.equal(p.code, 0);
});

test('a second SIGTERM ends at once', async (t) => {
    const p = await proxy(t, await paused(t, gate()));
    p.exits = 1; // a request was cut
    const s = await stream(p);
    await s.next();
    p.child.kill('SIGTERM');
    await until(() => refused(p.port), 'new connections to be refused');
    p.child.kill('SIGTERM');
    await within(p.ended, 'orproxy to end');
    const rest = await s.rest();
    assert.ok(!rest.includes('[DONE]'), 'what was cut is not called done');
});

test('timeout.drain ends what does not finish', async (t) => {
    const p = await proxy(t, await paused(t, gate()), { 'timeout.drain': '200ms' });
    p.exits = 1;
    const s = await stream(p);
    await s.next();
    p.child.kill('SIGTERM');
    await within(p.ended, 'orproxy to end');
    assert.ok(!(await s.rest()).includes('[DONE]'));
});

test('SIGHUP and a closed stderr reader do not end it', async (t) => {
    const p = await proxy(t, await upstream(t, polite));
    p.child.kill('SIGHUP');
    assert.equal((await chat(p)).status, 200);
});

test('what is logged holds neither prompts nor replies', async (t) => {
    const p = await proxy(t, await upstream(t, polite));
    await chat(p, { messages: [{ role: 'user', content: 'a secret prompt' }] });
    await (await stream(p)).rest();
    assert.doesNotMatch(p.stderr, /secret prompt|hi there|hello/);
});
