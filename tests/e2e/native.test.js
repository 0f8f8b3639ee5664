// The judges judged: the official clients straight at the scripted providers of native.js, and
// requests that a real one refuses. What passes here may be trusted in dialects.test.js.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import Anthropic from '@anthropic-ai/sdk';
import { GoogleGenAI } from '@google/genai';
import OpenAI from 'openai';

import { keyOf } from './helpers.js';
import { ARGS, CALLS, COUNT, IMAGE, LIMIT_TEXT, RESULTS, TEXT, THOUGHT, native } from './native.js';
import { SKIP_SIGNATURE } from './native_judges.js';

const direct = (t, kind, scene) => native(t, kind, scene, { direct: true });
const anthropic = (up) => new Anthropic({ baseURL: up.url, apiKey: up.key, maxRetries: 0 });
const google = (up) => new GoogleGenAI({ apiKey: up.key, httpOptions: { baseUrl: up.url } });
const openai = (up) => new OpenAI({ baseURL: up.url, apiKey: up.key, maxRetries: 0 });

const question = 'When is low water in Brest?';
const schema = { type: 'object', properties: { port: { type: 'string' } } };
const bare = { type: 'object', properties: {} };
const kinds = ['whole', 'stream'];

// ---- @anthropic-ai/sdk

const hello = { model: 'claude-sonnet-4-6', max_tokens: 4000 };
const asked = { ...hello, messages: [{ role: 'user', content: question }] };
const tools = [
    { name: 'get_tide', input_schema: schema },
    { name: 'get_time', input_schema: bare },
];
const message = (up, how, params) =>
    how === 'stream'
        ? anthropic(up).messages.stream(params).finalMessage()
        : anthropic(up).messages.create(params);
const answers = (calls) =>
    calls.map((one) => ({
        type: 'tool_result',
        tool_use_id: one.id,
        content: RESULTS[one.name],
    }));

for (const how of kinds) {
    test(`anthropic, ${how}: text`, async (t) => {
        const up = await direct(t, 'anthropic');
        const answer = await message(up, how, asked);
        assert.equal(answer.content[0].text, TEXT);
        assert.equal(answer.stop_reason, 'end_turn');
        assert.equal(answer.usage.cache_read_input_tokens, COUNT.cached);
        assert.equal(answer.usage.output_tokens, COUNT.output);
        up.check();
    });

    test(`anthropic, ${how}: parallel calls`, async (t) => {
        const up = await direct(t, 'anthropic', 'parallel');
        const first = await message(up, how, { ...asked, tools });
        const calls = first.content.filter((block) => block.type === 'tool_use');
        assert.deepEqual(
            calls.map((one) => one.input),
            CALLS.map((one) => JSON.parse(one.args)),
        );
        assert.equal(first.stop_reason, 'tool_use');
        const more = [
            { role: 'assistant', content: first.content },
            { role: 'user', content: answers(calls) },
        ];
        const params = { ...asked, tools, messages: [...asked.messages, ...more] };
        const last = await message(up, how, params);
        assert.equal(last.content[0].text, `So: ${Object.values(RESULTS).join('; ')}`);
        up.check();
    });

    test(`anthropic, ${how}: thoughts come back as they were, or not at all`, async (t) => {
        const up = await direct(t, 'anthropic', 'reasoning');
        const params = { ...asked, tools, thinking: { type: 'enabled', budget_tokens: 1024 } };
        const first = await message(up, how, params);
        assert.equal(first.content[0].thinking, THOUGHT);
        const back = (content) => ({
            ...params,
            messages: [
                ...asked.messages,
                { role: 'assistant', content },
                { role: 'user', content: answers([first.content[1]]) },
            ],
        });
        const last = await message(up, how, back(first.content));
        assert.equal(last.content[0].text, TEXT);
        up.check();
        const [thought, call] = first.content;
        await assert.rejects(message(up, how, back([call])), /Expected `thinking`/);
        const forged = { ...thought, signature: 'Zm9yZ2Vk' };
        await assert.rejects(message(up, how, back([forged, call])), /Invalid `signature`/);
    });

    test(`anthropic, ${how}: errors are its own`, async (t) => {
        const up = await direct(t, 'anthropic', 'overloaded');
        await assert.rejects(
            message(up, how, asked),
            (e) => e.status === 529 && e.error.error.type === 'overloaded_error',
        );
        up.scene = 'limited';
        await assert.rejects(
            message(up, how, asked),
            (e) => e instanceof Anthropic.RateLimitError && e.headers.get('retry-after') === '7',
        );
    });
}

test('anthropic: a stream that breaks', async (t) => {
    const up = await direct(t, 'anthropic', 'broken');
    await assert.rejects(message(up, 'stream', asked), /it broke in the middle/);
    up.scene = 'cut';
    await assert.rejects(message(up, 'stream', asked));
});

test('anthropic: count_tokens', async (t) => {
    const up = await direct(t, 'anthropic');
    const { model, messages } = asked;
    const { input_tokens } = await anthropic(up).messages.countTokens({ model, messages });
    assert.equal(input_tokens, COUNT.input);
    up.check();
});

const user = (content) => ({ role: 'user', content });
const assistant = (content) => ({ role: 'assistant', content });
const use = (id = 'toolu_1') => ({ type: 'tool_use', id, name: 'get_tide', input: {} });
const result = (id = 'toolu_1') => ({ type: 'tool_result', tool_use_id: id, content: 'ok' });
const say = (text) => ({ type: 'text', text });
const refusals = {
    anthropic: [
        ['no max_tokens', { max_tokens: undefined }, /max_tokens/],
        ['a member of another dialect', { seed: 7 }, /seed: unknown/],
        ['a beta member without its header', { context_management: {} }, /context_management/],
        ['an unknown model', { model: 'claude-none' }, /claude-none/],
        ['two users', { messages: [user('a'), user('b')] }, /alternate/],
        ['an assistant first', { messages: [assistant('a'), user('b')] }, /alternate/],
        ['an empty text', { messages: [user([say(' ')])] }, /non-empty/],
        ['a call without result', { messages: [user('a'), assistant([use()]), user('b')] }, /ids/],
        ['a result without call', { messages: [user([result()])] }, /unexpected `tool_use_id`/],
        [
            'a text before a result',
            { messages: [user('a'), assistant([use()]), user([say('b'), result()])] },
            /come first/,
        ],
        ['calls without tools', { tools: undefined, messages: calls() }, /must define tools/],
        ['an id of other letters', { messages: calls('call:1') }, /pattern/],
        ['a schema of no object', { tools: [{ name: 'a', input_schema: {} }] }, /'object'/],
        ['too warm', { temperature: 1.5 }, /temperature/],
        ['image of a bad type', { messages: [picture('image/tiff')] }, /media_type/],
        ['5 marks', { messages: [user(Array(5).fill(marked('a')))] }, /maximum of 4/],
    ],
    gemini: [
        ['no contents', { contents: [] }, /contents/],
        ['a member in snake case', { system_instruction: {} }, /unknown name/],
        ['a strange role', { contents: [{ role: 'assistant', parts: [say_('a')] }] }, /role/],
        ['no parts', { contents: [{ role: 'user', parts: [] }] }, /parts must not be empty/],
        ['two kinds in a part', { contents: turn([{ text: 'a', inlineData: {} }]) }, /exactly one/],
        ['calls without responses', { contents: called([say_('b')]) }, /must be equal/],
        ['a response of another name', { contents: called([response('other')]) }, /no call/],
        ['no signature', { contents: called([response('get_tide')]) }, /missing a thought_sig/],
        ['a forged one', { contents: called([response('get_tide')], 'Zm9yZ2Vk') }, /not valid/],
        [
            'a schema of more than the subset',
            declared({ parameters: { type: 'object', $defs: {}, properties: { a: {} } } }),
            /\$defs/,
        ],
        ['a bad name', declared({ name: '1a' }), /Invalid function name/],
        ['both kinds of thinking', thinks({ thinkingBudget: 1, thinkingLevel: 'LOW' }), /only one/],
        ['a penalty', { generationConfig: { presencePenalty: 1 } }, /Penalty/],
    ],
    openai: [
        ["OpenRouter's members", { provider: {} }, /provider: unknown/],
        ['stream_options of no stream', { stream_options: {} }, /stream_options/],
        ['no tools', { tools: [] }, /tools: empty/],
        ['a call without result', { messages: [user('a'), called_(), user('b')] }, /did not have/],
        ['a result of no call', { messages: [{ role: 'tool', content: 'a' }] }, /no call/],
        ['arguments of no string', { messages: [user('a'), called_({})] }, /no string/],
        ['cache marks', { messages: [user([marked('a')])] }, /cache_control/],
    ],
};
// Function declarations, so that the table may use them.
function calls(id = 'toolu_1') {
    return [user('a'), assistant([use(id)]), user([result(id)])];
}
function picture(media_type) {
    return user([{ type: 'image', source: { type: 'base64', media_type, data: IMAGE.data } }]);
}
function marked(text) {
    return { type: 'text', text, cache_control: { type: 'ephemeral' } };
}
function say_(text) {
    return { text };
}
function turn(parts) {
    return [{ role: 'user', parts }];
}
function response(name) {
    return { functionResponse: { name, response: { output: 'ok' } } };
}
function called(parts, thoughtSignature) {
    const call = { functionCall: { name: 'get_tide', args: {} }, thoughtSignature };
    return [...turn([{ text: 'a' }]), { role: 'model', parts: [call] }, ...turn(parts)];
}
function declared(more) {
    return { tools: [{ functionDeclarations: [{ name: 'a', ...more }] }] };
}
function thinks(thinkingConfig) {
    return { generationConfig: { thinkingConfig } };
}
function called_(args = '{}') {
    const call = { id: 'c1', type: 'function', function: { name: 'get_tide', arguments: args } };
    return { role: 'assistant', content: null, tool_calls: [call] };
}

const right = {
    anthropic: () => ['/v1/messages', { ...asked, tools }, { 'anthropic-version': '2023-06-01' }],
    gemini: () => ['/v1beta/models/gemini-3-pro:generateContent', { contents: turn([say_('a')]) }],
    openai: () => ['/v1/chat/completions', { model: 'gpt-tide', messages: asked.messages }],
};
const keys = {
    anthropic: (key) => ({ 'x-api-key': key }),
    gemini: (key) => ({ 'x-goog-api-key': key }),
    openai: (key) => ({ authorization: `Bearer ${key}` }),
};
async function post(up, kind, more, key = keyOf(kind)) {
    const [path, body, headers] = right[kind]();
    const answer = await fetch(`http://127.0.0.1:${up.port}${path}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers, ...keys[kind](key) },
        body: JSON.stringify({ ...body, ...more }),
    });
    return { status: answer.status, json: await answer.json() };
}

for (const [kind, rows] of Object.entries(refusals)) {
    test(`${kind}: what is right passes, a wrong key does not`, async (t) => {
        const up = await direct(t, kind);
        assert.equal((await post(up, kind)).status, 200);
        up.check();
        const refused = await post(up, kind, {}, 'sk-other');
        assert.equal(refused.status, kind === 'gemini' ? 400 : 401);
    });
    for (const [what, more, why] of rows)
        test(`${kind} refuses: ${what}`, async (t) => {
            const up = await direct(t, kind);
            const { status, json } = await post(up, kind, more);
            assert.ok(status === 400 || status === 404, JSON.stringify(json));
            assert.match(json.error.message, why);
            assert.throws(() => up.check(), why);
        });
}

// ---- @google/genai

const model = 'gemini-3-pro';
const declarations = [
    { name: 'get_tide', parametersJsonSchema: schema },
    { name: 'get_time', parametersJsonSchema: bare },
];
async function generate(up, how, params) {
    if (how === 'whole') return google(up).models.generateContent(params);
    const parts = [];
    let last;
    for await (const one of await google(up).models.generateContentStream(params)) {
        parts.push(...(one.candidates?.[0]?.content?.parts ?? []));
        last = one;
    }
    const [candidate] = last.candidates;
    return { ...last, candidates: [{ ...candidate, content: { role: 'model', parts } }] };
}
const spoken = (answer) =>
    answer.candidates[0].content.parts
        .filter((part) => !part.thought)
        .map((part) => part.text ?? '')
        .join('');

for (const how of kinds) {
    test(`gemini, ${how}: text and limits`, async (t) => {
        const up = await direct(t, 'gemini');
        const answer = await generate(up, how, { model, contents: question });
        assert.equal(spoken(answer), TEXT);
        assert.equal(answer.candidates[0].finishReason, 'STOP');
        assert.equal(answer.usageMetadata.totalTokenCount, COUNT.input + COUNT.output);
        up.scene = 'length';
        const short = await generate(up, how, { model, contents: question });
        assert.equal(spoken(short), LIMIT_TEXT);
        assert.equal(short.candidates[0].finishReason, 'MAX_TOKENS');
        up.check();
    });

    test(`gemini, ${how}: parallel calls, with their signature or the word for none`, async (t) => {
        const up = await direct(t, 'gemini', 'parallel');
        const config = { tools: [{ functionDeclarations: declarations }] };
        const start = { role: 'user', parts: [{ text: question }] };
        const first = await generate(up, how, { model, contents: [start], config });
        const { content } = first.candidates[0];
        const made = content.parts.filter((part) => part.functionCall);
        assert.deepEqual(
            made.map((part) => part.functionCall.args),
            CALLS.map((one) => JSON.parse(one.args)),
        );
        const back = made.map(({ functionCall: { id, name } }) => ({
            functionResponse: { id, name, response: { output: RESULTS[name] } },
        }));
        const contents = () => [start, content, { role: 'user', parts: back }];
        const last = await generate(up, how, { model, contents: contents(), config });
        assert.equal(spoken(last), `So: ${Object.values(RESULTS).join('; ')}`);
        made[0].thoughtSignature = SKIP_SIGNATURE;
        await generate(up, how, { model, contents: contents(), config });
        up.check();
        delete made[0].thoughtSignature;
        await assert.rejects(
            generate(up, how, { model, contents: contents(), config }),
            /missing a thought_signature/,
        );
    });

    test(`gemini, ${how}: thoughts`, async (t) => {
        const up = await direct(t, 'gemini', 'thoughts');
        const config = { thinkingConfig: { includeThoughts: true, thinkingLevel: 'LOW' } };
        const answer = await generate(up, how, { model, contents: question, config });
        const { parts } = answer.candidates[0].content;
        const thought = parts.filter((part) => part.thought).map((part) => part.text);
        assert.equal(thought.join(''), THOUGHT);
        assert.equal(spoken(answer), TEXT);
        assert.ok(up.signatures.has(parts.at(-1).thoughtSignature));
        up.check();
    });

    test(`gemini, ${how}: errors are its own`, async (t) => {
        const up = await direct(t, 'gemini', 'overloaded');
        await assert.rejects(
            generate(up, how, { model, contents: question }),
            (e) => e.status === 503 && /UNAVAILABLE/.test(e.message),
        );
    });
}

test('gemini: a stream that breaks, and a prompt that is blocked', async (t) => {
    const up = await direct(t, 'gemini', 'broken');
    await assert.rejects(generate(up, 'stream', { model, contents: question }), /in the middle/);
    up.scene = 'blocked';
    const blocked = await generate(up, 'whole', { model, contents: question });
    assert.equal(blocked.promptFeedback.blockReason, 'PROHIBITED_CONTENT');
});

// ---- openai

const chat = { model: 'gpt-tide', messages: [{ role: 'user', content: question }] };
const functions = declarations.map(({ name, parametersJsonSchema }) => ({
    type: 'function',
    function: { name, parameters: parametersJsonSchema },
}));
const complete = (up, how, params) =>
    how === 'stream'
        ? openai(up)
              .chat.completions.stream({ ...params, stream_options: { include_usage: true } })
              .finalChatCompletion()
        : openai(up).chat.completions.create(params);

for (const how of kinds) {
    test(`openai, ${how}: text`, async (t) => {
        const up = await direct(t, 'openai');
        const answer = await complete(up, how, chat);
        assert.equal(answer.choices[0].message.content, TEXT);
        assert.equal(answer.usage.prompt_tokens_details.cached_tokens, COUNT.cached);
        up.check();
    });

    test(`openai, ${how}: parallel calls`, async (t) => {
        const up = await direct(t, 'openai', 'parallel');
        const first = await complete(up, how, { ...chat, tools: functions });
        const { role, content, tool_calls: made } = first.choices[0].message;
        assert.deepEqual(
            made.map((one) => one.function.arguments),
            [ARGS, '{}'],
        );
        const tool_calls = made.map(({ id, type, function: { name, arguments: args } }) => ({
            id,
            type,
            function: { name, arguments: args },
        }));
        const back = made.map((one) => ({
            role: 'tool',
            tool_call_id: one.id,
            content: RESULTS[one.function.name],
        }));
        const messages = [...chat.messages, { role, content, tool_calls }, ...back];
        const last = await complete(up, how, { ...chat, tools: functions, messages });
        const said = last.choices[0].message.content;
        assert.equal(said, `So: ${Object.values(RESULTS).join('; ')}`);
        up.check();
    });
}

test('openai: a stream that breaks', async (t) => {
    const up = await direct(t, 'openai', 'broken');
    await assert.rejects(complete(up, 'stream', chat), /in the middle/);
    up.scene = 'cut';
    await assert.rejects(complete(up, 'stream', chat));
});

// ---- openai, Responses

const items = { model: 'gpt-tide', input: [{ role: 'user', content: question }], store: false };
const respond = (up, how, params) =>
    how === 'stream'
        ? openai(up).responses.stream(params).finalResponse()
        : openai(up).responses.create(params);

for (const how of kinds)
    test(`responses, ${how}: thoughts, a call, its result`, async (t) => {
        const up = await direct(t, 'openai', 'reasoning');
        const params = { ...items, reasoning: { effort: 'low', summary: 'auto' } };
        const first = await respond(up, how, params);
        const [thought, call] = first.output;
        assert.equal(thought.summary[0].text, THOUGHT);
        assert.equal(call.arguments, ARGS);
        const output = { type: 'function_call_output', call_id: call.call_id, output: 'ok' };
        delete call.parsed_arguments; // the stream helper's own
        const input = [...items.input, ...first.output, output];
        const last = await respond(up, how, { ...params, input });
        assert.equal(last.output_text, TEXT);
        assert.equal(last.usage.output_tokens_details.reasoning_tokens, COUNT.thinking);
        up.check();
    });
