// Options, settings, exit statuses, and what is said about mistakes.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';

import {
    PROVIDER_KEY,
    ask,
    chat,
    polite,
    proxy,
    run,
    scratch,
    start,
    upstream,
} from './helpers.js';

test('--version and --help answer on stdout', async (t) => {
    const version = await run(t, ['--version']);
    assert.equal(version.code, 0);
    assert.match(version.stdout, /^orproxy \d+\.\d+\.\d+/);
    assert.equal(version.stderr, '');
    const help = await run(t, ['--help']);
    assert.equal(help.code, 0);
    for (const option of [
        '--listen',
        '--upstream',
        '--upstream-key',
        '--demo',
        '--set',
        '-c',
        '--version',
        '--help',
    ])
        assert.ok(help.stdout.includes(option), option);
    assert.equal(help.stderr, '');
});

// One line, from orproxy, that matches.
function assertRefused(p, code, what) {
    assert.equal(p.code, code, p.stderr);
    assert.equal(p.stdout, '');
    assert.match(p.stderr, /^orproxy: [^\n]*\n$/);
    assert.match(p.stderr, what);
}

const wrong = [
    [
        'an unknown option, with the nearest',
        ['--demo', '--upstraem', 'x'],
        /--upstraem.*--upstream/,
    ],
    ['an unknown word', ['--demo', 'sevre'], /sevre/],
    [
        'an unknown setting, with the nearest',
        ['--demo', '--set', 'timeout.first_tokn=1s'],
        /first_tokn.*first_token/,
    ],
    [
        'an unknown section, with the nearest',
        ['--demo', '--set', 'timeuot.total=1s'],
        /timeuot.*timeout/,
    ],
    ['a setting without a value', ['--demo', '--set', 'heartbeat'], /heartbeat/],
    ['an option without its argument', ['--demo', '--set'], /--set/],
    [
        'a duration without a unit we know',
        ['--demo', '--set', 'heartbeat=5parsecs'],
        /heartbeat.*5parsecs.*30s/,
    ],
    ['a size that is none', ['--demo', '--set', 'limits.body=big'], /limits\.body|body/],
    ['a number out of range', ['--demo', '--set', 'limits.connections=0'], /connections/],
    ['two providers', ['--demo', '--upstream', 'http://localhost:9/v1'], /--demo.*--upstream/],
    ['a key for nothing', ['--demo', '--upstream-key', 'env:UPSTREAM_KEY'], /--upstream URL/],
    ['no provider at all', [], /OPENROUTER_API_KEY.*--upstream.*--demo/],
    [
        'a key written out',
        ['--upstream', 'http://127.0.0.1:1/v1', '--upstream-key', 'sk-literal'],
        /env:NAME.*file:PATH/,
    ],
    [
        'a key in an environment variable that is not set',
        ['--upstream', 'http://127.0.0.1:1/v1', '--upstream-key', 'env:NO_SUCH_NAME'],
        /NO_SUCH_NAME/,
    ],
    [
        'a key in a file that is not there',
        ['--upstream', 'http://127.0.0.1:1/v1', '--upstream-key', 'file:/no/such/file'],
        /\/no\/such\/file/,
    ],
    ['an upstream that is no URL', ['--upstream', 'ftp://host/v1'], /ftp:\/\/host\/v1.*https/],
    ['another machine without keys', ['--demo', '--listen', '0.0.0.0:0'], /open/],
    ['an address that is none', ['--demo', '--listen', 'nowhere'], /nowhere/],
    [
        'a configuration that is not there',
        ['-c', '/no/such/orproxy.conf'],
        /\/no\/such\/orproxy\.conf/,
    ],
];
for (const [name, args, what] of wrong)
    test(`wrong use is refused: ${name}`, async (t) => {
        const p = await run(t, args);
        assertRefused(p, 2, what);
        assert.ok(!p.stderr.includes('sk-literal'), 'a key is not repeated');
    });

test('an address in use is a failure at run time, not wrong use', async (t) => {
    const first = await start(t, ['--demo']);
    const second = await run(t, ['--demo', '--listen', `127.0.0.1:${first.port}`]);
    assertRefused(second, 1, new RegExp(`127\\.0\\.0\\.1:${first.port}.*in use`));
});

test('open = yes listens to other machines, and says so', async (t) => {
    const p = await start(t, ['--demo', '--set', 'open=yes', '--listen', '0.0.0.0:0']);
    assert.match(p.stderr, /open/i);
});

test('OPENROUTER_API_KEY alone means OpenRouter', async (t) => {
    const p = await start(t, [], { env: { OPENROUTER_API_KEY: PROVIDER_KEY } });
    assert.match(p.stderr, /https:\/\/openrouter\.ai\/api\/v1/);
    assert.equal((await ask(p, { path: '/healthz' })).status, 200);
});

test('the key may stand in a file', async (t) => {
    const up = await upstream(t, polite);
    const file = path.join(scratch(t), 'key');
    fs.writeFileSync(file, `${PROVIDER_KEY}\n`);
    const p = await start(t, ['--upstream', up.url, '--upstream-key', `file:${file}`]);
    assert.equal((await chat(p)).status, 200);
    assert.equal(up.requests[0].headers.authorization, `Bearer ${PROVIDER_KEY}`);
});

test('without a key none is sent', async (t) => {
    const up = await upstream(t, polite);
    const p = await start(t, ['--upstream', up.url]);
    assert.equal((await chat(p)).status, 200);
    assert.equal(up.requests[0].headers.authorization, undefined);
});

const file = (t, text) => {
    const name = path.join(scratch(t), 'orproxy.conf');
    fs.writeFileSync(name, text);
    return name;
};

test('a configuration file is read, CRLF, BOM and comments too', async (t) => {
    const up = await upstream(t, polite);
    const conf = file(
        t,
        '\ufeff# a comment\r\nheartbeat = 2s   # another\r\n\r\n[limits]\r\nbody = 100\r\n' +
            `[provider here]\r\nkind = openai\r\nbase_url = ${up.url}\r\nkey = env:UPSTREAM_KEY\r\n`,
    );
    const p = await start(t, ['-c', conf]);
    assert.equal((await chat(p)).status, 200);
    assert.equal(up.requests[0].headers.authorization, `Bearer ${PROVIDER_KEY}`);
    assert.equal((await chat(p, { user: 'x'.repeat(100) })).status, 413);
});

test('./orproxy.conf is found by itself', async (t) => {
    const up = await upstream(t, polite);
    const conf = file(t, `[provider here]\nbase_url = ${up.url}\n`);
    const p = await start(t, [], { cwd: path.dirname(conf) });
    assert.equal((await chat(p)).status, 200);
});

test('--set overrides the file', async (t) => {
    const up = await upstream(t, polite);
    const conf = file(t, `[limits]\nbody = 1\n[provider here]\nbase_url = ${up.url}\n`);
    const p = await start(t, ['-c', conf, '--set', 'limits.body=1M']);
    assert.equal((await chat(p)).status, 200);
});

const badFiles = [
    ['an unknown key', 'heartbeat = 1s\nhartbeat = 1s\n', /orproxy\.conf:2: .*hartbeat.*heartbeat/],
    ['an unknown section', '\n[limts]\n', /orproxy\.conf:2: .*limts.*limits/],
    ['a section twice', '[limits]\nhead = 1k\n[limits]\n', /orproxy\.conf:3: .*limits.*1/],
    ['neither key nor section', 'heartbeat\n', /orproxy\.conf:1: .*heartbeat/],
    ['a bracket missing', '[limits\n', /orproxy\.conf:1: .*limits/],
    ['a literal key', '[provider x]\nkey = sk-literal\n', /orproxy\.conf:2: .*env:NAME.*file:PATH/],
    ['an empty value', 'heartbeat =\n', /orproxy\.conf:1: .*heartbeat/],
];
for (const [name, text, what] of badFiles)
    test(`a bad file names the line: ${name}`, async (t) => {
        const p = await run(t, ['-c', file(t, text)]);
        assertRefused(p, 2, what);
        assert.ok(!p.stderr.includes('sk-literal'));
    });

for (const [text, ok] of [
    ['500ms', 1],
    ['30s', 1],
    ['5m', 1],
    ['1h', 1],
    ['1d', 1],
    ['1w', 0],
    ['-1s', 0],
])
    test(`a duration of ${text} is ${ok ? 'taken' : 'refused'}`, async (t) => {
        const args = ['--demo', '--set', `timeout.total=${text}`];
        if (ok) await start(t, args);
        else assertRefused(await run(t, args), 2, /timeout\.total|total/);
    });

test('settings of an upstream do not mix with --demo by accident', async (t) => {
    const up = await upstream(t, polite);
    const p = await proxy(t, up);
    assert.match(p.stderr, /provider upstream at/);
    assert.doesNotMatch(p.stderr, /provider demo/);
});

test('options may stand in front of the command', async (t) => {
    const p = await run(t, ['--demo', 'chat', '-m', 'demo/echo', 'hello']);
    assert.equal(p.code, 0, p.stderr);
    assert.match(p.stdout, /^You said: hello/);
    const help = await run(t, ['--demo', 'route', '--help']);
    assert.equal(help.code, 0);
    const wrong = await run(t, ['--demo', 'chta']);
    assert.equal(wrong.code, 2);
    assert.match(wrong.stderr, /unknown argument "chta": did you mean "chat"\?/);
});

test('an address that cannot be listened on is told as what it is, and where it stands', async (t) => {
    const file = path.join(scratch(t), 'orproxy.conf');
    for (const address of ['18905', '127.0.0.1', '127.0.0.1:99999', '127.0.0.1:80x', '::1:80', 'box:80']) {
        const p = await run(t, ['--demo', '--listen', address]);
        assert.equal(p.code, 2);
        assert.ok(
            p.stderr.startsWith(`orproxy: --listen: cannot listen on "${address}": use a numeric ADDR:PORT`),
            p.stderr,
        );
        fs.writeFileSync(file, `open = yes\nlisten = ${address}\n`);
        const other = await run(t, ['-c', file]);
        assert.ok(other.stderr.startsWith(`orproxy: ${file}:2: cannot listen on "${address}"`), other.stderr);
    }
});

test('--demo and --upstream need no secret of the providers that they replace', async (t) => {
    const file = path.join(scratch(t), 'orproxy.conf');
    fs.writeFileSync(file, '[provider openrouter]\nkey = env:NOT_SET\n');
    const p = await run(t, ['chat', '-c', file, '--demo', '-m', 'demo/echo', 'hello']);
    assert.equal(p.code, 0, p.stderr);
    const set = ['--set', 'provider demo.key=env:NOT_SET'];
    for (const args of [['-c', file], ['-c', file, '--demo', ...set]]) {
        const other = await run(t, args);
        assert.equal(other.code, 2);
        assert.match(other.stderr, /environment variable NOT_SET is not set/);
    }
    fs.appendFileSync(file, '[key a]\nkey = env:NOT_SET_EITHER\n');
    const clients = await run(t, ['-c', file, '--demo']);
    assert.equal(clients.code, 2);
    assert.match(clients.stderr, /environment variable NOT_SET_EITHER is not set/);
});

test('a provider whose name is nearly a known one', async (t) => {
    const file = path.join(scratch(t), 'orproxy.conf');
    fs.writeFileSync(file, '[provider openruter]\nlist = no\n');
    const p = await run(t, ['-c', file]);
    assert.equal(p.code, 2);
    assert.match(p.stderr, /has no base_url, .*: did you mean \[provider openrouter\]\?\n$/);
});

test('what cannot be written is said at the start, and by check', async (t) => {
    const nowhere = path.join(scratch(t), 'missing', 'deeper');
    const p = await start(t, ['--demo', '--set', `decisions=${nowhere}`]);
    const said = /cannot record decisions in .*: No such file or directory\n/g;
    assert.equal([...p.stderr.matchAll(said)].length, 1, p.stderr);
    assert.equal((await chat(p, { model: 'demo/echo' })).status, 200);
    assert.equal([...p.stderr.matchAll(said)].length, 1, 'once');
    const checked = await run(t, ['check', '--demo', '--set', `state=${nowhere}`]);
    assert.equal(checked.code, 1);
    assert.match(checked.stdout, /: it is not there, and this user cannot make it in .*missing: No such file/);
});
