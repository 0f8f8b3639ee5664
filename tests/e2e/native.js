// Providers that speak their own dialect, scripted: native(t, kind, scene) is a server that
// checks a request as the real one does (native_judges.js), answers 400 in its own form when
// something is wrong, and else plays a scene, whole or as a stream in exactly its form.
//
// kinds: anthropic, gemini, openai (chat completions and Responses), compatible (a server that
// speaks chat completions and bears what it does not know). up.scene is the scene's name or a
// function of the judge's view that gives an utterance:
//   { parts: [{ think }, { text }, { call: { id, name, args } }], stop, breaks }
//   { fail: status, message }
// args is JSON text and is sent as it stands. stop: end, length, tools, refusal. breaks, of a
// stream: 'error' or 'cut', in its middle.
import { begin, event, gateway, keyOf, openaiChunk, reply, upstream } from './helpers.js';
import { Refused, judges } from './native_judges.js';

export const TEXT = 'Low water in Brest – à 4,2 m – is at 17:05. 潮汐 🌊 and "that" \\ is all.';
export const THOUGHT = 'The tide table… says 17:05; é 潮 🌊.';
export const LIMIT_TEXT = 'Low water in Brest is';

// Numbers that a parser of floats would spoil, and escapes that a stream splits.
export const ARGS =
    '{"port":"Brest","note":"\\u00e9 \\"x\\" \\\\ \\ud83c\\udf0a 潮",' +
    '"big":12345678901234567890,"depth":1.50,"list":[1e-7,true,null]}';
export const CALL = { id: 'call_tide_1', name: 'get_tide', args: ARGS };
export const CALLS = [CALL, { id: 'call_time_2', name: 'get_time', args: '{}' }];
export const RESULTS = { get_tide: 'the tide is 4.2 m', get_time: 'it is 16:30' };

// A red dot; small, but a PNG.
export const IMAGE = {
    type: 'image/png',
    data:
        'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4' +
        'z8AAAAMBAQDJ/pLvAAAAAElFTkSuQmCC',
};

// In all dialects the same: 100 tokens in, 40 of them from a cache; 30 out, 12 of them thoughts.
// Only Anthropic counts what went into the cache: 10.
export const COUNT = { input: 100, cached: 40, written: 10, output: 30, thinking: 12 };

// ---- scenes

const said = (results) => results.map((one) => one.text).join('; ');

// The first time calls, then what the results were.
const calling = (calls) => (view) =>
    view.results.length > 0
        ? { parts: [{ text: `So: ${said(view.results)}` }], stop: 'end' }
        : { parts: [{ text: 'Let me see.' }, ...calls.map((call) => ({ call }))], stop: 'tools' };

function image(view) {
    const [seen] = view.images;
    const right = view.images.length === 1 && seen.type === IMAGE.type && seen.data === IMAGE.data;
    if (!right) return { fail: 400, message: `not the image: ${JSON.stringify(view.images)}` };
    return { parts: [{ text: 'A red dot.' }], stop: 'end' };
}

// Thoughts only for those who asked; the answer behind a call needs them back.
function reasoning(view) {
    if (!view.reasons) return { fail: 400, message: 'reasoning was not asked for' };
    if (view.results.length > 0) return { parts: [{ text: TEXT }], stop: 'end' };
    return { parts: [{ think: THOUGHT }, { call: CALL }], stop: 'tools' };
}

const text = { parts: [{ text: TEXT }], stop: 'end' };

export const scenes = {
    text: () => text,
    tools: calling([CALL]),
    parallel: calling(CALLS),
    image,
    reasoning,
    thoughts: () => ({ parts: [{ think: THOUGHT }, { text: TEXT }], stop: 'end' }),
    length: () => ({ parts: [{ text: LIMIT_TEXT }], stop: 'length' }),
    refusal: () => ({ parts: [], stop: 'refusal' }),
    blocked: () => ({ parts: [], stop: 'blocked' }),
    empty: () => ({ parts: [], stop: 'end' }),
    invalid: () => ({ fail: 400, message: 'that cannot be' }),
    limited: () => ({ fail: 429, message: 'slow down', wait: 7 }),
    overloaded: () => ({ fail: 'overloaded', message: 'too many people ask' }),
    failing: () => ({ fail: 500, message: 'something fell over' }),
    broken: () => ({ ...text, breaks: 'error' }),
    cut: () => ({ ...text, breaks: 'cut' }),
};

// ---- JSON, with pieces that stand as they are

const RAW = '@raw:';
const raw = (json) => RAW + Buffer.from(json).toString('base64');
const print = (object) =>
    JSON.stringify(object).replace(/"@raw:([A-Za-z0-9+/=]*)"/g, (_, data) =>
        Buffer.from(data, 'base64').toString(),
    );

// Pieces of a few characters each, never inside one.
function pieces(string, size) {
    const all = Array.from(string);
    const list = [];
    for (let i = 0; i < all.length; i += size) list.push(all.slice(i, i + size).join(''));
    return list;
}

let serial = 0;
const unique = (prefix) => `${prefix}${(++serial).toString(36).padStart(6, '0')}x`;

// A signature is an opaque blob for the thought that it belongs to.
function sign(up, thought) {
    const signature = Buffer.from(`${up.kind} ${++serial} signed this+/`.repeat(2)).toString(
        'base64',
    );
    up.signatures.set(signature, thought);
    return signature;
}

const data = (object) => `data: ${print(object)}\n\n`;
const named = (object) => `event: ${object.type}\n${data(object)}`;

// ---- Anthropic

const anthropicErrors = {
    400: 'invalid_request_error',
    401: 'authentication_error',
    403: 'permission_error',
    404: 'not_found_error',
    405: 'invalid_request_error',
    413: 'request_too_large',
    429: 'rate_limit_error',
    500: 'api_error',
    529: 'overloaded_error',
};
const anthropicError = (status, message) => ({
    type: 'error',
    error: { type: anthropicErrors[status] ?? 'api_error', message },
    request_id: unique('req_'),
});

const anthropicUsage = (output) => ({
    input_tokens: COUNT.input - COUNT.cached - COUNT.written,
    cache_creation_input_tokens: COUNT.written,
    cache_read_input_tokens: COUNT.cached,
    cache_creation: { ephemeral_5m_input_tokens: COUNT.written, ephemeral_1h_input_tokens: 0 },
    output_tokens: output,
    output_tokens_details: { thinking_tokens: output === 1 ? 0 : COUNT.thinking },
    service_tier: 'standard',
});

const anthropicStops = {
    end: 'end_turn',
    length: 'max_tokens',
    tools: 'tool_use',
    refusal: 'refusal',
    blocked: 'refusal',
};

function anthropicBlock(part, up) {
    if (part.think !== undefined)
        return { type: 'thinking', thinking: part.think, signature: sign(up, part.think) };
    if (part.hidden !== undefined) return { type: 'redacted_thinking', data: sign(up, '') };
    if (part.text !== undefined) return { type: 'text', text: part.text };
    const { id, name, args } = part.call;
    return { type: 'tool_use', id: `toolu_${id}`, name, input: raw(args) };
}

function anthropicMessage(said, view, up) {
    const refused = ['refusal', 'blocked'].includes(said.stop);
    return {
        id: unique('msg_01'),
        type: 'message',
        role: 'assistant',
        model: view.body.model,
        container: null,
        content: said.parts.map((part) => anthropicBlock(part, up)),
        stop_reason: anthropicStops[said.stop],
        stop_sequence: null,
        stop_details: refused ? { type: 'refusal', category: null, explanation: null } : null,
        usage: anthropicUsage(COUNT.output),
    };
}

function anthropicDeltas(block, part) {
    const of = (type, name, string, size = 6) =>
        pieces(string, size).map((piece) => ({ type, [name]: piece }));
    if (block.type === 'text') return of('text_delta', 'text', block.text);
    if (block.type === 'thinking')
        return [
            ...of('thinking_delta', 'thinking', block.thinking),
            { type: 'signature_delta', signature: block.signature },
        ];
    if (block.type !== 'tool_use') return [];
    const { args } = part.call;
    const more = args === '{}' ? [] : of('input_json_delta', 'partial_json', args, 5);
    return [{ type: 'input_json_delta', partial_json: '' }, ...more];
}

const anthropicOpen = {
    text: () => ({ type: 'text', text: '' }),
    thinking: () => ({ type: 'thinking', thinking: '', signature: '' }),
    redacted_thinking: (block) => block,
    tool_use: ({ type, id, name }) => ({ type, id, name, input: {} }),
};

function anthropicEvents(said, message) {
    const start = { ...message, content: [], stop_reason: null, stop_details: null };
    const events = [
        { type: 'message_start', message: { ...start, usage: anthropicUsage(1) } },
        { type: 'ping' },
    ];
    message.content.forEach((block, index) => {
        const content_block = anthropicOpen[block.type](block);
        events.push({ type: 'content_block_start', index, content_block });
        for (const delta of anthropicDeltas(block, said.parts[index]))
            events.push({ type: 'content_block_delta', index, delta });
        events.push({ type: 'content_block_stop', index });
    });
    const { stop_reason, stop_sequence, stop_details, usage } = message;
    const delta = { stop_reason, stop_sequence, stop_details, container: null };
    events.push({ type: 'message_delta', delta, usage }, { type: 'message_stop' });
    return events.map(named);
}

const anthropic = {
    base: '',
    models: ['claude-sonnet-4-6', 'claude-opus-5-5', 'claude-haiku-4-5'],
    overloaded: 529,
    error: (status, { message }) => [
        anthropicError(status, message),
        { 'request-id': unique('req_') },
    ],
    broken: (message) => named(anthropicError(529, message)),
    count: () => ({ input_tokens: COUNT.input }),
    whole: anthropicMessage,
    events: (said, view, up) => anthropicEvents(said, anthropicMessage(said, view, up)),
};

// ---- Gemini

const geminiStatus = {
    400: 'INVALID_ARGUMENT',
    401: 'UNAUTHENTICATED',
    403: 'PERMISSION_DENIED',
    404: 'NOT_FOUND',
    429: 'RESOURCE_EXHAUSTED',
    500: 'INTERNAL',
    503: 'UNAVAILABLE',
};
const GOOGLE = 'type.googleapis.com/google.rpc.';
function geminiError(code, { message, reason, wait }) {
    const details = [];
    if (reason) details.push({ '@type': `${GOOGLE}ErrorInfo`, reason, domain: 'googleapis.com' });
    if (wait) details.push({ '@type': `${GOOGLE}RetryInfo`, retryDelay: `${wait}s` });
    const status = geminiStatus[code] ?? 'INTERNAL';
    return { error: { code, message, status, ...(details.length > 0 && { details }) } };
}

const geminiUsage = (done) => ({
    promptTokenCount: COUNT.input,
    cachedContentTokenCount: COUNT.cached,
    candidatesTokenCount: done ? COUNT.output - COUNT.thinking : 1,
    thoughtsTokenCount: COUNT.thinking,
    totalTokenCount: COUNT.input + (done ? COUNT.output : COUNT.thinking + 1),
    promptTokensDetails: [{ modality: 'TEXT', tokenCount: COUNT.input }],
});

const geminiStops = { end: 'STOP', tools: 'STOP', length: 'MAX_TOKENS', refusal: 'SAFETY' };

// Thoughts are signed at the first call behind them, or else in an empty part at the end.
function geminiParts(said, view, up) {
    const thought = said.parts.find((part) => part.think !== undefined)?.think;
    const third = /gemini-3/.test(view.model);
    let signature = third || thought !== undefined ? sign(up, thought ?? '') : undefined;
    const parts = said.parts.map((part) => {
        if (part.think !== undefined) return { text: part.think, thought: true };
        if (part.text !== undefined) return { text: part.text };
        const { id, name, args } = part.call;
        const one = { functionCall: { ...(third && { id }), name, args: raw(args) } };
        if (signature !== undefined) one.thoughtSignature = signature;
        signature = undefined;
        return one;
    });
    if (signature !== undefined && thought !== undefined)
        parts.push({ text: '', thoughtSignature: signature });
    return parts;
}

function geminiAnswer(said, view, id, parts, done) {
    const candidate = { ...(parts.length > 0 && { content: { role: 'model', parts } }), index: 0 };
    if (done) candidate.finishReason = geminiStops[said.stop];
    return {
        ...(said.stop === 'blocked'
            ? { promptFeedback: { blockReason: 'PROHIBITED_CONTENT' } }
            : { candidates: [candidate] }),
        usageMetadata: geminiUsage(done),
        modelVersion: `${view.model}-001`,
        responseId: id,
    };
}

const crlf = (object) => data(object).replaceAll('\n', '\r\n');

function geminiEvents(said, view, up) {
    const parts = geminiParts(said, view, up).flatMap((part) =>
        part.text ? pieces(part.text, 6).map((piece) => ({ ...part, text: piece })) : [part],
    );
    const id = unique('resp');
    const events = parts.map((part) => geminiAnswer(said, view, id, [part], false));
    return [...events, geminiAnswer(said, view, id, [], true)].map(crlf);
}

const gemini = {
    base: '',
    models: ['gemini-3-pro', 'gemini-2.5-flash', 'gemini-2.0-flash'],
    overloaded: 503,
    error: (status, refused) => [geminiError(status, refused), {}],
    broken: (message) => crlf(geminiError(503, { message })),
    count: () => ({ totalTokens: COUNT.input }),
    whole: (said, view, up) =>
        geminiAnswer(said, view, unique('resp'), geminiParts(said, view, up), true),
    events: geminiEvents,
};

// ---- chat completions

const openaiError = (status, { message }) => ({
    error: {
        message,
        type: status === 429 ? 'requests' : status < 500 ? 'invalid_request_error' : 'server_error',
        param: null,
        code: status === 429 ? 'rate_limit_exceeded' : null,
    },
});
const openaiUsage = {
    prompt_tokens: COUNT.input,
    completion_tokens: COUNT.output,
    total_tokens: COUNT.input + COUNT.output,
    prompt_tokens_details: { cached_tokens: COUNT.cached },
    completion_tokens_details: { reasoning_tokens: COUNT.thinking },
};
const chatStops = {
    end: 'stop',
    length: 'length',
    tools: 'tool_calls',
    refusal: 'content_filter',
    blocked: 'content_filter',
};
const joined = (said, kind) =>
    said.parts
        .filter((part) => part[kind] !== undefined)
        .map((part) => part[kind])
        .join('');
const callsOf = (said) => said.parts.filter((part) => part.call).map((part) => part.call);

function textWhole(said, view) {
    const { choices, ...answer } = chatWhole(said, view);
    const [{ message, finish_reason }] = choices;
    const choice = { text: message.content ?? '', index: 0, logprobs: null, finish_reason };
    return { ...answer, object: 'text_completion', choices: [choice] };
}

function textEvents(said, view) {
    const { choices, usage, ...one } = textWhole(said, view);
    const chunk = (text, finish_reason = null) =>
        data({ ...one, choices: [{ text, index: 0, logprobs: null, finish_reason }], usage: null });
    return [
        ...pieces(choices[0].text, 6).map((piece) => chunk(piece)),
        chunk('', choices[0].finish_reason),
        ...(view.counted ? [data({ ...one, choices: [], usage })] : []),
        'data: [DONE]\n\n',
    ];
}

function chatWhole(said, view) {
    const calls = callsOf(said);
    const thought = joined(said, 'think');
    const message = { role: 'assistant', content: joined(said, 'text') || null, refusal: null };
    if (thought) message.reasoning_content = thought;
    if (calls.length > 0)
        message.tool_calls = calls.map(({ id, name, args }) => ({
            id,
            type: 'function',
            function: { name, arguments: args },
        }));
    return {
        id: unique('chatcmpl-'),
        object: 'chat.completion',
        created: 1780000000,
        model: `${view.body.model}-2026-05`,
        choices: [{ index: 0, message, logprobs: null, finish_reason: chatStops[said.stop] }],
        usage: openaiUsage,
        system_fingerprint: null,
    };
}

function chatDeltas(said) {
    const deltas = [{ role: 'assistant', content: '', refusal: null }];
    let index = 0;
    for (const part of said.parts) {
        if (part.think !== undefined)
            deltas.push(...pieces(part.think, 6).map((x) => ({ reasoning_content: x })));
        if (part.text !== undefined)
            deltas.push(...pieces(part.text, 6).map((x) => ({ content: x })));
        if (part.call === undefined) continue;
        const { id, name, args } = part.call;
        const first = { index, id, type: 'function', function: { name, arguments: '' } };
        const more = pieces(args, 5).map((x) => ({ index, function: { arguments: x } }));
        deltas.push(...[first, ...more].map((call) => ({ tool_calls: [call] })));
        index++;
    }
    return deltas;
}

function chatEvents(said, view) {
    const { id, created, model } = chatWhole(said, view);
    const chunk = (choices, usage = null) =>
        data({ id, object: 'chat.completion.chunk', created, model, choices, usage });
    const choice = (delta, finish_reason = null) =>
        chunk([{ index: 0, delta, logprobs: null, finish_reason }]);
    return [
        ...chatDeltas(said).map((delta) => choice(delta)),
        choice({}, chatStops[said.stop]),
        ...(view.counted ? [chunk([], openaiUsage)] : []),
        'data: [DONE]\n\n',
    ];
}

// ---- Responses

function responsesItem(part, up) {
    if (part.think !== undefined)
        return {
            id: unique('rs_'),
            type: 'reasoning',
            summary: [{ type: 'summary_text', text: part.think }],
            encrypted_content: sign(up, part.think),
        };
    const status = 'completed';
    if (part.text !== undefined)
        return {
            id: unique('msg_'),
            type: 'message',
            role: 'assistant',
            status,
            content: [{ type: 'output_text', text: part.text, annotations: [], logprobs: [] }],
        };
    const { id, name, args } = part.call;
    return { id: unique('fc_'), type: 'function_call', call_id: id, name, arguments: args, status };
}

function responsesWhole(said, view, up) {
    const why = { length: 'max_output_tokens', refusal: 'content_filter' }[said.stop];
    return {
        id: unique('resp_'),
        object: 'response',
        created_at: 1780000000,
        status: why ? 'incomplete' : 'completed',
        error: null,
        incomplete_details: why ? { reason: why } : null,
        instructions: view.body.instructions ?? null,
        max_output_tokens: view.body.max_output_tokens ?? null,
        metadata: {},
        model: view.body.model,
        output: said.parts.map((part) => responsesItem(part, up)),
        parallel_tool_calls: true,
        previous_response_id: null,
        store: false,
        temperature: 1,
        text: { format: { type: 'text' } },
        tool_choice: 'auto',
        tools: view.body.tools ?? [],
        top_p: 1,
        truncation: 'disabled',
        usage: {
            input_tokens: COUNT.input,
            input_tokens_details: { cached_tokens: COUNT.cached },
            output_tokens: COUNT.output,
            output_tokens_details: { reasoning_tokens: COUNT.thinking },
            total_tokens: COUNT.input + COUNT.output,
        },
    };
}

// The events of an item between its beginning and its end.
function responsesPieces(item, output_index) {
    const at = { item_id: item.id, output_index };
    const type = (name) => `response.${name}`;
    if (item.type === 'reasoning') {
        const [{ text: whole }] = item.summary;
        const here = { ...at, summary_index: 0 };
        const part = (string) => ({ part: { type: 'summary_text', text: string } });
        const delta = type('reasoning_summary_text.delta');
        return [
            { type: type('reasoning_summary_part.added'), ...here, ...part('') },
            ...pieces(whole, 6).map((x) => ({ type: delta, ...here, delta: x })),
            { type: type('reasoning_summary_text.done'), ...here, text: whole },
            { type: type('reasoning_summary_part.done'), ...here, ...part(whole) },
        ];
    }
    if (item.type === 'function_call') {
        const delta = type('function_call_arguments.delta');
        const { name, arguments: args } = item;
        return [
            ...pieces(args, 5).map((x) => ({ type: delta, ...at, delta: x })),
            { type: type('function_call_arguments.done'), ...at, name, arguments: args },
        ];
    }
    const [part] = item.content;
    const here = { ...at, content_index: 0 };
    const delta = type('output_text.delta');
    return [
        { type: type('content_part.added'), ...here, part: { ...part, text: '' } },
        ...pieces(part.text, 6).map((x) => ({ type: delta, ...here, delta: x, logprobs: [] })),
        { type: type('output_text.done'), ...here, text: part.text, logprobs: [] },
        { type: type('content_part.done'), ...here, part },
    ];
}

const responsesEmpty = {
    reasoning: (item) => ({ ...item, summary: [], encrypted_content: undefined }),
    message: (item) => ({ ...item, content: [], status: 'in_progress' }),
    function_call: (item) => ({ ...item, arguments: '', status: 'in_progress' }),
};

function responsesEvents(said, view, up) {
    const response = responsesWhole(said, view, up);
    const begun = { ...response, status: 'in_progress', output: [], usage: null };
    const list = [
        { type: 'response.created', response: { ...begun, incomplete_details: null } },
        { type: 'response.in_progress', response: { ...begun, incomplete_details: null } },
    ];
    response.output.forEach((item, output_index) => {
        const added = responsesEmpty[item.type](item);
        list.push({ type: 'response.output_item.added', output_index, item: added });
        list.push(...responsesPieces(item, output_index));
        list.push({ type: 'response.output_item.done', output_index, item });
    });
    list.push({ type: `response.${response.status}`, response });
    return list.map((one, sequence_number) => named({ ...one, sequence_number }));
}

// ---- OpenAI, which has two of these, and servers that are like it

const apis = {
    chat: { whole: chatWhole, events: chatEvents },
    text: { whole: textWhole, events: textEvents },
    responses: { whole: responsesWhole, events: responsesEvents },
};
const openai = {
    base: '/v1',
    models: ['gpt-tide', 'o-tide'],
    overloaded: 503,
    error: (status, refused) => [openaiError(status, refused), { 'x-request-id': unique('req_') }],
    broken: (message, view) =>
        view.api === 'responses'
            ? named({ type: 'error', code: 'server_error', message, param: null })
            : data(openaiError(500, { message })),
    whole: (said, view, up) => apis[view.api].whole(said, view, up),
    events: (said, view, up) => apis[view.api].events(said, view, up),
};
const compatible = { ...openai, bears: true };

// ---- the server

const kinds = { anthropic, gemini, openai, compatible };

// In pieces that fit nothing: not events, not lines, not characters.
async function drip(res, bytes) {
    const sizes = [1, 97, 2, 31, 3, 250, 64];
    for (let i = 0, k = 0; i < bytes.length; k++) {
        const size = sizes[k % sizes.length];
        if (!res.writable) return;
        res.write(bytes.subarray(i, i + size));
        i += size;
        if (k % 2 === 0) await new Promise(setImmediate);
    }
}

async function play(res, view, said, kind, events) {
    res.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8' });
    res.socket.setNoDelay(true);
    const until = said.breaks ? Math.ceil(events.length / 2) : events.length;
    await drip(res, Buffer.from(events.slice(0, until).join('')));
    if (said.breaks === 'cut') return void setTimeout(() => res.destroy(), 20);
    res.end(said.breaks ? kind.broken('it broke in the middle', view) : '');
}

function fail(res, kind, refused) {
    const status = refused.status === 'overloaded' ? kind.overloaded : refused.status;
    const [body, headers] = kind.error(status, refused);
    const wait = refused.wait ? { 'retry-after': String(refused.wait) } : {};
    reply(res, status, body, { ...headers, ...wait });
}

export async function native(t, name, scene = 'text', more = {}) {
    const kind = kinds[name];
    const up = await upstream(t, async (req, res) => {
        try {
            const view = judges[name](req, up);
            up.asked.push(view);
            view.req = req;
            if (view.counts) return reply(res, 200, kind.count(view));
            const scene_ = typeof up.scene === 'function' ? up.scene : scenes[up.scene];
            const said = await scene_(view);
            if (said.fail)
                throw new Refused(said.message, said.fail, { wait: said.wait, meant: true });
            const { always } = up; // what it answers, whatever it was asked for
            if (always ? always === 'stream' : view.stream)
                return await play(res, view, said, kind, kind.events(said, view, up));
            // Whole, there is no middle to break in.
            if (said.breaks === 'cut') return res.destroy();
            if (said.breaks) return fail(res, kind, new Refused('it broke', 500));
            const body = print(kind.whole(said, view, up));
            return reply(res, 200, body, { 'x-request-id': unique('req_') });
        } catch (e) {
            if (!(e instanceof Refused)) {
                up.bugs.push(e);
                return res.destroy();
            }
            if (!e.meant) up.refused.push(`${name}: ${e.message}\n${req.raw}`);
            return fail(res, kind, e);
        }
    });
    Object.assign(up, { name, kind: name, scene, key: keyOf(name), models: kind.models });
    up.bears = kind.bears;
    Object.assign(up, { asked: [], refused: [], bugs: [], signatures: new Map() });
    up.title = name[0].toUpperCase() + name.slice(1);
    up.url = `http://127.0.0.1:${up.port}${kind.base}`;
    up.model = kind.models[0];
    // What the judge refused is the reason for whatever else a test finds: it is said first.
    up.check = () => {
        if (up.bugs.length > 0) throw up.bugs[0];
        if (up.refused.length > 0) throw new Error(`refused: ${up.refused[0]}`);
    };
    return Object.assign(up, more);
}

// ---- and a gateway in front of them

export const MODEL = 'acme/big';
export const PRICES = { prompt: 1, completion: 2, input_cache_read: 0.1, input_cache_write: 1.25 };

// OpenAI is known by its name. The others have names that no gateway knows: what there is to
// know of them has to come from their kind.
export const nameOf = (kind) => (kind === 'openai' ? 'openai' : `my-${kind}`);
export const only = (kind) => ({ provider: { only: [nameOf(kind)] } });
export const inOrder = (kinds_) => ({ provider: { order: kinds_.map(nameOf) } });

// { p, KIND: up ... }: MODEL at each of these providers. offer: { KIND: settings }, of endpoints.
export async function behind(t, list, { scene, top, sections, offer = {}, always } = {}) {
    const ups = {};
    const providers = {};
    for (const kind of list) {
        const up = await native(t, kind, scene, { always });
        const name = nameOf(kind);
        Object.assign(up, { name, title: `My ${kind}`, key: keyOf(name) });
        ups[kind] = up;
        const settings = { ...PRICES, upstream_model: up.model, ...offer[kind] };
        const spoken = kind === 'compatible' ? 'openai' : kind;
        providers[name] = { up, kind: spoken, endpoints: { [MODEL]: settings } };
    }
    const p = await gateway(t, { top, sections, providers });
    return { p, ...ups };
}

// A gateway in front of a chat server that makes two calls whose pieces interleave.
export async function interleaving(t) {
    const call = (index, more) => openaiChunk({ tool_calls: [{ index, ...more }] });
    const up = await upstream(t, (req, res) => {
        begin(res);
        const list = [
            openaiChunk({ role: 'assistant', content: null }),
            call(0, { id: 'a', type: 'function', function: { name: 'one', arguments: '' } }),
            call(1, { id: 'b', type: 'function', function: { name: 'two', arguments: '{"x"' } }),
            call(0, { function: { arguments: '{"y":' } }),
            call(1, { function: { arguments: ':"é"}' } }),
            call(0, { function: { arguments: '[1]}' } }),
            openaiChunk({}, 'tool_calls'),
            '[DONE]',
        ];
        res.end(list.map(event).join(''));
    });
    return gateway(t, {
        providers: { plain: { up: { ...up, title: 'Plain' }, endpoints: { [MODEL]: PRICES } } },
    });
}

// What the usage of COUNT costs at PRICES, in USD.
export function costAt(kind) {
    const { input, cached, output } = COUNT;
    const written = kind === 'anthropic' ? COUNT.written : 0;
    return (input - cached - written + 0.1 * cached + 1.25 * written + 2 * output) / 1e6;
}
export const near = (x, y) => Math.abs(x - y) < 1e-12;

// Names and data of a stream's events.
export const namedEvents = (text) =>
    [...text.matchAll(/^event: (\S+)\r?\ndata: (.*)$/gm)].map(([, name, data]) => ({
        name,
        data,
        json: JSON.parse(data),
    }));
