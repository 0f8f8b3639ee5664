// The commands: chat, models, route, check, health, replay, what-if.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';

import {
    ORPROXY,
    PROVIDER_KEY,
    atEnd,
    begin,
    big,
    certificates,
    chat,
    chunk,
    envOf,
    event,
    gateway,
    keyOf,
    nobody,
    polite,
    priced,
    reply,
    run,
    scratch,
    start,
    upstream,
    whole,
    within,
} from './helpers.js';

const ENV = {
    PATH: process.env.PATH,
    ASAN_OPTIONS: process.env.ASAN_OPTIONS ?? '',
    UBSAN_OPTIONS: process.env.UBSAN_OPTIONS ?? '',
    UPSTREAM_KEY: PROVIDER_KEY,
};

// With something on standard input, or (terminal) with a terminal that types it: pairs of what
// has to be seen first and what is typed then.
async function talk(t, args, input, { terminal = false, env = {}, cwd = scratch(t) } = {}) {
    const words = [ORPROXY, ...args];
    const quoted = words.map((w) => `'${w.replaceAll("'", "'\\''")}'`).join(' ');
    const [exe, ...rest] = terminal ? ['script', '-qec', `exec ${quoted}`, '/dev/null'] : words;
    const child = spawn(exe, rest, { cwd, env: { ...ENV, ...env }, stdio: 'pipe' });
    const p = { stdout: '', stderr: '' };
    let from = 0;
    const type = () => {
        if (!terminal || input.length === 0) return;
        const [seen, typed] = input[0];
        const at = p.stdout.indexOf(seen, from);
        if (at < 0) return;
        from = at + seen.length;
        input.shift();
        child.stdin.write(typed);
        type();
    };
    atEnd(t, () => child.kill('SIGKILL'));
    child.stdin.on('error', () => {});
    child.stdout.setEncoding('utf8').on('data', (text) => {
        p.stdout += text;
        type();
    });
    child.stderr.setEncoding('utf8').on('data', (text) => {
        p.stderr += text;
    });
    if (!terminal) child.stdin.end(input);
    const ended = new Promise((resolve) => child.on('close', (code) => resolve(code)));
    try {
        p.code = await within(ended, `orproxy ${args.join(' ')}`);
    } catch (e) {
        e.message += `\n${p.stdout}\n${p.stderr}`;
        throw e;
    }
    assert.doesNotMatch(p.stdout + p.stderr, /AddressSanitizer|LeakSanitizer|runtime error:/);
    assert.ok(!(p.stdout + p.stderr).includes(PROVIDER_KEY));
    return p;
}

const COST = /^\[(.*) via (.*): (\d+) \+ (\d+) tokens, cost ([\d.]+) USD, \d+\.\d\d s\]$/m;

// ---- chat

test('one question, one answer, and what it cost', async (t) => {
    const p = await run(t, ['chat', '--demo', '-m', 'demo/echo', 'Hello', 'there']);
    assert.equal(p.code, 0, p.stderr);
    assert.equal(p.stdout, 'You said: Hello there\n');
    const [, model, provider, , , cost] = COST.exec(p.stderr);
    assert.deepEqual([model, provider], ['demo/echo', 'Demo']);
    assert.match(cost, /^0\.0000/);
});

test('the text may come from standard input', async (t) => {
    for (const more of [[], ['-']]) {
        const p = await talk(t, ['chat', '--demo', '-m', 'demo/echo', ...more], 'piped in\n');
        assert.equal(p.code, 0, p.stderr);
        assert.match(p.stdout, /^You said: piped in\n/);
    }
});

test('nothing to ask is wrong use', async (t) => {
    const p = await talk(t, ['chat', '--demo', '-m', 'demo/echo'], ' \n');
    assert.equal(p.code, 2);
    assert.match(p.stderr, /nothing to ask/);
});

test('several models: in blocks, all of them, and 1 when one failed', async (t) => {
    const p = await run(t, ['chat', '--demo', '-m', 'demo/echo,demo/429,demo/cut', 'one', 'two']);
    assert.equal(p.code, 1);
    assert.match(p.stdout, /^== demo\/echo ==\nYou said: one two\n\n== demo\/429 ==\n\n== demo\/cut ==\n/);
    assert.match(p.stderr, /orproxy: demo\/429: 429: .*rate limit.*try again in \d+ s/);
    assert.match(p.stderr, /orproxy: demo\/cut: /);
});

test('several models are asked at the same time', async (t) => {
    const waiting = [];
    const up = await upstream(t, (req, res) => {
        if (req.method === 'GET') return polite(req, res);
        waiting.push([req, res]);
        if (waiting.length === 3) for (const [q, r] of waiting) polite(q, r);
    });
    const p = await run(t, ['chat', '--upstream', up.url, '-m', 'v/a,v/b,v/c', 'hello']);
    assert.equal(p.code, 0, p.stderr);
    assert.equal(p.stdout.match(/hi there/g).length, 3);
});

test('what models say cannot drive the terminal', async (t) => {
    const up = await upstream(t, (req, res) => {
        if (req.method === 'GET') return polite(req, res);
        begin(res);
        res.write(event(chunk('\u001b]0;title\u0007\u009b31mred\r')));
        res.write(event(chunk('', 'stop')));
        return res.end(event('[DONE]'));
    });
    const p = await run(t, ['chat', '--upstream', up.url, '-m', 'v/m', 'hello']);
    // eslint-disable-next-line no-control-regex
    assert.doesNotMatch(p.stdout + p.stderr, /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/);
    assert.match(p.stdout, /\]0;title31mred/);
    assert.match(p.stderr, /cost unknown/, 'never 0');
});

test('a failure says what was tried', async (t) => {
    const up = await upstream(t, (req, res) =>
        req.method === 'GET'
            ? polite(req, res)
            : reply(res, 503, { error: { code: 503, message: 'overloaded' } }),
    );
    const p = await run(t, ['chat', '--upstream', up.url, '-m', 'v/m', 'hello']);
    assert.equal(p.code, 1);
    assert.equal(p.stdout, '');
    assert.match(p.stderr, /orproxy: v\/m: 503: .*\(tried: upstream=503/);
});

test('the system text and the question reach the provider', async (t) => {
    const up = await upstream(t, polite);
    const p = await run(t, ['chat', '--upstream', up.url, '-m', 'v/m', '--system', 'be brief', '--', '-x']);
    assert.equal(p.code, 0, p.stderr);
    assert.deepEqual(up.requests.at(-1).json.messages, [
        { role: 'system', content: 'be brief' },
        { role: 'user', content: '-x' },
    ]);
});

const TERMINAL = (() => {
    try {
        execFileSync('script', ['-qec', 'true', '/dev/null'], { stdio: 'ignore' });
        return {};
    } catch {
        return { skip: 'needs script(1), which makes a terminal' };
    }
})();

test('a conversation on a terminal', TERMINAL, async (t) => {
    const up = await upstream(t, polite);
    const input = [
        ['> ', 'first\n'],
        ['USD', '\n'],
        ['> ', '/cost\n'],
        ['1 answer, 0.000011 USD', 'second\n'],
        ['USD', '/new\n'],
        ['> ', 'third\n'],
        ['USD', '/mdl\n'],
        ['/model', '/quit\n'],
    ];
    const args = ['chat', '--upstream', up.url, '-m', 'v/m'];
    const p = await talk(t, args, input, { terminal: true, env: { NO_COLOR: '1', TERM: 'xterm' } });
    assert.equal(p.code, 0, p.stdout);
    // eslint-disable-next-line no-control-regex
    assert.doesNotMatch(p.stdout, /\u001b/, 'NO_COLOR');
    const asked = up.requests.filter((q) => q.method === 'POST').map((q) => q.json.messages);
    assert.deepEqual(
        asked.map((messages) => messages.map((m) => m.content)),
        [['first'], ['first', 'hi there', 'second'], ['third']],
    );
});

test('Ctrl-C ends an answer, not the conversation; Ctrl-D ends that', TERMINAL, async (t) => {
    let times = 0;
    const up = await upstream(t, (req, res) => {
        if (req.method === 'GET' || ++times > 1) return polite(req, res);
        begin(res);
        return res.write(event(chunk('never ending')));
    });
    const input = [
        ['> ', 'hello\n'],
        ['never ending', '\x03'],
        ['given up', 'again\n'],
        ['hi there', ''],
        ['USD', '\x04'],
    ];
    const args = ['chat', '--upstream', up.url, '-m', 'v/m'];
    const p = await talk(t, args, input, { terminal: true, env: { TERM: 'xterm' } });
    assert.equal(p.code, 1, 'one answer failed');
    assert.equal(times, 2);
});

// ---- models, route

test('models: a table, a search, the JSON', async (t) => {
    const all = await run(t, ['models', '--demo']);
    assert.equal(all.code, 0, all.stderr);
    assert.match(all.stdout, /^MODEL +CONTEXT +PROMPT +COMPLETION +PROVIDERS\n/);
    assert.match(all.stdout, /^demo\/echo +131072 +0\.15 +0\.6 +demo$/m);
    assert.match(all.stdout, /^demo\/429 +131072 +free +free +demo$/m);
    const some = await run(t, ['models', '--demo', 'echo']);
    assert.equal(some.stdout.trim().split('\n').length, 2, some.stdout);
    const json = await run(t, ['models', '--demo', '--json']);
    assert.ok(JSON.parse(json.stdout).data.some((m) => m.id === 'demo/echo'));
    const none = await run(t, ['models', '--demo', 'no such thing']);
    assert.equal(none.code, 1);
    assert.match(none.stderr, /no such model/);
});

const two = (t, up, more = '') => {
    const file = path.join(scratch(t), 'two.conf');
    const endpoint = (name, prompt) =>
        `[endpoint ${name} acme/big]\nprompt = ${prompt}\ncompletion = 2\ncontext_length = 10000\n`;
    fs.writeFileSync(
        file,
        ['alpha', 'beta'].map((n) => `[provider ${n}]\nbase_url = ${up.url}\nkey = env:UPSTREAM_KEY\n`).join('') +
            endpoint('alpha', 1) +
            endpoint('beta', '0.5') +
            more,
    );
    return file;
};

test('route: who, in which order, at which price, and who not', async (t) => {
    const up = await upstream(t, polite);
    const args = ['route', '-c', two(t, up), '-m', 'acme/big'];
    const p = await run(t, [...args, '--prefs', '{"sort":"price"}', '--max-tokens', '10']);
    assert.equal(p.code, 0, p.stderr);
    assert.match(p.stdout, /^1 +beta +acme\/big +0\.5 +2 +0\.000\d+ /m);
    assert.match(p.stdout, /^2 +alpha +acme\/big +1 +2 +0\.000\d+ /m);
    const q = await run(t, [...args, '--prefs', '{"ignore":["beta"]}']);
    assert.match(q.stdout, /^beta +acme\/big +ignored_providers +among the ignored providers$/m);
    const none = await run(t, [...args, '--prefs', '{"only":["gamma"]}']);
    assert.equal(none.code, 1);
    assert.match(none.stderr, /404/);
    assert.match(none.stdout, /^alpha +acme\/big +allowed_providers/m);
    const json = await run(t, [...args, '--json']);
    assert.equal(JSON.parse(json.stdout).data.candidates.length, 2);
    assert.ok(up.requests.every((r) => r.method === 'GET'), 'nobody was asked');
});

test('route: preferences that are no JSON', async (t) => {
    const p = await run(t, ['route', '--demo', '-m', 'demo/echo', '--prefs', '{"sort":']);
    assert.equal(p.code, 2);
    assert.match(p.stderr, /--prefs: .* at byte 8/);
});

// ---- check

test('check: a good provider', async (t) => {
    const up = await upstream(t, polite);
    const p = await run(t, ['check', '--upstream', up.url, '--upstream-key', 'env:UPSTREAM_KEY']);
    assert.equal(p.code, 0, p.stdout + p.stderr);
    assert.match(p.stdout, /^upstream +ok +ok +none +1 +\d+\.\d\d s$/m);
    assert.equal(up.requests[0].headers.authorization, `Bearer ${PROVIDER_KEY}`);
    assert.ok(up.requests.every((r) => r.method === 'GET'), 'no tokens are spent');
});

test('check: the demo', async (t) => {
    const p = await run(t, ['check', '--demo']);
    assert.equal(p.code, 0, p.stdout + p.stderr);
    assert.match(p.stdout, /^demo .*simulated/m);
});

for (const [name, handler, what] of [
    ['a bad key', (q, r) => reply(r, 401, { error: { message: 'no' } }), /401.*no\n +the key is not valid/],
    ['a wrong path', (q, r) => reply(r, 404, 'x'), /404.*\n.*base_url/],
    ['something else', (q, r) => reply(r, 200, '<html>'), /no list of models.*\n.*base_url/],
])
    test(`check: ${name}`, async (t) => {
        const up = await upstream(t, handler);
        const p = await run(t, ['check', '--upstream', up.url, '--upstream-key', 'env:UPSTREAM_KEY']);
        assert.equal(p.code, 1);
        assert.match(p.stdout, /^upstream +ok +ok +none +failed/m);
        assert.match(p.stdout, what);
    });

test('check: nobody listens, no such name', async (t) => {
    const p = await run(t, ['check', '--upstream', `http://127.0.0.1:${await nobody()}/v1`]);
    assert.equal(p.code, 1);
    assert.match(p.stdout, /^upstream +ok +failed +- +- /m);
    const q = await run(t, ['check', '--upstream', 'http://no-such-name.invalid/v1']);
    assert.equal(q.code, 1);
    assert.match(q.stdout, /^upstream +failed +- +- +- /m);
});

test('check: TLS, trusted and not', async (t) => {
    const certs = certificates();
    const tls = {
        host: 'localhost',
        key: fs.readFileSync(path.join(certs, 'good.key')),
        cert: fs.readFileSync(path.join(certs, 'good.pem')),
    };
    const up = await upstream(t, polite, tls);
    const ca = path.join(certs, 'ca.pem');
    const good = await run(t, ['check', '--upstream', up.url, '--set', `ca=${ca}`]);
    assert.equal(good.code, 0, good.stdout + good.stderr);
    assert.match(good.stdout, /^upstream +ok +ok +ok +1 /m);
    const bad = await run(t, ['check', '--upstream', up.url]);
    assert.equal(bad.code, 1);
    assert.match(bad.stdout, /^upstream +ok +ok +failed +- /m);
});

test('check: what is odd in the settings', async (t) => {
    const up = await upstream(t, polite);
    const file = path.join(scratch(t), 'odd.conf');
    fs.writeFileSync(
        file,
        `[provider groq]\nbase_url = ${up.url}\n` +
            '[key tablet]\nkey = env:TABLET\nmax_cost_per_request = 0.01\n',
    );
    const env = { GROQ_API_KEY: 'a', OPENAI_API_KEY: 'b', TABLET: 'sk-tablet-0123456789' };
    const p = await run(t, ['check', '-c', file], { env });
    assert.equal(p.code, 0, p.stdout + p.stderr);
    assert.match(p.stdout, /provider groq has no key: key = env:GROQ_API_KEY would use/);
    assert.match(p.stdout, /OPENAI_API_KEY is set, but there is no provider openai/);
    assert.match(p.stdout, /key tablet has a limit of money.*provider groq are unknown/);
});

// ---- replay, what-if

const decision = (model, plan, outcome) =>
    JSON.stringify({
        seed: 7,
        unix: 1780000000,
        request: { models: [model], provider: {} },
        endpoints: [
            { model_id: model, provider: 'alpha', pricing: { prompt: 1e-6, completion: 2e-6 } },
            { model_id: model, provider: 'beta' },
        ].map((e) => ({ ...e, health: { uptime_permille: 1000 } })),
        plan,
        out: [],
        ...(outcome && { outcome }),
    });

const log = (t, ...lines) => {
    const file = path.join(scratch(t), 'decisions.jsonl');
    fs.writeFileSync(file, `${lines.join('\n')}\n`);
    return file;
};

test('replay: the same, another, and none', async (t) => {
    const good = decision('acme/big', ['alpha acme/big', 'beta acme/big']);
    const same = await run(t, ['replay', log(t, good, good)]);
    assert.equal(same.code, 0, same.stderr);
    assert.equal(same.stdout, '2 decisions, 2 the same, 0 differ\n');
    const other = await run(t, ['replay', log(t, good, decision('acme/big', ['beta acme/big']))]);
    assert.equal(other.code, 1);
    assert.match(other.stdout, /^line 2: recorded \["beta acme\/big"\].*now .*\n2 decisions, 1 the same, 1 differ\n$/);
    const torn = await run(t, ['replay', log(t, good, good.slice(0, 100))]);
    assert.equal(torn.code, 1);
    assert.match(torn.stderr, /decisions\.jsonl:2: cannot be read/);
    assert.match(torn.stdout, /1 lines cannot be read/);
    const missing = await run(t, ['replay', '/no/such/file']);
    assert.equal(missing.code, 1);
    assert.match(missing.stderr, /\/no\/such\/file/);
});

test('replay: what a limit left out is left out again', async (t) => {
    const dir = scratch(t);
    const decisions = path.join(dir, 'decisions.jsonl');
    const up = await upstream(t, whole('hi'));
    const p = await gateway(t, {
        top: { decisions, state: path.join(dir, 'state') },
        providers: {
            alpha: { up, endpoints: { 'acme/big': priced(1) } },
            beta: { up, endpoints: { 'acme/big': priced(2) } },
            gamma: { up, endpoints: { 'acme/big': priced(3000) } },
        },
        sections: {
            'key a': { key: `env:${envOf('a')}`, max_cost_per_request: '0.05' },
            'key b': { key: `env:${envOf('b')}`, limit: '0.05' },
        },
    });
    for (const name of ['a', 'b'])
        for (const max_tokens of [10, 1000, 20000, 30000, 100000])
            await big(p, { max_tokens }, { authorization: `Bearer ${keyOf(name)}` });
    const lines = fs.readFileSync(decisions, 'utf8');
    assert.match(lines, /"out":\[\["gamma acme\/big","budget"\]\]/);
    assert.match(lines, /"plan":\[\]/);
    const replayed = await run(t, ['replay', decisions]);
    assert.equal(replayed.code, 0, replayed.stdout);
    assert.equal(replayed.stdout, '10 decisions, 10 the same, 0 differ\n');
});

test('what-if: with the demo, whose list is here', async (t) => {
    const decisions = path.join(scratch(t), 'decisions.jsonl');
    const p = await start(t, ['--demo', '--set', `decisions=${decisions}`]);
    assert.equal((await chat(p, { model: 'demo/echo' })).status, 200);
    const other = await run(t, ['what-if', '--demo', decisions]);
    assert.equal(other.code, 0, other.stderr);
    assert.match(other.stdout, /^demo\/echo +1 +(0\.\d+) +0 +\1 +0 +0$/m);
});

test('what-if: the same tokens at other prices', async (t) => {
    const up = await upstream(t, polite);
    const outcome = (model, prompt, completion, cost) => ({
        id: 'gen-1',
        provider: 'alpha',
        model,
        status: 200,
        prompt_tokens: prompt,
        completion_tokens: completion,
        cost,
    });
    const file = log(
        t,
        decision('acme/big', [], outcome('acme/big', 1000, 10, 0.00102)),
        decision('acme/big', [], outcome('acme/big', null, null, null)),
        decision('acme/gone', [], outcome('acme/gone', 5, 5, 0.1)),
        decision('acme/big', []),
        decision('acme/big', [], { id: 'gen-2', model: null, status: 503, cost: null }),
    );
    const p = await run(t, ['what-if', '-c', two(t, up), file]);
    assert.equal(p.code, 0, p.stdout + p.stderr);
    // drawn by price, so either of the two: 1000 x 0.5 or 1 + 10 x 2, per million
    assert.match(p.stdout, /^acme\/big +2 +0\.00102 +1 +0\.00(052|102) +1 +0$/m);
    assert.match(p.stdout, /^acme\/gone +1 +0\.1 +0 +- +0 +1$/m);
    assert.match(p.stdout, /^total +3 +0\.10102 +1 +0\.00(052|102) +1 +1$/m);
    assert.match(p.stderr, /1 decisions without an outcome/);
    assert.match(p.stderr, /1 requests that failed were left out/);
    assert.equal(up.requests.length, 0, 'offline');
});

// ---- health

test('health: what serves answers', async (t) => {
    const p = await start(t, ['--demo']);
    const good = await run(t, ['health', '--listen', `127.0.0.1:${p.port}`]);
    assert.equal(good.code, 0, good.stderr);
    assert.match(good.stdout, new RegExp(`^healthy: orproxy \\S+ at 127.0.0.1:${p.port}\n$`));
    assert.equal(good.stderr, '');
    const every = await run(t, ['health', '--listen', `0.0.0.0:${p.port}`]);
    assert.equal(every.code, 0, 'all addresses of this machine: loopback');
});

test('health: one address of two does not answer', async (t) => {
    const p = await start(t, ['--demo']);
    const gone = await nobody();
    const file = path.join(scratch(t), 'orproxy.conf');
    fs.writeFileSync(file, `listen = 127.0.0.1:${p.port}\nlisten = 127.0.0.1:${gone}\n`);
    const bad = await run(t, ['health', '-c', file]);
    assert.equal(bad.code, 1);
    assert.equal(bad.stdout, '');
    assert.match(bad.stderr, new RegExp(`^orproxy: not healthy: 127.0.0.1:${gone}: .*refused\n$`));
});

test('health: settings that became faulty do not matter with --listen', async (t) => {
    const p = await start(t, ['--demo']);
    const file = path.join(scratch(t), 'orproxy.conf');
    fs.writeFileSync(file, 'nonsense\n');
    const good = await run(t, ['health', '-c', file, '--listen', `127.0.0.1:${p.port}`]);
    assert.equal(good.code, 0, good.stderr);
    assert.equal((await run(t, ['health', '-c', file])).code, 2);
});

for (const [what, answer, said] of [
    ['says something else', (req, res) => reply(res, 200, { status: 'fine' }), /not orproxy's/],
    ['says no JSON', (req, res) => res.end('hello'), /200/],
    ['fails', (req, res) => reply(res, 503, { error: { message: 'no', code: 503 } }), /503/],
    ['never answers', () => {}, /took too long/],
])
    test(`health: another program there ${what}`, async (t) => {
        const up = await upstream(t, answer);
        const bad = await run(t, ['health', '--listen', `127.0.0.1:${up.port}`]);
        assert.equal(bad.code, 1);
        assert.match(bad.stderr, /^orproxy: not healthy: .*\n$/);
        assert.match(bad.stderr, said);
        assert.equal(up.requests[0].url, '/healthz');
    });

// ---- wrong use, help

for (const name of ['chat', 'models', 'route', 'check', 'health', 'replay', 'what-if'])
    test(`orproxy ${name} --help`, async (t) => {
        const p = await run(t, [name, '--help']);
        assert.equal(p.code, 0);
        assert.match(p.stdout, new RegExp(`^usage: orproxy ${name}`));
        assert.equal(p.stderr, '');
    });

for (const [args, what] of [
    [['chat', '--demo', '--systm', 'x'], /--systm.*--system/],
    [['route', '--demo', 'text'], /-m MODEL/],
    [['replay'], /LOG/],
    [['check', '--demo', 'x'], /takes no "x"/],
    [['models', '--demo', '--jsn'], /--jsn.*--json/],
])
    test(`wrong use: ${args.join(' ')}`, async (t) => {
        const p = await run(t, args);
        assert.equal(p.code, 2);
        assert.match(p.stderr, /^orproxy: [^\n]*\n$/);
        assert.match(p.stderr, what);
        assert.equal(p.stdout, '');
    });
