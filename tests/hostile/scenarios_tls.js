// What a provider may do below HTTP, when it is spoken to over TLS.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';

import { certificates } from '../e2e/helpers.js';
import { ask, failed, good } from './client.js';
import {
    answer,
    chunk,
    endings,
    endless,
    gone,
    head,
    send,
    EVENTS,
    JSON_BODY,
} from './upstream.js';

const MODES = ['whole', 'stream'];
const BAD = [
    'expired',
    'not_yet',
    'wrong_name',
    'wrong_ip',
    'unknown_root',
    'self_signed',
    'wrong_eku',
    'no_san',
    'sha1',
    'rsa1024',
];

// The server shows what NAME of tests/tls/make_certs.sh is; level 0, or it would refuse to.
const shown = (name, more = {}) => {
    const read = (kind) => fs.readFileSync(path.join(certificates(), `${name}.${kind}`));
    return { cert: read('pem'), key: read('key'), ciphers: 'DEFAULT:@SECLEVEL=0', ...more };
};

// Over TLS, with that certificate, from connections that are all new.
function overTls(w, name, more) {
    w.secure.hangUp();
    w.secure.greet = null;
    w.show(shown(name, more));
    const g = { ...w.g, model: 'hostile/tls' };
    return { g, play: w.playOn(g, w.secure) };
}

const record = (type, length, bytes) =>
    `${String.fromCharCode(type, 3, 3, length >> 8, length & 255)}${bytes}`;
const HELLO = 22,
    ALERT = 21,
    DATA = 23;

// What follows on the client's first bytes.
const handshakes = {
    HTTP: 'HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n',
    noise: 'x'.repeat(5000),
    NULs: '\0'.repeat(5000),
    'an alert': record(ALERT, 2, '\x02\x28'),
    'a warning, then nothing': record(ALERT, 2, '\x01\x70'),
    'a record of 65535 bytes': record(HELLO, 65535, '\x02\x00\xff\xff'.padEnd(65535, 'x')),
    'an empty record': record(HELLO, 0, ''),
    'a hello of 2^24 bytes': record(HELLO, 16384, '\x02\xff\xff\xff'.padEnd(16384, 'x')),
    'data before the handshake': record(DATA, 16, 'x'.repeat(16)),
    'half a record': record(HELLO, 100, '\x02\x00\x00\x60'),
    nothing: '',
};

export const tlsScenarios = [
    {
        name: 'tls/good',
        holds: 'a good certificate serves, whole and streamed',
        async run(w) {
            const { play } = overTls(w, 'good');
            for (const mode of MODES)
                good(
                    await play((socket) => send(socket, answer(mode, 'chunked').bytes), { mode }),
                    mode,
                );
        },
    },
    {
        name: 'tls/certificates',
        holds: 'a bad certificate is an error, and no byte of a request is sent',
        async run(w) {
            for (const name of BAD) {
                const { g } = overTls(w, name);
                const before = w.secure.requests;
                for (const mode of MODES) failed(await ask(g, 'sound', { mode }), name);
                assert.equal(w.secure.requests, before, `${name}: a request was sent`);
            }
            const { g } = overTls(w, 'good', { minVersion: 'TLSv1.3' });
            for (const mode of MODES) await ask(g, 'sound', { mode }); // either is right
            return `${BAD.length} of them`;
        },
    },
    {
        name: 'tls/handshake',
        holds: 'a handshake that is garbage, cut or silent is an error in time',
        async run(w) {
            const { play } = overTls(w, 'good');
            for (const end of ['fin', 'rst', 'silence'])
                await w.each(
                    Object.entries(handshakes),
                    async ([what, bytes]) => {
                        w.secure.greet = (raw) =>
                            raw.once('data', async () => {
                                await send(raw, bytes);
                                endings[end](raw);
                            });
                        failed(await play(() => {}), `${what}, then ${end}`);
                    },
                    end === 'silence' ? 16 : 1,
                );
            w.secure.greet = (raw) => endless(raw, '', record(ALERT, 2, '\x01\x70'));
            failed(await play(() => {}), 'warnings without end');
            return `${Object.keys(handshakes).length * 3} ways`;
        },
    },
    {
        name: 'tls/cut',
        holds: 'a connection that is cut without a farewell is no end of an answer, wherever',
        async run(w) {
            const { play } = overTls(w, 'good');
            const cases = MODES.flatMap((mode) =>
                ['chunked', 'close', 'length'].flatMap((framing) => {
                    const { bytes, enough } = answer(mode, framing);
                    return Array.from({ length: 12 }, (_, i) => [
                        mode,
                        framing,
                        bytes,
                        Math.floor((enough * i) / 12),
                    ]);
                }),
            );
            await w.each(cases, async ([mode, framing, bytes, n]) => {
                const seen = await play(
                    async (socket) => {
                        await send(socket, bytes.slice(0, n));
                        socket.below.end();
                    },
                    { mode },
                );
                failed(seen, `${mode} ${framing}, after ${n} bytes`);
            });
            // all of it, but neither a length nor a farewell says so
            const whole = await play(async (socket) => {
                await send(socket, head('whole', 'Connection: close') + JSON_BODY);
                socket.below.end();
            });
            failed(whole, 'all of it, without a farewell');
            return `${cases.length + 1} cuts`;
        },
    },
    {
        name: 'tls/record',
        holds: 'bytes that nobody encrypted, in the middle of an answer, are an error',
        async run(w) {
            const { play } = overTls(w, 'good');
            for (const mode of MODES) {
                const seen = await play(
                    async (socket) => {
                        await send(
                            socket,
                            head(mode, 'Transfer-Encoding: chunked') + chunk(EVENTS[0]),
                        );
                        await send(socket.below, record(DATA, 64, 'x'.repeat(64)));
                        await gone(socket);
                    },
                    { mode },
                );
                failed(seen, mode);
            }
        },
    },
].map((one) => ({ ...one, needs: 'own' }));
