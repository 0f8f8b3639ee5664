// Several providers behind one address, as a house or a shop runs it: names for models, keys,
// books of what was decided, changes while it runs.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';

import {
    BIG,
    PRICE,
    TOP,
    asOpenRouter,
    ask,
    assertError,
    assertGoodStream,
    atEnd,
    attempts,
    begin,
    big,
    bigStream,
    certificates,
    envOf,
    event,
    failing,
    gate,
    gateway,
    greek,
    inOrder,
    keyOf,
    listed,
    lists,
    nobody,
    openaiChunk,
    plan,
    priced,
    provider,
    recorded,
    run,
    scratch,
    several,
    until,
    whole,
    within,
} from './helpers.js';

const only = (...names) => ({ provider: { only: names } });

// ---- names for models

test('aliases: any name stands for a model', async (t) => {
    const { p, alpha } = await greek(t, {
        names: ['alpha'],
        sections: { aliases: { fast: 'acme/big', 'gpt-4o': 'acme/big', 'home/llm': 'acme/big' } },
    });
    for (const model of ['fast', 'gpt-4o', 'home/llm', 'FAST', 'fast:floor']) {
        const answer = await big(p, { model });
        assert.equal(answer.status, 200, `${model}: ${answer.body}`);
        assert.equal(answer.json.model, 'acme/big');
        assert.equal(alpha.chats.at(-1).json.model, 'acme/big');
    }
    assert.equal((await plan(p, { model: 'fast' })).data.strategy, 'alias');
    const model = await ask(p, { path: '/v1/model/home/llm' });
    assert.equal(model.json.data.id, 'acme/big');
});

test('default_model serves requests that name none; without it they are 400', async (t) => {
    const { p } = await greek(t, { names: ['alpha'], top: { default_model: 'acme/big' } });
    const answer = await ask(p, { body: { messages: BIG.messages } });
    assert.equal(answer.status, 200, answer.body);
    assert.equal(answer.json.model, 'acme/big');
    const first = await ask(p, { body: { messages: BIG.messages, models: ['acme/big'] } });
    assert.equal(first.status, 200, first.body);
    const without = await greek(t, { names: ['alpha'] });
    assertError(await ask(without.p, { body: { messages: BIG.messages } }), 400, /model/);
});

test('models: the first that can serve, and the answer tells which', async (t) => {
    const { p } = await greek(t, { names: ['alpha'] });
    const { json } = await ask(p, {
        body: { messages: BIG.messages, models: ['nobody/knows', 'acme/big'] },
    });
    assert.equal(json.model, 'acme/big');
    const { data } = await plan(p, { models: ['acme/big', 'nobody/knows'] });
    assert.equal(data.candidates.length, 1);
});

test('presets: by @preset/NAME, behind a model, by the member preset', async (t) => {
    const { p, alpha } = await greek(t, {
        names: ['alpha', 'beta'],
        sections: {
            'preset brief': {
                model: 'acme/big',
                system: 'Be brief.',
                provider: '{"only":["alpha"]}',
                parameters: '{"temperature":0.1,"max_tokens":50}',
            },
        },
    });
    for (const more of [
        { model: '@preset/brief' },
        { model: 'acme/big@preset/brief' },
        { preset: 'brief' },
    ])
        for (let i = 0; i < 4; i++) {
            const answer = await big(p, more);
            assert.equal(answer.status, 200, answer.body);
            assert.equal(answer.json.provider, 'Alpha');
            assert.equal(answer.json.model, 'acme/big');
            const sent = alpha.chats.at(-1).json;
            assert.equal(sent.model, 'acme/big');
            assert.equal(sent.temperature, 0.1);
            assert.equal(sent.max_tokens ?? sent.max_completion_tokens, 50);
            assert.equal(sent.messages[0].role, 'system');
            assert.equal(sent.messages[0].content, 'Be brief.');
            assert.deepEqual(sent.messages.slice(1), BIG.messages);
            assert.equal(sent.preset, undefined);
        }
    await big(p, { model: '@preset/brief', temperature: 0.9 });
    assert.equal(alpha.chats.at(-1).json.temperature, 0.9, 'what a request says is stronger');
    assertError(await big(p, { model: '@preset/nobody' }), 404, /preset/);
});

test("presets: their fallback models and the request's own model", async (t) => {
    const alpha = await provider(t, 'alpha');
    const p = await gateway(t, {
        providers: {
            alpha: { up: alpha, endpoints: { 'acme/big': priced(1), 'acme/mid': priced(1) } },
        },
        sections: { 'preset both': { model: 'acme/big', models: 'acme/mid' } },
    });
    alpha.answer = (req, res) =>
        (req.json.model === 'acme/mid' ? whole('mid') : failing(500))(req, res);
    const answer = await big(p, { model: '@preset/both' });
    assert.equal(answer.status, 200, answer.body);
    assert.equal(answer.json.model, 'acme/mid');
});

test('provider_preferences are the defaults of requests that say nothing', async (t) => {
    const { p } = await greek(t, {
        top: { provider_preferences: '{"order":["gamma","beta"],"data_collection":"allow"}' },
    });
    assert.deepEqual((await plan(p)).candidates, ['gamma', 'beta', 'alpha']);
    assert.deepEqual((await plan(p, inOrder('beta'))).candidates[0], 'beta');
});

test('provider_preferences: its filters hold for all', async (t) => {
    const { p } = await greek(t, {
        top: { provider_preferences: '{"data_collection":"deny","max_price":{"prompt":2}}' },
        more: { alpha: { data_collection: 'allow' }, beta: { data_collection: 'deny' } },
    });
    assert.deepEqual((await plan(p)).candidates, ['beta']);
    const wish = { provider: { data_collection: 'allow', max_price: { prompt: 100 } } };
    assert.deepEqual((await plan(p, wish)).candidates, ['beta']);
});

test('zdr, quantization and regions of providers are filters of requests', async (t) => {
    const { p } = await greek(t, {
        more: {
            alpha: { zdr: 'yes', quantization: 'fp8' },
            beta: { zdr: 'no', quantization: 'bf16' },
        },
    });
    assert.deepEqual((await plan(p, { provider: { zdr: true } })).candidates, ['alpha']);
    assert.deepEqual((await plan(p, { provider: { quantizations: ['bf16'] } })).candidates, [
        'beta',
    ]);
    assert.deepEqual((await plan(p, { provider: { zdr: false } })).candidates.length, 3);
});

test('openrouter/free and openrouter/auto choose among what is here', async (t) => {
    const alpha = await provider(t, 'alpha');
    const p = await gateway(t, {
        top: { auto_models: 'acme/mid, acme/big' },
        providers: {
            alpha: {
                up: alpha,
                endpoints: {
                    'acme/big': priced(1),
                    'acme/mid': priced(1),
                    'acme/gift:free': priced(0),
                },
            },
        },
    });
    const free = await plan(p, { model: 'openrouter/free' });
    assert.equal(free.data.strategy, 'free');
    assert.ok(free.data.candidates.every((one) => one.model === 'acme/gift:free'));
    const auto = await plan(p, { model: 'openrouter/auto' });
    assert.equal(auto.data.strategy, 'auto');
    assert.ok(['acme/mid', 'acme/big'].includes(auto.data.candidates[0].model));
    const answer = await big(p, { model: 'openrouter/auto' });
    assert.ok(['acme/mid', 'acme/big'].includes(answer.json.model), answer.body);
});

// ---- providers

test('several keys of a provider are used in turn', async (t) => {
    const alpha = await provider(t, 'alpha');
    const all = ['one', 'two', 'three'];
    const p = await gateway(
        t,
        {
            providers: {
                alpha: {
                    up: alpha,
                    key: all.map((name) => `env:${envOf(name)}`),
                    endpoints: { 'acme/big': priced(1) },
                },
            },
        },
        { env: Object.fromEntries(all.map((name) => [envOf(name), keyOf(name)])) },
    );
    for (let i = 0; i < 6; i++) assert.equal((await big(p)).status, 200);
    const used = alpha.chats.map((req) => req.headers.authorization.slice('Bearer '.length));
    for (const name of all) assert.equal(used.filter((key) => key === keyOf(name)).length, 2, name);
    assert.deepEqual(used.slice(0, 3), used.slice(3));
});

test('a provider over TLS beside one without', async (t) => {
    const dir = certificates();
    const tls = {
        host: 'localhost',
        cert: fs.readFileSync(path.join(dir, 'good.pem')),
        key: fs.readFileSync(path.join(dir, 'good.key')),
    };
    const alpha = await provider(t, 'alpha', { tls });
    const beta = await provider(t, 'beta');
    const gamma = await provider(t, 'gamma', {
        tls: {
            host: 'localhost',
            cert: fs.readFileSync(path.join(dir, 'good.pem')),
            key: fs.readFileSync(path.join(dir, 'good.key')),
        },
    });
    const p = await gateway(t, {
        providers: {
            alpha: {
                up: alpha,
                ca: path.join(dir, 'ca.pem'),
                endpoints: { 'acme/big': priced(1) },
            },
            beta: { up: beta, endpoints: { 'acme/big': priced(2) } },
            gamma: { up: gamma, endpoints: { 'acme/big': priced(3) } }, // nobody vouches for it
        },
    });
    assert.equal((await big(p, only('alpha'))).json.provider, 'Alpha');
    assertGoodStream(await (await bigStream(p, only('alpha'))).rest(), 'from alpha');
    const answer = await big(p, inOrder('gamma', 'beta'));
    assert.equal(answer.json.provider, 'Beta', answer.body);
    assert.equal(gamma.chats.length, 0);
});

test('an OpenRouter beside direct providers: each gets what it understands', async (t) => {
    const openrouter = await provider(t, 'openrouter', {
        models: [listed('acme/big', '0.000004', '0.000004'), listed('far/away')],
        answer: asOpenRouter('from afar', { provider: 'Far Cloud' }),
    });
    const alpha = await provider(t, 'alpha');
    const p = await gateway(t, {
        providers: {
            alpha: { up: alpha, endpoints: { 'acme/big': priced(1) } },
            openrouter: { up: openrouter, kind: 'openrouter', list: 'yes' },
        },
    });
    await lists(p, 'far/away');
    const far = await big(p, { model: 'far/away', provider: { order: ['somebody'] } });
    assert.equal(far.status, 200, far.body);
    assert.equal(openrouter.chats[0].headers.authorization, `Bearer ${openrouter.key}`);
    assert.deepEqual(openrouter.chats[0].json.provider.order, ['somebody'], 'it routes by itself');
    assert.equal(openrouter.chats[0].json.model, 'far/away');
    alpha.answer = failing(503);
    const answer = await big(p, { provider: { sort: 'price', quantizations: ['fp8', 'unknown'] } });
    assert.equal(answer.status, 200, answer.body);
    assert.deepEqual(attempts(answer).at(-1), ['openrouter', '200']);
    assertGoodStream(await (await bigStream(p, { model: 'far/away' })).rest(), 'from afar');
    // but whom the request ignores
    const ignoring = await plan(p, { provider: { ignore: ['openrouter'] } });
    assert.deepEqual(ignoring.candidates, ['alpha']);
});

test('any_model: every name is passed on to that provider', async (t) => {
    const alpha = await provider(t, 'alpha');
    const p = await gateway(t, { providers: { alpha: { up: alpha, any_model: 'yes' } } });
    const answer = await big(p, { model: 'who/knows:what' });
    assert.equal(answer.status, 200, answer.body);
    assert.equal(alpha.chats[0].json.model, 'who/knows:what');
});

test('a list that cannot be had costs nobody anything', async (t) => {
    const alpha = await provider(t, 'alpha');
    alpha.listStatus = 500;
    const port = await nobody();
    const p = await gateway(t, {
        providers: {
            alpha: { up: alpha, list: 'yes', endpoints: { 'acme/big': priced(1) } },
            beta: { base_url: `http://127.0.0.1:${port}/v1`, list: 'yes' },
        },
    });
    assert.equal((await big(p)).status, 200);
    assert.equal((await ask(p, { path: '/v1/models' })).status, 200);
});

// ---- a provider dies

async function living(t, name, port = 0) {
    const child = spawn(
        process.execPath,
        [path.join(TOP, 'tests/e2e/provider_process.js'), name, String(port)],
        { stdio: ['ignore', 'pipe', 'inherit'] },
    );
    atEnd(t, () => child.kill('SIGKILL'));
    const line = new Promise((resolve) => child.stdout.once('data', resolve));
    const at = Number(await within(line, `${name} to listen`));
    return { child, port: at, url: `http://127.0.0.1:${at}/v1`, title: name, name };
}

test('a provider process is killed while traffic flows: nobody notices, and it comes back', async (t) => {
    const providers = {};
    const ups = {};
    for (const name of Object.keys(PRICE)) {
        ups[name] = await living(t, name);
        providers[name] = { up: ups[name], endpoints: { 'acme/big': priced(PRICE[name]) } };
    }
    const p = await gateway(t, { providers });
    let done = 0;
    const said = [];
    const one = async (i) => {
        if (++done === 100) ups.alpha.child.kill('SIGKILL');
        if (i % 3 === 0) {
            const s = await bigStream(p);
            const list = await s.rest();
            assertGoodStream(list);
            return void said.push(JSON.parse(list[0]).provider);
        }
        const answer = await big(p);
        assert.equal(answer.status, 200, answer.body);
        return void said.push(answer.json.provider);
    };
    await several(400, one);
    assert.equal(said.length, 400);
    assert.ok(said.slice(0, 90).includes('alpha'), 'alpha served before');
    assert.ok(!said.slice(300).includes('alpha'), 'and not after');
    ups.alpha = await living(t, 'alpha', ups.alpha.port);
    await until(
        async () => (await big(p, only('alpha'))).status === 200,
        'alpha to be tried again',
    );
});

// ---- what can be seen

// The text format of Prometheus: families with HELP and TYPE, samples with labels.
function prometheus(text) {
    const samples = [];
    const types = {};
    for (const line of text.split('\n')) {
        if (line === '') continue;
        const type = /^# TYPE ([a-zA-Z_:][\w:]*) (counter|gauge|histogram|summary|untyped)$/.exec(
            line,
        );
        if (type) {
            assert.equal(types[type[1]], undefined, `two TYPE of ${type[1]}`);
            types[type[1]] = type[2];
            continue;
        }
        if (/^# HELP [a-zA-Z_:][\w:]* /.test(line)) continue;
        const sample =
            /^([a-zA-Z_:][\w:]*)(\{(?:[a-zA-Z_]\w*="(?:[^"\\\n]|\\[\\"n])*",?)*\})? (-?\d+(?:\.\d+)?(?:e[-+]?\d+)?|NaN|[-+]Inf)( \d+)?$/.exec(
                line,
            );
        assert.ok(sample, `not a line of Prometheus: ${line}`);
        const family = sample[1].replace(/_(bucket|sum|count)$/, '');
        assert.ok(types[sample[1]] ?? types[family], `no TYPE before ${line}`);
        samples.push({ name: sample[1], labels: sample[2] ?? '', value: Number(sample[3]) });
    }
    assert.match(text, /\n$/);
    return samples;
}

test('/metrics is the text format of Prometheus and counts requests', async (t) => {
    const { p, alpha } = await greek(t, {
        more: { alpha: { name: 'A "quoted" \\ name' } },
    });
    alpha.answer = failing(500);
    const sum = async (name) => {
        const answer = await ask(p, { path: '/metrics' });
        assert.match(answer.headers['content-type'], /^text\/plain; ?version=0\.0\.4/);
        return prometheus(answer.body)
            .filter((one) => name.test(one.name))
            .reduce((all, one) => all + one.value, 0);
    };
    const before = await sum(/requests_total$/);
    await big(p, inOrder('alpha', 'beta'));
    await (await bigStream(p, only('beta'))).rest();
    await big(p, only('nobody'));
    assert.ok((await sum(/requests_total$/)) >= before + 2);
    const { body } = await ask(p, { path: '/metrics' });
    for (const name of ['alpha', 'beta']) assert.ok(body.includes(`"${name}"`), name);
});

test('log = json: one object for each request, without prompts', async (t) => {
    const { p, alpha } = await greek(t, { top: { log: 'json' } });
    alpha.answer = failing(503);
    const answer = await big(p, {
        ...inOrder('alpha', 'beta'),
        messages: [{ role: 'user', content: 'a secret prompt' }],
    });
    const id = answer.headers['x-generation-id'];
    const objects = () =>
        (p.stdout + p.stderr)
            .split('\n')
            .filter((line) => line.startsWith('{'))
            .map((line) => JSON.parse(line));
    await until(() => objects().some((one) => JSON.stringify(one).includes(id)), 'the line');
    const line = objects().find((one) => JSON.stringify(one).includes(id));
    assert.equal(line.status, 200);
    assert.equal(line.model, 'acme/big');
    assert.match(JSON.stringify(line), /beta/i);
    assert.equal(objects().filter((one) => JSON.stringify(one).includes(id)).length, 1);
    assert.doesNotMatch(p.stdout + p.stderr, /secret prompt|from beta/);
});

// ---- changes while it runs

test('SIGHUP: new settings for new requests, a stream in work runs on', async (t) => {
    const { p, alpha, beta, providers } = await greek(t, { names: ['alpha', 'beta'] });
    const go = gate();
    alpha.answer = async (req, res) => {
        begin(res);
        res.write(event(openaiChunk('one ')));
        await go.opened;
        res.end(event(openaiChunk('two')) + event(openaiChunk({}, 'stop')) + event('[DONE]'));
    };
    const s = await bigStream(p, only('alpha'));
    await s.next();
    const before = await recorded(p, await big(p, only('beta')));
    p.reload({
        providers: {
            beta: {
                ...providers.beta,
                endpoints: { 'acme/big': priced(7), 'acme/new': priced(1) },
            },
        },
    });
    await until(() => /reloaded/.test(p.stderr), `"reloaded" in the log:\n${p.stderr}`);
    assert.deepEqual((await plan(p)).candidates, ['beta']);
    assert.equal((await plan(p)).data.candidates[0].price.prompt, '0.000007');
    assert.equal((await big(p, { model: 'acme/new' })).json.provider, 'Beta');
    go.open();
    const rest = await s.rest();
    assertGoodStream(rest, 'two');
    assert.equal(JSON.parse(rest.at(-2)).usage.cost !== undefined, true);
    assert.equal((await recorded(p, before.id)).provider_name, 'Beta', 'records are kept');
    assert.ok(beta.chats.length >= 2);
});

test('SIGHUP with a bad file: the old settings stay, and the log says why', async (t) => {
    const { p } = await greek(t, { names: ['alpha'] });
    const good = fs.readFileSync(p.file, 'utf8');
    for (const bad of [`${good}\nnonsense\n`, `${good}\n[provider alpah]\nkidn = openai\n`, '']) {
        const lines = p.stderr.length;
        p.reload(bad);
        await until(() => /keeping the old settings/.test(p.stderr.slice(lines)), 'the reason');
        assert.equal((await big(p)).json.provider, 'Alpha');
    }
    assert.match(p.stderr, /orproxy\.conf:\d+: /);
    p.reload(good.replace('name = Alpha', 'name = Omega'));
    await until(async () => (await big(p)).json.provider === 'Omega', 'the good file');
});

test('SIGHUP many times while requests run', async (t) => {
    const { p, providers } = await greek(t);
    let i = 0;
    const answers = several(150, async () => {
        if (++i % 10 === 0) p.reload({ top: { heartbeat: `${20 + i}s` }, providers });
        return big(p);
    });
    assert.ok((await answers).every((one) => one.status === 200));
});

// ---- what was decided

test('decisions: each is a line with its outcome, and orproxy replay agrees', async (t) => {
    const dir = scratch(t);
    const file = path.join(dir, 'decisions.jsonl');
    const { p, alpha } = await greek(t, { top: { decisions: file } });
    alpha.answer = failing(503);
    for (let i = 0; i < 30; i++) await big(p, i % 3 ? {} : { provider: { sort: 'price' } });
    await big(p, { session_id: 's', tools: [], max_tokens: 100 });
    await big(p, only('nobody'));
    let records;
    await until(() => {
        records = fs.existsSync(file)
            ? fs.readFileSync(file, 'utf8').split('\n').filter(Boolean)
            : [];
        return records.length >= 31;
    }, 'the lines');
    const objects = records.map((line) => JSON.parse(line));
    const served = objects.filter((one) => one.outcome?.status === 200);
    assert.ok(served.length >= 31, records[0]);
    assert.match(served[0].outcome.id, /^gen-/);
    assert.match(served[0].outcome.provider, /beta|gamma|alpha/i);
    assert.equal(served[0].outcome.model, 'acme/big');
    assert.equal(served[0].outcome.prompt_tokens, 1000);
    assert.equal(typeof served[0].outcome.cost, 'number');
    assert.ok(!records.join('').includes('hello'), 'no prompts');
    const replayed = await run(t, ['replay', file, '-c', p.file], {
        env: Object.fromEntries(Object.keys(PRICE).map((name) => [envOf(name), keyOf(name)])),
    });
    assert.equal(replayed.code, 0, replayed.stdout + replayed.stderr);
    // a line that was tampered with is found
    const changed = path.join(dir, 'changed.jsonl');
    const first = [...served].find((one) => one.plan);
    const line = records[objects.indexOf(first)];
    fs.writeFileSync(
        changed,
        `${line.replace(/"seed":\d+/, '"seed":1').replace(/"sort":"?\w+"?/g, '')}\n{"x":1}\n`,
    );
    const differs = await run(t, ['replay', changed], {});
    assert.equal(differs.code, 1, differs.stdout + differs.stderr);
});

test('decisions: the file moves on at limits.decisions', async (t) => {
    const file = path.join(scratch(t), 'decisions.jsonl');
    const { p } = await greek(t, {
        top: { decisions: file },
        sections: { limits: { decisions: '10k' } },
    });
    for (let i = 0; i < 40; i++) await big(p);
    await until(() => fs.existsSync(`${file}.1`), 'FILE.1');
    for (const one of [file, `${file}.1`]) {
        assert.ok(fs.statSync(one).size <= 12000, one);
        for (const line of fs.readFileSync(one, 'utf8').split('\n').filter(Boolean))
            assert.ok(JSON.parse(line));
    }
});

// ---- kept over a restart

test('a start without network has the lists of the last one', async (t) => {
    const state = scratch(t);
    const openrouter = await provider(t, 'openrouter', {
        models: [listed('far/away', '0.0000005', '0.0000015')],
        answer: asOpenRouter('hi'),
    });
    const alpha = await provider(t, 'alpha', { models: ['acme/live'] });
    const what = {
        top: { state },
        providers: {
            openrouter: { up: openrouter, kind: 'openrouter', list: 'yes' },
            alpha: { up: alpha, list: 'yes' },
        },
    };
    const first = await gateway(t, what);
    await lists(first, 'far/away');
    await lists(first, 'acme/live');
    const stop = async (p) => {
        p.child.kill('SIGTERM');
        await within(p.ended, 'orproxy to end');
    };
    await stop(first);
    openrouter.listStatus = alpha.listStatus = 500;
    const second = await gateway(t, what);
    await lists(second, 'far/away');
    await lists(second, 'acme/live');
    assert.equal((await big(second, { model: 'far/away' })).status, 200);
    const { data } = await plan(second, { model: 'far/away' });
    assert.equal(data.candidates[0].price.prompt, '0.0000005');
    await stop(second);
    // what is kept is for nobody else, and rubbish in it is no reason not to start
    const kept = fs.readdirSync(state, { recursive: true }).map((name) => path.join(state, name));
    const files = kept.filter((name) => fs.statSync(name).isFile());
    assert.ok(files.length > 0);
    for (const name of files) {
        assert.equal(fs.statSync(name).mode & 0o077, 0, name);
        assert.ok(!fs.readFileSync(name, 'utf8').includes(alpha.key), name);
        fs.writeFileSync(name, '{"data":[{"id":');
    }
    openrouter.listStatus = alpha.listStatus = 200;
    const third = await gateway(t, what);
    await lists(third, 'far/away');
});

// ---- the command line

test('orproxy route, models and check speak of the same providers', async (t) => {
    const { p } = await greek(t);
    const env = Object.fromEntries(Object.keys(PRICE).map((name) => [envOf(name), keyOf(name)]));
    const routed = await run(t, ['route', '-c', p.file, '-m', 'acme/big', '--json', 'hello'], {
        env,
    });
    assert.equal(routed.code, 0, routed.stderr);
    const said = JSON.parse(routed.stdout);
    const candidates = (said.data ?? said).candidates.map((one) => one.tag);
    assert.deepEqual(candidates.sort(), ['alpha', 'beta', 'gamma']);
    const cheap = await run(
        t,
        ['route', '-c', p.file, '-m', 'acme/big', '--prefs', '{"max_price":{"prompt":1}}'],
        { env },
    );
    assert.equal(cheap.code, 0, cheap.stderr);
    assert.match(cheap.stdout, /alpha/);
    assert.match(cheap.stdout, /beta.*(max_price|too dear)/);
    const models = await run(t, ['models', '-c', p.file, 'BIG'], { env });
    assert.equal(models.code, 0, models.stderr);
    assert.match(models.stdout, /acme\/big/);
    const none = await run(t, ['route', '-c', p.file, '-m', 'nobody/knows'], { env });
    assert.equal(none.code, 1);
});
