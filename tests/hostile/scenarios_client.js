// What a client may do to a gateway.
import assert from 'node:assert/strict';

import { ask, bodyFor, failed, good, host, line, lines, raw, request } from './client.js';
import { cpuSeconds, orproxy, residentKb, settings, sleep } from './gateway.js';
import { EVENTS, TEXT, answer, chunk, endless, gone, head, send } from './upstream.js';

async function until(g, what, condition) {
    for (const end = Date.now() + g.patience; !(await condition()); await sleep(10))
        if (Date.now() > end)
            assert.fail(`waited too long: ${typeof what === 'function' ? what() : what}`);
}

// ---- smuggling

// A first request that two readers could understand differently, and a second one behind it.
// Each gives the bytes in front of the second.
const pairs = (g) => {
    const body = bodyFor(g, 'front');
    const chunks = `${chunk(body)}0\r\n\r\n`;
    const post = (fields, rest, first = line(g), hosts = host(g)) =>
        `${first}${hosts}${lines(g)}${fields}\r\n${rest}`;
    const n = body.length;
    const te = 'Transfer-Encoding';
    return {
        'CL.TE': post(`Content-Length: ${chunks.length}\r\n${te}: chunked\r\n`, chunks),
        'CL.TE, short': post(`Content-Length: 4\r\n${te}: chunked\r\n`, chunks),
        'TE.CL': post(`${te}: chunked\r\nContent-Length: 4\r\n`, chunks),
        'CL.0': post('Content-Length: 0\r\n', body),
        'two lengths': post(`Content-Length: ${n}\r\nContent-Length: 0\r\n`, body),
        'two lengths in one': post(`Content-Length: ${n}, 0\r\n`, body),
        'a signed length': post(`Content-Length: +${n}\r\n`, body),
        'a negative length': post(`Content-Length: -${n}\r\n`, body),
        'a hexadecimal length': post(`Content-Length: 0x${n.toString(16)}\r\n`, body),
        'a length past 2^64': post(`Content-Length: ${2n ** 64n + BigInt(n)}\r\n`, body),
        'an empty length': post('Content-Length: \r\n', body),
        'a length in two lines': post(`Content-Length: 1\r\n ${n}\r\n`, body),
        'TE twice': post(`${te}: chunked\r\n${te}: identity\r\n`, chunks),
        'TE: chunked, chunked': post(`${te}: chunked, chunked\r\n`, chunks),
        'TE: chunked, identity': post(`${te}: chunked, identity\r\n`, chunks),
        'TE: gzip, chunked': post(`${te}: gzip, chunked\r\n`, chunks),
        'TE: xchunked': post(`${te}: xchunked\r\nContent-Length: ${n}\r\n`, body),
        'TE behind a tab': post(`${te}:\x0bchunked\r\nContent-Length: ${n}\r\n`, body),
        'TE in quotes': post(`${te}: "chunked"\r\nContent-Length: ${n}\r\n`, body),
        'TE and a space before the colon': post(
            `${te} : chunked\r\nContent-Length: ${n}\r\n`,
            body,
        ),
        'TE with a NUL': post(`${te}: chunked\0\r\nContent-Length: ${n}\r\n`, body),
        'TE folded': post(`${te}:\r\n chunked\r\nContent-Length: ${n}\r\n`, body),
        'TE behind a bare LF': post(`X: y\n${te}: chunked\r\nContent-Length: ${n}\r\n`, chunks),
        'TE behind a bare CR': post(`X: y\r${te}: chunked\r\nContent-Length: ${n}\r\n`, chunks),
        'TE in HTTP/1.0': post(`${te}: chunked\r\n`, chunks, line(g).replace('1.1', '1.0')),
        'a folded field': post(`X: a\r\n b\r\nContent-Length: ${n}\r\n`, body),
        'a NUL in a field': post(`X: a\0b\r\nContent-Length: ${n}\r\n`, body),
        'a NUL in a name': post(`X\0: a\r\nContent-Length: ${n}\r\n`, body),
        'a field without a name': post(`: a\r\nContent-Length: ${n}\r\n`, body),
        'a line without a colon': post(`Content-Length ${n}\r\n`, body),
        'a line that begins with a space': post(
            `Content-Length: ${n}\r\n`,
            body,
            line(g),
            ` X: y\r\n${host(g)}`,
        ),
        'two Hosts': post(
            `Content-Length: ${n}\r\n`,
            body,
            line(g),
            `${host(g)}Host: elsewhere\r\n`,
        ),
        'no Host': post(`Content-Length: ${n}\r\n`, body, line(g), ''),
        'two spaces in the line': post(
            `Content-Length: ${n}\r\n`,
            body,
            line(g).replace(' ', '  '),
        ),
        'a tab in the line': post(`Content-Length: ${n}\r\n`, body, line(g).replace(' ', '\t')),
        'a version that is none': post(
            `Content-Length: ${n}\r\n`,
            body,
            line(g).replace('1.1', '1.1x'),
        ),
        'HTTP/2.0': post(`Content-Length: ${n}\r\n`, body, line(g).replace('1.1', '2.0')),
        'a chunk size past 2^64': post(`${te}: chunked\r\n`, `1000000000000000${chunks}`),
        'a chunk size with a sign': post(`${te}: chunked\r\n`, `+${chunks}`),
        'a chunk size with 0x': post(`${te}: chunked\r\n`, `0x${chunks}`),
        'a chunk size that ends in a bare LF': post(
            `${te}: chunked\r\n`,
            chunks.replace('\r\n', '\n'),
        ),
        'a chunk longer than its size': post(`${te}: chunked\r\n`, `5\r\n${body}\r\n0\r\n\r\n`),
        'an extension with a bare LF': post(
            `${te}: chunked\r\n`,
            chunks.replace('\r\n', ';x\ny\r\n'),
        ),
    };
};

// Sound, though unusual: one answer for each.
const unusual = (g) => {
    const body = bodyFor(g, 'front');
    const post = (fields, rest) => `${line(g)}${host(g)}${lines(g)}${fields}\r\n${rest}`;
    return {
        chunked: post('Transfer-Encoding: chunked\r\n', `${chunk(body)}0\r\n\r\n`),
        CHUNKED: post('TRANSFER-ENCODING: CHUNKED\r\n', `${chunk(body)}0\r\n\r\n`),
        'a chunk for each byte': post(
            'Transfer-Encoding: chunked\r\n',
            `${[...body].map(chunk).join('')}0\r\n\r\n`,
        ),
        'an extension and a trailer': post(
            'Transfer-Encoding: chunked\r\n',
            `${chunk(body).replace('\r\n', ';a=b\r\n')}0\r\nX: y\r\n\r\n`,
        ),
        'an empty line in front': `\r\n${post(`Content-Length: ${body.length}\r\n`, body)}`,
    };
};

// ---- hang-ups

const leave = { close: (socket) => socket.destroy(), reset: (socket) => socket.resetAndDestroy() };

export const clientScenarios = [
    {
        name: 'smuggling',
        holds: 'a request that two readers could understand differently is refused, and none behind it is served',
        async run({ g, up, each }) {
            const all = Object.entries(pairs(g));
            await each(all, async ([what, first], i) => {
                const prompt = `smuggled ${i}`;
                const c = raw(g);
                await c.write(first + request(g, prompt));
                await until(
                    g,
                    () => `${what}: an end; have ${JSON.stringify(c.text.slice(0, 300))}`,
                    () => c.closed || c.answers.length > 1,
                );
                await sleep(20);
                c.socket.destroy();
                assert.equal(
                    up.seen.get(prompt),
                    undefined,
                    `${what}: the one behind it was sent on`,
                );
                assert.ok(
                    c.answers.every((status) => status >= 400),
                    `${what}: was served:\n${c.text}`,
                );
                if (g.own) assert.ok([400, 501, 505].includes(c.answers[0]), `${what}:\n${c.text}`);
            });
            return `${all.length} pairs`;
        },
    },
    {
        name: 'pipelined',
        holds: 'requests in one piece get their answers in order, also when they are of unusual forms',
        async run({ g, up }) {
            for (const [what, first] of Object.entries(unusual(g))) {
                const c = raw(g);
                await c.write(
                    first +
                        request(g, 'second') +
                        request(g, 'third', { mode: 'stream' }) +
                        request(g, 'fourth'),
                );
                await until(
                    g,
                    () => `${what}: four answers; have\n${c.text}`,
                    () => c.answers.length === 4 && c.text.split('"total_tokens"').length === 5,
                );
                assert.deepEqual(c.answers, [200, 200, 200, 200], `${what}: ${c.text}`);
                assert.equal(c.text.match(/text\/event-stream/g).length, 1, what);
                c.socket.destroy();
            }
            assert.equal(up.seen.get('second'), up.seen.get('fourth'));
        },
    },
    {
        name: 'half-closed',
        holds: 'a client that ends its sending side behind the request gets its answer',
        async run({ g, up, each }) {
            up.scripts.set('late', async (socket, req, body) => {
                await sleep(400);
                const mode = /"stream":true/.test(body) ? 'stream' : 'whole';
                await send(socket, answer(mode, 'length').bytes);
            });
            up.scripts.set('parts', async (socket) => {
                await send(socket, head('stream', 'Transfer-Encoding: chunked'));
                for (const one of EVENTS) {
                    await sleep(100);
                    await send(socket, chunk(one));
                }
                await send(socket, '0\r\n\r\n');
            });
            const began = g.pid && cpuSeconds(g.pid);
            await each(
                [
                    ['sound', 'whole'],
                    ['sound', 'stream'],
                    ['late', 'whole'],
                    ['late', 'stream'],
                    ['parts', 'stream'],
                ],
                async ([prompt, mode]) => {
                    const c = raw(g);
                    await c.write(request(g, prompt, { mode }));
                    c.socket.end();
                    await until(
                        g,
                        () => `${prompt}, ${mode}: the end; have\n${c.text}`,
                        () => c.closed,
                    );
                    const all =
                        mode === 'whole' ? c.text.includes(TEXT) : /words[^]*\[DONE\]/.test(c.text);
                    assert.ok(all && c.answers[0] === 200, `${prompt}, ${mode}:\n${c.text}`);
                },
            );
            if (g.pid) assert.ok(cpuSeconds(g.pid) - began < 0.5, 'it spins while it waits');
            const c = raw(g); // two requests, then the end
            await c.write(request(g, 'sound') + request(g, 'late'));
            c.socket.end();
            await until(
                g,
                () => `two answers; have\n${c.text}`,
                () => c.closed,
            );
            assert.deepEqual(c.answers, [200, 200], c.text);
        },
    },
    {
        name: 'hang-up/request',
        holds: 'a client that goes away anywhere in its request harms nobody, and asks nobody',
        async run({ g, up, each }) {
            const bytes = request(g, 'cut short');
            const cases = Array.from({ length: bytes.length - 1 }, (_, n) => [
                n,
                n % 2 ? 'close' : 'reset',
            ]);
            await each(cases, async ([n, how]) => {
                const c = raw(g);
                await c.write(bytes.slice(0, n));
                leave[how](c.socket);
            });
            assert.equal(up.seen.get('cut short'), undefined);
            return `${cases.length} places`;
        },
    },
    {
        name: 'hang-up/answer',
        holds: 'a client that goes away anywhere in an answer ends what its provider does',
        async run({ g, up, each, playOn, t }) {
            // with times so long that it is not one of them that ends it
            const long = { first_token: '2m', between_bytes: '2m', total: '4m' };
            const here = g.own
                ? await orproxy(t, settings({ up, timeout: long, top: { heartbeat: '2m' } }))
                : g;
            const play = playOn(here, up);
            const places = {
                'before the head': ['whole', ''],
                'before the head of a stream': ['stream', ''],
                'behind the head': ['stream', head('stream', 'Transfer-Encoding: chunked')],
                'in a stream': [
                    'stream',
                    head('stream', 'Transfer-Encoding: chunked') + chunk(EVENTS[0]),
                ],
                'in an answer': ['whole', answer('whole', 'length').bytes.slice(0, 150)],
            };
            const cases = Object.entries(places).flatMap(([place, how]) =>
                Object.keys(leave).map((end) => [place, end, ...how]),
            );
            await each(cases, async ([place, end, mode, bytes]) => {
                let hear, closed;
                const heard = new Promise((resolve) => {
                    hear = resolve;
                });
                void play(
                    async (socket) => {
                        closed = gone(socket);
                        await send(socket, bytes);
                        hear();
                    },
                    {
                        mode,
                        on: {
                            open: async (req) => {
                                await heard;
                                await sleep(50);
                                leave[end](req.socket);
                            },
                        },
                    },
                );
                await heard;
                const ended = await Promise.race([closed.then(() => true), sleep(g.patience)]);
                assert.ok(ended, `${place}, ${end}: the provider goes on`);
            });
            return `${cases.length} places`;
        },
    },
    {
        name: 'never-reads',
        holds: 'a client that never reads holds its provider back: what is taken is bounded, so is the memory',
        async run({ g, up, each }) {
            const kb = g.pid && residentKb(g.pid);
            const bounds = [];
            up.scripts.set('much', async (socket) => {
                const one = EVENTS[0].replace('all ', 'x'.repeat(16384));
                bounds.push(await endless(socket, head('stream'), one));
            });
            const clients = Array.from({ length: 16 }, () => raw(g));
            for (const c of clients) {
                c.socket.pause();
                await c.write(request(g, 'much', { mode: 'stream' }));
            }
            await sleep(1500); // shorter than between_bytes, which ends them
            const grown = g.pid ? residentKb(g.pid) - kb : 0;
            await each(clients, async (c) => c.socket.destroy());
            await until(g, 'the provider to be left alone', () => bounds.length === 16);
            assert.ok(
                Math.max(...bounds) < 48 << 20,
                `${Math.max(...bounds)} bytes were taken for one`,
            );
            assert.ok(grown < 32 << 10, `${grown} kB for ${clients.length} clients`);
            return `at most ${(Math.max(...bounds) / 1e6).toFixed(1)} MB taken`;
        },
    },
    {
        name: 'slowloris',
        holds: 'requests that come byte by byte are ended in time, and do not keep others from being served',
        async run({ g, each }) {
            const bytes = request(g, 'slow');
            const body = bytes.indexOf('\r\n\r\n') + 6;
            // nothing; a head; a head that goes on; a body that stops; chunks of one byte
            const starts = [
                '',
                bytes.slice(0, 20),
                `${bytes.slice(0, body - 6)}\r\nX: `,
                bytes.slice(0, body),
                `${line(g)}${host(g)}Transfer-Encoding: chunked\r\n\r\n`,
            ];
            const drip = ['', 'y', 'y', '', '1\r\n \r\n'];
            const slow = Array.from({ length: 100 }, (_, i) => {
                const c = raw(g);
                c.what = i % starts.length;
                void c.write(starts[c.what]);
                return c;
            });
            const timer = setInterval(() => {
                for (const c of slow) if (!c.closed && drip[c.what]) void c.write(drip[c.what]);
            }, 100);
            try {
                await each(
                    Array.from({ length: 40 }),
                    async () => good(await ask(g, 'sound'), 'beside them'),
                    4,
                );
                await until(
                    { patience: Math.max(g.patience, 10000) },
                    'slow connections to be ended',
                    () => slow.every((c) => c.closed),
                );
            } finally {
                clearInterval(timer);
                for (const c of slow) c.socket.destroy();
            }
            for (const c of slow) assert.ok(!c.answers.includes(200), c.text);
            if (g.own)
                // who has said nothing is told nothing
                for (const c of slow)
                    assert.deepEqual(c.answers, c.what === 0 ? [] : [408], c.text);
        },
    },
    {
        name: 'too-much',
        holds: 'heads and bodies without end are refused after a bounded number of bytes',
        async run({ g, each }) {
            const begin = line(g) + host(g);
            const chunked = `${begin}Transfer-Encoding: chunked\r\n\r\n`;
            const cases = {
                'a target': ['POST /', 'x'],
                'a method': ['', 'X'],
                'a header line': [`${begin}X: `, 'y'],
                'header lines': [begin, 'X: y\r\n'],
                'empty lines': ['', '\r\n'],
                'a body': [`${begin}Content-Length: 1000000000000\r\n\r\n{"a":"`, 'x'],
                chunks: [`${chunked}7\r\n{"a":"x\r\n`, '8\r\nxxxxxxxx\r\n'],
                'a chunk extension': [`${chunked}5;`, 'x'],
                'a trailer': [`${chunked}0\r\n`, 'X: y\r\n'],
                'zeros of a chunk size': [chunked, '0'],
            };
            await each(
                Object.entries(cases),
                async ([what, [first, unit]]) => {
                    const c = raw(g);
                    const taken = endless(c.socket, first, unit, 64 << 20);
                    await until(g, `${what}: an end`, () => c.closed || c.error);
                    c.socket.destroy();
                    assert.ok((await taken) < 64 << 20, `${what}: all was taken`);
                    assert.ok(!c.answers.includes(200), what);
                    // told, unless the answer was lost in the reset that ends the flood
                    assert.ok(c.answers.length > 0 || c.error, `${what}: closed without a word`);
                },
                4,
            );
        },
    },
    {
        name: 'bodies',
        holds: 'bodies that are no request are refused, and nobody is asked',
        async run({ g, up, each }) {
            const before = up.requests;
            const bodies = [
                '',
                'hello',
                '[]',
                '{',
                '{"model":"m"',
                '{"messages":[]}{}',
                '\0',
                '\xff\xfe',
                '"'.repeat(100),
                '['.repeat(100000),
                '{"a":'.repeat(50000),
                `{"model":"${'x'.repeat(100000)}`,
                '{"messages":"x"}',
                'null',
                '{"messages":[{"role":"user","content":"x"}],"messages":[]}',
                '{"stream":1e999999999,"messages":[{}]}',
            ];
            await each(bodies, async (body) => {
                const seen = await ask(g, '', { body });
                failed(seen, body.slice(0, 40));
                assert.ok(
                    seen.status >= 400 && seen.status < 500,
                    `${body.slice(0, 40)}: ${seen.status}`,
                );
            });
            assert.equal(up.requests, before);
        },
    },
];
