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
import { TEXT, THOUGHT, native } from './native.js';

const MODELS = {
    anthropic: 'claude-sonnet-4-6',
    gemini: 'gemini-3-pro',
    compatible: 'gpt-tide',
};
const built = path.join(path.dirname(ORPROXY), 'examples');

function run(name, ...args) {
    return feed('', name, ...args);
}

function feed(input, name, ...args) {
    return new Promise((resolve) => {
        const child = execFile(
            path.join(built, name),
            args,
            { timeout: 20000, env: { ...process.env, OR_API_KEY: PROVIDER_KEY } },
            (error, stdout, stderr) => {
                assert.doesNotMatch(stderr, /Sanitizer|runtime error:/);
                assert.ok(!(stdout + stderr).includes(PROVIDER_KEY));
                resolve({ code: error ? error.code : 0, stdout, stderr });
            },
        );
        child.stdin.on('error', () => {}); // it may end without reading
        child.stdin.end(input);
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

for (const [dialect, kind] of [['messages', 'anthropic'], ['gemini', 'gemini'], ['chat', 'compatible']])
    test(`dialects: a provider that speaks ${dialect} is asked directly`, async (t) => {
        const up = await native(t, kind, 'thoughts', { direct: true, key: PROVIDER_KEY });
        const { code, stdout, stderr } = await run('dialects', dialect, up.url, MODELS[kind], 'When?');
        up.check();
        assert.equal(code, 0, stderr);
        assert.ok(stdout.startsWith(TEXT), stdout);
        assert.ok(stderr.includes(THOUGHT), stderr);
        assert.match(stdout, /\n\d+ tokens in, 30 out\n$/);
        up.scene = 'overloaded';
        assert.equal((await run('dialects', dialect, up.url, MODELS[kind], 'When?')).code, 1);
    });

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

// What a model sends that calls a function, in pieces, with the thoughts it wants back.
const call = (delta) => event({ ...chunk(''), choices: [{ index: 0, delta, finish_reason: null }] });
const thought = { type: 'reasoning.text', index: 0, format: 'x' };

function warm(res, id, room) {
    begin(res);
    res.write(call({ reasoning_details: [{ ...thought, text: 'need ' }] }));
    res.write(call({ reasoning_details: [{ ...thought, text: 'it', signature: 'c2ln' }] }));
    res.write(
        call({ tool_calls: [{ index: 0, id, function: { name: 'read_temperature', arguments: '' } }] }),
    );
    for (const piece of ['{"room', '":"', room, '"}'])
        res.write(call({ tool_calls: [{ index: 0, function: { arguments: piece } }] }));
    res.write(event(chunk('', 'tool_calls')));
    res.end(event('[DONE]'));
}

function say(res, text) {
    begin(res);
    for (const word of text.split(/(?= )/)) res.write(event(chunk(word)));
    res.write(event(chunk('', 'stop')));
    res.end(event('[DONE]'));
}

test('tools: the call, its result, the answer, the next question', async (t) => {
    const up = await upstream(t, (req, res) => {
        const last = req.json.messages.at(-1);
        if (last.role === 'tool') return say(res, `It is ${last.content} there.`);
        if (last.content.includes('warm')) return warm(res, 'call_7', 'cellar');
        return say(res, `${req.json.messages.length} messages`);
    });
    const { code, stdout, stderr } = await feed(
        'How warm is the cellar?\nHow long was it?\n',
        'tools',
        up.url,
        'vendor/model',
    );
    assert.equal(code, 0, stderr);
    assert.equal(stdout, 'It is cellar: 12.5 there.\n6 messages\n');
    const [first, second, third] = up.requests.map((request) => request.json);
    assert.equal(first.stream, true);
    assert.equal(first.tools[0].function.name, 'read_temperature');
    assert.deepEqual(second.messages.slice(2), [
        {
            role: 'assistant',
            content: null,
            reasoning_details: [{ ...thought, text: 'need it', signature: 'c2ln' }],
            tool_calls: [
                {
                    id: 'call_7',
                    type: 'function',
                    function: { name: 'read_temperature', arguments: '{"room":"cellar"}' },
                },
            ],
        },
        { role: 'tool', content: 'cellar: 12.5', tool_call_id: 'call_7' },
    ]);
    assert.equal(third.messages[4].content, 'It is cellar: 12.5 there.');
});

test('tools: what the model sends may be wrong', async (t) => {
    const results = [];
    const up = await upstream(t, (req, res) => {
        const last = req.json.messages.at(-1);
        if (last.role === 'tool') {
            results.push(last.content);
            if (results.length === 3) return say(res, 'sorry');
        }
        begin(res);
        const wrong = [
            { name: 'read_pressure', arguments: '{}' },
            { name: 'read_temperature', arguments: '{"room":' },
            { name: 'read_temperature', arguments: '{"room":5}' },
        ][results.length];
        res.write(call({ tool_calls: [{ index: 0, id: 'c', function: wrong }] }));
        res.write(event(chunk('', 'tool_calls')));
        res.end(event('[DONE]'));
    });
    const { code, stdout } = await feed('hello\n', 'tools', up.url, 'vendor/model');
    assert.equal(code, 0);
    assert.equal(stdout, 'sorry\n');
    assert.deepEqual(results, ['There is no such function.', 'Which room?', 'Which room?']);
});

test('tools: a long conversation stays within its budget', async (t) => {
    const sizes = [];
    const up = await upstream(t, (req, res) => {
        const messages = req.json.messages;
        sizes.push(JSON.stringify(messages).length);
        assert.equal(messages[0].role, 'system');
        assert.equal(messages[1].role, 'user');
        const last = messages.at(-1);
        if (last.role === 'tool') return say(res, 'long '.repeat(400));
        return warm(res, `call_${sizes.length}`, 'attic');
    });
    const lines = Array.from({ length: 30 }, (_, i) => `How warm is it, time ${i}?\n`);
    const { code, stderr } = await feed(lines.join(''), 'tools', up.url, 'vendor/model');
    assert.equal(code, 0, stderr);
    assert.equal(sizes.length, 60);
    assert.ok(Math.max(...sizes) <= 16384 && Math.max(...sizes) > 12000, `${Math.max(...sizes)}`);
});

test('tools: failures are told, and the status is not 0', async (t) => {
    const up = await upstream(t, (req, res) => reply(res, 400, { error: { message: 'no' } }));
    const cut = await upstream(t, (req, res) => {
        begin(res);
        res.write(event(chunk('half a')), () => res.socket.end());
    });
    for (const url of [up.url, cut.url, `http://127.0.0.1:${await nobody()}/v1`, 'nonsense']) {
        const { code, stderr } = await feed('hello\n', 'tools', url, 'vendor/model');
        assert.equal(code, 1, `${url}: ${stderr}`);
        assert.match(stderr, /./, url);
    }
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

test('fallback: refusals are told, the next one answers, with its cost', async (t) => {
    const up = await upstream(t, (req, res) => {
        if (req.json.model === 'busy')
            return reply(res, 429, { error: { code: 429, message: 'slow down' } });
        begin(res);
        if (req.json.model === 'cut')
            return res.write(event(chunk('half a')), () => res.socket.end());
        res.write(event(chunk('here')));
        res.write(event(chunk('', 'stop', { usage: { prompt_tokens: 1, completion_tokens: 1, cost: 0.5 } })));
        return res.end(event('[DONE]'));
    });
    const dead = `http://127.0.0.1:${await nobody()}/v1`;
    const good = await run('fallback', 'hello', up.url, 'busy', dead, 'x', up.url, 'good');
    assert.equal(good.code, 0, good.stderr);
    assert.equal(good.stdout, 'here\n');
    assert.match(good.stderr, /429 slow down[^]*refused[^]*answered by .*attempt 3\ncost: 0\.5 USD$/m);
    /* what was delivered stays, and nobody else is asked */
    const cut = await run('fallback', 'hello', up.url, 'cut', up.url, 'good');
    assert.equal(cut.code, 1);
    assert.equal(cut.stdout, 'half a\n');
    assert.deepEqual(up.requests.map((r) => r.json.model), ['busy', 'good', 'cut']);
    assert.equal((await run('fallback', 'hello', dead, 'x')).code, 1);
});

test('bare: the firmware runs on the host, too', async () => {
    const { code, stdout } = await run('bare');
    assert.equal(code, 0);
    assert.match(stdout, /^far: status 503\nMoist enough\.\ncomplete, served by near for 0\.0000309 USD/);
});
