// What a provider may do to a gateway over plain HTTP.
import assert from 'node:assert/strict';
import zlib from 'node:zlib';

import { ask, failed, good, honest, refused } from './client.js';
import { orproxy, peakKb, settings, sleep, stage } from './gateway.js';
import {
    EVENTS,
    JSON_BODY,
    answer,
    chunk,
    endings,
    endless,
    gone,
    head,
    hostileUpstream,
    neverAccepts,
    send,
} from './upstream.js';

const MODES = ['whole', 'stream'];
const range = (n, step = 1) => Array.from({ length: Math.ceil(n / step) }, (_, i) => i * step);

// ---- cuts

const cut = (mode, framing) => ({
    name: `cut/${mode}-${framing}`,
    holds: 'cut after any byte, what looks complete is complete: no 200 with half a JSON, no [DONE]',
    async run({ each, play }) {
        const { bytes, enough } = answer(mode, framing);
        const some = [...range(bytes.length), bytes.length].map((n) => [n, 'fin']);
        const fewer = range(bytes.length, 5).map((n) => [n, 'rst']);
        await each([...some, ...fewer], async ([n, end]) => {
            const seen = await play(
                async (socket) => {
                    await send(socket, bytes.slice(0, n));
                    endings[end](socket);
                },
                { mode },
            );
            const judge = n < enough ? failed : n === bytes.length && end === 'fin' ? good : honest;
            judge(seen, `${end} after ${n} of ${bytes.length} bytes`);
        });
        return `${some.length + fewer.length} cuts`;
    },
});

// ---- phases

// Where an answer can stop: what came until then.
const phases = (mode) => {
    const chunked = answer(mode, 'chunked').bytes;
    const begin = chunked.indexOf('\r\n\r\n') + 4;
    return {
        'before the head': '',
        'in the status line': chunked.slice(0, 11),
        'in the head': chunked.slice(0, 30),
        'behind the head': chunked.slice(0, begin),
        'in a chunk': chunked.slice(0, begin + 40),
        'before the last chunk':
            mode === 'whole'
                ? chunked.slice(0, -5)
                : chunked.slice(0, answer(mode, 'chunked').enough - 60),
    };
};

const stops = (name, end, holds) => ({
    name,
    holds,
    async run({ each, play, g }) {
        const all = MODES.flatMap((mode) =>
            Object.entries(phases(mode)).map((phase) => [mode, ...phase]),
        );
        await each(all, async ([mode, phase, bytes]) => {
            let closed;
            const seen = await play(
                async (socket) => {
                    closed = gone(socket);
                    await send(socket, bytes);
                    endings[end](socket);
                },
                { mode },
            );
            failed(seen, `${mode}, ${phase}`);
            assert.ok(
                await inTime(g, closed),
                `${mode}, ${phase}: the connection to the provider stays open`,
            );
        });
        return `${all.length} places`;
    },
});
const inTime = (g, promise) =>
    Promise.race([promise.then(() => true), sleep(g.patience).then(() => false)]);

// ---- floods without end

const JSON_HEAD = head('whole', 'Transfer-Encoding: chunked');
const SSE_HEAD = head('stream', 'Transfer-Encoding: chunked');

const floods = {
    'a status line': ['whole', 'HTTP/1.1 200 ', 'x'],
    'a header line': ['whole', 'HTTP/1.1 200 OK\r\nX: ', 'y'],
    'header lines': ['whole', 'HTTP/1.1 200 OK\r\n', 'X: y\r\n'],
    'answers 1xx': ['whole', '', 'HTTP/1.1 102 Processing\r\n\r\n'],
    'empty lines': ['whole', '', '\r\n'],
    'a chunk extension': ['whole', `${JSON_HEAD}5;`, 'x'],
    'chunk extensions': ['whole', JSON_HEAD, '1;x=y\r\n \r\n'],
    'zeros of a chunk size': ['whole', JSON_HEAD, '0'],
    'a trailer': ['whole', `${JSON_HEAD}${chunk(JSON_BODY)}0\r\n`, 'X: y\r\n'],
    'white space': ['whole', head('whole'), ' '],
    'a JSON string': ['whole', `${head('whole')}{"id":"`, 'x'],
    'opening brackets': ['whole', head('whole'), '['],
    'an SSE line': ['stream', `${head('stream')}data: `, 'x'],
    'an SSE event': ['stream', head('stream'), 'data: x\n'],
    'an SSE comment': ['stream', `${head('stream')}: `, 'x'],
    'an error body': [
        'whole',
        'HTTP/1.1 500 No\r\nContent-Type: application/json\r\n\r\n{"error":"',
        'x',
    ],
};

// What goes on as long as it likes, but not for ever: little by little.
const drips = {
    'a head byte by byte': ['whole', 'HTTP/1.1 200 OK\r\nX: ', 'y'],
    'SSE comments': ['stream', head('stream'), ': OPENROUTER PROCESSING\n\n'],
    'empty events': ['stream', head('stream'), 'data: {"choices":[]}\n\n'],
    words: ['stream', head('stream'), EVENTS[0]],
    'spaces in a JSON': ['whole', head('whole'), ' '],
};

// ---- answers that are none

const sized = (length, body = JSON_BODY) => `${head('whole', `Content-Length: ${length}`)}${body}`;
const N = JSON_BODY.length;

const garbage = {
    'another protocol': 'SSH-2.0-OpenSSH_9.2\r\n\r\n',
    'a TLS alert': '\x15\x03\x01\x00\x02\x02\x28',
    'HTTP/2': '\x00\x00\x12\x04\x00\x00\x00\x00\x00\x00\x03\x00\x00\x00\x64',
    'HTTP/0.9': JSON_BODY,
    noise: String.fromCharCode(...range(256)).repeat(8),
    NULs: '\0'.repeat(5000),
    'a status of two digits': 'HTTP/1.1 99 Low\r\nContent-Length: 0\r\n\r\n',
    'a status of four digits': 'HTTP/1.1 2000 High\r\nContent-Length: 0\r\n\r\n',
    'a version that is none': `HTTP/1.x 200 OK\r\nContent-Length: ${N}\r\n\r\n${JSON_BODY}`,
    'a NUL in a field': `HTTP/1.1 200 OK\r\nX: a\0b\r\nContent-Length: ${N}\r\n\r\n${JSON_BODY}`,
    'a request': 'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n',
    HTML: 'HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 13\r\n\r\n<html></html>',
    nothing: 'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 0\r\n\r\n',
};

const lengths = {
    'more than comes': sized(N + 5),
    'less than comes': sized(N - 5),
    negative: sized(`-${N}`),
    signed: sized(`+${N}`),
    hexadecimal: sized(`0x${N.toString(16)}`),
    'not a number': sized('many'),
    empty: sized(''),
    '2^32 + 5': sized(2 ** 32 + 5),
    '2^32 and all of it': sized(2 ** 32 + N),
    '2^64 and all of it': sized(2n ** 64n + BigInt(N)),
    'two that differ': `${head('whole', `Content-Length: ${N}`, `Content-Length: ${N - 5}`)}${JSON_BODY}`,
    'a list that differs': sized(`${N}, ${N - 5}`),
    'length and chunked': `${head('whole', 'Content-Length: 5', 'Transfer-Encoding: chunked')}${chunk(JSON_BODY)}0\r\n\r\n`,
    'an unknown coding': `${head('whole', 'Transfer-Encoding: br, chunked')}${chunk(JSON_BODY)}0\r\n\r\n`,
    'chunked in the middle': `${head('whole', 'Transfer-Encoding: chunked, identity')}${chunk(JSON_BODY)}0\r\n\r\n`,
    'a chunk size that is none': `${JSON_HEAD}xyz\r\n${JSON_BODY}\r\n0\r\n\r\n`,
    'a chunk size with a sign': `${JSON_HEAD}-${chunk(JSON_BODY)}0\r\n\r\n`,
    'a chunk size past 2^64': `${JSON_HEAD}10000000000000000${chunk(JSON_BODY)}0\r\n\r\n`,
    'a chunk longer than its size': `${JSON_HEAD}5\r\n${JSON_BODY}\r\n0\r\n\r\n`,
};

// Statuses that have no answer in them, whatever follows. Each sends the next request where the
// Location says, if anybody follows it.
const statuses = {
    101: 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n',
    204: `HTTP/1.1 204 No Content\r\nContent-Length: ${N}\r\n\r\n${JSON_BODY}`,
    205: `HTTP/1.1 205 Reset Content\r\nContent-Length: ${N}\r\n\r\n${JSON_BODY}`,
    206: `HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 0-9/${N}\r\nContent-Length: 10\r\n\r\n${JSON_BODY.slice(0, 10)}`,
    304: `HTTP/1.1 304 Not Modified\r\nContent-Length: ${N}\r\n\r\n${JSON_BODY}`,
    999: 'HTTP/1.1 999 What\r\nContent-Length: 0\r\n\r\n',
};

const useless = (name, holds, table) => ({
    name,
    holds,
    async run({ each, play }) {
        const all = Object.entries(table).flatMap((one) => MODES.map((mode) => [mode, ...one]));
        await each(all, async ([mode, what, bytes]) => {
            const seen = await play(
                async (socket) => {
                    await send(socket, bytes);
                    socket.end();
                },
                { mode },
            );
            failed(seen, `${what}, to a ${mode} request`);
        });
        return `${all.length} answers`;
    },
});

// ---- packed

const BOMB = 64 << 20;
const packed = {
    'a good answer, packed': { coding: 'gzip', body: zlib.gzipSync(JSON_BODY) },
    'packed without a word': { body: zlib.gzipSync(JSON_BODY) },
    'a word without packing': { coding: 'gzip', body: Buffer.from(JSON_BODY) },
    'a bomb': { coding: 'gzip', body: zlib.gzipSync(Buffer.alloc(BOMB, ' ')) },
    'a bomb, twice': {
        coding: 'gzip, gzip',
        body: zlib.gzipSync(zlib.gzipSync(Buffer.alloc(BOMB, ' '))),
    },
    deflate: { coding: 'deflate', body: zlib.deflateSync(JSON_BODY) },
    brotli: { coding: 'br', body: zlib.brotliCompressSync(JSON_BODY) },
};

// ---- too many requests

// Values of Retry-After; true: of no consequence.
const retryAfter = [
    ['99999999999999999999'],
    ['31536000'],
    ['1.5', true],
    ['-5', true],
    ['0', true],
    ['soon', true],
    ['', true],
    ['Wed, 21 Oct 2099 07:28:00 GMT'],
    ['Wed, 21 Oct 1999 07:28:00 GMT', true],
    ['Wed, 99 Foo 2099 77:88:99 GMT', true],
    ['\xff\xfe', true],
    ['7, 9', true],
];
const SLOW = '{"error":{"message":"slow down"}}';
const tooMany = (value) =>
    'HTTP/1.1 429 Too Many Requests\r\nContent-Type: application/json\r\n' +
    `Retry-After: ${value}\r\nContent-Length: ${SLOW.length}\r\n\r\n${SLOW}`;

export const upstreamScenarios = [
    ...MODES.flatMap((mode) => ['length', 'chunked', 'close'].map((framing) => cut(mode, framing))),
    stops(
        'stall',
        'silence',
        'a provider that falls silent anywhere is given up in time, and its connection closed',
    ),
    stops('reset', 'rst', 'a reset anywhere is an error that a client can tell'),
    {
        name: 'stall/accept',
        holds: 'a provider whose queue is full is given up in time',
        async run({ up, g, play, each }) {
            await up.close();
            let end;
            try {
                end = await neverAccepts(up.port);
                await each(MODES, async (mode) => failed(await play(() => {}, { mode }), mode));
            } finally {
                await end?.();
                await up.open();
            }
        },
    },
    {
        name: 'stall/end',
        holds: 'an answer that is over is passed on, though the connection stays open',
        async run({ up, play }) {
            for (const mode of MODES)
                for (const framing of ['length', 'chunked']) {
                    up.hangUp();
                    await sleep(50);
                    const seen = await play((socket) => send(socket, answer(mode, framing).bytes), {
                        mode,
                    });
                    good(seen, `${mode}, ${framing}`);
                }
        },
    },
    {
        name: 'reset/connect',
        holds: 'connections that are reset as soon as they are made, or refused, are errors',
        async run({ up, play, each }) {
            up.greet = endings.rst;
            await each(MODES, async (mode) => failed(await play(() => {}, { mode }), mode));
            up.greet = null;
            await up.close();
            try {
                await each(MODES, async (mode) =>
                    failed(await play(() => {}, { mode }), `${mode}, refused`),
                );
            } finally {
                await up.open();
            }
        },
    },
    {
        name: 'endless',
        holds: 'what never ends is given up in time, however fast it comes, and others are served meanwhile',
        async run({ play, each, g }) {
            let most = 0,
                over = false;
            const others = (async () => {
                for (; !over; await sleep(10)) good(await ask(g, 'sound'), 'beside it');
            })();

            await each(
                Object.entries(floods),
                async ([what, [mode, first, unit]]) => {
                    let taken, closed;
                    const seen = await play(
                        async (socket) => {
                            closed = gone(socket);
                            taken = endless(socket, first, unit);
                        },
                        { mode },
                    );
                    failed(seen, what);
                    assert.ok(await inTime(g, closed), `${what}: it goes on`);
                    most = Math.max(most, await taken);
                },
                2,
            ).finally(() => {
                over = true;
            });
            await others;
            return `${Object.keys(floods).length} ways, at most ${(most / 1e6).toFixed(0)} MB`;
        },
    },
    {
        name: 'drip',
        holds: 'what comes little by little for ever is ended in time',
        async run({ play, each }) {
            await each(Object.entries(drips), async ([what, [mode, first, unit]]) => {
                const seen = await play(
                    async (socket) => {
                        await send(socket, first);
                        for (; !socket.destroyed; await sleep(100)) await send(socket, unit);
                    },
                    { mode },
                );
                failed(seen, what);
            });
        },
    },
    useless('garbage', 'what is not HTTP, or no completion, is an error', garbage),
    useless('lengths', 'a length that is wrong, ambiguous or absurd is an error', lengths),
    useless('statuses', 'a status that cannot carry an answer is an error', statuses),
    {
        name: 'redirect',
        holds: 'a redirect is not followed, and the key is not shown elsewhere',
        async run({ play, each }) {
            const other = await hostileUpstream();
            await each([301, 302, 303, 307, 308, 300, 305], async (status) => {
                const seen = await play((socket) =>
                    send(
                        socket,
                        `HTTP/1.1 ${status} There\r\nLocation: http://127.0.0.1:${other.port}/v1/chat/completions\r\n` +
                            'Content-Length: 0\r\nConnection: close\r\n\r\n',
                    ),
                );
                failed(seen, String(status));
            });
            await other.close();
            assert.equal(other.requests, 0, 'it was followed');
        },
    },
    {
        name: 'early',
        holds: '100, 102 and 103 in front of an answer are skipped',
        async run({ play, each }) {
            const early = ['100 Continue', '102 Processing', '103 Early Hints\r\nLink: </x>'];
            await each(MODES, async (mode) => {
                const seen = await play(
                    async (socket) => {
                        for (const one of early) await send(socket, `HTTP/1.1 ${one}\r\n\r\n`);
                        await send(socket, answer(mode, 'length').bytes);
                        socket.end();
                    },
                    { mode },
                );
                good(seen, mode);
            });
        },
    },
    {
        name: 'behind',
        holds: 'bytes behind an answer are not taken for the next one',
        async run({ play }) {
            const wrong = answer('whole', 'length', [
                JSON_BODY.replace('all the words', 'wrong'),
            ]).bytes;
            for (let i = 0; i < 8; i++)
                good(
                    await play((socket) => send(socket, answer('whole', 'length').bytes + wrong)),
                    String(i),
                );
        },
    },
    {
        name: 'gzip',
        holds: 'identity is asked for; what comes packed is an error or unpacked, and no bomb goes off',
        async run({ play, each, g }) {
            const before = g.pid && peakKb(g.pid);
            await each(
                Object.entries(packed),
                async ([what, { coding, body }]) => {
                    let asked;
                    const seen = await play(async (socket, req) => {
                        asked = req.headers['accept-encoding'] ?? 'identity';
                        const lines = [
                            `Content-Length: ${body.length}`,
                            ...(coding ? [`Content-Encoding: ${coding}`] : []),
                        ];
                        await send(socket, head('whole', ...lines) + body.toString('latin1'));
                    });
                    honest(seen, what);
                    if (g.own) assert.match(asked, /^identity$/);
                },
                1,
            );
            const grown = g.pid ? peakKb(g.pid) - before : 0;
            assert.ok(grown < BOMB >> 11, `${grown} kB more are needed`);
        },
    },
    {
        name: '429',
        holds: 'a 429 keeps its status, Retry-After is a number of seconds one can wait, and no wrong one bars a provider for days',
        async run({ g, playOn, up, t }) {
            for (const [value, harmless] of retryAfter) {
                if (!g.own && !harmless) continue; // it is right to leave this provider alone, then
                const turn = stage(t);
                const here = g.own ? await orproxy(turn, settings({ up })) : g;
                const ask429 = () => playOn(here, up)((socket) => send(socket, tooMany(value)));
                const seen = await ask429();
                refused(seen, 429, value);
                const told = seen.headers['retry-after'];
                assert.match(told ?? '0', /^\d{1,9}$/, `Retry-After: ${value} came out as ${told}`);
                if (!g.own) continue;
                const again = (await ask429()).headers['retry-after'] ?? '0';
                assert.ok(Number(again) <= 3600, `Retry-After: ${value} bars it for ${again} s`);
                await turn.end();
            }
        },
    },
    {
        name: '429/storm',
        holds: 'in a storm of 429 each request is served by the other provider, and the first one is left alone',
        needs: 'own',
        async run({ t, each }) {
            for (const [value] of retryAfter) {
                const turn = stage(t);
                const [up, calm] = [await hostileUpstream(), await hostileUpstream()];
                const g = await orproxy(turn, settings({ up, calm }));
                g.model = 'hostile/pair';
                up.scripts.set('storm', (socket) => send(socket, tooMany(value)));
                const routes = [];
                await each(
                    range(40),
                    async (i) => {
                        const seen = await ask(g, 'storm', { mode: MODES[i % 2] });
                        good(seen, `Retry-After: ${value}`);
                        routes.push(seen.headers['x-orproxy-route']);
                    },
                    4,
                );
                assert.ok(
                    routes.some((one) => /hostile=429.*calm=200/.test(one)),
                    `no answer tells what was tried: ${routes[0]}`,
                );
                assert.ok(
                    up.requests < 30,
                    `Retry-After: ${value}: asked ${up.requests} times of 40`,
                );
                await turn.end();
                await Promise.all([up.close(), calm.close()]);
            }
        },
    },
];
