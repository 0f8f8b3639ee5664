// The examples, and the build lines at their tops: what the README shows must be true.
import assert from 'node:assert/strict';
import { execFile, execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';

import {
    ORPROXY,
    PROVIDER_KEY,
    TOP,
    begin,
    certificates,
    chunk,
    completion,
    event,
    nobody,
    polite,
    reply,
    scratch,
    start,
    upstream,
} from './helpers.js';

const built = path.join(path.dirname(ORPROXY), 'examples');

function run(name, ...args) {
    return new Promise((resolve) => {
        execFile(
            path.join(built, name),
            args,
            { timeout: 20000, env: { ...process.env, OR_API_KEY: PROVIDER_KEY } },
            (error, stdout, stderr) => {
                assert.doesNotMatch(stderr, /Sanitizer|runtime error:/);
                assert.ok(!(stdout + stderr).includes(PROVIDER_KEY));
                resolve({ code: error ? error.code : 0, stdout, stderr });
            },
        );
    });
}

const sources = fs.readdirSync(path.join(TOP, 'examples')).filter((name) => name.endsWith('.c'));

for (const name of sources)
    test(`the build line of ${name} builds it`, (t) => {
        const text = fs.readFileSync(path.join(TOP, 'examples', name), 'utf8');
        const line = /^ *(cc .*) -o \w+$/m.exec(text)?.[1];
        assert.ok(line, 'a line that begins with cc and ends with -o NAME');
        const out = path.join(scratch(t), 'out');
        execFileSync('sh', ['-c', `${line} -Wall -Wextra -Werror -o ${out}`], {
            cwd: TOP,
            stdio: 'pipe',
        });
        assert.ok(fs.existsSync(out));
        assert.ok(text.split('\n').length <= 100 + 1, 'an example is at most 100 lines');
    });

for (const name of ['chat', 'stream']) {
    test(`${name}: a question and its answer, from --demo`, async (t) => {
        const p = await start(t, ['--demo']);
        const { code, stdout, stderr } = await run(
            name,
            `${p.url}/v1`,
            'demo/echo',
            'hello "there"',
        );
        assert.equal(code, 0, stderr);
        assert.equal(stdout.trimEnd(), 'You said: hello "there"');
    });

    test(`${name}: the key goes to the provider`, async (t) => {
        const up = await upstream(t, polite);
        const { code, stdout, stderr } = await run(name, up.url, 'vendor/model', 'hello');
        assert.equal(code, 0, stderr);
        assert.equal(stdout.trimEnd(), 'hi there');
        assert.equal(up.requests[0].headers.authorization, `Bearer ${PROVIDER_KEY}`);
        assert.equal(up.requests[0].json.messages.at(-1).content, 'hello');
    });

    test(`${name}: failures are told, and the status is not 0`, async (t) => {
        const up = await upstream(t, (req, res) =>
            reply(res, 429, { error: { code: 429, message: 'slow down' } }),
        );
        const cut = await upstream(t, (req, res) => res.socket.destroy());
        const tls = await upstream(t, polite, {
            host: 'localhost',
            cert: fs.readFileSync(path.join(certificates(), 'good.pem')),
            key: fs.readFileSync(path.join(certificates(), 'good.key')),
        });
        for (const url of [
            up.url,
            cut.url,
            tls.url,
            `http://127.0.0.1:${await nobody()}/v1`,
            'nonsense',
        ]) {
            const { code, stderr } = await run(name, url, 'vendor/model', 'hello');
            assert.equal(code, 1, `${url}: ${stderr}`);
            assert.match(stderr, /./, url);
        }
        assert.equal(tls.requests.length, 0, 'nothing is sent to a server that nobody vouches for');
    });
}

test('chat: the cost is exact', async (t) => {
    const up = await upstream(t, (req, res) =>
        reply(
            res,
            200,
            completion('hi', {
                usage: {
                    prompt_tokens: 1,
                    completion_tokens: 1,
                    total_tokens: 2,
                    cost: 0.0000000375,
                },
            }),
        ),
    );
    const { stderr } = await run('chat', up.url, 'vendor/model', 'hello');
    assert.match(stderr, /\b0\.0000000375\b/);
});

test('stream: a cut stream is not called whole', async (t) => {
    const up = await upstream(t, (req, res) => {
        begin(res);
        res.write(event(chunk('half a')), () => res.socket.end());
    });
    const { code, stdout, stderr } = await run('stream', up.url, 'vendor/model', 'hello');
    assert.equal(code, 1);
    assert.match(stdout, /half a/);
    assert.match(stderr, /cut/);
});

test('cost: exact to the last digit, and unknown is not 0', async () => {
    const sample = await run('cost');
    assert.equal(sample.code, 0);
    assert.match(sample.stdout, /^cost +0\.0000179275 USD, computed$/m);
    assert.match(sample.stdout, /^left +0\.0099820725 USD$/m);
    const unknown = await run('cost', '{"prompt":"-1"}');
    assert.equal(unknown.code, 1);
    assert.match(unknown.stdout, /unknown, for want of: prompt completion/);
});

test('route: a plan and the reasons of who is not in it', async () => {
    const { code, stdout } = await run('route', 'ACME/big:floor');
    assert.equal(code, 0);
    assert.match(stdout, /^1\. alpha, failed just now\n2\. beta\n3\. eta\n/);
    assert.match(stdout, /^- {2}gamma: too dear$/m);
    assert.equal((await run('route', 'acme/none')).code, 1);
});
