// What the end-to-end tests share: orproxy as a child process, an upstream that does what a
// test tells it to, and raw connections for what no HTTP client would send.
//
// Everything started here is stopped when its test ends, and orproxy's end is part of every
// test: exit status 0 after SIGTERM, no sanitizer report, no key in its output.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import fs from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';

export const TOP = path.resolve(
    import.meta.dirname ?? path.dirname(new URL(import.meta.url).pathname),
    '../..',
);

export const ORPROXY = process.env.ORPROXY ?? path.join(TOP, 'build/test/orproxy');
// What runs it: the words of an emulator, for another processor's.
const EMULATOR = (process.env.ORPROXY_EMULATOR ?? '').split(' ').filter(Boolean);
// The build without sanitizers, for what is measured in bytes of memory.
export const ORPROXY_PLAIN = process.env.ORPROXY_PLAIN ?? path.join(TOP, 'build/native/orproxy');

// Long enough for a loaded machine; reached only when something is broken.
const PATIENCE_MS = 20000;

export const PROVIDER_KEY = 'sk-provider-7f3a9c1e';
export const CLIENT_KEY = 'sk-client-2b8d4e60';

export function within(promise, what, ms = PATIENCE_MS) {
    let timer;
    const late = new Promise((_, reject) => {
        timer = setTimeout(() => reject(new Error(`waited too long: ${what}`)), ms);
    });
    return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

export async function until(condition, what) {
    for (const end = Date.now() + PATIENCE_MS; !(await condition()); ) {
        if (Date.now() > end) throw new Error(`waited too long: ${what}`);
        await new Promise((resolve) => setTimeout(resolve, 10));
    }
}

export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

// A door that opens once: the test and its upstream wait for each other with it.
export function gate() {
    const g = {};
    g.opened = new Promise((resolve) => {
        g.open = resolve;
    });
    return g;
}

// At the end of the test, last first, each of them whatever became of the others (t.after
// stops at the first that fails, and what is left open then keeps this process alive).
const endings = new WeakMap();
export function atEnd(t, action) {
    if (endings.has(t)) return void endings.get(t).push(action);
    const actions = [action];
    endings.set(t, actions);
    t.after(async () => {
        let failure;
        for (const one of actions.reverse())
            try {
                await one();
            } catch (e) {
                failure ??= e;
            }
        if (failure) throw failure;
    });
}

export function scratch(t) {
    const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'orproxy-e2e-'));
    fs.chmodSync(dir, 0o755); // where root runs the tests, orproxy serves as nobody
    atEnd(t, () => fs.rmSync(dir, { recursive: true, force: true }));
    return dir;
}

// ---- orproxy

export function launch(t, args, { env = {}, exe = ORPROXY, cwd = scratch(t) } = {}) {
    const [program, ...words] = [...EMULATOR, exe, ...args];
    const child = spawn(program, words, {
        cwd, // no orproxy.conf there
        env: {
            PATH: process.env.PATH,
            ASAN_OPTIONS: process.env.ASAN_OPTIONS ?? '',
            UBSAN_OPTIONS: process.env.UBSAN_OPTIONS ?? '',
            UPSTREAM_KEY: PROVIDER_KEY,
            ...env,
        },
        stdio: ['ignore', 'pipe', 'pipe'],
    });
    const p = { child, pid: child.pid, stdout: '', stderr: '', secrets: Object.values(env) };
    p.secrets = p.secrets.filter((value) => value.startsWith('sk-'));
    child.stdout.setEncoding('utf8').on('data', (text) => {
        p.stdout += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text) => {
        p.stderr += text;
    });
    p.ended = new Promise((resolve, reject) => {
        child.on('error', reject);
        child.on('close', (code, signal) => {
            p.code = code ?? signal;
            resolve(p.code);
        });
    });
    p.ended.catch(() => {});
    return p;
}

function checkOutput(p) {
    const all = p.stdout + p.stderr;
    assert.doesNotMatch(
        all,
        /AddressSanitizer|LeakSanitizer|runtime error:|assert(ion)?.* failed/i,
    );
    for (const key of [PROVIDER_KEY, CLIENT_KEY, ...(p.secrets ?? [])])
        assert.ok(!all.includes(key), `a key is in the output:\n${all}`);
}

// Run to the end: for wrong use, --help and the like.
export async function run(t, args, options) {
    const p = launch(t, args, options);
    atEnd(t, () => p.child.kill('SIGKILL'));
    await within(p.ended, `orproxy ${args.join(' ')} to end\n${p.stderr}`);
    checkOutput(p);
    return p;
}

// Start and wait until it listens. p.exits says which end is expected: 0 unless changed.
export async function start(t, args, options = {}) {
    const p = launch(t, options.any ? args : ["--listen", "127.0.0.1:0", ...args], options);
    p.exits = 0;
    atEnd(t, async () => {
        try {
            if (p.code === undefined) p.child.kill('SIGTERM');
            await within(p.ended, 'orproxy to end after SIGTERM');
        } catch (e) {
            p.child.kill('SIGKILL');
            e.message += `\n${p.stderr}`;
            throw e;
        }
        checkOutput(p);
        assert.equal(p.code, p.exits, `exit status; stderr:\n${p.stderr}`);
    });
    const line = /listening on (http:\/\/\S*?:(\d+))/;
    p.ended.then(
        () => {},
        () => {},
    );
    await Promise.race([
        until(() => line.test(p.stderr), `orproxy to listen\n${p.stderr}`),
        p.ended.then(() => {
            throw new Error(`orproxy ended at once:\n${p.stderr}`);
        }),
    ]);
    [, p.url, p.port] = line.exec(p.stderr);
    p.port = Number(p.port);
    return p;
}

// With the given upstream, its key, and settings: { 'timeout.total': '1s' }. It counts as an
// OpenRouter, whose bytes pass as they are, and is not asked for its models.
export function proxy(t, up, settings = {}, options = {}) {
    const args = [
        '--upstream',
        typeof up === 'string' ? up : up.url,
        '--upstream-key',
        'env:UPSTREAM_KEY',
        '--set',
        'refresh=0s',
        '--set',
        'provider upstream.kind=openrouter',
    ];
    for (const [name, value] of Object.entries(settings)) args.push('--set', `${name}=${value}`);
    return start(t, args, options);
}

// ---- talking to it

export const HELLO = { model: 'vendor/model', messages: [{ role: 'user', content: 'hello' }] };
export const HELLO_STREAM = { ...HELLO, stream: true };

// A plain request on a connection of its own. Gives { status, headers, body, json }.
export function ask(
    p,
    { method, path: target = '/api/v1/chat/completions', headers = {}, body, agent = false } = {},
) {
    if (body !== undefined && typeof body !== 'string' && !Buffer.isBuffer(body))
        body = JSON.stringify(body);
    const asked = new Promise((resolve, reject) => {
        const req = http.request(
            {
                host: '127.0.0.1',
                port: p.port,
                path: target,
                agent,
                method: method ?? (body === undefined ? 'GET' : 'POST'),
                headers: {
                    ...(body === undefined
                        ? {}
                        : {
                              'content-type': 'application/json',
                              'content-length': Buffer.byteLength(body),
                          }),
                    ...headers,
                },
            },
            (res) => {
                const parts = [];
                res.on('data', (part) => parts.push(part));
                res.on('error', reject);
                res.on('end', () => {
                    const text = Buffer.concat(parts).toString();
                    let json;
                    try {
                        json = JSON.parse(text);
                    } catch {
                        /* the test will say */
                    }
                    resolve({ status: res.statusCode, headers: res.headers, body: text, json });
                });
            },
        );
        req.on('error', reject);
        req.end(body);
    });
    return within(asked, `an answer to ${target}`);
}

export const chat = (p, more = {}, headers = {}) =>
    ask(p, { body: { ...HELLO, ...more }, headers });

// Every failure looks like this.
export function assertError(answer, status, message) {
    assert.equal(answer.status, status, answer.body);
    assert.match(answer.headers['content-type'] ?? '', /^application\/json/);
    assert.equal(answer.json?.error?.code, status, answer.body);
    assert.equal(typeof answer.json.error.message, 'string');
    if (message) assert.match(answer.json.error.message, message);
    assert.doesNotMatch(answer.json.error.message, /[\r\n]/);
    assert.ok(!answer.body.includes(PROVIDER_KEY));
}

// A stream as it arrives: { status, headers, next(), rest(), text, close(), ended }.
// next() gives the data of one event, or null at the end; comments are counted.
export function stream(
    p,
    { body = HELLO_STREAM, headers = {}, path: target = '/api/v1/chat/completions' } = {},
) {
    const opened = new Promise((resolve, reject) => {
        const s = { text: '', comments: 0, ended: false, cut: false };
        let wake = () => {};
        const events = [];
        let line = '',
            data = [];
        const take = (text) => {
            s.text += text;
            line += text;
            for (let end; (end = line.indexOf('\n')) >= 0; ) {
                const one = line.slice(0, end).replace(/\r$/, '');
                line = line.slice(end + 1);
                if (one.startsWith(':')) s.comments++;
                else if (one.startsWith('data:')) data.push(one.slice(5).replace(/^ /, ''));
                else if (one === '' && data.length > 0) {
                    events.push(data.join('\n'));
                    data = [];
                }
            }
            wake();
        };
        const req = http.request(
            {
                host: '127.0.0.1',
                port: p.port,
                path: target,
                method: 'POST',
                agent: false,
                headers: { 'content-type': 'application/json', ...headers },
            },
            (res) => {
                Object.assign(s, { status: res.statusCode, headers: res.headers, response: res });
                res.setEncoding('utf8').on('data', take);
                res.on('error', () => {});
                res.on('close', () => {
                    s.ended = true;
                    s.cut = !res.complete;
                    wake();
                });
                resolve(s);
            },
        );
        s.close = () => req.destroy();
        s.next = () =>
            within(
                (async () => {
                    while (events.length === 0 && !s.ended)
                        await new Promise((r) => {
                            wake = r;
                        });
                    return events.length > 0 ? events.shift() : null;
                })(),
                `an event; so far:\n${s.text}`,
            );
        s.rest = async () => {
            const all = [];
            for (let e; (e = await s.next()) !== null; ) all.push(e);
            return all;
        };
        req.on('error', reject);
        req.end(typeof body === 'string' ? body : JSON.stringify(body));
    });
    return within(opened, 'a stream to open');
}

// The words of a stream's chunks.
export const words = (events) =>
    events
        .filter((e) => e !== '[DONE]')
        .map(JSON.parse)
        .map((chunk) => chunk.choices[0]?.delta?.content ?? '')
        .join('');

// A stream that failed says so in its last chunk and is not called done.
export function assertFailedStream(events, code, message) {
    assert.ok(!events.includes('[DONE]'), 'a failed stream has no [DONE]');
    const last = JSON.parse(events.at(-1));
    assert.equal(last.error?.code, code, events.at(-1));
    assert.equal(last.choices[0].finish_reason, 'error');
    if (message) assert.match(last.error.message, message);
}

export function assertGoodStream(events, text) {
    assert.equal(events.filter((e) => e === '[DONE]').length, 1, events.join('\n'));
    assert.equal(events.at(-1), '[DONE]');
    if (text !== undefined) assert.equal(words(events), text);
}

// A raw connection: { write, until(regexp or function), text, closed, end, destroy }.
export function connect(t, port) {
    const socket = net.connect({ host: '127.0.0.1', port });
    const c = { socket, text: '', closed: false };
    atEnd(t, () => socket.destroy());
    socket.setEncoding('latin1').on('data', (text) => {
        c.text += text;
    });
    socket.on('error', () => {});
    socket.on('close', () => {
        c.closed = true;
    });
    socket.on('end', () => {
        c.closed = true;
    });
    c.write = (bytes) => {
        socket.write(bytes);
        return c;
    };
    c.until = (what) =>
        until(
            () => (typeof what === 'function' ? what(c) : what.test(c.text)),
            `${what}; have:\n${c.text.slice(0, 2000)}`,
        );
    c.untilClosed = () => until(() => c.closed, `close; have:\n${c.text.slice(0, 2000)}`);
    return c;
}

// Send bytes, wait for the end of the connection, give all that came.
export async function exchange(t, port, bytes) {
    const c = connect(t, port).write(bytes);
    await c.untilClosed();
    return c.text;
}

export function post(
    body,
    { target = '/api/v1/chat/completions', fields = '', version = '1.1' } = {},
) {
    const text = typeof body === 'string' ? body : JSON.stringify(body);
    return (
        `POST ${target} HTTP/${version}\r\nHost: localhost\r\n` +
        `Content-Type: application/json\r\nContent-Length: ${Buffer.byteLength(text)}\r\n${fields}\r\n${text}`
    );
}

// ---- the upstream

// An HTTP server that answers by handler(req, res, up), after the whole request is there:
// req.raw is the body as it came, req.json what it says. up.requests remembers them.
export async function upstream(t, handler, tls) {
    const up = { requests: [], connections: 0, open: new Set() };
    const serve = (req, res) => {
        const parts = [];
        req.on('data', (part) => parts.push(part));
        req.on('end', () => {
            req.raw = Buffer.concat(parts);
            try {
                req.json = JSON.parse(req.raw);
            } catch {
                /* not JSON */
            }
            up.requests.push(req);
            res.on('error', () => {});
            handler(req, res, up);
        });
    };
    const server = tls ? https.createServer(tls, serve) : http.createServer(serve);
    up.server = server;
    server.keepAliveTimeout = 60000;
    server.on(tls ? 'secureConnection' : 'connection', (socket) => {
        up.connections++;
        up.open.add(socket);
        socket.on('error', () => {});
        socket.on('close', () => up.open.delete(socket));
    });
    server.on('tlsClientError', () => {});
    await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
    atEnd(t, () => {
        for (const socket of up.open) socket.destroy();
        server.close();
    });
    up.port = server.address().port;
    up.url = `${tls ? 'https' : 'http'}://${tls?.host ?? '127.0.0.1'}:${up.port}/v1`;
    return up;
}

// A TCP server, for answers that are not HTTP: handler(socket, request text so far) is called
// once a whole request head with its body has come on a connection.
export async function rawUpstream(t, handler) {
    const up = { requests: [], connections: 0, open: new Set() };
    const server = net.createServer((socket) => {
        up.connections++;
        up.open.add(socket);
        let text = '';
        socket.setEncoding('latin1').on('data', (part) => {
            text += part;
            const end = text.indexOf('\r\n\r\n');
            const length = /^content-length: *(\d+)/im.exec(text)?.[1] ?? 0;
            if (end < 0 || text.length < end + 4 + Number(length)) return;
            up.requests.push(text);
            text = '';
            handler(socket, up.requests.at(-1), up);
        });
        socket.on('error', () => {});
        socket.on('close', () => up.open.delete(socket));
    });
    await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
    atEnd(t, () => {
        for (const socket of up.open) socket.destroy();
        server.close();
    });
    up.port = server.address().port;
    up.url = `http://127.0.0.1:${up.port}/v1`;
    return up;
}

// A port where nobody listens.
export async function nobody() {
    const server = net.createServer();
    await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address();
    await new Promise((resolve) => server.close(resolve));
    return port;
}

// ---- what upstreams say

export const completion = (content = 'hi there', more = {}) => ({
    id: 'gen-upstream-1',
    object: 'chat.completion',
    created: 1780000000,
    model: 'vendor/model',
    provider: 'Vendor',
    system_fingerprint: null,
    choices: [
        {
            index: 0,
            message: { role: 'assistant', content },
            logprobs: null,
            finish_reason: 'stop',
            native_finish_reason: 'stop',
        },
    ],
    usage: { prompt_tokens: 5, completion_tokens: 2, total_tokens: 7, cost: 0.000011 },
    ...more,
});

export const chunk = (content, finish = null, more = {}) => ({
    id: 'gen-upstream-1',
    object: 'chat.completion.chunk',
    created: 1780000000,
    model: 'vendor/model',
    provider: 'Vendor',
    choices: [{ index: 0, delta: { role: 'assistant', content }, finish_reason: finish }],
    ...more,
});

export const event = (object) =>
    `data: ${typeof object === 'string' ? object : JSON.stringify(object)}\n\n`;

export function reply(res, status, body, headers = {}) {
    res.writeHead(status, { 'content-type': 'application/json', ...headers });
    res.end(typeof body === 'string' ? body : JSON.stringify(body));
}

export function begin(res, headers = {}) {
    res.writeHead(200, { 'content-type': 'text/event-stream', ...headers });
    res.flushHeaders();
    res.socket.setNoDelay(true);
}

export const USAGE = chunk('', null, {
    choices: [],
    usage: { prompt_tokens: 5, completion_tokens: 2, total_tokens: 7, cost: 0.000011 },
});

// Whole or streamed as asked, and a model list: the upstream without surprises.
export function polite(req, res) {
    if (req.method === 'GET' && req.url.startsWith('/v1/models'))
        return reply(res, 200, {
            data: [
                {
                    id: 'vendor/model',
                    name: 'A model',
                    pricing: { prompt: '0.000001', completion: '0.000002' },
                },
            ],
        });
    if (!req.json?.stream) return reply(res, 200, completion());
    begin(res);
    for (const word of ['hi', ' there']) res.write(event(chunk(word)));
    res.write(event(chunk('', 'stop')));
    res.write(event(USAGE));
    return res.end(event('[DONE]'));
}

// ---- certificates

let certs;

// The folder with what tests/tls/make_certs.sh makes, made once per test file.
export function certificates() {
    if (certs === undefined) {
        certs = fs.mkdtempSync(path.join(os.tmpdir(), 'orproxy-certs-'));
        fs.chmodSync(certs, 0o755);
        process.on('exit', () => fs.rmSync(certs, { recursive: true, force: true }));
        execFileSync('sh', [path.join(TOP, 'tests/tls/make_certs.sh'), certs], { stdio: 'pipe' });
    }
    return certs;
}

export const memoryKb = (pid) =>
    Number(/^VmRSS:\s*(\d+) kB/m.exec(fs.readFileSync(`/proc/${pid}/status`, 'utf8'))[1]);

// ---- several providers

// The key of a provider or client that tests call `name`, and the variable it is in.
export const keyOf = (name) => `sk-${name}-9d41c7e2`;
export const envOf = (name) => `KEY_${name.toUpperCase().replace(/[^A-Z0-9]/g, '_')}`;

// What OpenAI's own API answers: no cost, no provider, its name of the model.
export const openaiAnswer = (content = 'hi there', more = {}) => ({
    id: 'chatcmpl-1',
    object: 'chat.completion',
    created: 1780000000,
    model: 'big-2026-05',
    choices: [
        {
            index: 0,
            message: { role: 'assistant', content, refusal: null },
            logprobs: null,
            finish_reason: 'stop',
        },
    ],
    usage: { prompt_tokens: 1000, completion_tokens: 500, total_tokens: 1500 },
    ...more,
});

export const openaiChunk = (delta, finish = null, more = {}) => ({
    id: 'chatcmpl-1',
    object: 'chat.completion.chunk',
    created: 1780000000,
    model: 'big-2026-05',
    choices: [
        {
            index: 0,
            delta: typeof delta === 'string' ? { content: delta } : delta,
            finish_reason: finish,
        },
    ],
    ...more,
});

export const OPENAI_USAGE = openaiChunk('', null, {
    choices: [],
    usage: openaiAnswer().usage,
});

// Handlers: an answer as asked for, with `more` in it; an error; events and the end.
export const whole =
    (content, more = {}) =>
    (req, res) => {
        const answer = openaiAnswer(content, more);
        if (!req.json?.stream) return reply(res, 200, answer);
        begin(res);
        res.write(event(openaiChunk({ role: 'assistant', content: '' })));
        for (const word of content.match(/\S+ ?/g) ?? []) res.write(event(openaiChunk(word)));
        res.write(event(openaiChunk({}, answer.choices[0].finish_reason)));
        res.write(event({ ...OPENAI_USAGE, usage: answer.usage }));
        return res.end(event('[DONE]'));
    };
export const failing =
    (status, { message = `status ${status}`, headers = {}, error = {} } = {}) =>
    (req, res) =>
        reply(
            res,
            status,
            { error: { message, type: 'some_error', code: null, ...error } },
            headers,
        );
export const events =
    (...list) =>
    (req, res) => {
        begin(res);
        res.end(list.map(event).join(''));
    };

// A provider for [provider NAME]: up.answer(req, res) may be changed at any time. Each is a
// server of its own; up.chats are the requests it got but for those for its list of models.
export async function provider(t, name, { models = [], tls, answer } = {}) {
    const list = { object: 'list', data: [] };
    const up = await upstream(
        t,
        (req, res) => {
            if (req.method !== 'GET') return up.answer(req, res);
            if (/^\/v1\/models/.test(req.url)) return reply(res, up.listStatus, list);
            return reply(res, 404, { error: { message: 'no such page' } });
        },
        tls,
    );
    up.name = name;
    up.title = name[0].toUpperCase() + name.slice(1);
    up.key = keyOf(name);
    up.listStatus = 200;
    up.answer = answer ?? whole(`from ${name}`);
    up.list = (all) => {
        list.data = all.map((one) =>
            typeof one === 'string' ? { id: one, object: 'model', owned_by: name } : one,
        );
    };
    up.list(models);
    Object.defineProperty(up, 'chats', {
        get: () => up.requests.filter((req) => req.method === 'POST'),
    });
    Object.defineProperty(up, 'lists', {
        get: () => up.requests.filter((req) => req.method === 'GET'),
    });
    return up;
}

// As OpenRouter lists and answers: prices as strings, its own name of the provider, the cost.
export const listed = (id, prompt = '0.000001', completion = '0.000002', more = {}) => ({
    id,
    canonical_slug: `${id}-2026-05`,
    name: `A model: ${id}`,
    created: 1779000000,
    description: 'For tests',
    context_length: 100000,
    architecture: {
        modality: 'text->text',
        input_modalities: ['text'],
        output_modalities: ['text'],
        tokenizer: 'Other',
        instruct_type: null,
    },
    pricing: { prompt, completion },
    top_provider: { context_length: 100000, max_completion_tokens: 32000, is_moderated: false },
    per_request_limits: null,
    supported_parameters: ['max_tokens', 'temperature', 'tools', 'tool_choice', 'seed'],
    default_parameters: null,
    knowledge_cutoff: null,
    expiration_date: null,
    links: { details: `/api/v1/models/${id}/endpoints` },
    ...more,
});
export const asOpenRouter =
    (content, more = {}) =>
    (req, res) => {
        const { model } = req.json;
        if (!req.json.stream) return reply(res, 200, completion(content, { model, ...more }));
        const all = [chunk(content), chunk('', 'stop'), USAGE].map((one) => ({ ...one, model }));
        return events(...all, '[DONE]')(req, res);
    };

const lines = (settings) =>
    Object.entries(settings)
        .flatMap(([key, value]) => [value].flat().map((one) => `${key} = ${one}\n`))
        .join('');
export const section = (name, settings) => `\n[${name}]\n${lines(settings)}`;

// The text of a configuration. providers: { alpha: { up, endpoints: { MODEL: settings },
// ...settings } }; sections: { 'key kitchen': settings }.
export function config({ top = {}, providers = {}, sections = {} }) {
    let text = lines(top);
    for (const [name, { up, endpoints = {}, ...settings }] of Object.entries(providers)) {
        text += section(`provider ${name}`, {
            kind: 'openai',
            ...(up && { base_url: up.url, key: `env:${envOf(name)}`, name: up.title }),
            list: 'no',
            ...settings,
        });
        for (const [model, offer] of Object.entries(endpoints))
            text += section(`endpoint ${name} ${model}`, offer);
    }
    for (const [name, settings] of Object.entries(sections)) text += section(name, settings);
    return text;
}

// orproxy with such a configuration, in a file (p.file) that p.reload(what) changes.
export async function gateway(t, what, { args = [], env = {}, ...options } = {}) {
    const dir = scratch(t);
    const file = path.join(dir, 'orproxy.conf');
    const names = [
        ...Object.keys(what.providers ?? {}),
        ...Object.keys(what.sections ?? {})
            .filter((name) => name.startsWith('key '))
            .map((name) => name.slice(4)),
    ];
    fs.writeFileSync(file, typeof what === 'string' ? what : config(what));
    const p = await start(t, ['-c', file, ...args], {
        env: { ...Object.fromEntries(names.map((name) => [envOf(name), keyOf(name)])), ...env },
        ...options,
    });
    p.file = file;
    p.dir = dir;
    p.reload = (other) => {
        fs.writeFileSync(file, typeof other === 'string' ? other : config(other));
        p.child.kill('SIGHUP');
    };
    return p;
}

// acme/big at alpha, beta and gamma, at these prices (prompt and completion the same).
export const PRICE = { alpha: 1, beta: 2, gamma: 3 };
export const priced = (usd, more = {}) => ({ prompt: usd, completion: usd, ...more });
export async function greek(t, { top, sections, more = {}, names = Object.keys(PRICE) } = {}) {
    const ups = {};
    const providers = {};
    for (const name of names) {
        ups[name] = await provider(t, name);
        providers[name] = {
            up: ups[name],
            endpoints: { 'acme/big': priced(PRICE[name]) },
            ...more[name],
        };
    }
    const p = await gateway(t, { top, sections, providers });
    return { ...ups, ups: Object.values(ups), p, providers };
}

export const BIG = { model: 'acme/big', messages: [{ role: 'user', content: 'hello' }] };
export const big = (p, more = {}, headers = {}) => ask(p, { body: { ...BIG, ...more }, headers });
export const bigStream = (p, more = {}, headers = {}) =>
    stream(p, { body: { ...BIG, stream: true, ...more }, headers });

// In this order and no other.
export const inOrder = (...order) => ({ provider: { order } });

// "alpha=503, beta=200" as [['alpha', '503'], ['beta', '200']].
export const attempts = (answer) =>
    (answer.headers['x-orproxy-route'] ?? '')
        .split(/, */)
        .filter(Boolean)
        .map((one) => one.split('='));

// What POST /route says: { candidates: ['alpha', ...], excluded: { beta: 'max_price' } }.
export async function plan(p, more = {}, { agent, headers = {} } = {}) {
    const answer = await ask(p, { path: '/v1/route', body: { ...BIG, ...more }, agent, headers });
    const lists = answer.json?.data ?? answer.json?.error?.metadata?.routing;
    return {
        answer,
        data: answer.json?.data,
        candidates: (lists?.candidates ?? []).map((one) => one.tag),
        excluded: Object.fromEntries((lists?.excluded ?? []).map((x) => [x.tag, x.excluded_by])),
    };
}

export const generation = (p, id, headers = {}) =>
    ask(p, { path: `/api/v1/generation?id=${id}`, headers });

// The record of an answer; it may come a moment after the answer itself.
export async function recorded(p, answer, headers = {}) {
    const id = typeof answer === 'string' ? answer : answer.headers['x-generation-id'];
    let got;
    await until(async () => {
        got = await generation(p, id, headers);
        return got.status === 200;
    }, `the generation ${id}`);
    return got.json.data;
}

// What lists of providers say is asked for in the background: wait until it is there.
export async function lists(p, id, headers = {}) {
    let ids;
    await until(async () => {
        const answer = await ask(p, { path: '/v1/models?output_modalities=all', headers });
        ids = answer.json?.data?.map((one) => one.id) ?? [];
        return ids.includes(id);
    }, `the list to have ${id}`);
    return ids;
}

export const parsed = (list) => list.filter((e) => e !== '[DONE]').map((e) => JSON.parse(e));

// The chunk with the usage of a good stream: behind the finish, before the only [DONE].
export function assertUsageChunk(list) {
    const all = parsed(list);
    assert.equal(list.filter((e) => e === '[DONE]').length, 1, list.join('\n'));
    assert.equal(list.at(-1), '[DONE]');
    const last = all.at(-1);
    assert.deepEqual(last.choices, [], list.join('\n'));
    assert.equal(typeof last.usage?.prompt_tokens, 'number');
    const finish = all.findIndex((one) => one.choices[0]?.finish_reason);
    assert.ok(finish >= 0, list.join('\n'));
    assert.ok(
        all.slice(finish + 1, -1).every((one) => !one.choices[0]?.delta?.content),
        'nothing but usage comes behind the finish',
    );
    assert.equal(all.filter((one) => one.usage).length, 1, 'usage comes once');
    return last.usage;
}

// Draw n times; are the counts within three sigma of the weights? An honest draw fails that
// once in a hundred runs, so a second series decides.
export async function assertShares(n, weights, draw) {
    const sum = Object.values(weights).reduce((a, b) => a + b);
    for (let series = 1; ; series++) {
        const counts = {};
        for (const name of await draw(n)) counts[name] = (counts[name] ?? 0) + 1;
        const far = Object.entries(weights).filter(([name, weight]) => {
            const share = weight / sum;
            const sigma = Math.sqrt(n * share * (1 - share));
            return Math.abs((counts[name] ?? 0) - n * share) > 3 * sigma;
        });
        if (far.length === 0) return;
        if (series === 2)
            assert.fail(`${JSON.stringify(counts)} is not ${JSON.stringify(weights)}`);
    }
}

// n things, a few of them at a time, each on one of a few kept connections.
export async function several(n, one, width = 8) {
    const agent = new http.Agent({ keepAlive: true, maxSockets: width });
    const results = [];
    let next = 0;
    await Promise.all(
        Array.from({ length: width }, async () => {
            for (let i; (i = next++) < n; ) results[i] = await one(i, agent);
        }),
    );
    agent.destroy();
    return results;
}
