// orproxy built for another machine: what depends on byte order, word size, the lack of an
// FPU, its libc and the compiler's arithmetic. ORPROXY is the file and ORPROXY_EMULATOR what
// runs it; tests/run.sh starts this once for each processor.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';

import {
    assertError,
    assertGoodStream,
    big,
    bigStream,
    certificates,
    failing,
    gateway,
    inOrder,
    keyOf,
    priced,
    provider,
    run,
    scratch,
} from './helpers.js';

const read = (name) => fs.readFileSync(path.join(certificates(), name));
const shows = (name, ciphers) => ({
    host: 'localhost',
    cert: read(`${name}.pem`),
    key: read(`${name}.key`),
    ciphers,
});

const first = inOrder('alpha', 'beta');

// Two providers over TLS, and money counted in `state`.
async function pair(t, tls = shows('good')) {
    const alpha = await provider(t, 'alpha', { tls });
    const beta = await provider(t, 'beta', { tls: shows('rsa') });
    const what = {
        top: { ca: path.join(certificates(), 'ca.pem'), state: scratch(t) },
        providers: {
            alpha: { up: alpha, endpoints: { 'acme/big': priced(0.1) } },
            beta: { up: beta, endpoints: { 'acme/big': priced(0.3) } },
        },
    };
    return { alpha, beta, state: what.top.state, p: await gateway(t, what) };
}

for (const [certificate, suite] of [
    ['good', 'ECDHE-ECDSA-CHACHA20-POLY1305'],
    ['good', 'ECDHE-ECDSA-AES128-GCM-SHA256'],
    ['rsa', 'ECDHE-RSA-AES256-GCM-SHA384'],
])
    test(`a chat and a stream over ${suite}, to the picodollar`, async (t) => {
        const { alpha, p, state } = await pair(t, shows(certificate, suite));
        const answer = await big(p, first);
        assert.equal(answer.status, 200, answer.body);
        assert.equal(answer.json.choices[0].message.content, 'from alpha');
        // 1000 and 500 tokens for 0.1 USD a million each
        assert.match(answer.body, /"cost":0\.00015\b/);
        const opened = await bigStream(p, first);
        assertGoodStream(await opened.rest(), 'from alpha');
        assert.equal(alpha.requests.at(-1).socket.getCipher().name, suite);

        p.child.kill('SIGTERM');
        assert.equal(await p.ended, 0);
        const audit = await run(t, ['audit', '--state', state]);
        assert.equal(audit.code, 0, audit.stdout + audit.stderr);
        const usage = await run(t, ['usage', '--csv', '-c', p.file], {
            env: { KEY_ALPHA: keyOf('alpha'), KEY_BETA: keyOf('beta') },
        });
        assert.match(usage.stdout, /\b0\.0003\b/, usage.stderr);
    });

test('a failure and a certificate of nobody lead to the next provider', async (t) => {
    const { alpha, beta, p } = await pair(t);
    alpha.answer = failing(503);
    const answer = await big(p, first);
    assert.equal(answer.json.choices[0].message.content, 'from beta', answer.body);
    assert.equal(alpha.chats.length, 1);
    assertGoodStream(await (await bigStream(p, first)).rest(), 'from beta');
    beta.answer = failing(503);
    assertError(await big(p, first), 503);

    const stranger = await pair(t, shows('self_signed'));
    assert.equal((await big(stranger.p, first)).json.choices[0].message.content, 'from beta');
    assert.equal(stranger.alpha.requests.length, 0);
});

test('the demo answers, and check says that it would', async (t) => {
    const told = await run(t, ['chat', '--demo', '-m', 'demo/echo', 'Grüße']);
    assert.match(told.stdout, /You said: Grüße/);
    const checked = await run(t, ['check', '--demo']);
    assert.equal(checked.code, 0, checked.stdout + checked.stderr);
});
