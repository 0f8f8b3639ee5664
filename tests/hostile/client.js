// The hostile client, and the verdicts on what a client sees.
import assert from 'node:assert/strict';
import http from 'node:http';
import net from 'node:net';

import { TEXT } from './upstream.js';

export const bodyFor = (g, prompt, mode = 'whole', more = {}) =>
    JSON.stringify({
        model: g.model,
        messages: [{ role: 'user', content: prompt }],
        ...(mode === 'stream' && { stream: true }),
        ...more,
    });

const fieldsFor = (g) => ({
    'content-type': 'application/json',
    ...(g.key && { authorization: `Bearer ${g.key}` }),
    ...g.headers,
});

// One request by node's client. Always gives what was seen: { status, headers, text, complete },
// with `late` when it was not over in time. on: { open(request), head(response) }.
export function ask(
    g,
    prompt,
    { mode = 'whole', more, agent = false, on = {}, ms = g.patience, path, body } = {},
) {
    return new Promise((resolve) => {
        const seen = { status: 0, headers: {}, text: '', complete: false, own: g.own };
        const payload = body ?? bodyFor(g, prompt, mode, more);
        const over = () => {
            clearTimeout(timer);
            resolve(seen);
        };
        const req = http.request({
            host: g.host,
            port: g.port,
            path: g.path + (path ?? '/chat/completions'),
            method: 'POST',
            agent,
            headers: { ...fieldsFor(g), 'content-length': Buffer.byteLength(payload) },
        });
        const timer = setTimeout(() => {
            seen.late = true;
            req.destroy();
            over();
        }, ms);
        req.on('response', (res) => {
            seen.status = res.statusCode;
            seen.headers = res.headers;
            res.setEncoding('utf8').on('data', (text) => {
                seen.text += text;
            });
            res.on('error', (e) => {
                seen.error = e.code;
            });
            res.on('close', () => {
                seen.complete = res.complete;
                over();
            });
            on.head?.(res, req);
        });
        req.on('error', (e) => {
            seen.error ??= e.code ?? e.message;
            over();
        });
        on.open?.(req);
        req.end(payload);
    });
}

// ---- verdicts

const eventsOf = (seen) =>
    seen.text
        .split(/\r?\n\r?\n/)
        .map((one) => /^data: ?(.*)$/m.exec(one)?.[1])
        .filter((data) => data !== undefined);
const parse = (text) => {
    try {
        return JSON.parse(text);
    } catch {
        return undefined;
    }
};
const brief = (seen) =>
    JSON.stringify({ ...seen, text: seen.text.slice(0, 300), headers: undefined, own: undefined });

// What it says, when it claims to be all of an answer; else undefined.
function claims(seen) {
    if (seen.status !== 200 || !seen.complete) return undefined;
    if (!/event-stream/.test(seen.headers['content-type'] ?? '')) {
        const choice = parse(seen.text)?.choices?.[0];
        return choice ? (choice.message?.content ?? '') : seen.text;
    }
    const events = eventsOf(seen);
    if (!events.includes('[DONE]')) return undefined;
    const chunks = events.filter((e) => e !== '[DONE]').map((e) => parse(e) ?? {});
    if (chunks.some((one) => one.error)) return '(an error, and then [DONE])';
    const finished = chunks.some((one) => one.choices?.[0]?.finish_reason);
    return finished
        ? chunks.map((one) => one.choices?.[0]?.delta?.content ?? '').join('')
        : '(without an end)';
}

export function good(seen, about = '') {
    assert.ok(!seen.late, `${about}: no end of ${brief(seen)}`);
    assert.equal(claims(seen), TEXT, `${about}: a good answer was due, not ${brief(seen)}`);
}

// A failure that a client can tell: an error's status, an error in the stream, or the
// connection cut in the middle; in time, and never what looks like an answer.
export function failed(seen, about = '') {
    assert.ok(!seen.late, `${about}: no end in time: ${brief(seen)}`);
    assert.equal(claims(seen), undefined, `${about}: looks complete: ${brief(seen)}`);
    if (seen.status === 0 || !seen.complete) return;
    if (seen.status !== 200) {
        assert.ok(seen.status >= 400, `${about}: ${brief(seen)}`);
        assert.ok(
            !seen.own || parse(seen.text)?.error,
            `${about}: an error that says nothing: ${brief(seen)}`,
        );
        return;
    }
    const said = eventsOf(seen).some((e) => parse(e)?.error);
    assert.ok(said, `${about}: ends like a good stream, without [DONE] or error: ${brief(seen)}`);
}

// As told(status): a failure with a status, not a cut connection.
export function refused(seen, statuses, about = '') {
    failed(seen, about);
    assert.ok(
        [statuses].flat().includes(seen.status),
        `${about}: ${statuses} was due: ${brief(seen)}`,
    );
}

// Either; what looks complete is complete.
export const honest = (seen, about) => (claims(seen) === undefined ? failed : good)(seen, about);

// ---- bytes

// A connection as it is: { socket, text, closed, write(bytes), answers }.
export function raw(g) {
    const socket = net.connect({ host: g.host, port: g.port, allowHalfOpen: true });
    const c = { socket, text: '', closed: false, connected: false };
    socket.setNoDelay(true);
    socket.setEncoding('latin1').on('data', (text) => {
        c.text += text;
    });
    socket.on('connect', () => {
        c.connected = true;
    });
    socket.on('error', (e) => {
        c.error = e.code;
    });
    for (const end of ['end', 'close'])
        socket.on(end, () => {
            c.closed = true;
        });
    c.write = (bytes) =>
        new Promise((resolve) => {
            if (socket.destroyed) resolve();
            else socket.write(bytes, 'latin1', () => resolve());
        });
    // status lines of final answers
    Object.defineProperty(c, 'answers', {
        get: () =>
            (c.text.match(/HTTP\/1\.[01] [2-5]\d\d /g) ?? []).map((line) =>
                Number(line.slice(9, 12)),
            ),
    });
    return c;
}

// The parts of a request's head.
export const line = (g) => `POST ${g.path}/chat/completions HTTP/1.1\r\n`;
export const host = (g) => `Host: ${g.host}:${g.port}\r\n`;
export const lines = (g) =>
    Object.entries(fieldsFor(g))
        .map(([name, value]) => `${name}: ${value}\r\n`)
        .join('');

export function request(g, prompt, { mode } = {}) {
    const body = bodyFor(g, prompt, mode);
    return `${line(g)}${host(g)}${lines(g)}content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
}
