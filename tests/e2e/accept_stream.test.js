// The acceptance list (tests/ACCEPTANCE.md): streams, from providers that do it their own way.
// Each name begins with the number of its point.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import {
    BIG,
    OPENAI_USAGE,
    assertError,
    assertFailedStream,
    assertGoodStream,
    assertUsageChunk,
    attempts,
    begin,
    big,
    bigStream,
    connect,
    event,
    events,
    failing,
    gate,
    greek,
    inOrder,
    openaiAnswer,
    openaiChunk,
    parsed,
    post,
    recorded,
    reply,
    until,
    whole,
    words,
} from './helpers.js';

const alone = (t, options) => greek(t, { names: ['alpha'], ...options });
const FINISH = openaiChunk({}, 'stop');
const ROLE = openaiChunk({ role: 'assistant', content: '' });
const all = async (p, more) => (await bigStream(p, more)).rest();

test('34: a good stream is text/event-stream, without length or compression', async (t) => {
    const { p } = await alone(t);
    const s = await bigStream(p, {}, { 'accept-encoding': 'gzip, deflate, br' });
    assertGoodStream(await s.rest(), 'from alpha');
    assert.equal(s.status, 200);
    assert.match(s.headers['content-type'], /^text\/event-stream/);
    assert.equal(s.headers['content-length'], undefined);
    assert.equal(s.headers['content-encoding'], undefined);
    assert.equal(s.cut, false);
});

test('34: a provider is not asked for compression', async (t) => {
    const { p, alpha } = await alone(t);
    await big(p, {}, { 'accept-encoding': 'gzip, br' });
    assert.match(alpha.chats[0].headers['accept-encoding'] ?? 'identity', /^identity$/);
});

test('35: each event reaches the client before the next one is made', async (t) => {
    const { p, alpha } = await alone(t);
    const gates = ['one ', 'two ', 'three '].map((word) => Object.assign(gate(), { word }));
    alpha.answer = async (req, res) => {
        begin(res);
        for (const g of gates) {
            res.write(event(openaiChunk(g.word)));
            await g.opened;
        }
        res.end(event(FINISH) + event('[DONE]'));
    };
    const s = await bigStream(p);
    for (const g of gates) {
        assert.equal(JSON.parse(await s.next()).choices[0].delta.content, g.word);
        assert.match(s.text, /\n\n$/, 'it ends with a blank line');
        g.open();
    }
    assertUsageChunk(await s.rest());
});

test('36: while it waits, a client gets comments', async (t) => {
    const { p, alpha } = await alone(t, { top: { heartbeat: '50ms' } });
    const go = gate();
    alpha.answer = async (req, res) => {
        await go.opened;
        whole('at last')(req, res);
    };
    const s = await bigStream(p);
    await until(() => s.comments >= 3, 'three comments');
    assert.match(s.text, /^: ORPROXY PROCESSING\n\n/);
    go.open();
    assertGoodStream(await s.rest(), 'at last');
});

test('36: while the provider pauses in the middle, comments go on', async (t) => {
    const { p, alpha } = await alone(t, { top: { heartbeat: '50ms' } });
    const go = gate();
    alpha.answer = async (req, res) => {
        begin(res);
        res.write(event(openaiChunk('one ')));
        await go.opened;
        res.end(event(openaiChunk('two')) + event(FINISH) + event('[DONE]'));
    };
    const s = await bigStream(p);
    await until(() => s.comments >= 2, 'two comments');
    go.open();
    assertGoodStream(await s.rest(), 'one two');
});

test('36: comments of a provider are never taken for JSON', async (t) => {
    const { p, alpha } = await alone(t);
    alpha.answer = (req, res) => {
        begin(res);
        res.write(': OPENROUTER PROCESSING\n\n:{"not":\n:\n\n: data: {"x":1}\n\n');
        res.write(`: keep-alive\n${event(openaiChunk('all'))}: ping\n\n`);
        res.end(event(FINISH) + ': bye\n\n' + event('[DONE]'));
    };
    assertGoodStream(await all(p), 'all');
});

const STREAM = [ROLE, openaiChunk('é😀 '), openaiChunk('two'), FINISH, OPENAI_USAGE, '[DONE]'];
const framings = [
    ['CRLF', (text) => text.replaceAll('\n', '\r\n')],
    ['CR', (text) => text.replaceAll('\n', '\r')],
    ['a BOM', (text) => `\ufeff${text}`],
    ['no space after data:', (text) => text.replaceAll('data: ', 'data:')],
    [
        'other fields between',
        (text) => text.replaceAll('data: ', 'id: 7\nevent: message\nretry: 1\ndata: '),
    ],
    ['an event over two data lines', (text) => text.replace('"choices":', '"choices":\ndata: ')],
    ['blank lines between', (text) => text.replaceAll('\n\n', '\n\n\n\n')],
];
for (const [name, change] of framings)
    test(`37: a stream with ${name} is read`, async (t) => {
        const { p, alpha } = await alone(t);
        alpha.answer = (req, res) => {
            begin(res);
            res.end(change(STREAM.map(event).join('')));
        };
        const list = await all(p);
        assertGoodStream(list, 'é😀 two');
        assert.equal(assertUsageChunk(list).prompt_tokens, 1000);
    });

test('37: events may be cut at any byte', async (t) => {
    const { p, alpha } = await alone(t);
    const bytes = Buffer.from(STREAM.map(event).join(''));
    alpha.answer = async (req, res) => {
        begin(res);
        for (let i = 0; i < bytes.length; i += 1 + (i % 3)) {
            res.write(bytes.subarray(i, i + 1 + (i % 3)));
            if (i % 5 === 0) await new Promise(setImmediate);
        }
        res.end();
    };
    for (let i = 0; i < 3; i++) assertGoodStream(await all(p), 'é😀 two');
});

test('37: a line of megabytes is read', async (t) => {
    const { p, alpha } = await alone(t);
    const long = 'x'.repeat(3 << 20);
    alpha.answer = events(openaiChunk(long), FINISH, '[DONE]');
    const list = await all(p);
    assert.equal(list.at(-1), '[DONE]');
    assert.equal(words(list).length, long.length);
});

for (const [name, more] of [
    ['without stream_options', {}],
    ['with include_usage', { stream_options: { include_usage: true } }],
    ['with include_usage false', { stream_options: { include_usage: false } }],
    ['with usage.include', { usage: { include: true } }],
])
    test(`38: a usage chunk behind the finish, ${name}`, async (t) => {
        const { p, alpha } = await alone(t);
        const usage = assertUsageChunk(await all(p, more));
        assert.equal(usage.prompt_tokens, 1000);
        assert.equal(usage.total_tokens, 1500);
        assert.equal(typeof usage.cost, 'number');
        // or a provider that follows OpenAI to the letter would not count
        assert.equal(alpha.chats[0].json.stream_options?.include_usage, true);
    });

test('38: a provider that never counts: the chunk is there, and says it is a guess', async (t) => {
    const { p, alpha } = await alone(t);
    alpha.answer = events(ROLE, openaiChunk('four words of text'), FINISH, '[DONE]');
    const usage = assertUsageChunk(await all(p));
    assert.equal(usage.estimated, true);
    assert.ok(usage.completion_tokens > 0);
});

const counted = openaiAnswer().usage;
const usages = [
    ['in a chunk with empty choices', [ROLE, openaiChunk('a'), FINISH, OPENAI_USAGE]],
    [
        'in a chunk with one choice without finish',
        [ROLE, openaiChunk('a'), FINISH, openaiChunk({ content: '' }, null, { usage: counted })],
    ],
    ['on the finish chunk', [ROLE, openaiChunk('a'), openaiChunk({}, 'stop', { usage: counted })]],
    [
        'cumulative on every chunk',
        [
            openaiChunk('a', null, {
                usage: { prompt_tokens: 1000, completion_tokens: 1, total_tokens: 1001 },
            }),
            openaiChunk('b', null, {
                usage: { prompt_tokens: 1000, completion_tokens: 2, total_tokens: 1002 },
            }),
            openaiChunk({}, 'stop', { usage: counted }),
        ],
    ],
    [
        'null on all others',
        [ROLE, openaiChunk('a', null, { usage: null }), { ...FINISH, usage: null }, OPENAI_USAGE],
    ],
    ['without choices', [ROLE, openaiChunk('a'), FINISH, { id: 'x', usage: counted }]],
    [
        'as x_groq.usage',
        [ROLE, openaiChunk('a'), { ...FINISH, x_groq: { id: 'r', usage: counted } }],
    ],
];
for (const [name, list] of usages)
    test(`39: usage is understood: ${name}`, async (t) => {
        const { p, alpha } = await alone(t);
        alpha.answer = events(...list, '[DONE]');
        const usage = assertUsageChunk(await all(p));
        assert.equal(usage.prompt_tokens, 1000);
        assert.equal(usage.completion_tokens, 500);
        assert.notEqual(usage.estimated, true);
    });

for (const [name, end] of [
    ['none', []],
    ['one', ['[DONE]']],
    ['two', ['[DONE]', '[DONE]']],
    ['one in the middle of more', ['[DONE]', openaiChunk('more')]],
])
    test(`40: exactly one [DONE] from a provider that sends ${name}`, async (t) => {
        const { p, alpha } = await alone(t);
        alpha.answer = events(ROLE, openaiChunk('all'), FINISH, OPENAI_USAGE, ...end);
        const list = await all(p);
        assertGoodStream(list, 'all');
        assertUsageChunk(list);
    });

test('41: an error before the first byte is plain JSON with its status', async (t) => {
    const { p, alpha } = await alone(t);
    for (const status of [429, 503, 400]) {
        alpha.answer = failing(status);
        const answer = await big(p, { stream: true });
        if (status !== 429 && answer.status === 429) continue; // still cooling
        assertError(answer, status);
    }
});

test('41: after a comment an error is one error chunk', async (t) => {
    const { p, alpha } = await alone(t, { top: { heartbeat: '50ms' } });
    const go = gate();
    alpha.answer = async (req, res) => {
        await go.opened;
        failing(503, { message: 'fell over' })(req, res);
    };
    const s = await bigStream(p);
    await until(() => s.comments > 0, 'a comment');
    go.open();
    const list = await s.rest();
    assert.equal(list.length, 1, s.text);
    assertFailedStream(list, 503, /fell over/);
    assert.equal(s.status, 200);
});

test('41: after a comment another provider may still take over', async (t) => {
    const { p, alpha, beta } = await greek(t, {
        names: ['alpha', 'beta'],
        top: { heartbeat: '50ms' },
    });
    const go = gate();
    alpha.answer = async (req, res) => {
        await go.opened;
        failing(503)(req, res);
    };
    const s = await bigStream(p, inOrder('alpha'));
    await until(() => s.comments > 0, 'a comment');
    go.open();
    assertGoodStream(await s.rest(), 'from beta');
    assert.equal(beta.chats.length, 1);
});

test('42: an error in the middle is one chunk with error, then the end', async (t) => {
    const { p, alpha } = await alone(t);
    const half = [ROLE, openaiChunk('half ')];
    for (const [name, answer] of [
        ['an error event', events(...half, { error: { code: 503, message: 'fell over' } })],
        [
            'a string code',
            events(...half, { error: { code: 'server_error', message: 'fell over' } }),
        ],
        [
            'an event called error',
            (req, res) => {
                begin(res);
                res.end(
                    half.map(event).join('') +
                        'event: error\ndata: {"error":{"message":"fell over"},"message":"fell over"}\n\n',
                );
            },
        ],
        [
            'a cut',
            (req, res) => {
                begin(res);
                res.write(half.map(event).join(''), () => res.socket.destroy());
            },
        ],
        ['an end without finish', events(...half)],
        ['[DONE] without finish', events(...half, '[DONE]')],
    ]) {
        alpha.answer = answer;
        const s = await bigStream(p);
        assert.equal(s.status, 200, name);
        const list = await s.rest();
        const last = parsed(list).at(-1);
        assert.ok(!list.includes('[DONE]'), name);
        assert.equal(typeof last.error?.code, 'number', `${name}: ${list.at(-1)}`);
        assert.equal(typeof last.error.message, 'string');
        assert.equal(last.choices[0].finish_reason, 'error', name);
        assert.equal(parsed(list).filter((one) => one.error).length, 1, name);
        assert.match(words(list), /half /);
    }
});

const call = (index, more, args) => ({
    tool_calls: [{ index, ...more, function: { ...more?.function, arguments: args } }],
});
const begun = (index, id, name, args = '') =>
    call(index, { id, type: 'function', function: { name } }, args);

// The calls put together as a client does it.
function calls(list) {
    const got = [];
    for (const one of parsed(list))
        for (const part of one.choices[0]?.delta?.tool_calls ?? []) {
            assert.equal(typeof part.index, 'number', JSON.stringify(part));
            const slot = (got[part.index] ??= { ids: [], names: [], args: '' });
            if (part.id) slot.ids.push(part.id);
            if (part.function?.name) slot.names.push(part.function.name);
            slot.args += part.function?.arguments ?? '';
        }
    return got;
}

test('43: tool calls keep index, id and name come once, arguments add up', async (t) => {
    const { p, alpha } = await alone(t);
    alpha.answer = events(
        openaiChunk({ role: 'assistant', content: null }),
        openaiChunk(begun(0, 'call_a', 'read_bed')),
        openaiChunk(call(0, undefined, '{"be')),
        openaiChunk(begun(1, 'call_b', 'water')),
        openaiChunk(call(0, undefined, 'd":4}')),
        openaiChunk(call(1, undefined, '{"l":2}')),
        openaiChunk({}, 'tool_calls'),
        OPENAI_USAGE,
        '[DONE]',
    );
    const list = await all(p);
    assert.deepEqual(calls(list), [
        { ids: ['call_a'], names: ['read_bed'], args: '{"bed":4}' },
        { ids: ['call_b'], names: ['water'], args: '{"l":2}' },
    ]);
    assert.equal(parsed(list).at(-2).choices[0].finish_reason, 'tool_calls');
});

test('43: calls without index, or all with index 0, are told apart', async (t) => {
    const { p, alpha } = await alone(t);
    const one = (id, name, index) => ({
        tool_calls: [
            { ...(index === undefined ? {} : { index }), id, function: { name, arguments: '{}' } },
        ],
    });
    for (const index of [undefined, 0]) {
        alpha.answer = events(
            openaiChunk(one('call_a', 'f', index)),
            openaiChunk(one('call_b', 'g', index)),
            openaiChunk({}, 'stop'),
            '[DONE]',
        );
        const list = await all(p);
        assert.deepEqual(calls(list), [
            { ids: ['call_a'], names: ['f'], args: '{}' },
            { ids: ['call_b'], names: ['g'], args: '{}' },
        ]);
        const last = parsed(list)
            .filter((x) => x.choices.length > 0)
            .at(-1);
        assert.equal(
            last.choices[0].finish_reason,
            'tool_calls',
            'whatever the provider called it',
        );
    }
});

const FIVE = ['stop', 'length', 'tool_calls', 'content_filter', 'error'];
const reasons = [
    ['stop', 'stop'],
    ['length', 'length'],
    ['content_filter', 'content_filter'],
    ['eos', 'stop'],
    ['end_turn', 'stop'],
    ['stop_sequence', 'stop'],
    ['max_tokens', 'length'],
    ['MAX_TOKENS', 'length'],
    ['model_length', 'length'],
    ['SAFETY', 'content_filter'],
    ['something_new', 'stop'],
];
test('44: finish_reason is one of the five, the original is in native_finish_reason', async (t) => {
    const { p, alpha } = await alone(t);
    for (const [native, normal] of reasons) {
        alpha.answer = events(openaiChunk('a'), openaiChunk({}, native), '[DONE]');
        const last = parsed(await all(p)).at(-2).choices[0];
        assert.ok(FIVE.includes(last.finish_reason), native);
        assert.equal(last.finish_reason, normal, native);
        assert.equal(last.native_finish_reason, native);
        const answer = openaiAnswer('a');
        answer.choices[0].finish_reason = native;
        alpha.answer = (req, res) => reply(res, 200, answer);
        const got = (await big(p)).json.choices[0];
        assert.equal(got.finish_reason, normal, native);
        assert.equal(got.native_finish_reason, native);
    }
});

test('45: a client that goes closes the upstream, and the record says cancelled', async (t) => {
    const { p, alpha } = await alone(t);
    let closed = false;
    alpha.answer = (req, res) => {
        begin(res);
        res.on('close', () => (closed = true));
        res.write(event(ROLE) + event(openaiChunk('one ')));
    };
    const s = await bigStream(p);
    await s.next();
    const id = s.headers['x-generation-id'];
    s.close();
    await until(() => closed, 'the upstream connection to close');
    const record = await recorded(p, id);
    assert.equal(record.cancelled, true);
    assert.equal(record.streamed, true);
});

test('45: a client that goes before anything came closes the upstream too', async (t) => {
    const { p, alpha, beta } = await greek(t, { names: ['alpha', 'beta'] });
    let closed = false;
    alpha.answer = (req, res) => res.on('close', () => (closed = true));
    const body = { ...BIG, stream: true, ...inOrder('alpha') };
    const c = connect(t, p.port).write(post(body));
    await until(() => alpha.chats.length === 1, 'the request to arrive');
    c.socket.destroy();
    await until(() => closed, 'the upstream connection to close');
    assert.equal(beta.chats.length, 0, 'nobody else is asked for one who is gone');
});

// ---- hold-back: nothing is said before it is sure

// One test each: after a few failures alpha would not be asked any more.
for (const [name, open] of [
    ['is cut', (res) => res.socket.destroy()],
    ['just ends', (res) => res.end()],
    ['turns into an error', (res) => res.end(event({ error: { code: 502, message: 'no room' } }))],
    ['is done at once', (res) => res.end(event('[DONE]'))],
    ['turns into garbage', (res) => res.end('data: {"broken\n\n')],
])
    test(`28: an opening without content that ${name} commits to nothing`, async (t) => {
        const { p, alpha, beta } = await greek(t, { names: ['alpha', 'beta'] });
        alpha.answer = (req, res) => {
            begin(res);
            res.write(`: hello\n\n${event(ROLE)}${event(openaiChunk(''))}`, () => open(res));
        };
        const s = await bigStream(p, inOrder('alpha'));
        const list = await s.rest();
        assertGoodStream(list, 'from beta');
        assert.deepEqual(
            attempts(s).map(([slug]) => slug),
            ['alpha', 'beta'],
        );
        assert.ok(
            parsed(list).every((one) => one.provider === 'Beta'),
            'nothing of alpha is left',
        );
        assert.equal(beta.chats.length, 1);
    });

test('28: reasoning and tool calls are content', async (t) => {
    const { p, alpha, beta } = await greek(t, { names: ['alpha', 'beta'] });
    for (const delta of [{ reasoning: 'hm' }, { reasoning_content: 'hm' }, begun(0, 'c', 'f')]) {
        alpha.answer = (req, res) => {
            begin(res);
            res.write(event(ROLE) + event(openaiChunk(delta)), () => res.socket.destroy());
        };
        const list = await (await bigStream(p, inOrder('alpha'))).rest();
        assertFailedStream(list, 502);
    }
    assert.equal(beta.chats.length, 0);
});

// ---- one shape for another

test('38: a whole answer to a streaming client becomes a stream', async (t) => {
    const { p, alpha } = await alone(t);
    const answer = openaiAnswer('all at once', { extra: 1 });
    answer.choices[0].message.reasoning = 'hm';
    answer.choices[0].message.tool_calls = [
        { id: 'c1', type: 'function', function: { name: 'f', arguments: '{"a":1}' } },
    ];
    answer.choices[0].finish_reason = 'tool_calls';
    alpha.answer = (req, res) => reply(res, 200, answer);
    const s = await bigStream(p);
    assert.match(s.headers['content-type'], /^text\/event-stream/);
    const list = await s.rest();
    assertGoodStream(list, 'all at once');
    assert.equal(assertUsageChunk(list).total_tokens, 1500);
    assert.deepEqual(calls(list), [{ ids: ['c1'], names: ['f'], args: '{"a":1}' }]);
    const reasoning = parsed(list).map((one) => one.choices[0]?.delta?.reasoning ?? '');
    assert.equal(reasoning.join(''), 'hm');
    assert.equal(parsed(list)[0].object, 'chat.completion.chunk');
});

test('46: a stream to a client that wants a whole answer becomes one', async (t) => {
    const { p, alpha } = await alone(t);
    alpha.answer = events(
        ROLE,
        openaiChunk({ reasoning_content: 'h' }),
        openaiChunk({ reasoning_content: 'm' }),
        openaiChunk('all '),
        openaiChunk('in pieces'),
        openaiChunk(begun(0, 'c1', 'f', '{"a"')),
        openaiChunk(call(0, undefined, ':1}')),
        openaiChunk({}, 'tool_calls'),
        OPENAI_USAGE,
        '[DONE]',
    );
    const answer = await big(p);
    assert.equal(answer.status, 200, answer.body);
    assert.match(answer.headers['content-type'], /^application\/json/);
    const [choice] = answer.json.choices;
    assert.equal(choice.message.content, 'all in pieces');
    assert.equal(choice.message.reasoning, 'hm');
    assert.deepEqual(
        choice.message.tool_calls.map(({ id, type, function: f }) => ({ id, type, function: f })),
        [{ id: 'c1', type: 'function', function: { name: 'f', arguments: '{"a":1}' } }],
    );
    assert.equal(choice.finish_reason, 'tool_calls');
    assert.equal(answer.json.object, 'chat.completion');
    assert.equal(answer.json.usage.total_tokens, 1500);
});

test('28: a stream that breaks, for a whole answer, is never half an answer', async (t) => {
    const { p, alpha } = await greek(t, { names: ['alpha', 'beta'] });
    alpha.answer = (req, res) => {
        begin(res);
        res.write(event(openaiChunk('half a')), () => res.socket.destroy());
    };
    const answer = await big(p, inOrder('alpha'));
    // nothing has reached the client, so another provider could take over, but need not
    if (answer.status === 200) assert.equal(answer.json.choices[0].message.content, 'from beta');
    else assertError(answer, 502);
});
