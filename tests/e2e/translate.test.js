// What one dialect says and another has no words for: answers and histories at the edges. The
// numbers are those of the list of edge cases that the dialects were written from.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import Anthropic from '@anthropic-ai/sdk';

import {
    CLIENT_KEY,
    ask,
    begin,
    event,
    gateway,
    openaiChunk,
    stream,
    upstream,
} from './helpers.js';
import { IMAGE, MODEL, PRICES, TEXT, behind, interleaving } from './native.js';

const order = ['anthropic', 'gemini', 'openai'];
const user = (content) => ({ role: 'user', content });
const assistant = (content) => ({ role: 'assistant', content });
const HELLO = { model: MODEL, max_tokens: 500, messages: [user('When is low water in Brest?')] };
const schema = { type: 'object', properties: { port: { type: 'string' } } };
const sdk = (p) => new Anthropic({ baseURL: p.url, apiKey: CLIENT_KEY, maxRetries: 0 });

// ---- answers that are hard to say

test('31: calls of a chat stream that interleave become blocks that do not', async (t) => {
    const p = await interleaving(t);
    const tools = ['one', 'two'].map((name) => ({ name, input_schema: schema }));
    const answer = await sdk(p)
        .messages.stream({ ...HELLO, tools })
        .finalMessage();
    const calls = answer.content.map(({ type, id, name, input }) => ({ type, id, name, input }));
    assert.deepEqual(calls, [
        { type: 'tool_use', id: 'a', name: 'one', input: { y: [1] } },
        { type: 'tool_use', id: 'b', name: 'two', input: { x: 'é' } },
    ]);
    assert.equal(answer.stop_reason, 'tool_use');
});

test('33: a Gemini that gives calls no ids: each gets one, and it finds back', async (t) => {
    const { p, gemini } = await behind(t, ['gemini'], {
        scene: 'parallel',
        offer: { gemini: { upstream_model: 'gemini-2.5-flash' } },
    });
    const tools = ['get_tide', 'get_time'].map((name) => ({ name, input_schema: schema }));
    for (const how of ['create', 'stream']) {
        const made = sdk(p).messages[how]({ ...HELLO, tools });
        const first = await (how === 'stream' ? made.finalMessage() : made);
        const calls = first.content.filter((block) => block.type === 'tool_use');
        assert.equal(new Set(calls.map((one) => one.id)).size, 2);
        // In the other order: what belongs together is told by the ids.
        const results = calls.map(({ id, name }) => ({
            type: 'tool_result',
            tool_use_id: id,
            content: `result of ${name}`,
        }));
        const messages = [...HELLO.messages, assistant(first.content), user(results.reverse())];
        const last = await sdk(p).messages.create({ ...HELLO, tools, messages });
        gemini.check();
        assert.match(last.content[0].text, /result of get_tide/);
        const { parts } = gemini.requests.at(-1).json.contents.at(-1);
        for (const { functionResponse: one } of parts)
            assert.ok(JSON.stringify(one.response).includes(one.name));
    }
});

test('47: a prompt that Gemini blocks is a refusal', async (t) => {
    const { p, gemini } = await behind(t, ['gemini'], { scene: 'blocked' });
    assert.equal((await sdk(p).messages.create(HELLO)).stop_reason, 'refusal');
    assert.equal((await sdk(p).messages.stream(HELLO).finalMessage()).stop_reason, 'refusal');
    gemini.check();
});

test('59: an answer of nothing is an answer', async (t) => {
    for (const kind of order) {
        const { p, [kind]: up } = await behind(t, [kind], { scene: 'empty' });
        for (const how of ['create', 'stream']) {
            const made = sdk(p).messages[how](HELLO);
            const answer = await (how === 'stream' ? made.finalMessage() : made);
            up.check();
            assert.equal(answer.stop_reason, 'end_turn', `${kind}, ${how}`);
            assert.equal(answer.content.map((block) => block.text ?? '').join(''), '');
        }
    }
});

// Asked for a stream some answer whole, and the other way round.
const paths = [
    ['/v1/chat/completions', { model: MODEL, messages: HELLO.messages }],
    ['/v1/messages', HELLO],
    ['/v1/responses', { model: MODEL, input: 'When?' }],
];
for (const kind of order) {
    test(`12: ${kind} answers whole although a stream was asked for`, async (t) => {
        const { p, [kind]: up } = await behind(t, [kind], { scene: 'tools', always: 'whole' });
        const said = (text) =>
            text.includes('Let me see.') && text.includes('12345678901234567890');
        for (const [path, body] of paths) {
            const s = await stream(p, { path, body: { ...body, stream: true } });
            await s.rest();
            up.check();
            assert.match(s.headers['content-type'], /^text\/event-stream/);
            assert.ok(said(s.text), s.text);
            assert.match(s.text, /"cost":/, `${path} has a usage`);
            assert.match(s.text, /"(finish_reason|stop_reason|status)":"(tool_|completed)/);
            assert.match(s.text, /^(data: \[DONE\]|event: (message_stop|response\.completed))$/m);
        }
    });

    test(`12: ${kind} streams although it was asked for a whole answer`, async (t) => {
        const { p, [kind]: up } = await behind(t, [kind], { scene: 'text', always: 'stream' });
        for (const [path, body] of paths) {
            const answer = await ask(p, { path, body });
            up.check();
            assert.equal(answer.status, 200, answer.body);
            assert.match(answer.headers['content-type'], /^application\/json/);
            assert.ok(answer.body.includes(JSON.stringify(TEXT)), answer.body);
            assert.equal(typeof answer.json.usage.cost, 'number');
        }
    });
}

// ---- requests that are hard to say

const call = (id, name = 'get_tide', args = '{}') => ({
    id,
    type: 'function',
    function: { name, arguments: args },
});
const calls = (...list) => ({ role: 'assistant', content: null, tool_calls: list });
const result = (id, content = 'low') => ({ role: 'tool', tool_call_id: id, content });
const fn = (name, more = { parameters: schema }) => ({
    type: 'function',
    function: { name, ...more },
});
const tools = [fn('get_tide')];
const marked = { type: 'text', text: 'a', cache_control: { type: 'ephemeral' } };
const PDF = { filename: 'tide.pdf', file_data: 'data:application/pdf;base64,JVBERi0xLjQK' };
const others = { format: 'openai-responses-v1' };
// [what, a chat request]: each is something that chat completions take and others do not.
const histories = [
    ['40: calls without tools', { messages: [user('a'), calls(call('c1')), result('c1')] }],
    ['42: an assistant first', { messages: [assistant('a'), user('b')] }],
    ['42: only a system message', { messages: [{ role: 'system', content: 'a' }] }],
    [
        '42: neighbours of one role',
        { messages: [user('a'), user('b'), assistant('c'), assistant('d'), user('e')] },
    ],
    [
        '43: a system message in the middle',
        { messages: [user('a'), { role: 'system', content: 'b' }, user('c')] },
    ],
    ['43: a developer', { messages: [{ role: 'developer', content: 'a' }, user('b')] }],
    [
        '41: texts of nothing',
        {
            messages: [
                user('a'),
                assistant(''),
                user([
                    { type: 'text', text: ' ' },
                    { type: 'text', text: 'b' },
                ]),
            ],
        },
    ],
    ['41: white space', { messages: [user('a'), assistant('  '), user('b')] }],
    [
        '35: arguments of nothing',
        { tools, messages: [user('a'), calls(call('c1', 'get_tide', '')), result('c1')] },
    ],
    [
        '35: arguments that are cut',
        {
            tools,
            messages: [user('a'), calls(call('c1', 'get_tide', '{"port":"Br')), result('c1')],
        },
    ],
    [
        '35: arguments of no object',
        { tools, messages: [user('a'), calls(call('c1', 'get_tide', '[1]')), result('c1')] },
    ],
    [
        '33: ids of other letters',
        { tools, messages: [user('a'), calls(call('call:1/é')), result('call:1/é')] },
    ],
    [
        '34: names of other letters',
        {
            tools: [fn('my.tools:get tide')],
            messages: [user('a'), calls(call('c1', 'my.tools:get tide')), result('c1')],
        },
    ],
    [
        '37: results in another order',
        { tools, messages: [user('a'), calls(call('c1'), call('c2')), result('c2'), result('c1')] },
    ],
    [
        '37: a result is missing',
        { tools, messages: [user('a'), calls(call('c1'), call('c2')), result('c1'), user('b')] },
    ],
    ['37: a result of no call', { tools, messages: [user('a'), result('c9'), user('b')] }],
    [
        '37: a user in between',
        { tools, messages: [user('a'), calls(call('c1')), user('b'), result('c1')] },
    ],
    [
        '38: a result of nothing',
        { tools, messages: [user('a'), calls(call('c1')), result('c1', '')] },
    ],
    [
        '36: a tool without parameters',
        { tools: [fn('a', {}), fn('b', { parameters: {} })], messages: [user('a')] },
    ],
    [
        '36: a schema of no object',
        {
            tools: [fn('a', { parameters: { anyOf: [{ type: 'object' }] } })],
            messages: [user('a')],
        },
    ],
    ['39: no tools but a choice', { tools: [], tool_choice: 'auto', messages: [user('a')] }],
    [
        '39: a choice of a tool',
        {
            tools,
            tool_choice: { type: 'function', function: { name: 'get_tide' } },
            messages: [user('a')],
        },
    ],
    ['no tool must be used', { tools, tool_choice: 'none', messages: [user('a')] }],
    ['one call at a time', { tools, parallel_tool_calls: false, messages: [user('a')] }],
    ['58: more tokens than there are', { max_tokens: 10000000, messages: [user('a')] }],
    ['no limit of tokens', { messages: [user('a')] }],
    ['warmer than there is', { temperature: 1.9, messages: [user('a')] }],
    ['temperature and top_p', { temperature: 0.5, top_p: 0.5, messages: [user('a')] }],
    ['stop sequences', { stop: ['a', ' ', ''], messages: [user('a')] }],
    [
        '46: thoughts of somebody',
        {
            messages: [
                user('a'),
                {
                    ...assistant('b'),
                    reasoning: 'hm',
                    reasoning_details: [
                        {
                            type: 'reasoning.text',
                            text: 'hm',
                            signature: 'Zm9y',
                            ...others,
                            index: 0,
                        },
                        { type: 'reasoning.encrypted', data: 'Z2Vk', ...others, index: 1 },
                    ],
                },
                user('c'),
            ],
        },
    ],
    [
        '44: an image in upper case',
        {
            messages: [
                user([
                    { type: 'image_url', image_url: { url: 'DATA:IMAGE/PNG;BASE64,iVBORw0KGgo=' } },
                    { type: 'text', text: 'a' },
                ]),
            ],
        },
    ],
    ['45: more marks for the cache than there may be', { messages: [user(Array(6).fill(marked))] }],
    ['a PDF', { messages: [user([{ type: 'file', file: PDF }])] }],
    [
        'JSON in an answer',
        {
            response_format: { type: 'json_schema', json_schema: { name: 'x', schema } },
            messages: [user('a')],
        },
    ],
    [
        'reasoning with a forced tool',
        { tools, tool_choice: 'required', reasoning_effort: 'high', messages: [user('a')] },
    ],
    [
        'reasoning and a temperature',
        { temperature: 0.3, reasoning_effort: 'low', max_tokens: 300, messages: [user('a')] },
    ],
];
const strict = [
    ['anthropic', 'claude-sonnet-4-6'],
    ['anthropic', 'claude-haiku-4-5'],
    ['anthropic', 'claude-opus-5-5'],
    ['gemini', 'gemini-3-pro'],
    ['gemini', 'gemini-2.5-flash'],
];
for (const [kind, name] of strict)
    test(`${name} takes what a chat client may say`, async (t) => {
        const { p, [kind]: up } = await behind(t, [kind], {
            offer: { [kind]: { upstream_model: name } },
        });
        for (const [what, body] of histories)
            await t.test(what, async () => {
                up.refused.length = 0;
                const answer = await ask(p, { body: { model: MODEL, ...body } });
                up.check();
                assert.equal(answer.status, 200, answer.body);
            });
    });

test('34: a name that was changed for the provider comes back as it was', async (t) => {
    const name = 'my.tools:get tide';
    for (const kind of ['anthropic', 'gemini']) {
        const { p, [kind]: up } = await behind(t, [kind]);
        up.scene = ({ body }) => {
            const theirs = (body.tools[0].functionDeclarations ?? body.tools)[0].name;
            const one = { id: 'c1', name: theirs, args: '{}' };
            return { parts: [{ call: one }], stop: 'tools' };
        };
        const answer = await ask(p, {
            body: { model: MODEL, messages: [user('a')], tools: [fn(name)] },
        });
        up.check();
        assert.equal(answer.json.choices[0].message.tool_calls[0].function.name, name);
    }
});

test('marks for the cache reach Anthropic, and only that', async (t) => {
    for (const kind of order) {
        const { p, [kind]: up } = await behind(t, [kind]);
        const answer = await ask(p, { body: { model: MODEL, messages: [user([marked])] } });
        up.check();
        assert.equal(answer.status, 200, answer.body);
        const sent = up.requests.at(-1).raw.toString();
        assert.equal(sent.includes('cache_control'), kind === 'anthropic', sent);
    }
});

const SOUND = { type: 'input_audio', input_audio: { data: 'UklGRg==', format: 'wav' } };
test('sound: Gemini hears it, Anthropic does not, and that is said', async (t) => {
    const body = { model: MODEL, messages: [user([SOUND])] };
    const { p, gemini } = await behind(t, ['gemini']);
    const heard = await ask(p, { body });
    gemini.check();
    assert.equal(heard.status, 200, heard.body);
    assert.deepEqual(gemini.asked[0].images, [{ type: 'audio/wav', data: 'UklGRg==' }]);
    const deaf = await behind(t, ['anthropic']);
    const answer = await ask(deaf.p, { body });
    assert.ok(answer.status === 400 || answer.status === 404, answer.body);
    assert.equal(deaf.anthropic.requests.length, 0);
});

const seen = {
    type: 'image',
    source: { type: 'base64', media_type: IMAGE.type, data: IMAGE.data },
};
test('38: a result with an image, and one that failed', async (t) => {
    for (const kind of order) {
        const { p, [kind]: up } = await behind(t, [kind], { scene: 'text' });
        const uses = ['toolu_1', 'toolu_2'].map((id) => ({
            type: 'tool_use',
            id,
            name: 'get_tide',
            input: {},
        }));
        const results = [
            {
                type: 'tool_result',
                tool_use_id: 'toolu_1',
                content: [{ type: 'text', text: 'look:' }, seen],
            },
            {
                type: 'tool_result',
                tool_use_id: 'toolu_2',
                content: 'no such port',
                is_error: true,
            },
        ];
        const answer = await sdk(p)
            .messages.create({
                ...HELLO,
                tools: [{ name: 'get_tide', input_schema: schema }],
                messages: [...HELLO.messages, assistant(uses), user(results)],
            })
            .catch((e) => {
                up.check();
                throw e;
            });
        assert.equal(answer.stop_reason, 'end_turn');
        const sent = up.requests.at(-1).raw.toString();
        for (const piece of ['look:', 'no such port', IMAGE.data])
            assert.ok(sent.includes(piece), `${piece} in ${sent}`);
    }
});

test('completions: a list of one prompt is one; tokens are refused', async (t) => {
    const { p, anthropic } = await behind(t, ['anthropic']);
    const complete = (prompt) =>
        ask(p, { path: '/v1/completions', body: { model: MODEL, prompt, max_tokens: 50 } });
    const answer = await complete(['low water']);
    anthropic.check();
    assert.equal(answer.status, 200, answer.body);
    assert.equal(answer.json.choices[0].text, TEXT);
    assert.equal((await complete([1, 2, 3])).status, 400);
    assert.equal(anthropic.requests.length, 1);
});
