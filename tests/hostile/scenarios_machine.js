// What the machine below a gateway may do, and what too many clients do. Most of these need
// settings, limits or a clock of their own, and so an orproxy of their own.
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import dgram from 'node:dgram';
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import { ORPROXY, ORPROXY_PLAIN, launch, nobody, run, scratch } from '../e2e/helpers.js';
import { disk } from '../e2e/ledger_helpers.js';
import { ask, failed, good, host, line, raw, refused, request } from './client.js';
import { cpuSeconds, get, orproxy, peakKb, reach, residentKb, settings, sleep } from './gateway.js';
import { EVENTS, answer, endings, gone, head, hostileUpstream, send } from './upstream.js';

const MODES = ['whole', 'stream'];
const list = (n) => Array.from({ length: n }, (_, i) => i);

async function until(what, condition, ms = 20000) {
    for (const end = Date.now() + ms; !(await condition()); await sleep(20))
        if (Date.now() > end) assert.fail(`waited too long: ${what}`);
}

// ---- connections and descriptors

const HEALTH = 'GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n';

async function connections({ t, up, full }) {
    const [num, limit] = full ? [10000, 8000] : [600, 400];
    const g = await orproxy(
        t,
        settings({ up, limits: { connections: limit }, timeout: { client: '2m' } }),
        { exe: full ? ORPROXY_PLAIN : ORPROXY },
    );
    const all = list(num).map(() => raw(g));
    try {
        for (const c of all) {
            c.socket.on('end', () => c.socket.end());
            void c.write(HEALTH);
        }
        await until(
            'all to be told',
            () => all.every((c) => c.answers.length > 0 || c.closed),
            60000,
        );
        const served = all.filter((c) => c.answers[0] === 200);
        assert.equal(served.length, limit, 'are served');
        for (const c of all) {
            if (c.answers[0] === 200) continue;
            assert.deepEqual(c.answers, [503], c.text);
            assert.match(c.text, /retry-after: \d+\r\n/i);
        }
        served.forEach((c) => c.write(HEALTH));
        await until(
            'those served to be served again',
            () => served.every((c) => c.answers.length === 2),
            60000,
        );
    } finally {
        all.forEach((c) => c.socket.destroy());
    }
    await until('room', async () => (await ask(g, 'sound')).status === 200);
    return `${num} connections, ${limit} served`;
}

async function descriptors({ t, up }) {
    const g = await orproxy(t, settings({ up }), { wrap: ['prlimit', '--nofile=48:48'] });
    good(await ask(g, 'sound'), 'before');
    up.hangUp();
    const all = list(100).map(() => raw(g));
    try {
        await until('accept to fail', () => /accept: Too many open files/.test(g.process.stderr));
        const began = cpuSeconds(g.pid);
        await sleep(1000);
        const used = cpuSeconds(g.pid) - began;
        assert.ok(used < 0.5, `${used} s of processor time in one second of waiting`);
        const c = all.find((one) => one.connected); // it has a descriptor, its provider gets none
        await c.write(request(g, 'sound'));
        await until('an answer', () => c.answers.length > 0 || c.closed);
        assert.ok(c.answers.length > 0 && c.answers[0] >= 500, c.text);
    } finally {
        all.forEach((c) => c.socket.destroy());
    }
    await until('a good answer', async () => (await ask(g, 'sound')).status === 200);
    const lines = g.process.stderr.match(/accept: /g).length;
    assert.ok(lines < 100, `${lines} lines were logged`);
}

// ---- disks

// A limited key needs the books and is refused while they cannot be written; others are served.
async function fullDisk(g, spoil, mend) {
    const [rich, free] = ['rich', 'free'].map((name) => ({ ...g, key: `sk-${name}-0d1f` }));
    good(await ask(rich, 'sound'), 'limited, before');
    await spoil();
    let seen;
    await until('the limited key to be refused', async () => {
        seen = await ask(rich, 'sound');
        return seen.status !== 200;
    });
    refused(seen, 503, 'limited');
    for (const i of list(100)) good(await ask(free, 'sound'), `not limited, ${i}`);
    await mend();
    await until(
        'the limited key to be served again',
        async () => (await ask(rich, 'sound')).status === 200,
    );
}
// What reaches into the process from outside needs it to be the user who started it.
const OPEN = { sandbox: 'no', ...(process.getuid() === 0 && { user: 'root' }) };
const books = (state) => ({
    top: { state, ...OPEN },
    sections: { 'key rich': { key: 'env:RICH', limit: 1000 }, 'key free': { key: 'env:FREE' } },
});
const KEYS = { RICH: 'sk-rich-0d1f', FREE: 'sk-free-0d1f' };

async function fileSize({ t, up }) {
    const g = await orproxy(t, settings({ up, ...books(path.join(scratch(t), 'state')) }), {
        wrap: ['prlimit', '--fsize=20000:unlimited'],
        env: KEYS,
    });
    await fullDisk(
        g,
        () => {},
        () => execFileSync('prlimit', ['--pid', String(g.pid), '--fsize=unlimited']),
    );
}

async function noSpace({ t, up, skip }) {
    const d = await disk(t, 'mount -t tmpfs -o size=1M tmpfs "$DISK"');
    if (d === null) skip('no file system can be mounted here');
    const g = await orproxy(t, settings({ up, ...books(d.state) }), {
        exe: d.wrap(ORPROXY),
        env: KEYS,
    });
    const filler = d.inside(path.join(d.path, 'filler'));
    const fill = () => {
        try {
            for (;;) fs.appendFileSync(filler, Buffer.alloc(512, 'x'));
        } catch (e) {
            assert.equal(e.code, 'ENOSPC');
        }
    };
    await fullDisk(g, fill, () => fs.rmSync(filler));
}

async function deafLog({ t, up }) {
    const port = await nobody();
    const file = path.join(scratch(t), 'orproxy.conf');
    fs.writeFileSync(file, settings({ up, top: { listen: `127.0.0.1:${port}` } }));
    const p = launch(t, ['-c', 'exec "$@" 2>/dev/full', 'sh', ORPROXY, '-c', file], {
        exe: '/bin/sh',
    });
    const g = reach(`http://127.0.0.1:${port}/v1`, { model: 'hostile/model' });
    try {
        await until('it to serve', async () => (await ask(g, 'sound')).status === 200);
        for (const i of list(50)) good(await ask(g, 'sound', { mode: MODES[i % 2] }));
    } finally {
        p.child.kill('SIGTERM');
        assert.equal(await p.ended, 0);
    }
}

// ---- clocks

function libfaketime() {
    for (const dir of fs.readdirSync('/usr/lib')) {
        const file = `/usr/lib/${dir}/faketime/libfaketimeMT.so.1`;
        if (fs.existsSync(file)) return file;
    }
    return undefined;
}

const DAY = 86400 * 1000;
const ORDER = { more: { max_tokens: 500 } }; // is sent 1500 tokens for a dollar a million

async function clocks({ t, up, skip }) {
    const library = libfaketime();
    if (!library) skip('needs libfaketime');
    const state = path.join(scratch(t), 'state');
    const offset = path.join(scratch(t), 'offset');
    const set = (days) => {
        fs.writeFileSync(`${offset}.new`, `${days < 0 ? '' : '+'}${days}d`);
        fs.renameSync(`${offset}.new`, offset);
    };
    set(0);
    const env = {
        LD_PRELOAD: library,
        FAKETIME_TIMESTAMP_FILE: offset,
        FAKETIME_NO_CACHE: '1',
        DONT_FAKE_MONOTONIC: '1',
        FAKETIME_DONT_FAKE_MONOTONIC: '1',
        DAILY: 'sk-daily-0d1f',
        BRIEF: 'sk-brief-0d1f',
        FREE: 'sk-free-0d1f',
    };
    const text = settings({
        up,
        timeout: { first_token: '1s' },
        top: { state, ...OPEN },
        sections: {
            'key daily': { key: 'env:DAILY', limit: 0.002, limit_reset: 'daily' },
            'key brief': {
                key: 'env:BRIEF',
                expires_at: new Date(Date.now() + 30 * DAY).toISOString().slice(0, 10),
            },
            'key free': { key: 'env:FREE' },
        },
    });
    const g = await orproxy(t, text, { exe: ORPROXY_PLAIN, env });
    const by = (name) => ask({ ...g, key: `sk-${name}-0d1f` }, 'sound', ORDER);
    // The clock jumps while one request waits for its answer and another for none.
    const jump = async (days) => {
        let answered = false;
        up.scripts.set('slow', async (socket) => {
            await sleep(500);
            await send(socket, answer('whole', 'length').bytes);
            socket.end();
            answered = true;
        });
        up.scripts.set('never', () => {});
        const free = { ...g, key: env.FREE };
        const slow = ask(free, 'slow', ORDER);
        const never = ask(free, 'never', ORDER).then((seen) => ({ ...seen, afterwards: answered }));
        await sleep(200);
        set(days);
        good(await slow, `waiting while the clock jumps to ${days} days`);
        const other = await never;
        refused(other, 504, `${days} days`);
        assert.ok(other.afterwards, 'the jump has ended what waits');
    };
    good(await by('brief'), 'not expired');
    good(await by('daily'), 'within the limit');
    refused(await by('daily'), 402, 'above it');
    await jump(365);
    refused(await by('brief'), 401, 'expired by then');
    good(await by('daily'), 'another day');
    refused(await by('daily'), 402, 'its limit');
    await jump(0);
    good(await by('brief'), 'not expired again');
    refused(await by('daily'), 402, 'a clock that is set back gives no money');
    await jump(-365);
    refused(await by('daily'), 402, 'a clock that is set back gives no money');
    await jump(0);
    good(await by('free'), 'afterwards');
    g.process.child.kill('SIGTERM');
    assert.equal(await g.process.ended, 0, g.process.stderr);
    const audit = await run(t, ['audit', 'verify', '--state', state], { exe: ORPROXY_PLAIN });
    assert.equal(audit.code, 0, audit.stdout + audit.stderr);
    const again = await orproxy(t, text, { exe: ORPROXY_PLAIN, env });
    refused(await ask({ ...again, key: env.DAILY }, 'sound', ORDER), 402, 'after a restart');
}

// ---- names

// This program again, in a network and with a resolv.conf of its own.
function inside({ skip }) {
    const enter = (...command) => [
        '-rnm',
        'sh',
        '-c',
        'ip link set lo up && mount --bind "$RESOLV_CONF" /etc/resolv.conf && exec "$@"',
        'sh',
        ...command,
    ];
    const t = fs.mkdtempSync(path.join('/tmp', 'hostile-dns-'));
    const env = { ...process.env, RESOLV_CONF: path.join(t, 'resolv.conf'), HOSTILE_INSIDE: '1' };
    fs.writeFileSync(env.RESOLV_CONF, 'nameserver 127.0.0.1\noptions timeout:2 attempts:1\n');
    try {
        if (spawnSync('unshare', enter('true'), { env }).status !== 0)
            skip('no network of its own can be made here');
        const program = fileURLToPath(new URL('hostile.js', import.meta.url));
        const child = spawnSync('unshare', enter(process.execPath, program), {
            env,
            encoding: 'utf8',
        });
        assert.equal(child.status, 0, child.stdout + child.stderr);
        return `${child.stdout.match(/^ok/gm).length} ways`;
    } finally {
        fs.rmSync(t, { recursive: true });
    }
}

// A name server: mode is silent, or an RCODE (3: no such name, 2: failure), or 0: 127.0.0.1.
async function nameServer() {
    const server = dgram.createSocket('udp4');
    const dns = { mode: 'silent', asked: 0, close: () => server.close() };
    server.on('message', (query, from) => {
        dns.asked++;
        if (dns.mode === 'silent') return;
        const reply = Buffer.from(query); // its question, and what follows it, which nobody minds
        if (dns.mode === 'garbage') return server.send(reply.fill('x', 2), from.port, from.address);
        const end = query.indexOf(0, 12) + 5; // of the question
        const isA = dns.mode === 0 && query.readUInt16BE(end - 4) === 1;
        reply.writeUInt16BE(0x8180 | dns.mode, 2);
        reply.writeUInt32BE(isA ? 0x00010000 : 0, 6); // answers, authorities
        reply.writeUInt16BE(0, 10);
        const a = Buffer.from('c00c00010001000000010004' + '7f000001', 'hex');
        return server.send(
            Buffer.concat([reply.subarray(0, end), ...(isA ? [a] : [])]),
            from.port,
            from.address,
        );
    });
    await new Promise((resolve) => {
        server.bind(53, '127.0.0.1', resolve);
    });
    return dns;
}

const names = (mode, holds) => ({
    name: `dns/${mode === 3 ? 'no-such-name' : mode === 2 ? 'failure' : mode}`,
    holds,
    inside: true,
    async run({ t, up, each }) {
        const dns = mode === 'refused' ? undefined : await nameServer();
        if (dns) t.after(() => dns.close());
        if (dns) dns.mode = mode;
        const g = await orproxy(
            t,
            settings({
                up,
                providers: {
                    far: {
                        base_url: `http://api.provider.example:${up.port}/v1`,
                        endpoints: { 'hostile/far': { prompt: 1, completion: 1 } },
                    },
                },
            }),
        );
        const far = { ...g, model: 'hostile/far', patience: 20000 };
        const waiting = list(16).map((i) => ask(far, 'sound', { mode: MODES[i % 2] }));
        await each(
            list(50),
            async () => good(await ask(g, 'sound', { ms: 5000 }), 'to another provider, meanwhile'),
            4,
        );
        for (const seen of await Promise.all(waiting))
            failed(seen, 'to the one without an address');
        if (!dns) return;
        assert.ok(dns.asked > 0, 'the name server was asked');
        dns.mode = 0;
        await until(
            'the provider to serve',
            async () => (await ask(far, 'sound')).status === 200,
            60000,
        );
    },
});

// ---- floods and time

const MB = 1 << 20;
const FLOOD = 8 * MB; // limits.memory
const PART = FLOOD / 16;

function servedOrTold(seen) {
    if (seen.status === 200) return good(seen);
    refused(seen, 503, 'without memory');
    return assert.match(seen.headers['retry-after'] ?? '', /^\d+$/, `no Retry-After: ${seen.text}`);
}

// Bodies of ten times the memory; the provider answers none before all are there.
async function bodies(g, up) {
    let open;
    const opened = new Promise((resolve) => {
        open = resolve;
    });
    up.scripts.set('held', async (socket) => {
        await opened;
        await send(socket, answer('whole', 'length').bytes);
        socket.end();
    });
    let told = 0;
    const all = list(160).map(async () => {
        const seen = await ask(g, 'held', { more: { user: 'x'.repeat(PART) } });
        told++;
        return seen;
    });
    await until('all to be there', () => told + (up.seen.get('held') ?? 0) >= all.length);
    open();
    const seen = await Promise.all(all);
    seen.forEach(servedOrTold);
    const served = seen.filter((one) => one.status === 200).length;
    assert.ok(served > 0 && served < 16, `${served} of ${all.length} fit`);
    return `${served} of ${all.length} bodies served`;
}

// As many that stop before their end.
async function halves(g, each) {
    const all = list(160).map(() => raw(g));
    const begin = `${line(g)}${host(g)}Content-Length: 1000000\r\n\r\n{"a":"${'x'.repeat(PART)}`;
    await each(all, (c) => c.write(begin), all.length);
    await until('memory to be short', () => all.some((c) => c.answers.length > 0));
    for (const c of all)
        if (c.answers.length > 0) {
            assert.deepEqual(c.answers, [503], c.text);
            assert.match(c.text, /retry-after: \d+\r\n/i);
        }
    servedOrTold(await ask(g, 'sound'));
    all.forEach((c) => c.socket.destroy());
}

// Streams that nobody reads.
async function unread(g, up, each) {
    const big = EVENTS[0].replace('all ', 'x'.repeat(30000));
    up.scripts.set('unread', (socket) => send(socket, head('stream') + big.repeat(20)));
    const all = list(300).map(() => raw(g));
    for (const c of all) c.socket.pause();
    await each(all, (c) => c.write(request(g, 'unread', { mode: 'stream' })), all.length);
    await until('them to be asked for', () => (up.seen.get('unread') ?? 0) > 100);
    await sleep(500);
    servedOrTold(await ask(g, 'sound'));
    all.forEach((c) => c.socket.destroy());
}

async function flood({ t, up, each }) {
    const long = {
        connect: '1m', // and how long what was sent may stay unread
        first_token: '1m',
        between_bytes: '1m',
        total: '2m',
        client: '1m',
    };
    const limits = { memory: FLOOD, body: '1M', connections: 400 };
    const g = await orproxy(t, settings({ up, limits, timeout: long }), { exe: ORPROXY_PLAIN });
    g.patience = 60000;
    good(await ask(g, 'sound'));
    const ceiling = Number(/memory: at most (\d+) bytes/.exec(g.process.stderr)[1]) / 1024;
    const note = await bodies(g, up);
    await halves(g, each);
    await unread(g, up, each);
    up.hangUp();
    await until('service as before', async () => (await ask(g, 'sound')).status === 200);
    const peak = peakKb(g.pid);
    assert.ok(peak < ceiling, `${peak} kB at the most, ${ceiling} is the ceiling that it printed`);
    return `${note}, ${peak} kB at the most of ${Math.floor(ceiling)}`;
}

// One after the other, so that a leak of any of them shows.
const kinds = [
    (g, agent) => ask(g, 'sound', { agent }),
    (g, agent) => ask(g, 'sound', { agent, mode: 'stream' }),
    (g) => ask(g, 'sound'),
    (g) => ask(g, 'sound', { mode: 'stream', more: { user: 'x'.repeat(100000) } }),
    (g) => ask(g, 'error'),
    (g) => ask(g, 'cut'),
    (g) => ask(g, 'cut stream', { mode: 'stream' }),
    (g) => ask(g, 'reset', { mode: 'stream' }),
    (g) => ask(g, 'sound', { body: '{"messages":[' }),
    (g) => ask(g, 'sound', { more: { model: 'nobody/knows' } }),
    (g) => ask(g, 'drip', { mode: 'stream', on: { head: (res, req) => req.destroy() } }),
    (g) =>
        ask(g, 'drip', {
            mode: 'stream',
            on: { open: (req) => setTimeout(() => req.destroy(), 5) },
        }),
    (g) => get(g, '/v1/models'),
];

async function soak({ t, full, each }) {
    const up = await hostileUpstream();
    t.after(() => up.close());
    const part = (mode, n, how) => async (socket) => {
        await send(socket, answer(mode, 'chunked').bytes.slice(0, n));
        endings[how](socket);
    };
    up.scripts.set('error', async (socket) => {
        await send(socket, 'HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n');
        socket.end();
    });
    up.scripts.set('cut', part('whole', 200, 'fin'));
    up.scripts.set('cut stream', part('stream', 500, 'fin'));
    up.scripts.set('reset', part('stream', 500, 'rst'));
    up.scripts.set('drip', async (socket) => {
        await send(socket, head('stream') + EVENTS[0]);
        await gone(socket);
    });
    const g = await orproxy(t, settings({ up, top: { state: path.join(scratch(t), 'state') } }), {
        exe: ORPROXY_PLAIN,
    });
    const agent = new http.Agent({ keepAlive: true, maxSockets: 8 });
    t.after(() => agent.destroy());
    const third = full ? 24000 : 1300; // 72,000 are an hour of 20 a second
    const turn = () => each(list(third), (i) => kinds[i % kinds.length](g, agent), 16);
    await turn();
    const first = residentKb(g.pid);
    await turn();
    await turn();
    const last = residentKb(g.pid);
    assert.ok(
        last < first + 1024,
        `${first} kB after ${third} requests, ${last} kB after ${3 * third}`,
    );
    return `${3 * third} requests, ${first} kB after a third, ${last} kB at the end`;
}

async function rest({ g, up }) {
    up.hangUp();
    await sleep(200);
    const began = cpuSeconds(g.pid);
    await sleep(1000);
    const used = cpuSeconds(g.pid) - began;
    assert.ok(used < 0.3, `${used} s of processor time in a second without work`);
}

export const machineScenarios = [
    {
        name: 'connections',
        holds: 'of more connections than the limit the rest are told 503 with Retry-After, and those there live on',
        needs: 'own',
        run: connections,
    },
    {
        name: 'descriptors',
        holds: 'without descriptors it waits, and does not spin; with them it serves again',
        needs: 'own',
        run: descriptors,
    },
    {
        name: 'disk/full',
        holds: 'on a full disk limited keys are refused, others are served, and all are when there is room',
        needs: 'own',
        run: noSpace,
    },
    {
        name: 'disk/file-size',
        holds: 'at the limit for files (SIGXFSZ) limited keys are refused, others are served',
        needs: 'own',
        run: fileSize,
    },
    {
        name: 'disk/log',
        holds: 'a log that cannot be written keeps nobody from being served',
        needs: 'own',
        run: deafLog,
    },
    {
        name: 'clock',
        holds: 'when the clock jumps a year, timeouts and limits stay what they are, and keys expire by what it says',
        needs: 'own',
        run: clocks,
    },
    {
        name: 'dns',
        holds: 'names that are not found, or not answered, fail in time, and others are served meanwhile',
        needs: 'own',
        run: inside,
    },
    names('silent', 'a name server that is silent keeps nobody else from being served'),
    names('refused', 'no name server at all is an error'),
    names('garbage', 'a name server that sends garbage is none'),
    names(3, 'a name that does not exist is an error'),
    names(2, 'a name server that fails is an error'),
    {
        name: 'flood',
        holds: 'bodies and streams of ten times the memory stay under its ceiling, and who has no room gets 503 with Retry-After',
        needs: 'own',
        run: flood,
    },
    {
        name: 'soak',
        holds: 'after three times as many requests of all kinds no more memory is used',
        needs: 'own',
        run: soak,
    },
    { name: 'rest', holds: 'when nothing happens, nothing is done', needs: 'process', run: rest },
];
