// The gateway under test: one that runs already, or orproxy, started for this. Of our own the
// process is looked at, too: what it holds has to come back, and a sanitizer must not have
// said anything.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';

import { ORPROXY, certificates, config, scratch, start } from '../e2e/helpers.js';
import { ask } from './client.js';

export const sleep = (ms) =>
    new Promise((resolve) => {
        setTimeout(resolve, ms);
    });

// What is started is ended by end(), or with the stage that this one is a part of; the helpers of
// the end-to-end tests want a test for that.
export function stage(whole) {
    const actions = [];
    const one = {
        after: (action) => actions.push(action),
        diagnostic: () => {},
        end: async () => {
            for (const action of actions.splice(0)) await action();
        },
    };
    whole?.after(one.end);
    return one;
}

export function reach(url, more = {}) {
    const { hostname, port, pathname } = new URL(url);
    return {
        host: hostname,
        port: Number(port || 80),
        path: pathname.replace(/\/$/, ''),
        headers: {},
        patience: 10000,
        ...more,
    };
}

// Every time is short, and every limit small, so that a scenario reaches it.
const TIMEOUTS = {
    connect: '3s',
    first_token: '3s',
    between_bytes: '3s',
    total: '5s',
    client: '3s',
    drain: '10s',
};

// hostile/model is at the hostile upstream alone, hostile/pair there first and then at a calm
// one, hostile/tls at the hostile one over TLS.
export function settings({
    up,
    calm,
    secure,
    limits = {},
    timeout = {},
    top = {},
    sections = {},
    providers = {},
}) {
    const at = (one, scheme = 'http', host = '127.0.0.1') => `${scheme}://${host}:${one.port}/v1`;
    return config({
        top: { refresh: 'never', ...top },
        providers: {
            hostile: {
                base_url: at(up),
                key: 'env:UPSTREAM_KEY',
                endpoints: {
                    'hostile/model': { prompt: 1, completion: 1 },
                    'hostile/pair': { prompt: 1, completion: 1 },
                },
            },
            ...(calm && {
                calm: {
                    base_url: at(calm),
                    endpoints: { 'hostile/pair': { prompt: 2, completion: 2 } },
                },
            }),
            ...(secure && {
                secure: {
                    base_url: at(secure, 'https', 'localhost'),
                    ca: path.join(certificates(), 'ca.pem'),
                    endpoints: { 'hostile/tls': { prompt: 1, completion: 1 } },
                },
            }),
            ...providers,
        },
        sections: {
            limits: { head: '8k', body: '1M', answer: '1M', connections: 400, ...limits },
            timeout: { ...TIMEOUTS, ...timeout },
            ...sections,
        },
    });
}

// orproxy with such settings. wrap: a command in front of it; it is ended with the stage.
export async function orproxy(t, text, { exe = ORPROXY, wrap = [], env } = {}) {
    const dir = scratch(t);
    const file = path.join(dir, 'orproxy.conf');
    fs.writeFileSync(file, text);
    const args = ['-c', file];
    const p =
        wrap.length > 0
            ? await start(t, [...wrap.slice(1), exe, '--listen', '127.0.0.1:0', ...args], {
                  exe: wrap[0],
                  env,
                  any: true,
              })
            : await start(t, args, { exe, env });
    return reach(`http://127.0.0.1:${p.port}/v1`, {
        model: 'hostile/model',
        own: true,
        process: p,
        pid: p.pid,
        file,
    });
}

// ---- what a process holds

export const descriptors = (pid) => fs.readdirSync(`/proc/${pid}/fd`).length;
const status = (pid, field) =>
    Number(
        new RegExp(`^${field}:\\s*(\\d+) kB`, 'm').exec(
            fs.readFileSync(`/proc/${pid}/status`, 'utf8'),
        )[1],
    );
export const residentKb = (pid) => status(pid, 'VmRSS');
export const peakKb = (pid) => status(pid, 'VmHWM');
// Seconds of processor time so far; a tick is 10 ms on every Linux that Node runs on.
export function cpuSeconds(pid) {
    const fields = fs
        .readFileSync(`/proc/${pid}/stat`, 'utf8')
        .replace(/^.*\) /s, '')
        .split(' ');
    return (Number(fields[11]) + Number(fields[12])) / 100;
}

export function get(g, target) {
    return new Promise((resolve, reject) => {
        http.get(
            { host: g.host, port: g.port, path: target, agent: false, timeout: g.patience },
            (res) => {
                let text = '';
                res.setEncoding('utf8').on('data', (part) => {
                    text += part;
                });
                res.on('end', () =>
                    resolve({ status: res.statusCode, headers: res.headers, text }),
                );
                res.on('error', reject);
            },
        ).on('error', reject);
    });
}

// What orproxy counts itself, exactly: bytes of all requests and of the catalogue.
export async function accounted(g) {
    const { text } = await get(g, '/metrics');
    return Number(/^orproxy_memory_bytes (\d+)/m.exec(text)[1]);
}

// ---- is it as before?

async function soon(g, what, condition) {
    const end = Date.now() + g.patience;
    for (let last; ;) {
        last = await condition();
        if (last === undefined) return;
        if (Date.now() > end) assert.fail(`${what}: ${last}`);
        await sleep(20);
    }
}

// Serves and holds no more than it did before: call once for the base, then with it.
export async function asBefore({ g, up, calm, secure }, base) {
    const ups = [up, calm, secure].filter(Boolean);
    const hangUp = () => ups.forEach((one) => one.hangUp()); // on what is kept for the next request
    hangUp();
    await sleep(50);
    await soon(g, 'a good request is not answered any more', async () => {
        const seen = await ask(g, 'sound');
        return seen.status === 200 && seen.complete
            ? undefined
            : `${seen.status} ${seen.error} ${seen.text.slice(0, 200)}`;
    });
    if (!g.pid) return {};
    assert.equal(g.process?.code, undefined, `the process has ended: ${g.process?.code}`);
    hangUp();
    if (!base) {
        await sleep(50);
        return { fds: descriptors(g.pid), bytes: g.own && (await accounted(g)) };
    }
    await soon(g, 'descriptors', () => {
        const now = descriptors(g.pid);
        return now <= base.fds ? undefined : `${now} are open, before ${base.fds}`;
    });
    if (g.own)
        await soon(g, 'memory', async () => {
            const now = await accounted(g);
            return now <= base.bytes + SLACK
                ? undefined
                : `${now} bytes are held, before ${base.bytes}`;
        });
    return base;
}
// Records of requests that /generation remembers differ in length, and so does a warm buffer.
const SLACK = 64 << 10;
