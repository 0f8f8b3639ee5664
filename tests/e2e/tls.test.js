// TLS to the provider: good certificates pass, and each bad one is refused by name before any
// byte of a request. What else may happen below HTTP: tests/hostile.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';

import {
    HELLO,
    ask,
    assertError,
    assertGoodStream,
    begin,
    certificates,
    chat,
    chunk,
    completion,
    event,
    polite,
    proxy,
    reply,
    run,
    scratch,
    stream,
    until,
    upstream,
} from './helpers.js';

const read = (name) => fs.readFileSync(path.join(certificates(), name));

// Level 0, or the server would refuse to show its bad certificates.
const shows = (name, more = {}) => ({
    host: 'localhost',
    cert: read(`${name}.pem`),
    key: read(`${name}.key`),
    ciphers: 'DEFAULT:@SECLEVEL=0',
    ...more,
});

const trusting = (settings = {}) => ({ ca: path.join(certificates(), 'ca.pem'), ...settings });

for (const [name, host] of [
    ['good', 'localhost'],
    ['ip', '127.0.0.1'],
    ['any_eku', 'localhost'],
    ['rsa', 'localhost'],
])
    test(`a good certificate passes: ${name}`, async (t) => {
        const up = await upstream(t, polite, shows(name, { host }));
        const p = await proxy(t, up, trusting());
        assert.equal((await chat(p)).status, 200);
        assertGoodStream(await (await stream(p)).rest(), 'hi there');
        assert.equal(up.connections, 1);
        const { servername } = up.requests[0].socket;
        assert.equal(servername || undefined, host === 'localhost' ? host : undefined);
    });

const bad = [
    ['expired', /expired/],
    ['not_yet', /not yet valid/],
    ['wrong_name', /not for.*localhost/],
    ['wrong_ip', /not for.*127\.0\.0\.1/, '127.0.0.1'],
    ['ip', /not for.*localhost|names no host/],
    ['good', /not for.*127\.0\.0\.1|names no/, '127.0.0.1'],
    ['unknown_root', /authority/],
    ['self_signed', /self-signed|authority/],
    ['wrong_eku', /server/],
    ['no_san', /names no host/],
    ['sha1', /SHA-1/],
    ['rsa1024', /2048 bits/],
];
for (const [name, what, host = 'localhost'] of bad)
    test(`a bad certificate is 502 and says why: ${name} for ${host}`, async (t) => {
        const up = await upstream(t, polite, shows(name, { host }));
        const p = await proxy(t, up, trusting());
        assertError(await chat(p), 502, what);
        assert.equal(up.requests.length, 0);
        assert.match(p.stderr, what);
    });

test('a chain without its intermediate is 502', async (t) => {
    const up = await upstream(
        t,
        polite,
        shows('good', {
            cert: read('good.pem')
                .toString()
                .split(/(?<=-----END CERTIFICATE-----\n)/)[0],
        }),
    );
    const p = await proxy(t, up, trusting());
    assertError(await chat(p), 502, /authority/);
});

test("the system's trust anchors do not vouch for a test root", async (t) => {
    const up = await upstream(t, polite, shows('good'));
    const p = await proxy(t, up);
    assertError(await chat(p), 502, /authority/);
    assert.equal(up.requests.length, 0);
});

test('a ca that is not there, or holds nothing, is wrong use', async (t) => {
    const empty = path.join(scratch(t), 'empty.pem');
    fs.writeFileSync(empty, 'nothing\n');
    // built in there is nothing here: see CA_BUILTIN in the Makefile
    for (const ca of ['/no/such/ca.pem', empty, 'builtin']) {
        const p = await run(t, [
            '--listen',
            '127.0.0.1:0',
            '--upstream',
            'https://localhost:1/v1',
            '--set',
            `ca=${ca}`,
        ]);
        assert.equal(p.code, 2, p.stderr);
        assert.ok(p.stderr.includes(ca), p.stderr);
        assert.match(p.stderr, /^orproxy: [^\n]*\n$/);
    }
});

test('a server that only speaks TLS 1.3 is 502 and says what is spoken here', async (t) => {
    const up = await upstream(t, polite, shows('good', { minVersion: 'TLSv1.3' }));
    const p = await proxy(t, up, trusting());
    assertError(await chat(p), 502, /TLS|version/);
});

test('plain HTTP where TLS is expected, and the other way round, is 502', async (t) => {
    const plain = await upstream(t, polite);
    const p = await proxy(t, plain.url.replace('http:', 'https:'), trusting());
    assertError(await chat(p), 502);
    const secure = await upstream(t, polite, shows('good'));
    const q = await proxy(t, secure.url.replace('https:', 'http:'), trusting());
    assertError(await chat(q), 502);
});

test('megabytes pass in both directions', async (t) => {
    const text = 'x'.repeat(4 << 20);
    const up = await upstream(
        t,
        (req, res) => {
            if (!req.json.stream) return reply(res, 200, completion(req.json.messages[0].content));
            begin(res);
            for (let i = 0; i < 64; i++) res.write(event(chunk(text.slice(0, 1 << 16))));
            return res.end(event(chunk('', 'stop')) + event('[DONE]'));
        },
        shows('good'),
    );
    const p = await proxy(t, up, trusting());
    const messages = [{ role: 'user', content: text }];
    assert.equal((await chat(p, { messages })).json.choices[0].message.content, text);
    assertGoodStream(await (await stream(p)).rest(), text);
});

test('a second connection resumes the session of the first', async (t) => {
    const resumed = [];
    const up = await upstream(
        t,
        (req, res) => {
            resumed.push(req.socket.isSessionReused());
            res.setHeader('connection', 'close');
            polite(req, res);
        },
        shows('good'),
    );
    const sessions = new Map(); // Node keeps none by itself
    up.server.on('newSession', (id, data, done) => {
        sessions.set(id.toString('hex'), data);
        done();
    });
    up.server.on('resumeSession', (id, done) =>
        done(null, sessions.get(id.toString('hex')) ?? null),
    );
    const p = await proxy(t, up, trusting());
    for (let i = 0; i < 3; i++) assert.equal((await chat(p)).status, 200);
    assert.deepEqual(resumed, [false, true, true]);
});

test('a kept connection that died is replaced', async (t) => {
    const up = await upstream(t, polite, shows('good'));
    const p = await proxy(t, up, trusting());
    for (let i = 1; i <= 3; i++) {
        assert.equal((await chat(p)).status, 200);
        for (const socket of up.open) socket.destroy();
        await until(() => up.open.size === 0, 'the connection to be closed');
    }
    assert.equal(up.requests.length, 3);
});

test('many at once share nothing but the session', async (t) => {
    const up = await upstream(
        t,
        (req, res) => reply(res, 200, completion(req.json.user)),
        shows('good'),
    );
    const p = await proxy(t, up, trusting());
    const users = Array.from({ length: 24 }, (_, i) => `user ${i}`);
    const answers = await Promise.all(users.map((user) => ask(p, { body: { ...HELLO, user } })));
    assert.deepEqual(
        answers.map((a) => a.json?.choices[0].message.content),
        users,
    );
});

test('of many connections 64 are kept, since each has its buffers', async (t) => {
    let waiting = [];
    const up = await upstream(
        t,
        (req, res) => {
            waiting.push(res);
            if (waiting.length < 70) return;
            for (const one of waiting) reply(one, 200, completion('all here'));
            waiting = [];
        },
        shows('good'),
    );
    const p = await proxy(t, up, trusting());
    const answers = await Promise.all(Array.from({ length: 70 }, () => chat(p)));
    assert.ok(answers.every((one) => one.status === 200));
    const { body } = await ask(p, { path: '/metrics' });
    assert.match(body, /^orproxy_idle_upstream_connections 64$/m);
});
