// Programs that speak other dialects, as people use them: the AI SDK with its providers, and
// Claude Code.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';

import { createAnthropic } from '@ai-sdk/anthropic';
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { generateText, stepCountIs, streamText, tool } from 'ai';
import { z } from 'zod';

import { CLIENT_KEY, TOP, scratch, stream, within } from './helpers.js';
import { COUNT, MODEL, TEXT, THOUGHT, behind, namedEvents } from './native.js';

const order = ['anthropic', 'gemini', 'openai'];
const question = 'When is low water in Brest?';

// ---- the AI SDK

const aiTools = (got) => ({
    get_tide: tool({
        description: 'The tide',
        inputSchema: z.object({ port: z.string() }).loose(),
        execute: async ({ port }) => {
            got.push(port);
            return `low in ${port}`;
        },
    }),
});
const ports = [
    [
        '@ai-sdk/anthropic',
        (p) => createAnthropic({ baseURL: `${p.url}/v1`, apiKey: CLIENT_KEY })(MODEL),
    ],
    [
        '@ai-sdk/openai-compatible',
        (p) =>
            createOpenAICompatible({
                name: 'orproxy',
                baseURL: `${p.url}/v1`,
                apiKey: CLIENT_KEY,
                includeUsage: true,
            })(MODEL),
    ],
];
for (const [what, model] of ports)
    for (const kind of order)
        test(`${what} -> ${kind}: a tool call, whole and streamed`, async (t) => {
            const { p, [kind]: up } = await behind(t, [kind], { scene: 'tools' });
            const got = [];
            const asked = {
                model: model(p),
                prompt: question,
                maxRetries: 0,
                maxOutputTokens: 1000,
                stopWhen: stepCountIs(3),
                tools: aiTools(got),
            };
            const answer = await generateText(asked).catch((e) => {
                up.check();
                throw e;
            });
            up.check();
            assert.equal(answer.text, 'So: low in Brest');
            assert.equal(answer.steps[0].finishReason, 'tool-calls');
            assert.equal(answer.usage.outputTokens, COUNT.output);
            const onError = ({ error }) => {
                up.check();
                throw error;
            };
            const streamed = streamText({ ...asked, onError });
            assert.equal(await streamed.text, 'So: low in Brest');
            up.check();
            assert.deepEqual(got, ['Brest', 'Brest']);
        });

test('@ai-sdk/anthropic: thoughts and their signature go to and fro', async (t) => {
    const { p, anthropic: up } = await behind(t, ['anthropic'], { scene: 'reasoning' });
    const model = createAnthropic({ baseURL: `${p.url}/v1`, apiKey: CLIENT_KEY })(MODEL);
    const answer = await generateText({
        model,
        prompt: question,
        maxRetries: 0,
        maxOutputTokens: 4000,
        stopWhen: stepCountIs(3),
        tools: aiTools([]),
        providerOptions: { anthropic: { thinking: { type: 'enabled', budgetTokens: 1024 } } },
    }).catch((e) => {
        up.check();
        throw e;
    });
    up.check();
    assert.equal(answer.text, TEXT);
    assert.equal(answer.steps[0].reasoningText, THOUGHT);
    assert.equal(up.asked.at(-1).signatures.length, 1);
});

// ---- Claude Code

const fixture = JSON.parse(
    fs.readFileSync(path.join(TOP, 'tests/e2e/fixtures/claude_code_request.json')),
);
for (const kind of order)
    test(`a request of Claude Code is served by ${kind}`, async (t) => {
        const { p, [kind]: up } = await behind(t, [kind], {
            offer: { anthropic: { upstream_model: 'claude-opus-5-5' } },
        });
        const s = await stream(p, {
            path: fixture.path,
            headers: fixture.headers,
            body: { ...fixture.body, model: MODEL },
        });
        await s.rest();
        up.check();
        assert.equal(s.status, 200, s.text);
        const all = namedEvents(s.text);
        assert.equal(all.at(-1).name, 'message_stop', s.text);
        const said = all.map(({ json }) => json.delta?.text ?? '').join('');
        assert.equal(said, TEXT);
        // It says who pays, differs for each client, and would spoil the cache of anybody else.
        if (kind !== 'anthropic')
            assert.ok(!up.requests.at(-1).raw.includes('x-anthropic-billing-header'));
    });

// The program itself, when it is there: the package, or CLAUDE=/path/to/claude.
const script = path.join(TOP, 'tests/e2e/node_modules/@anthropic-ai/claude-code/cli.js');
const program = process.env.CLAUDE
    ? [process.env.CLAUDE]
    : fs.existsSync(script) && [process.execPath, script];

async function claude(t, p, prompt, cwd) {
    const [command, ...args] = program;
    const child = spawn(command, [...args, '-p', prompt, '--model', MODEL], {
        cwd,
        stdio: ['ignore', 'pipe', 'pipe'],
        env: {
            PATH: process.env.PATH,
            HOME: scratch(t),
            ANTHROPIC_BASE_URL: p.url,
            ANTHROPIC_AUTH_TOKEN: CLIENT_KEY,
            ANTHROPIC_SMALL_FAST_MODEL: MODEL,
            DISABLE_TELEMETRY: '1',
            DISABLE_AUTOUPDATER: '1',
            CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
        },
    });
    let out = '';
    for (const pipe of [child.stdout, child.stderr])
        pipe.setEncoding('utf8').on('data', (text) => {
            out += text;
        });
    const ended = new Promise((resolve) => child.on('close', resolve));
    const code = await within(ended, 'Claude Code', 60000).finally(() => child.kill('SIGKILL'));
    return { code, out };
}

for (const kind of order)
    test(`Claude Code reads a file, behind ${kind}`, { skip: !program }, async (t) => {
        const { p, [kind]: up } = await behind(t, [kind], {
            offer: { anthropic: { upstream_model: 'claude-opus-5-5' } },
        });
        const dir = scratch(t);
        const file = path.join(dir, 'note.txt');
        fs.writeFileSync(file, 'the tide is at 4.2 m\n');
        const read = { id: 'call_1', name: 'Read', args: JSON.stringify({ file_path: file }) };
        up.scene = (view) =>
            view.results.length === 0
                ? { parts: [{ text: 'I look.' }, { call: read }], stop: 'tools' }
                : { parts: [{ text: `It says:${view.results[0].text}` }], stop: 'end' };
        const { code, out } = await claude(t, p, 'What is in note.txt?', dir);
        up.check();
        assert.equal(code, 0, out);
        assert.match(out, /It says:.*the tide is at 4\.2 m/s);
        assert.ok(up.asked.length >= 2);
    });
