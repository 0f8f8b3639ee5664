// The commands about what is kept in `state`, against a scripted gateway that listens where an
// orproxy does: on the socket in that folder.
import assert from 'node:assert/strict';
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import test from 'node:test';

import { ORPROXY, atEnd, gateway, reply, run, scratch, within } from './helpers.js';

const HASH = 'ab12cd34'.repeat(8);
const SECRET = 'sk-or-v1-' + '5'.repeat(64);

const KEY = {
    hash: HASH,
    label: 'sk-or-v1-555...555',
    name: 'kitchen',
    disabled: false,
    limit: 5,
    limit_remaining: 3.75,
    limit_reset: 'monthly',
    include_byok_in_limit: true,
    usage: 11.2,
    usage_daily: 0.1,
    usage_weekly: 0.6,
    usage_monthly: 1.25,
    byok_usage: 0.000000000001,
    byok_usage_daily: 0.2,
    byok_usage_weekly: 0,
    byok_usage_monthly: 0,
    created_at: '2026-11-21T16:00:00Z',
    updated_at: null,
    expires_at: null,
    source: 'api',
    models: ['acme/*', 'demo/echo'],
    providers: null,
    requests_per_minute: 20,
};

// A gateway on STATE/control.sock that answers by handler(req, res).
async function control(t, handler, folder = scratch(t)) {
    const state = path.join(folder, 'state');
    fs.mkdirSync(state, { recursive: true, mode: 0o700 });
    const g = { state, requests: [], connections: 0, sockets: new Set() };
    const server = http.createServer((req, res) => {
        const parts = [];
        req.on('data', (part) => parts.push(part));
        req.on('end', () => {
            req.raw = Buffer.concat(parts).toString();
            req.json = req.raw === '' ? undefined : JSON.parse(req.raw);
            g.requests.push(req);
            handler(req, res);
        });
    });
    server.on('connection', (socket) => {
        g.connections++;
        g.sockets.add(socket);
        socket.on('error', () => {});
    });
    const listening = path.join(state, 'control.sock');
    await new Promise((resolve, reject) => {
        server.on('error', reject).listen(listening, resolve);
    });
    atEnd(t, () => {
        for (const socket of g.sockets) socket.destroy();
        return new Promise((resolve) => server.close(resolve));
    });
    g.run = (...args) => run(t, [...args, '--demo', '--set', `state=${state}`]);
    g.last = () => {
        const { method, url, json } = g.requests.at(-1);
        return [method, url, json];
    };
    return g;
}

// ---- the way to the gateway

test('commands need no secret of an orproxy that runs: its service was given them', async (t) => {
    const dir = scratch(t);
    const state = path.join(dir, 'state');
    const secret = path.join(dir, 'acme.key');
    fs.writeFileSync(secret, 'sk-acme\n');
    const g = await gateway(
        t,
        `state = ${state}\n[provider demo]\nkind = demo\n` +
            '[provider acme]\nkind = openai\nbase_url = http://127.0.0.1:9/v1\nlist = no\n' +
            `key = env:ACME_KEY\nkey = file:${secret}\n` +
            '[key kitchen]\nkey = env:KITCHEN\n[key hall]\nkey = env:HALL\n',
        { env: { ACME_KEY: 'sk-1', KITCHEN: 'sk-kitchen', HALL: 'sk-hall' } },
    );
    fs.rmSync(secret);
    const command = (...args) => run(t, [args[0], '-c', g.file, ...args.slice(1)]);
    for (const [args, said] of [
        [['keys'], /^kitchen .*\n^hall /m],
        [['keys', 'create', 'garden', '--limit', '3'], /^sk-or-v1-/],
        [['usage'], /^$/],
        [['credits'], /^total +0 USD/],
        [['audit'], /^whole: 1 segment/m],
        [['audit', 'verify'], /^whole: 1 segment/m],
        [['models'], /^demo\/echo /m],
        [['route', '-m', 'demo/echo'], /^1 +demo +demo\/echo/m],
        [['chat', '-m', 'demo/echo', 'hello'], /^You said: hello/],
    ]) {
        const p = await command(...args);
        assert.equal(p.code, 0, `${args}: ${p.stderr}`);
        assert.match(p.stdout, said, args.join(' '));
    }
    const checked = await command('check'); // it is about these settings, here
    assert.equal(checked.code, 2);
    assert.match(checked.stderr, /environment variable ACME_KEY is not set\n$/);
    g.child.kill('SIGTERM');
    await within(g.ended, 'orproxy to end');
    for (const args of [['keys'], ['usage'], ['models'], ['chat', 'hello']]) {
        const p = await command(...args);
        assert.equal(p.code, 2, args.join(' '));
        assert.match(
            p.stderr,
            /: environment variable ACME_KEY is not set \(and no orproxy runs on .* that could be asked\)\n$/,
        );
    }
    assert.equal((await command('audit')).code, 0); // the files tell
});

test('nor does one whose only provider is in its environment need it', async (t) => {
    const state = path.join(scratch(t), 'state');
    const g = await gateway(t, `state = ${state}\nopen = yes\n`, {
        env: { OPENROUTER_API_KEY: 'sk-or-v1-nobody' },
    });
    const p = await run(t, ['keys', '-c', g.file]);
    assert.equal(p.code, 0, p.stderr);
});

test('without state there is nothing to ask about', async (t) => {
    for (const args of [['keys'], ['credits'], ['usage'], ['audit', 'accept']]) {
        const p = await run(t, [...args, '--demo']);
        assert.equal(p.code, 2, p.stderr);
        assert.match(p.stderr, /keys need state = FOLDER in the settings/);
        assert.equal(p.stdout, '');
    }
});

test('a folder whose name is too long for a socket', async (t) => {
    const state = path.join(scratch(t), 'x'.repeat(120));
    const p = await run(t, ['keys', '--demo', '--set', `state=${state}`]);
    assert.equal(p.code, 2);
    assert.match(p.stderr, /control\.sock is longer than the name of a socket may be \(107 bytes\)/);
});

test('nobody at the socket: a gateway of its own is asked', async (t) => {
    const state = path.join(scratch(t), 'state');
    fs.mkdirSync(state);
    const args = ['keys', 'show', 'nobody', '--demo', '--set', `state=${state}`];
    for (const left of [false, true]) {
        // What an orproxy leaves that was killed: a socket that nobody accepts at.
        if (left)
            spawnSync(process.execPath, [
                '-e',
                `require('net').createServer().listen(process.argv[1], () => process.kill(process.pid, 9))`,
                path.join(state, 'control.sock'),
            ]);
        assert.equal(fs.existsSync(path.join(state, 'control.sock')), left);
        const p = await run(t, args);
        assert.equal(p.code, 1);
        assert.match(p.stderr, /^orproxy: 404: /m);
    }
});

test('a socket that may not be used is not passed by', async (t) => {
    const state = path.join(scratch(t), 'state');
    fs.mkdirSync(state);
    fs.writeFileSync(path.join(state, 'file'), '');
    const p = await run(t, ['keys', '--demo', '--set', `state=${state}/file`]);
    assert.equal(p.code, 1);
    assert.match(p.stderr, /cannot connect to .*control\.sock: Not a directory/);
});

test('an error of the API is said as it is', async (t) => {
    const g = await control(t, (req, res) =>
        reply(res, 404, { error: { code: 404, message: 'no key "attic"' } }),
    );
    for (const args of [['show', 'attic'], ['update', 'attic', '--disable'], ['delete', 'attic', '--yes']]) {
        const p = await g.run('keys', ...args);
        assert.equal(p.code, 1);
        assert.equal(p.stdout, '');
        assert.match(p.stderr, /^orproxy: 404: no key "attic"$/m);
    }
});

test('a gateway that hangs up, and one that talks nonsense', async (t) => {
    const gone = await control(t, (req) => req.socket.destroy());
    let p = await gone.run('credits');
    assert.equal(p.code, 1);
    assert.match(p.stderr, /no answer from the gateway/);
    const odd = await control(t, (req, res) => res.end('hello'));
    for (const args of [['keys'], ['keys', 'show', 'x'], ['keys', 'create', 'x'], ['credits'], ['usage']]) {
        p = await odd.run(...args);
        assert.equal(p.code, 1, args.join(' '));
        assert.equal(p.stdout, '');
        assert.match(p.stderr, /the gateway's answer cannot be read/);
    }
});

// ---- keys

test('keys list', async (t) => {
    const g = await control(t, (req, res) =>
        reply(res, 200, {
            data: [
                KEY,
                { ...KEY, name: 'attic', disabled: true, limit: null, limit_remaining: null, limit_reset: null },
                { ...KEY, name: 'old', expires_at: '2026-01-01T00:00:00.000Z' },
                { ...KEY, name: 'new', expires_at: '2999-01-01T00:00:00Z', limit: 0.5, limit_reset: null },
                { ...KEY, name: 'file\u001b[31m', source: 'config' },
            ],
        }),
    );
    const p = await g.run('keys');
    assert.equal(p.code, 0, p.stderr);
    assert.deepEqual(g.last(), ['GET', '/api/v1/keys?include_disabled=true&offset=0', undefined]);
    const rows = p.stdout.trimEnd().split('\n').map((line) => line.trim().split(/ {2,}/));
    const both = ['sk-or-v1-555...555', 'ab12cd34ab12'];
    const sums = ['11.200000000001', '3.75', '0.3', '1.25'];
    assert.deepEqual(rows, [
        ['NAME', 'KEY', 'HASH', 'LIMIT', 'SPENT', 'LEFT', 'TODAY', 'MONTH', 'STATE'],
        ['kitchen', ...both, '5 USD monthly', ...sums, 'active'],
        ['attic', ...both, 'none', sums[0], '-', ...sums.slice(2), 'disabled'],
        ['old', ...both, '5 USD monthly', ...sums, 'expired'],
        ['new', ...both, '0.5 USD', ...sums, 'active'],
        ['file[31m', ...both, '5 USD monthly', ...sums, 'config'],
    ]);
});

test('keys list, over pages', async (t) => {
    const all = Array.from({ length: 250 }, (_, i) => ({ ...KEY, name: `key ${i}` }));
    const g = await control(t, (req, res) => {
        const offset = Number(new URL(req.url, 'http://x').searchParams.get('offset'));
        reply(res, 200, { data: all.slice(offset, offset + 100) });
    });
    let p = await g.run('keys', 'list');
    assert.equal(p.stdout.match(/^key \d+ /gm).length, 250);
    assert.equal(g.requests.length, 3);
    assert.equal(g.connections, 1, 'over one connection');
    p = await g.run('keys', 'list', '--json');
    assert.deepEqual(JSON.parse(p.stdout), { data: all });
});

test('no keys', async (t) => {
    const g = await control(t, (req, res) => reply(res, 200, { data: [] }));
    let p = await g.run('keys');
    assert.deepEqual([p.code, p.stdout], [0, '']);
    assert.match(p.stderr, /orproxy keys create NAME makes one/);
    p = await g.run('keys', '--json');
    assert.deepEqual(JSON.parse(p.stdout), { data: [] });
});

test('keys create: the key alone on standard output, what was asked for in the request', async (t) => {
    const g = await control(t, (req, res) => reply(res, 201, { data: KEY, key: SECRET }));
    let p = await g.run('keys', 'create', 'kitchen');
    assert.equal(p.code, 0, p.stderr);
    assert.equal(p.stdout, `${SECRET}\n`);
    assert.match(p.stderr, /"kitchen" made, limit: 5 USD monthly; this key is shown only now/);
    assert.ok(!p.stderr.includes(SECRET));
    assert.deepEqual(g.last(), ['POST', '/api/v1/keys', { name: 'kitchen' }]);
    assert.equal(g.requests.at(-1).headers['content-type'], 'application/json');
    assert.equal(g.requests.at(-1).headers.authorization, undefined, 'the socket is enough');

    p = await g.run('keys', 'create', 'Ä "b"', '--limit', '5.10', '--limit-reset', 'weekly',
        '--models', 'acme/*, demo/echo', '--providers', 'groq', '--rpm', '20', '--tpm', '0',
        '--max-concurrent', '2', '--no-byok', '--expires', '2999-12-31', '--json');
    assert.equal(p.code, 0, p.stderr);
    assert.deepEqual(JSON.parse(p.stdout), { data: KEY, key: SECRET });
    assert.ok(g.requests.at(-1).raw.includes('"limit":5.10,'), 'the amount as it was given');
    assert.deepEqual(g.last()[2], {
        name: 'Ä "b"',
        limit: 5.1,
        limit_reset: 'weekly',
        include_byok_in_limit: false,
        requests_per_minute: 20,
        tokens_per_minute: null,
        max_concurrent: 2,
        expires_at: '2999-12-31T00:00:00Z',
        models: ['acme/*', 'demo/echo'],
        providers: ['groq'],
    });
});

test('--expires as a duration', async (t) => {
    const g = await control(t, (req, res) => reply(res, 201, { data: KEY, key: SECRET }));
    const before = Math.floor(Date.now() / 1000);
    await g.run('keys', 'create', 'a', '--expires', '30d');
    const { expires_at: at } = g.last()[2];
    assert.match(at, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
    const days = Date.parse(at) / 1000 - before - 30 * 86400;
    assert.ok(days >= 0 && days < 30, at);
    await g.run('keys', 'update', 'a', '--expires', 'never');
    assert.deepEqual(g.last()[2], { expires_at: null });
    const asked = g.requests.length;
    for (const bad of ['soon', '2026-02-30', '2020-01-01', '0d', '']) {
        const p = await g.run('keys', 'create', 'a', '--expires', bad);
        assert.equal(p.code, 2);
        assert.match(p.stderr, /--expires ".*" is (no time|not in the future)/);
    }
    assert.equal(g.requests.length, asked, 'and nobody was asked');
});

test('keys show', async (t) => {
    const g = await control(t, (req, res) =>
        reply(res, 200, { data: { ...KEY, include_byok_in_limit: false } }),
    );
    let p = await g.run('keys', 'show', 'a/b ?#%é');
    assert.equal(p.code, 0, p.stderr);
    assert.deepEqual(g.last(), ['GET', '/api/v1/keys/a%2Fb%20%3F%23%25%C3%A9', undefined]);
    for (const line of [
        /^name +kitchen$/m,
        new RegExp(`^hash +${HASH}$`, 'm'),
        /^state +active$/m,
        /^limit +5 USD monthly$/m,
        /^left +3\.75 USD$/m,
        /^spent +11\.200000000001 USD$/m,
        /^today +0\.3 USD$/m,
        /^requests a minute +20$/m,
        /^models +acme\/\*, demo\/echo$/m,
        /^not in the limit +what providers bill to you$/m,
    ])
        assert.match(p.stdout, line);
    assert.doesNotMatch(p.stdout, /null|^expires|^providers/m);
    p = await g.run('keys', 'show', HASH, '--json');
    assert.equal(JSON.parse(p.stdout).data.hash, HASH);
    assert.equal(g.last()[1], `/api/v1/keys/${HASH}`);
});

test('keys update', async (t) => {
    const g = await control(t, (req, res) => reply(res, 200, { data: KEY }));
    let p = await g.run('keys', 'update', 'ab12cd34', '--no-limit', '--limit-reset', 'none',
        '--byok', '--disable', '--name', 'den', '--models', '');
    assert.equal(p.code, 0, p.stderr);
    assert.deepEqual(g.last(), [
        'PATCH',
        '/api/v1/keys/ab12cd34',
        { name: 'den', limit: null, limit_reset: null, include_byok_in_limit: true, models: [], disabled: true },
    ]);
    assert.match(p.stdout, /^limit +5 USD monthly$/m);
    await g.run('keys', 'update', 'a', '--enable');
    assert.deepEqual(g.last()[2], { disabled: false });
    p = await g.run('keys', 'update', 'a');
    assert.equal(p.code, 2);
    assert.match(p.stderr, /nothing to change was given/);
    assert.equal(g.requests.length, 2);
});

test('keys delete', async (t) => {
    const g = await control(t, (req, res) => reply(res, 200, { deleted: true }));
    let p = await g.run('keys', 'delete', 'kitchen');
    assert.equal(p.code, 2, 'nobody to ask');
    assert.match(p.stderr, /give --yes/);
    assert.equal(g.requests.length, 0);
    p = await g.run('keys', 'delete', 'kitchen', '--yes');
    assert.deepEqual([p.code, p.stdout], [0, 'deleted\n'], p.stderr);
    assert.deepEqual(g.last(), ['DELETE', '/api/v1/keys/kitchen', undefined]);
    assert.equal(g.requests.at(-1).headers['content-length'], undefined);
    p = await g.run('keys', 'delete', 'kitchen', '--yes', '--json');
    assert.deepEqual(JSON.parse(p.stdout), { deleted: true });
    for (const args of [['delete', '', '--yes'], ['show', '']]) {
        p = await g.run('keys', ...args);
        assert.equal(p.code, 2, 'not the list');
    }
    assert.equal(g.requests.length, 2);
});

const TERMINAL = (() => {
    try {
        execFileSync('script', ['-qec', 'true', '/dev/null'], { stdio: 'ignore' });
        return {};
    } catch {
        return { skip: 'needs script(1), which makes a terminal' };
    }
})();

// On a terminal that types `answer` when it is asked y/N.
async function onTerminal(t, g, args, answer) {
    const words = [ORPROXY, ...args, '--demo', '--set', `state=${g.state}`];
    const child = spawn('script', ['-qec', `exec ${words.map((w) => `'${w}'`).join(' ')}`, '/dev/null'], {
        cwd: scratch(t),
        env: { ...process.env, NO_COLOR: '1', LC_ALL: 'C.UTF-8' },
    });
    atEnd(t, () => child.kill('SIGKILL'));
    let text = '', typed = answer === undefined;
    child.stdin.on('error', () => {});
    child.stdout.setEncoding('utf8').on('data', (more) => {
        text += more;
        if (typed || !text.includes('y/N')) return;
        typed = true;
        child.stdin.write(answer);
    });
    const code = await within(new Promise((resolve) => child.on('close', resolve)), `a terminal\n${text}`);
    return { code, text };
}

test('keys delete on a terminal asks, and says what about', TERMINAL, async (t) => {
    const g = await control(t, (req, res) =>
        reply(res, 200, req.method === 'GET' ? { data: KEY } : { deleted: true }),
    );
    let p = await onTerminal(t, g, ['keys', 'delete', 'kitchen'], '\n');
    assert.equal(p.code, 1, p.text);
    assert.match(p.text, /delete "kitchen" \(sk-or-v1-555\.\.\.555, which spent 11\.200000000001 USD\)\?/);
    assert.match(p.text, /not deleted/);
    p = await onTerminal(t, g, ['keys', 'delete', 'kitchen'], 'y\n');
    assert.equal(p.code, 0, p.text);
    assert.deepEqual(g.requests.map((q) => q.method), ['GET', 'GET', 'DELETE']);
});

// ---- credits, usage

test('credits', async (t) => {
    const g = await control(t, (req, res) =>
        reply(res, 200, { data: { total_credits: 50.0, total_usage: 41.3 } }),
    );
    let p = await g.run('credits');
    assert.equal(p.code, 0, p.stderr);
    assert.equal(p.stdout, 'total    50 USD\nused   41.3 USD\nleft    8.7 USD\n');
    assert.deepEqual(g.last(), ['GET', '/api/v1/credits', undefined]);
    p = await g.run('credits', 'add', '10.50', '--note', 'for "May"');
    assert.equal(p.code, 0, p.stderr);
    assert.match(p.stdout, /^left +8\.7 USD$/m);
    assert.deepEqual(g.last(), ['POST', '/api/v1/credits', { amount: 10.5, note: 'for "May"' }]);
    assert.ok(g.requests.at(-1).raw.includes('10.50'));
    await g.run('credits', 'add', '-5');
    assert.deepEqual(g.last()[2], { amount: -5 });
    p = await g.run('credits', '--json');
    assert.deepEqual(JSON.parse(p.stdout), { data: { total_credits: 50, total_usage: 41.3 } });
});

const row = (name, usage, more = {}) => ({
    name, requests: 2, prompt_tokens: 10, completion_tokens: 5, reasoning_tokens: 0, cached_tokens: 0,
    usage, byok_usage: 0, unknown_costs: 0, estimated: 0, ...more,
});

test('usage', async (t) => {
    const answer = {
        data: [row('acme/big', 0.3), row('local', 0.1, { byok_usage: 0.1, estimated: 1, unknown_costs: 2 })],
        total: row(null, 0.4, { byok_usage: 0.1 }),
    };
    const g = await control(t, (req, res) => reply(res, 200, answer));
    let p = await g.run('usage');
    assert.equal(p.code, 0, p.stderr);
    assert.equal(g.last()[1], '/api/v1/usage?by=model&days=30');
    assert.match(p.stdout, /^acme\/big +2 +15 +0\.3 +60\.0 %$/m);
    assert.match(p.stdout, /^local +2 +15 +~0\.2 \+ 2 of unknown cost +40\.0 %$/m);
    p = await g.run('usage', '--by', 'day', '--days', '7', '--csv');
    assert.equal(g.last()[1], '/api/v1/usage?by=day&days=7');
    assert.match(p.stdout, /^day,requests,[a-z_,]+,cost_usd\r\nacme\/big,2,10,5,0,0,0,no,0\.3\r\n/);
    p = await g.run('usage', '--json');
    assert.deepEqual(JSON.parse(p.stdout), answer);
});

test('usage on a terminal has bars', TERMINAL, async (t) => {
    const g = await control(t, (req, res) =>
        reply(res, 200, { data: [row('a', 0.2), row('b', 0.1)], total: row(null, 0.3) }),
    );
    const p = await onTerminal(t, g, ['usage']);
    assert.equal(p.code, 0, p.text);
    assert.match(p.text, /66\.6 % {2}█{24}\r?$/m);
    assert.match(p.text, /33\.3 % {2}█{12}\r?$/m);
});

// ---- audit

test('audit accept', async (t) => {
    const g = await control(t, (req, res) => reply(res, 200, { data: { message: 'accepted with n=18' } }));
    const p = await g.run('audit', 'accept');
    assert.equal(p.code, 0, p.stderr);
    assert.match(p.stderr, /accepted with n=18/);
    assert.deepEqual(g.last(), ['POST', '/api/v1/audit/accept', {}]);
});

test('audit verify: the folder is enough', async (t) => {
    const dir = scratch(t);
    fs.writeFileSync(path.join(dir, 'ledger-000001.jsonl'), '{"n":1}\n');
    const p = await run(t, ['audit', 'verify', '--state', dir]);
    assert.equal(p.code, 1);
    assert.match(p.stdout, /^ledger-000001\.jsonl:1: n=1: it has no hash at its end$/m);
});

test('audit verify: what is being written, and what is torn', async (t) => {
    const g = await control(t, () => {});
    fs.writeFileSync(path.join(g.state, 'ledger-000001.jsonl'), '{"n":1');
    let p = await g.run('audit');
    assert.equal(p.code, 0, p.stdout);
    assert.match(p.stdout, /the last line is being written/);
    fs.unlinkSync(path.join(g.state, 'control.sock'));
    p = await g.run('audit');
    assert.equal(p.code, 0, p.stdout);
    assert.match(p.stdout, /torn tail: the last 6 bytes/);
});

const FLOCK = spawnSync('flock', ['--version']).error ? { skip: 'needs flock(1)' } : {};

test("audit verify: a command's gateway, which has no socket, holds the lock", FLOCK, async (t) => {
    const state = scratch(t);
    fs.writeFileSync(path.join(state, 'ledger-000001.jsonl'), '');
    const holder = spawn('flock', [path.join(state, 'lock'), 'sh', '-c', 'echo held; sleep 60'], {
        stdio: 'pipe',
        detached: true,
    });
    atEnd(t, () => process.kill(-holder.pid, 'SIGKILL'));
    await within(new Promise((resolve) => holder.stdout.once('data', resolve)), 'flock');
    const p = await run(t, ['audit', '--state', state]);
    assert.equal(p.code, 0, p.stderr);
    assert.match(p.stdout, /the last line is being written/);
});
