// What the real APIs refuse, for the scripted ones of native.js: judges[kind](req, up) returns
// what a scene has to know of the request ({ body, stream, images, results, reasons }), or
// throws a Refused. Every list of members is an allow list, so that what a translation
// invents or lets through is a 400 here as it is there.

export class Refused extends Error {
    constructor(message, status = 400, more = {}) {
        super(message);
        Object.assign(this, { status, ...more });
    }
}

function need(condition, message, status, more) {
    if (!condition) throw new Refused(message, status, more);
}

const isObject = (x) => x !== null && typeof x === 'object' && !Array.isArray(x);
const filled = (x) => typeof x === 'string' && x.trim() !== '';
const list = (names) => names.split(' ');

function only(object, names, where) {
    need(isObject(object), `${where}: should be an object`);
    for (const name of Object.keys(object))
        need(names.includes(name), `${where}.${name}: unknown name`);
}

function isNumber(x, where, low = -Infinity, high = Infinity) {
    if (x === undefined) return;
    need(typeof x === 'number' && x >= low && x <= high, `${where}: no number in ${low}..${high}`);
}

function isInteger(x, where, low, high) {
    isNumber(x, where, low, high);
    need(x === undefined || Number.isInteger(x), `${where}: not an integer`);
}

const isBase64 = (x) => typeof x === 'string' && /^[A-Za-z0-9+/]+={0,2}$/.test(x);

// JSON, and said to be JSON. Behind a gateway, what tells of its client does not come along.
function bodyOf(req, up) {
    need(/^application\/json/.test(req.headers['content-type'] ?? ''), 'not said to be JSON', 415);
    need(isObject(req.json), 'the body is not a JSON object');
    for (const name of ['x-stainless-lang', 'cookie', 'http-referer', 'x-title'])
        need(up.direct || !(name in req.headers), `a header of the client came along: ${name}`);
    return req.json;
}

// ---- Anthropic

// prettier-ignore
const MESSAGES = {
    top: list('model messages max_tokens system stream stop_sequences temperature top_p top_k ' +
        'tools tool_choice thinking output_config metadata cache_control service_tier ' +
        'inference_geo container diagnostics'),
    beta: { context_management: 'context-management-', mcp_servers: 'mcp-client-',
        speed: 'fast-mode-', fallbacks: 'fallbacks-' },
    blocks: {
        user: {
            text: list('type text cache_control citations'),
            image: list('type source cache_control'),
            document: list('type source title context citations cache_control'),
            tool_result: list('type tool_use_id content is_error cache_control'),
        },
        assistant: {
            text: list('type text cache_control citations'),
            thinking: list('type thinking signature'),
            redacted_thinking: list('type data'),
            tool_use: list('type id name input cache_control caller toolset_name'),
        },
        system: { text: list('type text cache_control') },
        tool_result: {
            text: list('type text cache_control citations'),
            image: list('type source cache_control'),
            document: list('type source title context citations cache_control'),
        },
    },
    tool: list('type name description input_schema cache_control strict eager_input_streaming ' +
        'defer_loading input_examples allowed_callers'),
    sources: { base64: list('type media_type data'), url: list('type url'),
        text: list('type media_type data'), file: list('type file_id') },
    images: list('image/jpeg image/png image/gif image/webp'),
};

// What a family of models refuses; the id tells.
const families = [
    { of: /(sonnet|opus)-5-5|fable/, sampling: false, budget: false, forced: false },
    { of: /haiku-5-5/, sampling: false, budget: false },
    { of: /opus-4-[78]|sonnet-5|opus-5/, sampling: false },
    { of: /(sonnet|opus|haiku)-4-[0-5]\b/, both: false, most: 64000 },
    { of: /claude/ },
];
const ANY = { sampling: true, budget: true, forced: true, both: true, most: 128000 };
const family = (model) => ({ ...ANY, ...families.find((one) => one.of.test(model)) });

function checkSource(source, where, view) {
    const members = MESSAGES.sources[source?.type];
    need(members, `${where}.source.type: unknown`);
    only(source, members, `${where}.source`);
    if (source.type === 'base64') {
        need(isBase64(source.data), `${where}.source.data: not base64`);
        view.images.push({ type: source.media_type, data: source.data });
    }
    if (source.type === 'url') {
        need(/^https?:/.test(source.url), `${where}.source.url: not a URL`);
        view.images.push({ url: source.url });
    }
}

function textOf(content) {
    if (typeof content === 'string') return content;
    return (content ?? []).map((one) => one.text ?? '').join('');
}

const blockChecks = {
    text(block, where) {
        need(filled(block.text), `${where}: text content blocks must be non-empty`);
    },
    image(block, where, view) {
        checkSource(block.source, where, view);
        need(
            block.source.type !== 'base64' || MESSAGES.images.includes(block.source.media_type),
            `${where}.source.media_type: not an image's`,
        );
    },
    document(block, where, view) {
        checkSource(block.source, where, view);
    },
    tool_use(block, where) {
        need(/^[A-Za-z0-9_-]+$/.test(block.id ?? ''), `${where}.id: no match of the pattern`);
        need(/^[A-Za-z0-9_-]{1,128}$/.test(block.name ?? ''), `${where}.name: no match`);
        need(isObject(block.input), `${where}.input: should be an object`);
    },
    tool_result(block, where, view) {
        const { content } = block;
        if (Array.isArray(content)) checkBlocks(content, 'tool_result', where, view);
        else need(content === undefined || typeof content === 'string', `${where}.content: bad`);
        need([undefined, true, false].includes(block.is_error), `${where}.is_error: no bool`);
        view.results.push({ id: block.tool_use_id, text: textOf(content) });
    },
    thinking(block, where, view, up) {
        need(
            up.signatures.get(block.signature) === block.thinking,
            `${where}: Invalid \`signature\` in \`thinking\` block`,
        );
        view.signatures.push(block.signature);
    },
    redacted_thinking(block, where, view, up) {
        need(up.signatures.has(block.data), `${where}: Invalid \`data\``);
        view.signatures.push(block.data);
    },
};

function checkBlocks(blocks, role, where, view, up) {
    need(Array.isArray(blocks) && blocks.length > 0, `${where}: content must be non-empty`);
    blocks.forEach((block, i) => {
        const here = `${where}.content.${i}`;
        const members = MESSAGES.blocks[role][block?.type];
        need(members, `${here}: no block type for ${role}: ${block?.type}`);
        only(block, members, here);
        blockChecks[block.type](block, here, view, up);
        if (block.cache_control) view.marks++;
    });
}

const blocksOf = (message) =>
    typeof message?.content === 'string'
        ? [{ type: 'text', text: message.content }]
        : (message?.content ?? []);
const ofType = (message, type) => blocksOf(message).filter((block) => block.type === type);

// Results answer exactly the calls of the turn before, and come first.
function checkPairs(turns) {
    turns.forEach((turn, i) => {
        const where = `messages.${i}`;
        const calls = turns[i - 1]?.role === 'assistant' ? ofType(turns[i - 1], 'tool_use') : [];
        const results = ofType(turn, 'tool_result');
        const kinds = blocksOf(turn).map((block) => block.type === 'tool_result');
        need(kinds.lastIndexOf(true) < results.length, `${where}: tool_result has to come first`);
        const ids = results.map((block) => block.tool_use_id);
        need(new Set(ids).size === ids.length, `${where}: each tool_use must have one result`);
        for (const id of ids)
            need(
                calls.some((call) => call.id === id),
                `${where}: unexpected \`tool_use_id\` found in \`tool_result\` blocks: ${id}`,
            );
        for (const { id } of calls)
            need(
                ids.includes(id),
                `${where}: \`tool_use\` ids were found without \`tool_result\` blocks: ${id}`,
            );
    });
    const last = turns.at(-1);
    need(ofType(last, 'tool_use').length === 0, 'the last tool_use has no result');
    const all = turns.flatMap((turn) => ofType(turn, 'tool_use').map((block) => block.id));
    need(new Set(all).size === all.length, '`tool_use` ids must be unique');
}

function checkTurns(body, beta, version, view, up) {
    const { messages } = body;
    need(Array.isArray(messages) && messages.length > 0, 'messages: at least one is required');
    messages.forEach((message, i) => {
        const where = `messages.${i}`;
        const { role, content } = message ?? {};
        need(role in MESSAGES.blocks && role !== 'tool_result', `${where}.role: unknown`);
        const late = role === 'system';
        need(
            !late || /mid-conversation/.test(beta) || version === '2026-10-21',
            `${where}.role: system is not enabled`,
        );
        only(message, list(late ? 'role content output_config' : 'role content'), where);
        if (typeof content === 'string') need(filled(content), `${where}: must be non-empty`);
        else checkBlocks(content, role, where, view, up);
    });
    const turns = messages.filter((message) => message.role !== 'system');
    turns.forEach((turn, i) =>
        need(turn.role === (i % 2 ? 'assistant' : 'user'), `messages.${i}: roles must alternate`),
    );
    checkPairs(turns);
    const last = turns.at(-1);
    if (last.role === 'assistant') {
        need(!/-(4-[6-9]|5)/.test(body.model), 'This model does not support assistant prefill');
        need(!/\s$/.test(textOf(last.content)), 'final assistant content ends in whitespace');
    }
    if (body.thinking?.type === 'enabled') checkThoughtLoop(turns);
}

// With thinking on, a turn that is being answered has to begin with its thoughts.
function checkThoughtLoop(turns) {
    const start = turns.findLastIndex(
        (turn) => turn.role === 'user' && ofType(turn, 'tool_result').length === 0,
    );
    for (const turn of turns.slice(start + 1).filter((one) => one.role === 'assistant')) {
        const first = blocksOf(turn)[0].type;
        need(
            ofType(turn, 'tool_use').length === 0 || /thinking$/.test(first),
            `Expected \`thinking\` or \`redacted_thinking\`, but found \`${first}\``,
        );
    }
}

function checkTools(body, view) {
    const { tools = [], tool_choice: choice } = body;
    need(Array.isArray(tools), 'tools: should be a list');
    tools.forEach((tool, i) => {
        const where = `tools.${i}`;
        need(/^[A-Za-z0-9_-]{1,128}$/.test(tool?.name ?? ''), `${where}.name: no match`);
        if (tool.cache_control) view.marks++;
        if (/_\d{8}$/.test(tool.type ?? '')) return; // a tool of Anthropic's own
        only(tool, MESSAGES.tool, where);
        need([undefined, 'custom'].includes(tool.type), `${where}.type: unknown`);
        const schema = tool.input_schema;
        need(isObject(schema), `${where}.input_schema: Field required`);
        need(schema.type === 'object', `${where}.input_schema.type: should be 'object'`);
        for (const name of ['oneOf', 'anyOf', 'allOf'])
            need(!(name in schema), `${where}.input_schema: no ${name} at the top level`);
    });
    const names = tools.map((tool) => tool.name);
    need(new Set(names).size === names.length, 'tools: Tool names must be unique.');
    const used = body.messages.some((message) => ofType(message, 'tool_use').length > 0);
    need(!used || tools.length > 0, 'Requests which include `tool_use` must define tools');
    if (choice === undefined) return;
    only(choice, list('type name disable_parallel_tool_use'), 'tool_choice');
    need(list('auto any tool none').includes(choice.type), 'tool_choice.type: unknown');
    need(tools.length > 0, 'tool_choice may only be specified while providing tools');
    need((choice.type === 'tool') === (choice.name !== undefined), 'tool_choice.name: wrong');
    need(choice.type !== 'tool' || names.includes(choice.name), 'tool_choice.name: no such tool');
    const forced = ['any', 'tool'].includes(choice.type);
    need(!forced || family(body.model).forced, 'this model cannot be forced to use a tool');
    need(
        !forced || body.thinking?.type !== 'enabled',
        'Thinking may not be enabled when tool_choice forces tool use',
    );
}

function checkThinking(body) {
    const { thinking, max_tokens: most } = body;
    if (thinking === undefined) return;
    const members = {
        enabled: list('type budget_tokens display'),
        adaptive: list('type display'),
        between_tools: list('type display'),
        disabled: list('type'),
    }[thinking?.type];
    need(members, 'thinking.type: unknown');
    only(thinking, members, 'thinking');
    if (thinking.type !== 'enabled') return;
    need(family(body.model).budget, 'thinking: this model takes only adaptive');
    isInteger(thinking.budget_tokens, 'thinking.budget_tokens', 1024);
    need(thinking.budget_tokens < most, '`max_tokens` must be greater than `budget_tokens`');
    need(
        [undefined, 1].includes(body.temperature) && body.top_k === undefined,
        '`temperature` may only be set to 1 when thinking is enabled',
    );
    need(!(body.top_p < 0.95), '`top_p` must be at least 0.95 when thinking is enabled');
}

function checkSampling(body, version) {
    const limits = family(body.model);
    const given = list('temperature top_p top_k').filter((name) => body[name] !== undefined);
    isNumber(body.temperature, 'temperature', 0, 1);
    isNumber(body.top_p, 'top_p', 0, 1);
    isInteger(body.top_k, 'top_k', 0);
    isInteger(body.max_tokens, 'max_tokens', 1, limits.most);
    need(given.length === 0 || limits.sampling, `${given[0]}: not supported by this model`);
    need(given.length === 0 || version === '2023-06-01', `${given[0]}: removed in ${version}`);
    need(
        limits.both || !(given.includes('temperature') && given.includes('top_p')),
        '`temperature` and `top_p` cannot both be specified for this model',
    );
    const stops = body.stop_sequences ?? [];
    need(stops.every(filled), 'stop_sequences: each must contain non-whitespace');
}

function checkSystem(body, view) {
    const { system } = body;
    if (system === undefined) return;
    if (typeof system === 'string') return void need(filled(system), 'system: must be non-empty');
    checkBlocks(system, 'system', 'system', view);
}

function anthropicHead(req, up) {
    const { authorization, 'x-api-key': key } = req.headers;
    const right = up.direct && authorization ? `Bearer ${up.key}` : up.key;
    need(authorization === undefined || key === undefined, 'two ways to say who you are', 401);
    need((key ?? authorization) === right, 'invalid x-api-key', 401);
    const version = req.headers['anthropic-version'];
    need(['2023-06-01', '2026-10-21'].includes(version), 'anthropic-version: header is required');
    return version;
}

function anthropic(req, up) {
    const { pathname } = new URL(req.url, up.url);
    const counts = pathname === '/v1/messages/count_tokens';
    need(counts || pathname === '/v1/messages', 'Not Found', 404);
    need(req.method === 'POST', 'Method Not Allowed', 405);
    const version = anthropicHead(req, up);
    const beta = req.headers['anthropic-beta'] ?? '';
    const body = bodyOf(req, up);
    const betas = Object.entries(MESSAGES.beta).filter(([, token]) => beta.includes(token));
    only(body, [...MESSAGES.top, ...betas.map(([name]) => name)], 'body');
    need(filled(body.model), 'model: Field required');
    need(up.models.includes(body.model), `model: ${body.model}`, 404);
    need(counts || body.max_tokens !== undefined, 'max_tokens: Field required');
    need([undefined, true, false].includes(body.stream), 'stream: should be a valid boolean');
    const view = { body, stream: body.stream === true, counts, images: [], results: [] };
    Object.assign(view, { signatures: [], marks: 0 });
    checkSystem(body, view);
    checkTurns(body, beta, version, view, up);
    checkTools(body, view);
    checkThinking(body);
    checkSampling(body, version);
    need(view.marks <= 4, 'A maximum of 4 blocks with cache_control may be provided');
    if (body.metadata) only(body.metadata, ['user_id'], 'metadata');
    if (body.output_config) only(body.output_config, list('effort format'), 'output_config');
    const last = body.messages.findLast((message) => message.role === 'user');
    view.results = ofType(last, 'tool_result').map((block) => ({
        id: block.tool_use_id,
        text: textOf(block.content),
    }));
    view.reasons = list('enabled adaptive between_tools').includes(body.thinking?.type);
    return view;
}

// ---- Gemini

// prettier-ignore
const GEMINI = {
    top: list('contents systemInstruction tools toolConfig generationConfig safetySettings ' +
        'cachedContent serviceTier continuationToken'),
    config: list('candidateCount frequencyPenalty logprobs maxOutputTokens mediaResolution ' +
        'presencePenalty responseFormat responseJsonSchema responseLogprobs responseMimeType ' +
        'responseModalities responseSchema seed speechConfig stopSequences temperature ' +
        'thinkingConfig topK topP'),
    kinds: { text: null, inlineData: list('mimeType data'), fileData: list('mimeType fileUri'),
        functionCall: list('id name args'), functionResponse: list('id name response parts') },
    modifiers: list('thought thoughtSignature videoMetadata mediaResolution'),
    tool: list('functionDeclarations googleSearch urlContext codeExecution'),
    declaration: list('name description parameters parametersJsonSchema response ' +
        'responseJsonSchema behavior'),
    schema: list('type format title description nullable enum items minItems maxItems minLength ' +
        'maxLength minProperties maxProperties minimum maximum pattern properties required ' +
        'propertyOrdering anyOf default example'),
    modes: list('AUTO ANY NONE VALIDATED'),
    levels: list('MINIMAL LOW MEDIUM HIGH'),
};

// In place of a signature that was lost; documented.
export const SKIP_SIGNATURE = 'skip_thought_signature_validator';

function checkSchema(schema, where) {
    only(schema, GEMINI.schema, where);
    need(typeof schema.type === 'string' || schema.anyOf, `${where}.type: missing`);
    need(
        (schema.enum ?? []).every((x) => typeof x === 'string'),
        `${where}.enum: not strings`,
    );
    const properties = schema.properties ?? {};
    for (const [name, one] of Object.entries(properties)) checkSchema(one, `${where}.${name}`);
    if (/^array$/i.test(schema.type)) need(schema.items, `${where}.items: missing field`);
    if (schema.items) checkSchema(schema.items, `${where}.items`);
    (schema.anyOf ?? []).forEach((one, i) => checkSchema(one, `${where}.anyOf[${i}]`));
    for (const name of schema.required ?? [])
        need(name in properties, `${where}.required: property is not defined: ${name}`);
}

const GEMINI_NAME = /^[A-Za-z_][A-Za-z0-9_.:-]{0,127}$/;

function checkPart(part, where, view, up) {
    const given = Object.keys(part).filter((name) => name in GEMINI.kinds);
    only(part, [...given, ...GEMINI.modifiers], where);
    need(given.length === 1, `${where}: exactly one kind of data, not ${given}`);
    const [kind] = given;
    if (kind !== 'text') only(part[kind], GEMINI.kinds[kind], `${where}.${kind}`);
    if (kind === 'text') need(typeof part.text === 'string', `${where}.text: not a string`);
    if (kind === 'inlineData') {
        need(isBase64(part.inlineData.data), `${where}.inlineData.data: not base64`);
        need(/^[a-z]+\/[a-z0-9.+-]+$/.test(part.inlineData.mimeType), `${where}: bad mimeType`);
        view.images.push({ type: part.inlineData.mimeType, data: part.inlineData.data });
    }
    if (kind === 'fileData') view.images.push({ url: part.fileData.fileUri });
    if (kind === 'functionCall' || kind === 'functionResponse')
        need(GEMINI_NAME.test(part[kind].name), `${where}.${kind}.name: invalid`);
    if (kind === 'functionCall')
        need(part[kind].args === undefined || isObject(part[kind].args), `${where}.args: bad`);
    if (kind === 'functionResponse')
        need(isObject(part[kind].response), `${where}.response: should be an object`);
    const signature = part.thoughtSignature;
    if (signature === undefined) return;
    const known = signature === SKIP_SIGNATURE || up.signatures.has(signature);
    need(known, `${where}: Thought signature is not valid.`);
    view.signatures.push(signature);
}

const pick = (content, kind) =>
    (content?.parts ?? []).filter((part) => kind in part).map((part) => part[kind]);

// k calls of the model are followed by k responses, by name, and nothing else is.
function checkCalls(contents) {
    contents.forEach((content, i) => {
        const where = `contents[${i}]`;
        const answers = pick(content, 'functionResponse');
        const before = contents[i - 1];
        const calls = before?.role === 'model' ? pick(before, 'functionCall') : [];
        need(
            answers.length === calls.length,
            `${where}: the number of function response parts must be equal to the number of ` +
                `function call parts of the function call turn`,
        );
        answers.forEach((answer) => {
            const k = calls.findIndex(
                (call) => call.name === answer.name && [undefined, call.id].includes(answer.id),
            );
            need(k >= 0, `${where}: a response to no call: ${answer.name}`);
            calls.splice(k, 1);
        });
        if (pick(content, 'functionCall').length === 0) return;
        need(i > 0 && before.role === 'user', `${where}: call turn comes right after a user turn`);
    });
    need(pick(contents.at(-1), 'functionCall').length === 0, 'the last call has no response');
}

// A Gemini 3 wants the signature of the first call of each step of the current turn, which is
// what comes behind the last words of the user.
function checkSignatures(contents, model) {
    if (!/gemini-3/.test(model)) return;
    const start = contents.findLastIndex(
        (content) =>
            content.role === 'user' && content.parts.some((part) => !('functionResponse' in part)),
    );
    for (const content of contents.slice(start + 1)) {
        const first = content.parts.find((part) => 'functionCall' in part);
        need(
            !first || first.thoughtSignature !== undefined,
            `Function call is missing a thought_signature in functionCall parts: ` +
                `${first?.functionCall.name}`,
        );
    }
}

function checkContents(body, model, view, up) {
    const { contents } = body;
    need(Array.isArray(contents) && contents.length > 0, 'contents is not specified');
    contents.forEach((content, i) => {
        const where = `contents[${i}]`;
        only(content, list('role parts'), where);
        need(['user', 'model', undefined].includes(content.role), 'Please use a valid role');
        need(content.parts?.length > 0, `${where}.parts must not be empty`);
        content.parts.forEach((part, k) => checkPart(part, `${where}.parts[${k}]`, view, up));
        const mine = pick(content, 'functionResponse').length > 0;
        need(!mine || content.role !== 'model', `${where}: a response is the user's`);
    });
    checkCalls(contents);
    checkSignatures(contents, model);
    const system = body.systemInstruction;
    if (system === undefined) return;
    only(system, list('role parts'), 'systemInstruction');
    need(system.parts?.length > 0, 'systemInstruction.parts must not be empty');
    for (const part of system.parts) only(part, ['text'], 'systemInstruction.parts');
}

function checkDeclarations(body) {
    const names = [];
    for (const tool of body.tools ?? []) {
        only(tool, GEMINI.tool, 'tools');
        for (const one of tool.functionDeclarations ?? []) {
            only(one, GEMINI.declaration, 'functionDeclarations');
            need(GEMINI_NAME.test(one.name), `Invalid function name: ${one.name}`);
            need(!(one.parameters && one.parametersJsonSchema), `${one.name}: two schemas`);
            if (one.parameters) {
                checkSchema(one.parameters, `${one.name}.parameters`);
                const { properties, type } = one.parameters;
                const empty = /^object$/i.test(type) && Object.keys(properties ?? {}).length === 0;
                need(!empty, `${one.name}: should be non-empty for OBJECT type`);
            }
            names.push(one.name);
        }
    }
    need(new Set(names).size === names.length, 'Duplicate function declaration found');
    const choice = body.toolConfig?.functionCallingConfig;
    if (body.toolConfig) only(body.toolConfig, ['functionCallingConfig'], 'toolConfig');
    if (!choice) return names;
    only(choice, list('mode allowedFunctionNames'), 'functionCallingConfig');
    need(GEMINI.modes.includes(choice.mode), 'functionCallingConfig.mode: unknown');
    const allowed = choice.allowedFunctionNames ?? [];
    const limits = ['ANY', 'VALIDATED'].includes(choice.mode);
    need(allowed.length === 0 || limits, 'allowed_function_names needs the mode ANY');
    for (const name of allowed) need(names.includes(name), `no such function: ${name}`);
    return names;
}

function checkConfig(body, model, names) {
    const config = body.generationConfig ?? {};
    only(config, GEMINI.config, 'generationConfig');
    isInteger(config.maxOutputTokens, 'maxOutputTokens', 1, 65536);
    isInteger(config.candidateCount, 'candidateCount', 1, 8);
    isInteger(config.seed, 'seed', -(2 ** 31), 2 ** 31 - 1);
    isNumber(config.temperature, 'temperature', 0, 2);
    isNumber(config.topP, 'topP', 0, 1);
    need((config.stopSequences ?? []).length <= 5, 'at most 5 stop sequences');
    const penal = 'presencePenalty' in config || 'frequencyPenalty' in config;
    need(!penal || !/gemini-[23]/.test(model), 'Penalty is not enabled for this model');
    const json = config.responseMimeType === 'application/json';
    need(
        !json || names.length === 0 || /gemini-3/.test(model),
        'Function calling with a response mime type: application/json is unsupported',
    );
    const schema = config.responseSchema ?? config.responseJsonSchema;
    need(schema === undefined || json, 'a response schema needs application/json');
    need(!(config.responseSchema && config.responseJsonSchema), 'two response schemas');
    if (config.responseSchema) checkSchema(config.responseSchema, 'responseSchema');
    const thinks = config.thinkingConfig;
    if (!thinks) return false;
    only(thinks, list('includeThoughts thinkingBudget thinkingLevel'), 'thinkingConfig');
    need(/gemini-(2\.5|3)/.test(model), 'Thinking is not enabled for this model');
    const both = thinks.thinkingBudget !== undefined && thinks.thinkingLevel !== undefined;
    need(!both, 'You can only set only one of thinking budget and thinking level.');
    if (thinks.thinkingLevel !== undefined) {
        need(/gemini-3/.test(model), 'Thinking level is not supported for this model.');
        need(GEMINI.levels.includes(thinks.thinkingLevel.toUpperCase()), 'thinkingLevel: unknown');
    }
    isInteger(thinks.thinkingBudget, 'thinkingBudget', -1, 32768);
    return thinks.includeThoughts === true;
}

function gemini(req, up) {
    const url = new URL(req.url, up.url);
    const [, model, verb] =
        /^\/v1beta\/models\/([^/:]+):(\w+)$/.exec(decodeURIComponent(url.pathname)) ?? [];
    const stream = verb === 'streamGenerateContent';
    need(stream || ['generateContent', 'countTokens'].includes(verb), 'Not found', 404);
    need(req.method === 'POST', 'Not found', 404);
    need(up.models.includes(model), `models/${model} is not found`, 404);
    const known = [...url.searchParams.keys()].every((name) => name === 'alt');
    need(known, 'Unknown name in the query, or a key where logs can see it');
    need(stream === (url.searchParams.get('alt') === 'sse'), 'the test wants ?alt=sse of streams');
    const right = req.headers['x-goog-api-key'] === up.key;
    need(right, 'API key not valid. Please pass a valid API key.', 400, {
        reason: 'API_KEY_INVALID',
    });
    need(!('authorization' in req.headers), 'two ways to say who you are', 401);
    let body = bodyOf(req, up);
    const counts = verb === 'countTokens';
    if (counts && body.generateContentRequest) body = body.generateContentRequest;
    only(body, counts ? [...GEMINI.top, 'model'] : GEMINI.top, 'body');
    const view = { body, stream, counts, model, images: [], results: [], signatures: [] };
    checkContents(body, model, view, up);
    const names = checkDeclarations(body);
    view.reasons = checkConfig(body, model, names);
    view.results = pick(body.contents.at(-1), 'functionResponse').map((one) => ({
        id: one.id,
        name: one.name,
        text: String(one.response.output ?? one.response.error ?? JSON.stringify(one.response)),
    }));
    return view;
}

// ---- OpenAI's two

// prettier-ignore
const CHAT = {
    top: list('model messages audio frequency_penalty function_call functions logit_bias ' +
        'logprobs max_completion_tokens max_tokens metadata modalities n parallel_tool_calls ' +
        'prediction presence_penalty prompt_cache_key reasoning_effort response_format ' +
        'safety_identifier seed service_tier stop store stream stream_options temperature ' +
        'tool_choice tools top_logprobs top_p user verbosity web_search_options'),
    old: list('model prompt best_of echo frequency_penalty logit_bias logprobs max_tokens n ' +
        'presence_penalty seed stop stream stream_options suffix temperature top_p user'),
    roles: {
        system: list('role content name'),
        developer: list('role content name'),
        user: list('role content name'),
        assistant: list('role content name refusal tool_calls audio annotations ' +
            'reasoning reasoning_content reasoning_details'),
        tool: list('role content tool_call_id'),
    },
    parts: { text: ['text'], image_url: ['image_url'], file: ['file'],
        input_audio: ['input_audio'], refusal: ['refusal'] },
};

function openaiHead(req, up, path) {
    const { pathname } = new URL(req.url, up.url);
    need(pathname === path, `Invalid URL (${req.method} ${pathname})`, 404);
    need(req.method === 'POST', 'Not allowed', 405);
    need(req.headers.authorization === `Bearer ${up.key}`, 'Incorrect API key provided', 401);
    need(!('x-api-key' in req.headers), 'two ways to say who you are', 401);
    const body = bodyOf(req, up);
    need(up.models.includes(body.model), `The model ${body.model} does not exist`, 404);
    need([undefined, null, true, false].includes(body.stream), 'stream: not a boolean');
    return body;
}

function imageFromUrl(url, view, where) {
    need(typeof url === 'string', `${where}: no url`);
    const [, type, data] = /^data:([^;,]+);base64,(.*)$/s.exec(url) ?? [];
    if (!type) return void view.images.push({ url });
    need(isBase64(data), `${where}: not base64`);
    view.images.push({ type, data });
}

function checkChatContent(message, where, view, up) {
    const { content, role } = message;
    if (!Array.isArray(content)) {
        const bare = role === 'assistant' && message.tool_calls && (content ?? null) === null;
        return void need(bare || typeof content === 'string', `${where}.content: wrong type`);
    }
    need(content.length > 0, `${where}.content: empty list`);
    content.forEach((part, i) => {
        const here = `${where}.content[${i}]`;
        const members = CHAT.parts[part?.type];
        need(members, `${here}.type: unknown ${part?.type}`);
        if (!up.bears) only(part, ['type', ...members], here);
        if (part.type === 'text') need(typeof part.text === 'string', `${here}.text: wrong type`);
        if (part.type !== 'image_url') return;
        only(part.image_url, list('url detail'), here);
        need(role === 'user', `${here}: images are for users`);
        imageFromUrl(part.image_url.url, view, here);
    });
}

function checkChatCalls(calls, where) {
    need(Array.isArray(calls) && calls.length > 0, `${where}.tool_calls: empty list`);
    calls.forEach((call) => {
        only(call, list('id type function extra_content'), `${where}.tool_calls`);
        need(filled(call.id) && call.type === 'function', `${where}.tool_calls: id or type`);
        only(call.function, list('name arguments'), `${where}.tool_calls.function`);
        need(typeof call.function.arguments === 'string', `${where}: arguments is no string`);
    });
}

// Behind calls come their results, all of them, before anything else.
function checkChatOrder(messages) {
    let open = [];
    messages.forEach((message, i) => {
        if (message.role === 'tool') {
            need(open.includes(message.tool_call_id), `messages[${i}]: a result of no call`);
            open = open.filter((id) => id !== message.tool_call_id);
            return;
        }
        need(open.length === 0, `messages[${i}]: tool_call_ids did not have responses: ${open}`);
        open = (message.tool_calls ?? []).map((call) => call.id);
    });
    need(open.length === 0, `tool_call_ids did not have responses: ${open}`);
}

function checkChatTools(body, up) {
    if (body.tools === undefined)
        return void need(body.tool_choice === undefined, 'tool_choice without tools');
    need(Array.isArray(body.tools) && body.tools.length > 0, 'tools: empty list');
    for (const tool of body.tools) {
        if (!up.bears) only(tool, list('type function'), 'tools');
        need(tool.type === 'function', 'tools.type: unknown');
        only(tool.function, list('name description parameters strict'), 'tools.function');
        need(/^[a-zA-Z0-9_-]{1,64}$/.test(tool.function.name ?? ''), 'tools.function.name');
        const { parameters } = tool.function;
        need(parameters === undefined || isObject(parameters), 'tools.function.parameters');
    }
}

// The older completions, which servers that speak chat completions serve, too.
function completions(req, up) {
    const body = openaiHead(req, up, '/v1/completions');
    only(body, CHAT.old, 'body');
    need(typeof body.prompt === 'string', 'prompt: the test has only strings');
    const counted = body.stream_options?.include_usage === true;
    const stream = body.stream === true;
    return { body, stream, counted, images: [], results: [], signatures: [] };
}

function chat(req, up) {
    const body = openaiHead(req, up, '/v1/chat/completions');
    if (!up.bears) only(body, CHAT.top, 'body');
    need(Array.isArray(body.messages) && body.messages.length > 0, 'messages: empty');
    const view = { body, stream: body.stream === true, images: [], results: [], signatures: [] };
    body.messages.forEach((message, i) => {
        const where = `messages[${i}]`;
        need(message?.role in CHAT.roles, `${where}.role: unknown`);
        if (!up.bears) only(message, CHAT.roles[message.role], where);
        checkChatContent(message, where, view, up);
        if ('tool_calls' in message) checkChatCalls(message.tool_calls, where);
    });
    checkChatOrder(body.messages);
    checkChatTools(body, up);
    need(!('max_tokens' in body && 'max_completion_tokens' in body), 'two limits');
    need(view.stream || !body.stream_options, 'stream_options only when streaming');
    const last = body.messages.findLastIndex((message) => message.role !== 'tool');
    view.results = body.messages.slice(last + 1).map((message) => ({
        id: message.tool_call_id,
        text: textOf(message.content),
    }));
    view.reasons = body.reasoning_effort !== undefined && body.reasoning_effort !== 'none';
    view.counted = body.stream_options?.include_usage === true;
    return view;
}

// prettier-ignore
const RESPONSES = {
    top: list('background conversation include input instructions max_output_tokens ' +
        'max_tool_calls metadata model parallel_tool_calls previous_response_id prompt ' +
        'prompt_cache_key reasoning safety_identifier service_tier store stream stream_options ' +
        'temperature text tool_choice tools top_logprobs top_p truncation user'),
    items: {
        message: list('type role content id status phase'),
        function_call: list('type id call_id name arguments status'),
        function_call_output: list('type id call_id output status'),
        reasoning: list('type id summary content encrypted_content status'),
    },
    parts: list('input_text input_image input_file output_text refusal'),
};

function responses(req, up) {
    const body = openaiHead(req, up, '/v1/responses');
    only(body, RESPONSES.top, 'body');
    const view = { body, stream: body.stream === true, images: [], results: [], signatures: [] };
    view.reasons = isObject(body.reasoning);
    if (typeof body.input === 'string') return view;
    need(Array.isArray(body.input) && body.input.length > 0, 'input: missing');
    const open = [];
    body.input.forEach((item, i) => {
        const where = `input[${i}]`;
        const type = item?.type ?? 'message';
        need(RESPONSES.items[type], `${where}.type: unknown ${type}`);
        only(item, RESPONSES.items[type], where);
        if (type === 'function_call') {
            need(filled(item.call_id) && typeof item.arguments === 'string', `${where}: bad call`);
            open.push(item.call_id);
        }
        if (type === 'function_call_output') {
            need(open.includes(item.call_id), `No tool call found for ${item.call_id}`);
            view.results.push({ id: item.call_id, text: textOf(item.output) });
        }
        if (type === 'reasoning' && item.encrypted_content) {
            need(up.signatures.has(item.encrypted_content), `${where}: could not be verified`);
            view.signatures.push(item.encrypted_content);
        }
        for (const part of Array.isArray(item.content) ? item.content : []) {
            if (type !== 'message') continue;
            need(RESPONSES.parts.includes(part?.type), `${where}.content: ${part?.type}`);
            if (part.type === 'input_image') imageFromUrl(part.image_url, view, where);
        }
    });
    return view;
}

// OpenAI's own API, and one of the many servers that speak chat completions like it and bear
// what they do not know.
function openai(req, up) {
    const { pathname } = new URL(req.url, up.url);
    if (pathname === '/v1/responses') return { ...responses(req, up), api: 'responses' };
    return { ...chat(req, up), api: 'chat' };
}

function compatible(req, up) {
    const { pathname } = new URL(req.url, up.url);
    if (pathname === '/v1/completions') return { ...completions(req, up), api: 'text' };
    return { ...chat(req, up), api: 'chat' };
}

export const judges = { anthropic, gemini, openai, compatible };
