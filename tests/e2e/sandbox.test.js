// What serving gives up: root, privileges, system calls, files. With the build without
// sanitizers, which need what is given up here. As another user than root, and on kernels
// without these means, what cannot be is skipped.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';

import {
    ORPROXY_PLAIN,
    TOP,
    ask,
    certificates,
    config,
    gateway,
    nobody,
    provider,
    run,
    scratch,
    start,
    stream,
    until,
} from './helpers.js';

const NOBODY = 65534;
const plain = { exe: ORPROXY_PLAIN };
const ROOT = { skip: process.getuid() === 0 ? false : 'only root can become another user' };

const status = (p) => fs.readFileSync(`/proc/${p.pid}/status`, 'utf8');
const said = (p) => /sandbox: (.*)/.exec(p.stderr)?.[1] ?? '';
const owner = (...parts) => fs.statSync(path.join(...parts)).uid;
const serving = (t, ...args) => start(t, ['--demo', ...args], plain);

const hello = { model: 'demo/echo', messages: [{ role: 'user', content: 'Hello' }] };
const answers = async (p) => {
    const got = await ask(p, { path: '/v1/chat/completions', body: hello });
    assert.equal(got.status, 200, got.body);
};

// ---- what holds

test('the line at the start is what the kernel says', async (t) => {
    const p = await serving(t);
    await answers(p);
    const now = status(p);
    assert.match(said(p), /^user \S+.*, no_new_privs, (no )?seccomp.*, (no )?Landlock/);
    assert.match(now, /^NoNewPrivs:\t1$/m);
    if (!/no seccomp/.test(said(p))) assert.match(now, /^Seccomp:\t2$/m);
});

test('root becomes nobody, with all its ids and without groups', ROOT, async (t) => {
    const p = await serving(t, '--set', `user=${NOBODY}`);
    await answers(p);
    const ids = `${NOBODY}\t${NOBODY}\t${NOBODY}\t${NOBODY}`;
    assert.match(status(p), new RegExp(`^Uid:\t${ids}$`, 'm'));
    assert.match(status(p), new RegExp(`^Gid:\t${ids}$`, 'm'));
    assert.match(status(p), /^Groups:\s*$/m);
    assert.match(status(p), /^CapEff:\t0+$/m);
    assert.match(status(p), /^CapPrm:\t0+$/m);
});

test('a user and a group by number; root by name', ROOT, async (t) => {
    const p = await serving(t, '--set', 'user=12345:54321');
    assert.match(status(p), /^Uid:\t12345\t12345\t12345\t12345$/m);
    assert.match(status(p), /^Gid:\t54321\t54321\t54321\t54321$/m);
    const root = await serving(t, '--set', 'user=root');
    assert.match(status(root), /^Uid:\t0\t/m);
    assert.match(said(root), /^user root, no_new_privs/);
});

test('sandbox = no: nothing is given up', async (t) => {
    const p = await serving(t, '--set', 'sandbox=no');
    await answers(p);
    assert.match(said(p), /^no, user/);
    assert.match(status(p), /^NoNewPrivs:\t0$/m);
    assert.match(status(p), new RegExp(`^Uid:\t${process.getuid()}\t`, 'm'));
});

for (const [settings, what] of [
    [['user=no-such-user'], /user = no-such-user.*adduser/],
    [['user=1:x'], /user = 1:x.*number of a group/],
    [['user=root', 'sandbox=require'], /sandbox = require.*user root/],
])
    test(`refused: ${settings.join(', ')}`, ROOT, async (t) => {
        const set = settings.flatMap((one) => ['--set', one]);
        const p = await run(t, ['--demo', '--listen', '127.0.0.1:0', ...set], plain);
        assert.equal(p.code, 1);
        assert.match(p.stderr, /^orproxy: [^\n]*\n$/);
        assert.match(p.stderr, what);
    });

// ---- the state

test("root's new state is the user's, and what commands of root put there", ROOT, async (t) => {
    const dir = scratch(t);
    const state = path.join(dir, 'state');
    const file = path.join(dir, 'orproxy.conf');
    fs.writeFileSync(file, `state = ${state}\nuser = ${NOBODY}\n[provider demo]\nkind = demo\n`);
    const all = () => ['.', ...fs.readdirSync(state)].map((name) => owner(state, name));
    const made = await run(t, ['keys', 'create', 'first', '-c', file], plain);
    assert.equal(made.code, 0, made.stderr);
    assert.deepEqual([...new Set(all())], [0]);
    const p = await start(t, ['-c', file], plain);
    assert.deepEqual([...new Set(all())], [NOBODY]);
    p.child.kill('SIGTERM');
    await p.ended;
    const more = await run(t, ['keys', 'create', 'second', '-c', file], plain);
    assert.equal(more.code, 0, more.stderr);
    assert.deepEqual([...new Set(all())], [NOBODY]);
    const again = await start(t, ['-c', file], plain);
    assert.match(status(again), new RegExp(`^Uid:\t${NOBODY}\t`, 'm'));
});

test('a folder with other files in it is given to nobody', ROOT, async (t) => {
    const dir = scratch(t);
    fs.writeFileSync(path.join(dir, 'letter'), 'dear all\n');
    const p = await serving(t, '--set', `state=${dir}`);
    assert.match(said(p), /^user root \(user \S+ cannot work: .*other files/);
    assert.equal(owner(dir), 0);
    p.child.kill('SIGTERM');
    await p.ended;
    const asked = ['--demo', '--listen', '127.0.0.1:0', '--set', `state=${dir}`];
    const refused = await run(t, [...asked, '--set', `user=${NOBODY}`], plain);
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /cannot go on as user.*other files.*user = root/);
});

test("of root's state only files of orproxy with one name are given away", ROOT, async (t) => {
    const dir = scratch(t);
    const state = path.join(dir, 'state');
    fs.mkdirSync(state);
    fs.writeFileSync(path.join(dir, 'precious'), 'x');
    fs.linkSync(path.join(dir, 'precious'), path.join(state, 'ledger-hard'));
    fs.symlinkSync(path.join(dir, 'precious'), path.join(state, 'ledger-soft'));
    fs.writeFileSync(path.join(state, 'models-x.json'), '{}');
    await serving(t, '--set', `state=${state}`, '--set', `user=${NOBODY}`);
    assert.equal(owner(dir, 'precious'), 0);
    assert.equal(owner(state, 'models-x.json'), NOBODY);
});

// ---- reload

const keyed = (file) => ({
    top: { user: NOBODY },
    providers: { demo: { kind: 'demo', list: 'yes' } },
    sections: { 'key kitchen': { key: `file:${file}` } },
});
const secret = (dir, name, mode = 0o644) => {
    const file = path.join(dir, name);
    fs.writeFileSync(file, 'sk-kitchen-key-of-this-test\n', { mode });
    return file;
};

test('a reload that can read everything works, files that were replaced too', async (t) => {
    const dir = scratch(t);
    const p = await gateway(t, keyed(secret(dir, 'one.key')), plain);
    const two = secret(dir, 'two.key');
    const next = path.join(p.dir, 'next.conf');
    const port = await nobody();
    const what = keyed(two);
    what.top = { ...what.top, listen: [`127.0.0.1:${port}`] };
    fs.writeFileSync(next, config(what));
    fs.renameSync(next, p.file);
    p.child.kill('SIGHUP');
    await until(() => /reloaded|reload failed/.test(p.stderr), 'the reload');
    assert.match(p.stderr, /reloaded/);
});

test('what only root can read: said at the start, explained at a reload', ROOT, async (t) => {
    const file = secret(scratch(t), 'root.key', 0o600);
    const p = await gateway(t, keyed(file), plain);
    assert.match(p.stderr, /a reload will be refused.*restart: .*root\.key: Permission denied/);
    p.child.kill('SIGHUP');
    await until(() => /reload failed/.test(p.stderr), 'the reload to fail');
    assert.match(p.stderr, /root\.key: Permission denied\n.*perhaps by the sandbox \(user/);
    const got = await ask(p, {
        path: '/v1/chat/completions',
        body: hello,
        headers: { authorization: 'Bearer sk-kitchen-key-of-this-test' },
    });
    assert.equal(got.status, 200, 'the old settings are in force');
});

test('a reload reads in no folder that was not named at the start', async (t) => {
    const p = await gateway(t, keyed(secret(scratch(t), 'one.key')), plain);
    if (/no Landlock/.test(said(p))) return t.skip(said(p));
    const other = scratch(t);
    p.reload(keyed(secret(other, 'other.key')));
    await until(() => /reload failed/.test(p.stderr), 'the reload to fail');
    assert.match(p.stderr, /other\.key: Permission denied\n.*perhaps by the sandbox/);
});

test('another user or sandbox counts after a restart, and a reload says so', async (t) => {
    const file = secret(scratch(t), 'one.key');
    const p = await gateway(t, keyed(file), plain);
    p.reload({ ...keyed(file), top: { user: 12345 } });
    await until(() => /reloaded/.test(p.stderr), 'the reload');
    assert.match(p.stderr, /sandbox and user count after a restart/);
});

// ---- everything works

test('names, TLS, streams, the ledger, decisions, a reload and the end', async (t) => {
    const read = (name) => fs.readFileSync(path.join(certificates(), name));
    const tls = { host: 'localhost', cert: read('good.pem'), key: read('good.key') };
    const alpha = await provider(t, 'alpha', { models: ['acme/big'], tls });
    const state = path.join(scratch(t), 'state');
    const decisions = path.join(state, 'decisions.jsonl');
    const what = {
        top: { ca: path.join(certificates(), 'ca.pem'), state, decisions },
        providers: { alpha: { up: alpha, list: 'yes' } },
        sections: { 'key kitchen': { key: 'env:KEY_KITCHEN', requests_per_minute: 100 } },
    };
    const p = await gateway(t, what, plain);
    const headers = { authorization: 'Bearer sk-kitchen-9d41c7e2' };
    const body = { model: 'acme/big', messages: [{ role: 'user', content: 'hello' }] };
    const once = async () => {
        const got = await ask(p, { body, headers });
        assert.equal(got.status, 200, got.body);
        const s = await stream(p, { body: { ...body, stream: true }, headers });
        assert.ok((await s.rest()).includes('[DONE]'));
    };
    await once();
    p.reload(what);
    await until(() => /reloaded|reload failed/.test(p.stderr), 'the reload');
    assert.match(p.stderr, /reloaded/);
    await once();
    const files = fs.readdirSync(state);
    assert.ok(files.some((name) => /^models-alpha/.test(name)), files.join(' '));
    assert.match(fs.readFileSync(decisions, 'utf8'), /acme\/big/);
    p.child.kill('SIGTERM');
    await p.ended;
    const audit = await run(t, ['audit', '--state', what.top.state], plain);
    assert.equal(audit.code, 0, audit.stdout + audit.stderr);
});

// Whatever these ask for that no filter expected shows here.
for (const file of ['stream.test.js', 'lifecycle.test.js'])
    test(`${file} in the sandbox`, async (t) => {
        const env = { ...process.env, ORPROXY: ORPROXY_PLAIN };
        delete env.NODE_TEST_CONTEXT;
        await new Promise((resolve, reject) =>
            execFile(
                process.execPath,
                ['--test', path.join(TOP, 'tests/e2e', file)],
                { env, maxBuffer: 1 << 26 },
                (error, stdout) => (error ? reject(new Error(stdout.slice(-5000))) : resolve()),
            ),
        );
    });
