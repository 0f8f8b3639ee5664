// --demo: everything that can be tried without a key or a network.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import {
    ask,
    assertError,
    assertFailedStream,
    assertGoodStream,
    chat,
    start,
    stream,
} from './helpers.js';

const demo = (t, ...more) => start(t, ['--demo', ...more]);

test('the models are listed, with prices as strings', async (t) => {
    const p = await demo(t);
    const { status, json } = await ask(p, { path: '/api/v1/models' });
    assert.equal(status, 200);
    assert.deepEqual(json.data.map((m) => m.id).sort(), [
        'demo/429',
        'demo/cut',
        'demo/echo',
        'demo/slow',
        'demo/tools',
        'demo/unstable',
    ]);
    for (const model of json.data)
        for (const price of [model.pricing.prompt, model.pricing.completion]) {
            assert.equal(typeof price, 'string');
            assert.match(price, /^\d+(\.\d+)?$/);
        }
});

test('demo/echo answers the same each time, with cost and tokens', async (t) => {
    const p = await demo(t);
    const answers = [];
    for (let i = 0; i < 2; i++) {
        const { status, json } = await chat(p, { model: 'demo/echo' });
        assert.equal(status, 200);
        answers.push(json.choices[0].message.content);
        assert.ok(json.usage.prompt_tokens > 0 && json.usage.completion_tokens > 0);
        assert.equal(
            json.usage.total_tokens,
            json.usage.prompt_tokens + json.usage.completion_tokens,
        );
        assert.ok(json.usage.cost > 0);
        assert.equal(json.choices[0].finish_reason, 'stop');
    }
    assert.match(answers[0], /hello/);
    assert.equal(answers[0], answers[1]);
});

test('demo/echo streams the same text, and its usage', async (t) => {
    const p = await demo(t);
    const whole = (await chat(p, { model: 'demo/echo' })).json;
    const events = await (
        await stream(p, {
            body: {
                model: 'demo/echo',
                stream: true,
                messages: [{ role: 'user', content: 'hello' }],
            },
        })
    ).rest();
    assertGoodStream(events, whole.choices[0].message.content);
    const usage = events
        .filter((e) => e !== '[DONE]')
        .map(JSON.parse)
        .map((e) => e.usage)
        .filter(Boolean);
    assert.equal(usage.length, 1);
    assert.deepEqual(usage[0], whole.usage);
});

test('demo/echo knows text that is not ASCII, parts, and max_tokens', async (t) => {
    const p = await demo(t);
    const said = (messages, more) =>
        chat(p, { model: 'demo/echo', messages, ...more }).then((a) => a.json.choices[0]);
    const text = 'é 😀 "quoted" \\ \u2028';
    assert.ok((await said([{ role: 'user', content: text }])).message.content.includes(text));
    const parts = [
        { type: 'text', text: 'in ' },
        { type: 'text', text: 'parts' },
    ];
    assert.match((await said([{ role: 'user', content: parts }])).message.content, /in parts/);
    const short = await said([{ role: 'user', content: 'a long text '.repeat(20) }], {
        max_tokens: 3,
    });
    assert.equal(short.finish_reason, 'length');
    assert.ok(short.message.content.length <= 12);
});

test('demo/slow answers in the end', async (t) => {
    const p = await demo(t, '--set', 'heartbeat=100ms');
    const s = await stream(p, {
        body: { model: 'demo/slow', stream: true, messages: [{ role: 'user', content: 'hello' }] },
    });
    assertGoodStream(await s.rest());
});

test('demo/unstable fails first and works next time', async (t) => {
    const p = await demo(t);
    const first = await chat(p, { model: 'demo/unstable' });
    assert.ok(first.status >= 500, first.body);
    assertError(first, first.status);
    assert.equal((await chat(p, { model: 'demo/unstable' })).status, 200);
});

test('demo/cut is cut, streaming or not', async (t) => {
    const p = await demo(t);
    assertError(await chat(p, { model: 'demo/cut' }), 502);
    const events = await (
        await stream(p, {
            body: {
                model: 'demo/cut',
                stream: true,
                messages: [{ role: 'user', content: 'one two three four five six' }],
            },
        })
    ).rest();
    assert.ok(events.length > 1);
    assertFailedStream(events, 502);
});

test('demo/429 is over its limit', async (t) => {
    const p = await demo(t);
    const answer = await chat(p, { model: 'demo/429' });
    assertError(answer, 429);
    assert.match(answer.headers['retry-after'], /^\d+$/);
    assertError(await chat(p, { model: 'demo/429', stream: true }), 429);
});

test('demo/tools calls a tool and answers with its result', async (t) => {
    const p = await demo(t);
    const tools = [
        {
            type: 'function',
            function: {
                name: 'weather',
                description: 'of a place',
                parameters: { type: 'object', properties: { place: { type: 'string' } } },
            },
        },
    ];
    const messages = [{ role: 'user', content: 'Oslo' }];
    const first = (await chat(p, { model: 'demo/tools', tools, messages })).json.choices[0];
    assert.equal(first.finish_reason, 'tool_calls');
    const [call] = first.message.tool_calls;
    assert.equal(call.function.name, 'weather');
    assert.deepEqual(JSON.parse(call.function.arguments), { place: 'Oslo' });
    messages.push(first.message, { role: 'tool', tool_call_id: call.id, content: 'rain' });
    const second = (await chat(p, { model: 'demo/tools', tools, messages })).json.choices[0];
    assert.equal(second.finish_reason, 'stop');
    assert.match(second.message.content, /rain/);
    const plain = (await chat(p, { model: 'demo/tools' })).json.choices[0];
    assert.equal(plain.finish_reason, 'stop');
});

test('demo/tools streams its call', async (t) => {
    const p = await demo(t);
    const tools = [
        {
            type: 'function',
            function: {
                name: 'weather',
                parameters: { type: 'object', properties: { place: { type: 'string' } } },
            },
        },
    ];
    const events = await (
        await stream(p, {
            body: {
                model: 'demo/tools',
                stream: true,
                tools,
                messages: [{ role: 'user', content: 'Oslo' }],
            },
        })
    ).rest();
    assertGoodStream(events);
    const calls = events
        .filter((e) => e !== '[DONE]')
        .map(JSON.parse)
        .flatMap((e) => e.choices[0]?.delta?.tool_calls ?? []);
    assert.equal(calls[0].function.name, 'weather');
    assert.deepEqual(JSON.parse(calls.map((c) => c.function.arguments ?? '').join('')), {
        place: 'Oslo',
    });
});

test('an unknown model is 400 and says how to find others', async (t) => {
    const p = await demo(t);
    assertError(await chat(p, { model: 'demo/nothing' }), 400, /demo\/nothing.*models/);
});

test('without a model there is an answer', async (t) => {
    const p = await demo(t);
    const answer = await ask(p, { body: { messages: [{ role: 'user', content: 'hello' }] } });
    assert.equal(answer.status, 200, answer.body);
});

test('nobody bills for it, whatever the dialect, and /metrics names who failed', async (t) => {
    const p = await start(t, ['--demo']);
    const messages = [{ role: 'user', content: 'hi' }];
    for (const [path, body] of [
        ['/v1/chat/completions', { messages }],
        ['/v1/messages', { messages, max_tokens: 50 }],
        ['/v1/responses', { input: 'hi' }],
        ['/v1/completions', { prompt: 'hi' }],
    ]) {
        const answer = await ask(p, { path, body: { model: 'demo/echo', ...body } });
        assert.equal(answer.status, 200, answer.body);
        assert.equal(answer.json.usage.is_byok, false, path);
    }
    const failed = await ask(p, { body: { model: 'demo/429', messages } });
    assert.equal(failed.status, 429);
    assert.equal(failed.json.error.metadata.provider_name, 'Demo');
    const { body } = await ask(p, { path: '/metrics' });
    const labels = 'model="demo/429",provider="demo",key="",outcome="429"';
    assert.ok(body.includes(`orproxy_requests_total{${labels}} 1\n`), body);
    assert.ok(body.includes(`orproxy_tokens_total{${labels},kind="prompt"} 0\n`), 'guesses are no counts');
});
