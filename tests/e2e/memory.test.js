// The ceiling that is said at the start, and a flood of ten times what fits under it.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { test } from 'node:test';

import {
    HELLO,
    HELLO_STREAM,
    ORPROXY_PLAIN,
    ask,
    assertGoodStream,
    begin,
    chat,
    chunk,
    connect,
    event,
    gate,
    gateway,
    post,
    proxy,
    recorded,
    several,
    stream,
    until,
    upstream,
    whole,
} from './helpers.js';

const plain = { exe: ORPROXY_PLAIN };
const ceilings = (p) =>
    [...p.stderr.matchAll(/memory: at most (\d+) bytes/g)].map((m) => Number(m[1]));
const most = (p) =>
    1024 * Number(/^VmHWM:\s*(\d+) kB/m.exec(fs.readFileSync(`/proc/${p.pid}/status`, 'utf8'))[1]);

test('the ceiling follows limits.memory, over a reload, too', async (t) => {
    const what = (memory) => ({
        providers: { demo: { kind: 'demo', list: 'yes' } },
        sections: { limits: { memory } },
    });
    const held = () =>
        Number(
            /^Max data size\s+(\d+)/m.exec(fs.readFileSync(`/proc/${p.pid}/limits`, 'utf8'))[1],
        );
    const p = await gateway(t, what('8M'), plain);
    const before = held();
    p.reload(what('16M'));
    await until(() => /reloaded/.test(p.stderr), 'the reload');
    const [small, large] = ceilings(p);
    assert.ok(small > 10 << 20 && small < 24 << 20, `${small}`);
    assert.equal(large - small, 10 << 20, '8 MB and a quarter');
    assert.equal(held() - before, 10 << 20);
    assert.ok(held() < large, 'the program itself is no data');
    p.reload('nonsense\n');
    await until(() => /reload failed/.test(p.stderr), 'the other reload');
    assert.equal(ceilings(p).at(-1), large);
});

const LIMIT = 16 << 20;
const CLIENTS = 200;
const sizes = [2e3, 5e4, 9e5, 3e5, 7e3, 14e5, 6e4, 4e3, 5e5, 1e5];

test('a flood of ten times as much stays under it', async (t) => {
    const up = await upstream(t, async (req, res) => {
        begin(res);
        for (let i = 0; i < 4 && !res.closed; i++) {
            res.write(event(chunk('x'.repeat(20000))));
            await new Promise((resolve) => setTimeout(resolve, 5));
        }
        res.end(event(chunk('', 'stop')) + event('[DONE]'));
    });
    const p = await proxy(t, up, { 'limits.memory': LIMIT }, plain);
    const [ceiling] = ceilings(p);
    const seen = { 200: 0, 503: 0, cut: 0 };
    let n = 0;
    const one = async (i, agent) => {
        const text = 'lorem ipsum '.repeat(sizes[n++ % sizes.length] / 12);
        const body = { ...HELLO, stream: true, messages: [{ role: 'user', content: text }] };
        try {
            const got = await ask(p, { body, agent });
            seen[got.status]++;
        } catch (e) {
            seen.cut++;
            seen.how = String(e.cause ?? e);
        }
    };
    for (let round = 0; round < 3; round++) await several(CLIENTS * 2, one, CLIENTS);
    assert.equal(seen[200] + seen[503], n, `somebody was not told: ${JSON.stringify(seen)}`);
    assert.ok(seen[200] > 0 && seen[503] > 0, JSON.stringify(seen));
    assert.ok(most(p) <= ceiling, `${most(p)} of ${ceiling}; ${JSON.stringify(seen)}`);
    t.diagnostic(`${most(p)} of ${ceiling}, limits.memory ${LIMIT}; ${JSON.stringify(seen)}`);
    await until(async () => (await chat(p, { stream: true })).status === 200, 'room again');
});

// ---- streams are open for long: what only their beginning needed is given back

// A provider that says one word, and the rest when the gate opens.
async function slow(t) {
    const hold = gate();
    const up = await upstream(t, async (req, res) => {
        begin(res);
        res.write(event(chunk('one ')));
        await hold.opened;
        res.end(event(chunk('two')) + event(chunk('', 'stop')) + event('[DONE]'));
    });
    return { up, hold };
}

const heldBytes = async (p) =>
    Number(/^orproxy_memory_bytes (\d+)/m.exec((await ask(p, { path: '/metrics' })).body)[1]);

const LARGE = 'a long conversation '.repeat(50000);
const REQUESTS = {
    chat: { ...HELLO_STREAM, messages: [{ role: 'user', content: LARGE }] },
    messages: {
        model: HELLO.model,
        max_tokens: 9,
        stream: true,
        messages: [{ role: 'user', content: LARGE }],
    },
};
for (const [kind, path] of [
    ['chat', '/api/v1/chat/completions'],
    ['messages', '/v1/messages'],
])
    test(`a stream keeps nothing of a large request (${kind})`, async (t) => {
        const { up, hold } = await slow(t);
        const p = await gateway(t, {
            providers: { slow: { up: { ...up, title: 'Slow' }, endpoints: { [HELLO.model]: {} } } },
        });
        const before = await heldBytes(p);
        const body = { ...REQUESTS[kind], session_id: 'the session' };
        if (kind === 'chat') body.user = 'some "one"';
        const s = await stream(p, { body, path });
        await until(() => /one /.test(s.text), 'the first word');
        const grown = (await heldBytes(p)) - before;
        assert.ok(grown < LARGE.length / 4, `${grown} bytes for a request of ${LARGE.length}`);
        hold.open();
        const events = await s.rest();
        if (kind === 'chat') assertGoodStream(events, 'one two');
        assert.match(s.text, /two/);
        // and what is told of it afterwards was kept
        const told = await recorded(p, s.headers['x-generation-id']);
        assert.equal(told.model, HELLO.model);
        assert.equal(told.session_id, 'the session');
        if (kind === 'chat') assert.equal(told.external_user, 'some "one"');
    });

test('a body that is on its way takes its place once', async (t) => {
    const up = await upstream(t, whole('one'));
    const p = await proxy(t, up, {});
    const before = await heldBytes(p);
    const text = post({ ...HELLO, user: 'x'.repeat(1200000) });
    const c = connect(t, p.port).write(text.slice(0, -1));
    const grown = async () => (await heldBytes(p)) - before;
    await until(async () => (await grown()) >= 1200000, 'all but its last byte');
    assert.ok((await grown()) < 1.25 * text.length, `${await grown()} bytes for ${text.length}`);
    await c.write(text.slice(-1)).until(/one/);
    assert.equal(up.requests[0].json.user.length, 1200000);
});

test('the next requests may come while a stream is open', async (t) => {
    const { up, hold } = await slow(t);
    const p = await proxy(t, up, {});
    const c = connect(t, p.port).write(post(HELLO_STREAM));
    await c.until(/one /);
    const next = post(HELLO_STREAM) + post({ ...HELLO_STREAM, user: 'x'.repeat(70000) });
    c.write(next.slice(0, 10));
    await ask(p, { path: '/healthz' }); // it has read that
    c.write(next.slice(10));
    await ask(p, { path: '/healthz' });
    assert.equal(up.requests.length, 1, 'one after the other');
    hold.open();
    await c.until(() => c.text.split('[DONE]').length === 4);
    assert.equal(up.requests[2].json.user.length, 70000);
});
