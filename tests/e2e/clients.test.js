// The official clients, and curl, as people use them: through orproxy to an HTTPS provider,
// and with --demo.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';

import { HTTPClient, OpenRouter } from '@openrouter/sdk';
import OpenAI from 'openai';

import {
    CLIENT_KEY,
    HELLO,
    PROVIDER_KEY,
    certificates,
    chunk,
    begin,
    event,
    polite,
    proxy,
    reply,
    start,
    until,
    upstream,
} from './helpers.js';

const messages = [{ role: 'user', content: 'hello' }];

// The SDK stops reading at [DONE], and the fetch of Node 18 then throws "Controller is already
// closed" out of nowhere when the end of the body comes after it. So there, and only there,
// the body is read to its end.
async function patientFetch(...args) {
    const response = await fetch(...args);
    const reader = response.body.getReader();
    const body = new ReadableStream({
        async pull(to) {
            const { done, value } = await reader.read();
            if (done) to.close();
            else to.enqueue(value);
        },
        async cancel() {
            while (!(await reader.read()).done);
        },
    });
    return new Response(body, { status: response.status, headers: response.headers });
}
const sdk = (options) =>
    new OpenRouter({
        apiKey: CLIENT_KEY,
        retryConfig: { strategy: 'none' },
        ...(process.version.startsWith('v18.') && {
            httpClient: new HTTPClient({ fetcher: patientFetch }),
        }),
        ...options,
    });

// Each way to run it, with the model to ask and a piece of the answer.
const places = [
    [
        'an HTTPS upstream',
        async (t, handler = polite, settings = {}) => {
            const dir = certificates();
            const up = await upstream(t, handler, {
                host: 'localhost',
                cert: fs.readFileSync(path.join(dir, 'good.pem')),
                key: fs.readFileSync(path.join(dir, 'good.key')),
            });
            return { p: await proxy(t, up, { ca: path.join(dir, 'ca.pem'), ...settings }), up };
        },
        'vendor/model',
        'hi there',
    ],
    ['--demo', async (t) => ({ p: await start(t, ['--demo']) }), 'demo/echo', 'You said: hello'],
];

for (const [place, open, model, text] of places) {
    const openai = async (t, handler, settings) => {
        const { p, up } = await open(t, handler, settings);
        return {
            p,
            up,
            client: new OpenAI({ baseURL: `${p.url}/v1`, apiKey: CLIENT_KEY, maxRetries: 0 }),
        };
    };
    const openrouter = async (t, handler) => {
        const { p, up } = await open(t, handler);
        return { p, up, client: sdk({ serverURL: `${p.url}/api/v1` }) };
    };

    test(`openai, ${place}: chat`, async (t) => {
        const { client, up } = await openai(t);
        const answer = await client.chat.completions.create({ model, messages });
        assert.equal(answer.choices[0].message.content, text);
        assert.ok(answer.usage.total_tokens > 0);
        if (up) assert.equal(up.requests[0].headers.authorization, `Bearer ${PROVIDER_KEY}`);
    });

    test(`openai, ${place}: stream`, async (t) => {
        const { client } = await openai(t);
        let all = '',
            usage;
        const answer = await client.chat.completions.create({
            model,
            messages,
            stream: true,
            stream_options: { include_usage: true },
        });
        for await (const piece of answer) {
            all += piece.choices[0]?.delta?.content ?? '';
            usage = piece.usage ?? usage;
        }
        assert.equal(all, text);
        assert.ok(usage.total_tokens > 0);
    });

    test(`openai, ${place}: the stream helper puts it together`, async (t) => {
        const { client } = await openai(t);
        const answer = await client.chat.completions
            .stream({ model, messages })
            .finalChatCompletion();
        assert.equal(answer.choices[0].message.content, text);
        assert.equal(answer.choices[0].finish_reason, 'stop');
    });

    test(`openai, ${place}: models`, async (t) => {
        const { client } = await openai(t, polite, { refresh: '1h' });
        await until(async () => {
            const ids = [];
            for await (const one of client.models.list()) ids.push(one.id);
            return ids.includes(model);
        }, 'the list of models');
    });

    test(`openai, ${place}: an error is the client's own kind of error`, async (t) => {
        const { client } = await openai(t, (req, res) =>
            reply(res, 429, { error: { code: 429, message: 'slow down' } }, { 'retry-after': '7' }),
        );
        await assert.rejects(
            client.chat.completions.create({
                model: model === 'demo/echo' ? 'demo/429' : model,
                messages,
            }),
            (e) => e instanceof OpenAI.RateLimitError && e.headers.get('retry-after') === '7',
        );
    });

    test(`openai, ${place}: a stream that breaks is an error, not an end`, async (t) => {
        const { client } = await openai(t, (req, res) => {
            begin(res);
            res.write(event(chunk('half a')), () => res.socket.destroy());
        });
        const answer = await client.chat.completions.create({
            model: model === 'demo/echo' ? 'demo/cut' : model,
            messages: [{ role: 'user', content: 'one two three four five' }],
            stream: true,
        });
        await assert.rejects(async () => {
            for await (const _ of answer);
        }, /cut/);
    });

    test(`@openrouter/sdk, ${place}: chat`, async (t) => {
        const { client } = await openrouter(t);
        const answer = await client.chat.send({ chatRequest: { model, messages } });
        assert.equal(answer.choices[0].message.content, text);
        assert.ok(answer.usage.cost > 0);
    });

    test(`@openrouter/sdk, ${place}: stream`, async (t) => {
        const { client } = await openrouter(t);
        let all = '',
            usage;
        for await (const piece of await client.chat.send({
            chatRequest: { model, messages, stream: true },
        })) {
            all += piece.choices[0]?.delta?.content ?? '';
            usage = piece.usage ?? usage;
        }
        assert.equal(all, text);
        assert.ok(usage.cost > 0);
    });

    test(`@openrouter/sdk, ${place}: an error carries its status and message`, async (t) => {
        const { client } = await openrouter(t, (req, res) =>
            reply(res, 429, {
                error: { code: 429, message: 'demo/429 is always over its rate limit' },
            }),
        );
        await assert.rejects(
            client.chat.send({
                chatRequest: { model: model === 'demo/echo' ? 'demo/429' : model, messages },
            }),
            (e) => e.statusCode === 429 && /rate limit/.test(e.message),
        );
    });

    test(`@openrouter/sdk, ${place}: a stream that breaks says so in its last chunk`, async (t) => {
        const { client } = await openrouter(t, (req, res) => {
            begin(res);
            res.write(event(chunk('half a')), () => res.socket.destroy());
        });
        const pieces = [];
        for await (const piece of await client.chat.send({
            chatRequest: {
                model: model === 'demo/echo' ? 'demo/cut' : model,
                stream: true,
                messages: [{ role: 'user', content: 'one two three four five' }],
            },
        }))
            pieces.push(piece);
        assert.equal(pieces.at(-1).error.code, 502);
        assert.equal(pieces.at(-1).choices[0].finishReason, 'error');
    });

    const curl = (p, ...args) =>
        promisify(execFile)('curl', ['-s', '-S', '--max-time', '20', ...args]);
    const asked = (more) => [
        '-H',
        'Content-Type: application/json',
        '-d',
        JSON.stringify({ ...HELLO, model, ...more }),
    ];

    test(`curl, ${place}`, async (t) => {
        const { p } = await open(t, polite, { refresh: '1h' });
        const whole = await curl(p, ...asked(), `${p.url}/api/v1/chat/completions`);
        assert.equal(JSON.parse(whole.stdout).choices[0].message.content, text);
        const streamed = await curl(
            p,
            '-N',
            ...asked({ stream: true }),
            `${p.url}/v1/chat/completions`,
        );
        assert.match(streamed.stdout, /data: \[DONE\]\n\n$/);
        await until(async () => {
            const models = await curl(p, `${p.url}/v1/models`);
            return JSON.parse(models.stdout).data.length > 0;
        }, 'the list of models');
    });
}

test('@openrouter/sdk, --demo: models', async (t) => {
    const p = await start(t, ['--demo']);
    const client = sdk({ serverURL: `${p.url}/api/v1` });
    const ids = [];
    for await (const page of await client.models.list()) {
        ids.push(...page.result.data.map((m) => m.id));
        break;
    }
    assert.ok(ids.includes('demo/echo'));
});
