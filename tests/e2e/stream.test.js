// Streams: every event at once, as it came, no faster than the client reads.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import {
    HELLO_STREAM,
    ORPROXY_PLAIN,
    USAGE,
    assertGoodStream,
    begin,
    chunk,
    connect,
    event,
    gate,
    memoryKb,
    post,
    proxy,
    sleep,
    stream,
    until,
    upstream,
    words,
} from './helpers.js';

test('each event is passed on before the next one comes', async (t) => {
    const said = [gate(), gate(), gate()];
    const up = await upstream(t, async (req, res) => {
        begin(res);
        for (let i = 0; i < 3; i++) {
            res.write(event(chunk(`word ${i}`)));
            await said[i].opened; // the client has it
        }
        res.end(event(chunk('', 'stop')) + event('[DONE]'));
    });
    const p = await proxy(t, up);
    const s = await stream(p);
    for (let i = 0; i < 3; i++) {
        assert.equal(JSON.parse(await s.next()).choices[0].delta.content, `word ${i}`);
        said[i].open();
    }
    assertGoodStream(await s.rest(), '');
});

test('the head says what it is, to clients and to proxies', async (t) => {
    const up = await upstream(t, (req, res) => {
        begin(res);
        res.end(event(chunk('x', 'stop')) + event('[DONE]'));
    });
    const p = await proxy(t, up);
    const s = await stream(p);
    await s.rest();
    assert.match(s.headers['content-type'], /^text\/event-stream/);
    assert.equal(s.headers['cache-control'], 'no-cache');
    assert.equal(s.headers['x-accel-buffering'], 'no');
    assert.equal(s.headers['content-length'], undefined);
    assert.equal(s.headers['transfer-encoding'], 'chunked');
    assert.equal(s.cut, false);
});

test('events come out as they went in, usage last', async (t) => {
    const sent = [
        chunk('a'),
        chunk('é 😀 \u2028 "\\\n'),
        chunk('', 'stop', { new_member: [1] }),
        USAGE,
    ];
    const up = await upstream(t, (req, res) => {
        begin(res);
        for (const one of sent) res.write(event(one));
        res.end(event('[DONE]'));
    });
    const p = await proxy(t, up);
    const events = await (await stream(p)).rest();
    assert.deepEqual(events, [...sent.map((one) => JSON.stringify(one)), '[DONE]']);
});

const e1 = JSON.stringify(chunk('one '));
const e2 = JSON.stringify(chunk('two', 'stop'));
const forms = [
    ['LF', `data: ${e1}\n\ndata: ${e2}\n\ndata: [DONE]\n\n`],
    ['CRLF', `data: ${e1}\r\n\r\ndata: ${e2}\r\n\r\ndata: [DONE]\r\n\r\n`],
    ['CR', `data: ${e1}\r\rdata: ${e2}\r\rdata: [DONE]\r\r`],
    ['a BOM in front', `\ufeffdata: ${e1}\n\ndata: ${e2}\n\ndata: [DONE]\n\n`],
    ['no space', `data:${e1}\n\ndata:${e2}\n\ndata:[DONE]\n\n`],
    [
        'comments and other fields',
        `: hi\n\nretry: 5\nid: 7\nevent: message\ndata: ${e1}\n: mid\n\n:\n\ndata: ${e2}\nid\n\ndata: [DONE]\n\n`,
    ],
    [
        'several lines',
        `data: ${e1.slice(0, 1)}\ndata: ${e1.slice(1)}\n\ndata: ${e2}\n\ndata: [DONE]\n\n`,
    ],
    ['empty events', `data:\n\ndata: \n\ndata: ${e1}\n\n\n\n\ndata: ${e2}\n\ndata: [DONE]\n\n`],
    ['no blank line at the end', `data: ${e1}\n\ndata: ${e2}\n\ndata: [DONE]`],
    ['no blank line behind the last words', `data: ${e1}\n\ndata: ${e2}`],
];
for (const [name, text] of forms)
    test(`any form of SSE is read: ${name}`, async (t) => {
        let size;
        const up = await upstream(t, async (req, res) => {
            begin(res);
            const bytes = Buffer.from(text);
            for (let at = 0; at < bytes.length; at += size) {
                res.write(bytes.subarray(at, at + size));
                if (size < bytes.length) await new Promise(setImmediate);
            }
            res.end();
        });
        const p = await proxy(t, up);
        for (size of [1 << 20, 7, 1]) assertGoodStream(await (await stream(p)).rest(), 'one two');
    });

test('one event of 5 MB passes', async (t) => {
    const text = 'x'.repeat(5 << 20);
    const up = await upstream(t, (req, res) => {
        begin(res);
        res.end(event(chunk(text)) + event(chunk('', 'stop')) + event('[DONE]'));
    });
    const p = await proxy(t, up);
    assertGoodStream(await (await stream(p)).rest(), text);
});

test('ten thousand events pass, in order', async (t) => {
    const n = 10000;
    const up = await upstream(t, (req, res) => {
        begin(res);
        for (let i = 0; i < n; i++) res.write(event(chunk(`${i} `)));
        res.end(event(chunk('', 'stop')) + event('[DONE]'));
    });
    const p = await proxy(t, up);
    assertGoodStream(
        await (await stream(p)).rest(),
        Array.from({ length: n }, (_, i) => `${i} `).join(''),
    );
});

test('tool calls and reasoning are content too', async (t) => {
    const seen = gate();
    const call = chunk(null, null);
    call.choices[0].delta = {
        tool_calls: [
            { index: 0, id: 'call_1', type: 'function', function: { name: 'f', arguments: '' } },
        ],
    };
    const thought = chunk(null);
    thought.choices[0].delta = { reasoning: 'hm' };
    const up = await upstream(t, async (req, res) => {
        begin(res);
        res.write(event(req.json.user === 'call' ? call : thought));
        await seen.opened;
        res.end(event(chunk('', 'tool_calls')) + event('[DONE]'));
    });
    const p = await proxy(t, up);
    const streams = await Promise.all(
        ['call', 'thought'].map((user) => stream(p, { body: { ...HELLO_STREAM, user } })),
    );
    for (const s of streams) assert.ok(JSON.parse(await s.next()).choices[0].delta);
    seen.open();
    for (const s of streams) assertGoodStream(await s.rest());
});

// Bytes that fit into kernel buffers and ours between a fast writer and a stopped reader;
// unbounded, it would be all of the stream.
const STREAM = 256 << 20,
    BUFFERS = 48 << 20;

test('a slow reader slows the provider, and memory does not grow', async (t) => {
    let taken = 0,
        stalled = false;
    const up = await upstream(t, async (req, res) => {
        begin(res);
        const one = event(chunk('x'.repeat(64 << 10)));
        while (taken < STREAM && !res.destroyed) {
            const room = res.write(one);
            taken += one.length;
            if (room) continue;
            stalled = true;
            await new Promise((resolve) => {
                res.once('drain', resolve);
                res.once('close', resolve);
            });
            stalled = false;
        }
    });
    const p = await proxy(t, up, {}, { exe: ORPROXY_PLAIN });
    const before = memoryKb(p.pid);
    const c = connect(t, p.port);
    c.socket.pause();
    c.write(post(HELLO_STREAM));
    // settled: stalled, and nothing taken for a while
    for (let last = -1; last !== taken || !stalled; await sleep(300)) last = taken;
    assert.ok(taken < BUFFERS, `${taken} bytes were taken from the provider`);
    const grown = memoryKb(p.pid) - before;
    assert.ok(grown < 16 << 10, `${grown} kB grown`);
    c.socket.resume();
    await until(() => taken > 2 * BUFFERS, 'the stream to go on');
    c.socket.destroy();
    await until(() => up.open.size === 0, 'the upstream connection to be closed');
});

test('many streams side by side keep apart', async (t) => {
    const all = gate();
    let open = 0;
    const n = 50;
    const up = await upstream(t, async (req, res) => {
        begin(res);
        res.write(event(chunk(`${req.json.user}.`)));
        if (++open === n) all.open();
        await all.opened;
        for (let i = 0; i < 20; i++) {
            res.write(event(chunk(`${req.json.user}.`)));
            await new Promise(setImmediate);
        }
        res.end(event(chunk('', 'stop')) + event('[DONE]'));
    });
    const p = await proxy(t, up);
    await Promise.all(
        Array.from({ length: n }, async (_, i) => {
            const s = await stream(p, { body: { ...HELLO_STREAM, user: `u${i}` } });
            const events = await s.rest();
            assertGoodStream(events);
            assert.equal(words(events), `u${i}.`.repeat(21));
        }),
    );
});

test('a stream on a kept connection leaves it fit for the next request', async (t) => {
    const up = await upstream(t, (req, res) => {
        begin(res);
        res.end(event(chunk('x', 'stop')) + event('[DONE]'));
    });
    const p = await proxy(t, up);
    const c = connect(t, p.port);
    for (let i = 1; i <= 3; i++) {
        c.write(post(HELLO_STREAM));
        await c.until(() => c.text.split('0\r\n\r\n').length === i + 1);
    }
    assert.equal(c.text.match(/\[DONE\]/g).length, 3);
});

test('a provider that never ends its messages does not pile up connections', async (t) => {
    const up = await upstream(t, (req, res) => {
        begin(res);
        for (const data of [chunk('hi there'), chunk('', 'stop'), USAGE, '[DONE]']) res.write(event(data));
    });
    const p = await proxy(t, up, { 'limits.connections': '2' });
    for (let i = 0; i < 8; i++) assertGoodStream(await (await stream(p)).rest(), 'hi there');
    assert.ok(up.open.size <= 4, `${up.open.size} connections are open`);
});
