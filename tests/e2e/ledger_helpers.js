// What the tests of money share: a provider that serves what it is ordered and remembers it,
// keys and their books as the API tells them, a gateway that ends by any signal, a small disk.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';

import {
    ask,
    atEnd,
    begin,
    envOf,
    event,
    gateway,
    keyOf,
    openaiAnswer,
    openaiChunk,
    provider,
    reply,
    scratch,
    sleep,
    within,
} from './helpers.js';
import { Exact, exactJson, hashOf, pico, segments } from './ledger_tools.js';

// ---- chance that can be repeated

// mulberry32: next() in [0, 1), below(n), pick(list).
export function chance(seed) {
    let state = seed >>> 0;
    const next = () => {
        state = (state + 0x6d2b79f5) >>> 0;
        let x = Math.imul(state ^ (state >>> 15), 1 | state);
        x = (x + Math.imul(x ^ (x >>> 7), 61 | x)) ^ x;
        return ((x ^ (x >>> 14)) >>> 0) / 4294967296;
    };
    const below = (n) => Math.floor(next() * n);
    return { next, below, pick: (list) => list[below(list.length)] };
}

// ---- the provider

// USD per million tokens, and what that is for one token in pico-USD.
export const PRICES = { prompt: 1000, completion: 2000 };
export const IN = 1000n * 10n ** 6n;
export const OUT = 2000n * 10n ** 6n;
export const costOf = ({ prompt, completion }) => BigInt(prompt) * IN + BigInt(completion) * OUT;

// A request that says what the provider is to serve: so many tokens, under this id.
export const order = (id, { prompt = 20, completion = 10, max = completion, ...more } = {}) => ({
    model: 'acme/big',
    messages: [{ role: 'user', content: JSON.stringify({ id, prompt, completion }) }],
    max_tokens: max,
    ...more,
});

// A provider that serves orders. up.served: id -> { prompt, completion, cost, whole, ended };
// whole: the chunk with the usage, or the answer, was handed to the system without an error.
//   pause(order)        awaited before each piece
//   tell(usage, order)  changes what it says of its tokens
export async function metered(t, name = 'upstream', { pause = () => {}, tell } = {}) {
    const up = await provider(t, name);
    Object.assign(up, { served: new Map(), pause, tell: tell ?? ((usage) => usage) });
    up.asked = () => {};
    up.handed = () => {};
    up.answer = async (req, res) => {
        const { id, prompt, completion } = JSON.parse(req.json.messages.at(-1).content);
        const one = { id, prompt, completion, cost: costOf({ prompt, completion }), whole: false };
        one.asked = (up.served.get(id)?.asked ?? 0) + 1;
        up.served.set(id, one);
        res.on('close', () => {
            one.ended = true;
        });
        up.asked(one);
        const usage = up.tell(
            {
                prompt_tokens: prompt,
                completion_tokens: completion,
                total_tokens: prompt + completion,
            },
            one,
        );
        const whole = (error) => {
            if (error) return;
            one.whole = true;
            up.handed(one);
        };
        await up.pause(one);
        if (!req.json.stream) {
            reply(res, 200, openaiAnswer('served', { usage }));
            res.on('finish', whole);
            return;
        }
        begin(res);
        res.write(event(openaiChunk({ role: 'assistant', content: '' })));
        for (const word of ['some ', 'words ', 'of ', 'it']) {
            res.write(event(openaiChunk(word)));
            await up.pause(one);
            if (one.ended) return;
        }
        res.write(event(openaiChunk({}, 'stop')));
        res.write(event(openaiChunk('', null, { choices: [], usage })), whole);
        await up.pause(one);
        res.end(event('[DONE]'));
    };
    return up;
}

// ---- keys

export const MANAGEMENT = keyOf('management');
export const as = (key) => ({
    authorization: `Bearer ${typeof key === 'string' ? keyOf(key) : key.secret}`,
});
export const manager = { authorization: `Bearer ${MANAGEMENT}` };
export const hashOfKey = (key) => hashOf(typeof key === 'string' ? keyOf(key) : key.secret);

// Settings with keys: { kitchen: { limit: '1.5' }, ... }.
export const keySections = (keys) =>
    Object.fromEntries(
        Object.entries(keys).map(([name, settings]) => [
            `key ${name}`,
            { key: `env:${envOf(name)}`, ...settings },
        ]),
    );

// A gateway with books in `state`, with these keys, in front of `up`.
export function bank(
    t,
    up,
    { state, keys = {}, offer = PRICES, top = {}, sections = {}, provider: more = {} },
    { env = {}, ...options } = {},
) {
    return gateway(t, bankConfig(up, { state, keys, offer, top, sections, provider: more }), {
        env: { MANAGEMENT, ...env },
        ...options,
    });
}

export const bankConfig = (
    up,
    { state, keys = {}, offer = PRICES, top = {}, sections = {}, provider: more = {} },
) => ({
    top: { state, management_key: 'env:MANAGEMENT', ...top },
    providers: { [up.name]: { up, endpoints: { 'acme/big': offer }, ...more } },
    sections: { ...keySections(keys), ...sections },
});

export async function end(p, signal) {
    p.exits = signal === 'SIGKILL' ? 'SIGKILL' : 0;
    if (p.code === undefined) p.child.kill(signal);
    await within(p.ended, `orproxy to end after ${signal}\n${p.stderr}`);
}

// ---- books as the API tells them

const money = (value) => (value === null || value === undefined ? value : pico(value));

// GET /key with numbers as they were written: amounts in pico-USD.
export async function books(p, key) {
    const answer = await ask(p, { path: '/api/v1/key', headers: as(key) });
    assert.equal(answer.status, 200, answer.body);
    const { data } = exactJson(answer.body);
    const one = {
        data,
        limit: money(data.limit),
        remaining: money(data.limit_remaining),
        usage: money(data.usage),
        byok: money(data.byok_usage),
    };
    assert.equal(typeof one.usage, 'bigint', answer.body);
    assert.equal(typeof one.byok, 'bigint', answer.body);
    one.spent = one.usage + one.byok;
    return one;
}

// An answer of the API as { status, data, body }; numbers are Exact.
export async function manage(p, path, { method, body, headers = manager } = {}) {
    const answer = await ask(p, { path, method, body, headers });
    let said;
    try {
        said = exactJson(answer.body);
    } catch {
        /* the test will say */
    }
    return { status: answer.status, headers: answer.headers, body: answer.body, said };
}

export async function limitsOf(p) {
    const { status, body, said } = await manage(p, '/api/v1/limits');
    assert.equal(status, 200, body);
    return said;
}

// Objects of the API without the class of their numbers, for deepEqual.
export const plain = (value) =>
    JSON.parse(JSON.stringify(value, (name, one) => (one instanceof Exact ? Number(one) : one)));

// ---- answers as clients read them

// The cost that a whole answer, or the list of events of a stream, tells; undefined: not told.
export function costTold(answer) {
    const texts = Array.isArray(answer) ? answer.filter((one) => one !== '[DONE]') : [answer.body];
    for (const text of texts) {
        const { usage } = exactJson(text);
        if (usage) return money(usage.cost);
    }
    return undefined;
}

// ---- folders

// A copy of the files of a state folder; what belongs to a running process stays behind.
export function copyState(from, to) {
    fs.mkdirSync(to, { mode: 0o700 });
    for (const name of fs.readdirSync(from)) {
        const file = path.join(from, name);
        if (name === 'lock' || !fs.statSync(file).isFile()) continue;
        fs.copyFileSync(file, path.join(to, name));
        fs.chmodSync(path.join(to, name), 0o600);
    }
    return to;
}

export const newest = (state) => path.join(state, segments(state).at(-1));

// ---- a disk of its own

// A folder on a file system made for the test, in a mount namespace that ends with the test
// process whatever becomes of it. Null and a message where that is not allowed.
//   disk.run(command...)  in the namespace        disk.inside(path)  the way in from here
//   disk.exe              wraps a program: pass it as `exe`
export async function disk(t, mount) {
    const dir = scratch(t);
    const mounted = path.join(dir, 'disk');
    fs.mkdirSync(mounted);
    const script = `${mount} && echo mounted && exec cat`; // until our end of the pipe closes
    const holder = spawn('unshare', ['-m', 'sh', '-c', script], {
        env: { ...process.env, DISK: mounted, IMAGE: path.join(dir, 'image') },
        stdio: ['pipe', 'pipe', 'pipe'],
    });
    let said = '';
    for (const stream of [holder.stdout, holder.stderr])
        stream.setEncoding('utf8').on('data', (text) => {
            said += text;
        });
    const over = new Promise((resolve) => {
        holder.on('error', (e) => {
            said += e.message;
            resolve();
        });
        holder.on('close', resolve);
    });
    atEnd(t, async () => {
        holder.stdin?.end();
        await within(over, 'the disk to go');
    });
    while (!/^mounted$/m.test(said)) {
        const gone = await Promise.race([over.then(() => true), sleep(20).then(() => false)]);
        if (!gone) continue;
        t.diagnostic(`skipped, no file system can be mounted here: ${said.trim()}`);
        return null;
    }
    const enter = ['nsenter', `--mount=/proc/${holder.pid}/ns/mnt`, '--'];
    const exe = path.join(dir, 'enter');
    const one = { state: path.join(mounted, 'state'), path: mounted };
    one.inside = (file) => `/proc/${holder.pid}/root${file}`;
    one.run = (...command) =>
        execFileSync(enter[0], [...enter.slice(1), ...command], {
            stdio: 'pipe',
            encoding: 'utf8',
        });
    one.wrap = (program) => {
        fs.writeFileSync(exe, `#!/bin/sh\nexec ${enter.join(' ')} "${program}" "$@"\n`);
        fs.chmodSync(exe, 0o755);
        return exe;
    };
    return one;
}
