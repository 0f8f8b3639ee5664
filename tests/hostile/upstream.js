// The hostile provider: answers that are bytes, written by a script for each request.
//
// A request names its script by its last message, so that many can play side by side; one
// without a script gets a sound answer. What stands in front of a request (a connection that
// is never accepted, a handshake that is none) is `greet`.
import { spawn } from 'node:child_process';
import http from 'node:http';
import net from 'node:net';
import tls from 'node:tls';

import { event, openaiAnswer, openaiChunk } from '../e2e/helpers.js';

export const TEXT = 'all the words';
const WORDS = ['all ', 'the ', 'words'];

// ---- sound answers

export const JSON_BODY = JSON.stringify(openaiAnswer(TEXT));
const FINISH = event(openaiChunk({}, 'stop'));
const USAGE = event({ ...openaiChunk(''), choices: [], usage: openaiAnswer().usage });
export const EVENTS = [
    ...WORDS.map((word) => event(openaiChunk(word))),
    FINISH,
    USAGE,
    event('[DONE]'),
];
const TYPES = { whole: 'application/json', stream: 'text/event-stream' };
const bodyOf = { whole: [JSON_BODY], stream: EVENTS };

export const head = (mode, ...lines) =>
    ['HTTP/1.1 200 OK', `Content-Type: ${TYPES[mode]}`, ...lines, '', ''].join('\r\n');
export const chunk = (text) => `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`;

// An answer in one of the three framings: { bytes, enough }. Less than `enough` of it cannot
// be taken for all: of a stream that is its finish, of a whole answer everything.
export function answer(mode, framing, parts = bodyOf[mode]) {
    const frame = framing === 'chunked' ? chunk : (text) => text;
    const lines = {
        length: [`Content-Length: ${Buffer.byteLength(parts.join(''))}`],
        chunked: ['Transfer-Encoding: chunked'],
        close: ['Connection: close'],
    }[framing];
    const begin = head(mode, ...lines);
    const upTo = (n) => begin + parts.slice(0, n).map(frame).join('');
    const bytes = upTo(parts.length) + (framing === 'chunked' ? '0\r\n\r\n' : '');
    // the blank line behind the last event may be missing, as a file's last newline may
    const finish =
        mode === 'stream' ? upTo(parts.indexOf(FINISH) + 1).trimEnd().length : bytes.length;
    return { bytes, enough: finish };
}

// ---- ways to write

export const send = (socket, bytes) =>
    new Promise((resolve) => {
        if (bytes.length === 0 || socket.destroyed) return resolve();
        return socket.write(bytes, 'latin1', () => resolve());
    });
export const gone = (socket) =>
    new Promise((resolve) => {
        if (socket.destroyed) resolve();
        else socket.once('close', resolve);
    });

// How a connection ends.
export const endings = {
    fin: (socket) => socket.end(),
    rst: (socket) => socket.resetAndDestroy?.() ?? socket.destroy(),
    silence: () => {},
};

// One unit over and over, as fast as it is taken, until the other side has had enough; gives
// how many bytes were taken.
export async function endless(socket, first, unit, most = 256 << 20) {
    await send(socket, first);
    const block = Buffer.from(unit.repeat(Math.ceil(65536 / unit.length)), 'latin1');
    const over = gone(socket);
    let taken = 0;
    for (; taken < most && !socket.destroyed; taken += block.length)
        if (!socket.write(block))
            await Promise.race([
                new Promise((r) => {
                    socket.once('drain', r);
                }),
                over,
            ]);
    return taken;
}

// ---- the server

const promptOf = (body) => {
    try {
        return JSON.parse(body).messages.at(-1).content;
    } catch {
        return undefined;
    }
};

// up.scripts: prompt -> async (socket, request) => {}; up.seen: how often each prompt came;
// up.greet(socket): instead of reading requests. With `secret` (a function that gives a
// certificate and key) over TLS; then scripts also get the connection below as socket.below.
export async function hostileUpstream({ port = 0, secret } = {}) {
    const up = {
        scripts: new Map(),
        seen: new Map(),
        requests: 0,
        sockets: new Set(),
        greet: null,
    };
    const web = http.createServer({ keepAliveTimeout: 60000, requestTimeout: 0 }, (req, res) => {
        const parts = [];
        req.on('data', (part) => parts.push(part));
        req.on('error', () => {});
        req.on('end', () => {
            const body = Buffer.concat(parts);
            const prompt = promptOf(body);
            up.requests++;
            up.seen.set(prompt, (up.seen.get(prompt) ?? 0) + 1);
            const script = up.scripts.get(prompt);
            if (req.socket.scripted) return req.socket.destroy(); // of no use after that
            if (!script) return sound(req, res, body);
            req.socket.scripted = true;
            return script(req.socket, req, body);
        });
    });
    const door = net.createServer((raw) => {
        up.sockets.add(raw);
        raw.setNoDelay(true);
        raw.on('error', () => {});
        raw.on('close', () => up.sockets.delete(raw));
        if (up.greet) return up.greet(raw);
        if (!secret) return web.emit('connection', raw);
        const socket = new tls.TLSSocket(raw, {
            isServer: true,
            secureContext: tls.createSecureContext(secret()),
        });
        socket.below = raw;
        socket.on('error', () => raw.destroy());
        return web.emit('connection', socket);
    });
    up.open = () =>
        new Promise((resolve, reject) => {
            door.once('error', reject);
            door.listen(up.port ?? port, '127.0.0.1', () => {
                up.port = door.address().port;
                resolve();
            });
        });
    up.hangUp = () => {
        for (const socket of up.sockets) socket.destroy();
    };
    // Nobody listens, until it is opened again.
    up.close = () =>
        new Promise((resolve) => {
            door.close(resolve);
            up.hangUp();
        });
    await up.open();
    return up;
}

function sound(req, res, body) {
    if (req.method === 'GET') {
        res.setHeader('content-type', 'application/json');
        return res.end('{"object":"list","data":[]}');
    }
    const streamed = /"stream": ?true/.test(body);
    res.setHeader('content-type', streamed ? TYPES.stream : TYPES.whole);
    return res.end(streamed ? EVENTS.join('') : JSON_BODY);
}

// A port where connections are made and then wait for ever: a program that listens with room
// for one and never accepts, filled. Gives a function that ends it.
export async function neverAccepts(port) {
    const program = `require('net').createServer().listen({ port: ${port}, host: '127.0.0.1', backlog: 1 }, () => {
            require('fs').writeSync(1, 'x');
            Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
        })`;
    const child = spawn(process.execPath, ['-e', program], {
        stdio: ['ignore', 'pipe', 'inherit'],
    });
    await new Promise((resolve) => {
        child.stdout.once('data', resolve);
    });
    const fill = Array.from({ length: 4 }, () =>
        net.connect(port, '127.0.0.1').on('error', () => {}),
    );
    await new Promise((resolve) => {
        fill[0].once('connect', resolve);
    });
    return async () => {
        fill.forEach((socket) => socket.destroy());
        child.kill('SIGKILL');
        await new Promise((resolve) => {
            child.once('close', resolve);
        });
    };
}
