// More clients as people use them: OpenRouter's SDK beyond chat, openai's embeddings, the
// Vercel AI SDK; and another gateway as a provider.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import http from 'node:http';
import path from 'node:path';
import { test } from 'node:test';

import { createOpenRouter } from '@openrouter/ai-sdk-provider';
import { OpenRouter } from '@openrouter/sdk';
import { generateText, stepCountIs, streamText, tool } from 'ai';
import OpenAI from 'openai';
import { z } from 'zod';

import {
    CLIENT_KEY,
    TOP,
    asOpenRouter,
    ask,
    assertGoodStream,
    atEnd,
    big,
    bigStream,
    events,
    gateway,
    greek,
    listed,
    lists,
    nobody,
    openaiAnswer,
    openaiChunk,
    priced,
    provider,
    reply,
    until,
    whole,
} from './helpers.js';

const sdk = (p) =>
    new OpenRouter({
        apiKey: CLIENT_KEY,
        serverURL: `${p.url}/api/v1`,
        retryConfig: { strategy: 'none' },
    });
const openai = (p) => new OpenAI({ baseURL: `${p.url}/v1`, apiKey: CLIENT_KEY, maxRetries: 0 });
const messages = [{ role: 'user', content: 'hello' }];

// Direct providers and an OpenRouter, with lists.
async function market(t) {
    const openrouter = await provider(t, 'openrouter', {
        models: [listed('far/away', '0.0000005', '0.0000015'), listed('acme/big')],
        answer: asOpenRouter('from afar'),
    });
    const alpha = await provider(t, 'alpha', { models: ['small-live'] });
    const p = await gateway(t, {
        providers: {
            alpha: {
                up: alpha,
                list: 'yes',
                endpoints: {
                    'acme/big': priced(1, { context_length: 8192, quantization: 'fp8' }),
                    'acme/embed': { prompt: 1, completion: 0, output_modalities: 'embeddings' },
                },
            },
            openrouter: { up: openrouter, kind: 'openrouter', list: 'yes' },
        },
    });
    await lists(p, 'far/away');
    await lists(p, 'alpha/small-live');
    return { p, alpha, openrouter };
}

// ---- @openrouter/sdk

test('@openrouter/sdk: the list of models of several providers', async (t) => {
    const { p } = await market(t);
    const ids = [];
    for await (const page of await sdk(p).models.list())
        ids.push(...page.result.data.map((m) => m.id));
    for (const id of ['far/away', 'acme/big', 'alpha/small-live']) assert.ok(ids.includes(id), id);
    const { data } = await sdk(p).models.count();
    assert.equal(data.count, ids.length);
});

test('@openrouter/sdk: one model, its endpoints, the providers', async (t) => {
    const { p } = await market(t);
    const model = await sdk(p).models.get({ author: 'far', slug: 'away' });
    assert.equal(model.data.id, 'far/away');
    const { data } = await sdk(p).endpoints.list({ author: 'acme', slug: 'big' });
    assert.deepEqual(data.endpoints.map((one) => one.tag).sort(), ['alpha', 'openrouter']);
    assert.equal(data.endpoints.find((one) => one.tag === 'alpha').quantization, 'fp8');
    const zdr = await sdk(p).endpoints.listZdrEndpoints();
    assert.deepEqual(zdr.data, []);
    const providers = await sdk(p).providers.list();
    assert.deepEqual(providers.data.map((one) => one.slug).sort(), ['alpha', 'openrouter']);
});

test('@openrouter/sdk: a generation, of a priced and of an unpriced model', async (t) => {
    const { p } = await market(t);
    for (const model of ['acme/big', 'alpha/small-live']) {
        const answer = await sdk(p).chat.send({
            chatRequest: { model, messages, provider: { only: ['alpha'] } },
        });
        let record;
        await until(async () => {
            record = await sdk(p)
                .generations.getGeneration({ id: answer.id })
                .catch((e) => {
                    if (e.statusCode === 404) return undefined;
                    throw e;
                });
            return record !== undefined;
        }, 'the record');
        assert.equal(record.data.id, answer.id);
        assert.equal(record.data.providerName, 'Alpha');
        assert.equal(record.data.nativeTokensPrompt, 1000);
        assert.equal(record.data.totalCost, model === 'acme/big' ? 0.0015 : -1);
    }
    await assert.rejects(
        sdk(p).generations.getGeneration({ id: 'gen-1-unknown' }),
        (e) => e.statusCode === 404,
    );
});

test('@openrouter/sdk: chat with fallback models and preferences', async (t) => {
    const { p, openrouter } = await market(t);
    const answer = await sdk(p).chat.send({
        chatRequest: {
            models: ['nobody/knows', 'far/away'],
            messages,
            provider: { sort: 'price', maxPrice: { prompt: '1' } },
            sessionId: 's1',
        },
    });
    assert.equal(answer.model, 'far/away');
    assert.equal(answer.choices[0].message.content, 'from afar');
    assert.equal(openrouter.chats[0].json.model, 'far/away');
});

// ---- embeddings

const VECTORS = [
    [0.5, -1.25, 0.000123456, 42],
    [-0.1, 7, 1e-9, 123456.789],
];
const embedding = (req, res) =>
    reply(res, 200, {
        object: 'list',
        model: 'embed-1',
        data: VECTORS.map((list, index) => ({ object: 'embedding', index, embedding: list })),
        usage: { prompt_tokens: 8, total_tokens: 8 },
    });
const close = (got, want) => {
    assert.equal(got.length, want.length);
    got.forEach((x, i) => assert.equal(Math.fround(x), Math.fround(want[i])));
};

test('openai: embeddings, which it asks for as base64, of a provider that answers floats', async (t) => {
    const { p, alpha } = await market(t);
    alpha.answer = embedding;
    const answer = await openai(p).embeddings.create({ model: 'acme/embed', input: ['a', 'b'] });
    answer.data.forEach((one, i) => close(one.embedding, VECTORS[i]));
    assert.equal(answer.model, 'acme/embed');
    assert.equal(answer.usage.prompt_tokens, 8);
    const plain = await openai(p).embeddings.create({
        model: 'acme/embed',
        input: 'a',
        encoding_format: 'float',
    });
    close(plain.data[1].embedding, VECTORS[1]);
});

test('@openrouter/sdk: embeddings and their models', async (t) => {
    const { p, alpha } = await market(t);
    alpha.answer = embedding;
    const answer = await sdk(p).embeddings.generate({
        requestBody: { model: 'acme/embed', input: ['a', 'b'] },
    });
    close(answer.data[0].embedding, VECTORS[0]);
    assert.equal(answer.usage.cost, 0.000008);
});

// ---- openai, over several providers

test('openai: a stream over a failing provider is complete', async (t) => {
    const { p, alpha } = await greek(t, { names: ['alpha', 'beta'] });
    alpha.answer = (req, res) => res.socket.destroy();
    const runner = openai(p).chat.completions.stream({
        model: 'acme/big',
        messages,
        provider: { order: ['alpha', 'beta'] },
        stream_options: { include_usage: true },
    });
    const answer = await runner.finalChatCompletion();
    assert.equal(answer.choices[0].message.content, 'from beta');
    assert.equal(answer.usage.total_tokens, 1500);
});

test('openai: a 404 with reasons is its NotFoundError', async (t) => {
    const { p } = await greek(t, { names: ['alpha'] });
    await assert.rejects(
        openai(p).chat.completions.create({
            model: 'acme/big',
            messages,
            provider: { only: ['nobody'] },
        }),
        (e) =>
            e instanceof OpenAI.NotFoundError &&
            e.error.availability.excluded_by.includes('allowed_providers'),
    );
});

// ---- the AI SDK

const vercel = (p) => createOpenRouter({ apiKey: CLIENT_KEY, baseURL: `${p.url}/api/v1` });

test('ai: generateText', async (t) => {
    const { p, alpha } = await greek(t, { names: ['alpha', 'beta'] });
    alpha.answer = (req, res) => reply(res, 503, { error: { message: 'full' } });
    const answer = await generateText({
        model: vercel(p)('acme/big', { provider: { order: ['alpha', 'beta'] } }),
        prompt: 'hello',
        maxRetries: 0,
        maxOutputTokens: 50,
    });
    assert.equal(answer.text, 'from beta');
    assert.equal(answer.usage.inputTokens, 1000);
    assert.equal(answer.usage.outputTokens, 500);
    assert.equal(answer.finishReason, 'stop');
    assert.equal(answer.providerMetadata.openrouter.usage.cost, 0.003);
    assert.equal(answer.providerMetadata.openrouter.provider, 'Beta');
});

test('ai: streamText', async (t) => {
    const { p, alpha } = await greek(t, { names: ['alpha'] });
    alpha.answer = whole('a stream of words');
    const answer = streamText({
        model: vercel(p)('acme/big'),
        prompt: 'hello',
        maxRetries: 0,
        onError: ({ error }) => assert.fail(error),
    });
    const pieces = [];
    for await (const piece of answer.textStream) pieces.push(piece);
    assert.equal(pieces.join(''), 'a stream of words');
    assert.ok(pieces.length > 1, 'in pieces');
    assert.equal((await answer.usage).totalTokens, 1500);
    assert.equal(await answer.finishReason, 'stop');
});

// A provider that calls the tool once and then speaks of its result.
const withTool = (req, res) => {
    const result = req.json.messages.find((one) => one.role === 'tool');
    if (result) return whole(`it is ${result.content}`)(req, res);
    const call = {
        index: 0,
        id: 'call_7',
        type: 'function',
        function: { name: 'read_bed', arguments: '{"bed":4}' },
    };
    if (!req.json.stream) {
        const answer = openaiAnswer(null);
        answer.choices[0].message.tool_calls = [{ ...call, index: undefined }];
        answer.choices[0].finish_reason = 'tool_calls';
        return reply(res, 200, answer);
    }
    const part = (piece, more) =>
        openaiChunk({ tool_calls: [{ index: 0, ...more, function: piece }] });
    return events(
        openaiChunk({ role: 'assistant', content: null }),
        part({ name: 'read_bed', arguments: '' }, { id: 'call_7', type: 'function' }),
        part({ arguments: '{"bed"' }),
        part({ arguments: ':4}' }),
        openaiChunk({}, 'tool_calls'),
        '[DONE]',
    )(req, res);
};
const tools = () => ({
    read_bed: tool({
        description: 'How moist is a bed?',
        inputSchema: z.object({ bed: z.number() }),
        execute: async ({ bed }) => `${bed * 8} percent`,
    }),
});

test('ai: a tool call, whole and streamed', async (t) => {
    const { p, alpha } = await greek(t, { names: ['alpha'] });
    alpha.answer = withTool;
    const asked = {
        model: vercel(p)('acme/big'),
        prompt: 'how is bed 4?',
        maxRetries: 0,
        stopWhen: stepCountIs(3),
    };
    const answer = await generateText({ ...asked, tools: tools() });
    assert.equal(answer.text, 'it is 32 percent');
    assert.equal(answer.steps[0].toolCalls[0].toolName, 'read_bed');
    assert.deepEqual(answer.steps[0].toolCalls[0].input, { bed: 4 });
    const streamed = streamText({ ...asked, tools: tools() });
    assert.equal(await streamed.text, 'it is 32 percent');
    assert.equal(alpha.chats.length, 4);
    assert.equal(alpha.chats[0].json.tools[0].function.name, 'read_bed');
    const history = alpha.chats[1].json.messages;
    assert.equal(history.at(-1).tool_call_id, 'call_7');
    assert.equal(history.at(-2).tool_calls[0].function.arguments, '{"bed":4}');
});

// ---- another gateway as a provider

// Portkey's gateway wants to be told in headers where to go: a plain base_url cannot carry
// them, so a few lines in between add them.
async function portkey(t, target) {
    const port = await nobody();
    const program = path.join(
        TOP,
        'tests/e2e/node_modules/@portkey-ai/gateway/build/start-server.js',
    );
    const child = spawn(process.execPath, [program, `--port=${port}`, '--headless'], {
        stdio: 'ignore',
        env: { PATH: process.env.PATH, NODE_ENV: 'production' },
    });
    atEnd(t, () => child.kill('SIGKILL'));
    const headers = { 'x-portkey-provider': 'openai', 'x-portkey-custom-host': target };
    const server = http.createServer((req, res) => {
        const up = http.request(
            {
                host: '127.0.0.1',
                port,
                path: req.url,
                method: req.method,
                headers: { ...req.headers, ...headers },
            },
            (answer) => {
                res.writeHead(answer.statusCode, answer.headers);
                answer.pipe(res);
            },
        );
        up.on('error', () => res.destroy());
        req.pipe(up);
    });
    await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
    atEnd(t, () => {
        server.closeAllConnections();
        server.close();
    });
    const url = `http://127.0.0.1:${server.address().port}/v1`;
    await until(
        () =>
            ask({ port }, { path: '/' }).then(
                () => true,
                () => false,
            ),
        'the other gateway to listen',
    );
    return url;
}

test('@portkey-ai/gateway as a provider, beside a direct one', async (t) => {
    const behind = await provider(t, 'behind');
    const beta = await provider(t, 'beta');
    const url = await portkey(t, behind.url);
    const p = await gateway(t, {
        providers: {
            portkey: {
                up: { ...behind, url, title: 'Portkey' },
                endpoints: { 'acme/big': priced(1) },
            },
            beta: { up: beta, endpoints: { 'acme/big': priced(2) } },
        },
    });
    const order = { provider: { order: ['portkey', 'beta'] } };
    const answer = await big(p, order);
    assert.equal(answer.status, 200, answer.body);
    assert.equal(answer.json.provider, 'Portkey');
    assert.equal(answer.json.choices[0].message.content, 'from behind');
    assert.equal(answer.json.usage.cost, 0.0015);
    assertGoodStream(await (await bigStream(p, order)).rest(), 'from behind');
    assert.equal(behind.chats.length, 2);
    behind.answer = (req, res) => reply(res, 500, { error: { message: 'fell over' } });
    const moved = await big(p, order);
    assert.equal(moved.status, 200, moved.body);
    assert.equal(moved.json.provider, 'Beta');
});
