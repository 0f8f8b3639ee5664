#!/usr/bin/env node
// A hostile provider and a hostile client, with a gateway between them.
//
//   node tests/hostile/hostile.js                     starts orproxy itself ($ORPROXY)
//   node tests/hostile/hostile.js --list              the scenarios, and what must hold in each
//   node tests/hostile/hostile.js --only NAME         those whose name begins so; repeatable
//   node tests/hostile/hostile.js --full              longer: what `make soak` does
//   node tests/hostile/hostile.js --gateway URL --upstream-port PORT [--model M] [--key K]
//        [--header 'NAME: VALUE'] [--pid PID] [--patience SECONDS]
//
// The last form is for any gateway with OpenAI's API. It has to be set up so that requests for
// model M go to http://127.0.0.1:PORT/v1, where this program listens. --pid: its process here,
// whose memory and descriptors are then watched. --patience: how long it may take to give up
// on a silent provider (default 10). orproxy:
//
//   orproxy --upstream http://127.0.0.1:9999/v1 --set timeout.first_token=2s \
//       --set timeout.between_bytes=2s --set timeout.total=6s --set timeout.client=2s &
//   node tests/hostile/hostile.js --gateway http://127.0.0.1:8787/v1 --upstream-port 9999
//
// Portkey's gateway, which is told by a header where to go:
//
//   node tests/e2e/node_modules/@portkey-ai/gateway/build/start-server.js --port=8788 --headless &
//   node tests/hostile/hostile.js --gateway http://127.0.0.1:8788/v1 --upstream-port 9999 \
//       --header 'x-portkey-provider: openai' \
//       --header 'x-portkey-custom-host: http://127.0.0.1:9999/v1' --key any
//
// One line for each scenario: ok, not ok, or skipped and why. After each of them the gateway
// has to answer a good request and, where its process is known, to hold no more descriptors and
// memory than before. Exit status 0 when nothing is "not ok".
import { parseArgs } from 'node:util';

import { certificates } from '../e2e/helpers.js';
import { ask } from './client.js';
import { asBefore, orproxy, reach, settings, stage } from './gateway.js';
import { clientScenarios } from './scenarios_client.js';
import { machineScenarios } from './scenarios_machine.js';
import { tlsScenarios } from './scenarios_tls.js';
import { upstreamScenarios } from './scenarios_upstream.js';
import { hostileUpstream } from './upstream.js';

const { values: options } = parseArgs({
    options: {
        gateway: { type: 'string' },
        'upstream-port': { type: 'string', default: '0' },
        model: { type: 'string', default: 'hostile/model' },
        key: { type: 'string' },
        header: { type: 'string', multiple: true, default: [] },
        pid: { type: 'string' },
        patience: { type: 'string', default: '10' },
        only: { type: 'string', multiple: true, default: [] },
        full: { type: 'boolean', default: false },
        list: { type: 'boolean', default: false },
    },
});

const SECONDS = options.full ? 1200 : 120; // for one scenario

const INSIDE = process.env.HOSTILE_INSIDE === '1'; // see dns
const scenarios = [
    ...upstreamScenarios,
    ...tlsScenarios,
    ...clientScenarios,
    ...machineScenarios,
].filter(
    (one) =>
        INSIDE === Boolean(one.inside) &&
        (options.only.length === 0 || options.only.some((name) => one.name.startsWith(name))),
);
if (options.list) {
    for (const { name, holds } of scenarios) console.log(`${name.padEnd(24)} ${holds}`);
    process.exit(0);
}

// Many at a time, so that a thousand cuts take seconds.
async function each(list, one, width = 16) {
    let next = 0;
    await Promise.all(
        Array.from({ length: width }, async () => {
            for (let i; (i = next++) < list.length;) await one(list[i], i);
        }),
    );
}

let prompts = 0;
// A request whose answer is written by a script; gives what the client saw.
function play(g, up, script, how = {}) {
    const prompt = `script ${++prompts}`;
    up.scripts.set(prompt, script);
    return ask(g, prompt, how).finally(() => up.scripts.delete(prompt));
}

async function world(t) {
    const up = await hostileUpstream({ port: Number(options['upstream-port']) });
    const w = { up, each, full: options.full };
    if (options.gateway) {
        w.g = reach(options.gateway, {
            model: options.model,
            key: options.key,
            headers: Object.fromEntries(
                options.header.map((line) => line.split(/:(.*)/, 2).map((s) => s.trim())),
            ),
            patience: Number(options.patience) * 1000,
            pid: options.pid && Number(options.pid),
        });
    } else if (INSIDE) {
        w.g = await orproxy(t, settings(w));
    } else {
        certificates();
        w.calm = await hostileUpstream();
        w.secure = await hostileUpstream({ secret: () => w.secret });
        w.show = (secret) => {
            w.secret = secret;
        };
        w.g = await orproxy(t, settings(w));
    }
    w.playOn = (g, at) => (script, how) => play(g, at, script, how);
    w.play = w.playOn(w.g, up);
    // more than /generation remembers, so that what it holds grows no more
    for (let i = 0; i < 250; i++) await ask(w.g, 'sound', { mode: i % 2 ? 'stream' : 'whole' });
    return w;
}

function missing(one, w) {
    for (const need of [one.needs ?? []].flat()) {
        if (need === 'own' && !w.g.own) return 'needs settings of its own: only with orproxy';
        if (need === 'process' && !w.g.pid) return 'needs the process: --pid';
    }
    return undefined;
}

class Skip extends Error {}

async function perform(one, w) {
    const t = stage();
    const skip = (why) => {
        throw new Skip(why);
    };
    let late;
    const clock = new Promise((_, reject) => {
        late = setTimeout(() => reject(new Error(`not over after ${SECONDS} s`)), SECONDS * 1000);
    });
    try {
        return await Promise.race([one.run({ ...w, t, skip }), clock]);
    } finally {
        clearTimeout(late);
        w.up.greet = null;
        await t.end();
    }
}

// What is wrong, without Node's comparison of the two values.
const indented = (e) =>
    e.message
        .split(/\n+\+ actual/)[0]
        .slice(0, 2000)
        .replace(/^/gm, '         ');

async function main() {
    const t = stage();
    const w = await world(t);
    let base = await asBefore(w);
    const count = { ok: 0, 'not ok': 0, skipped: 0 };
    for (const one of scenarios) {
        const began = Date.now();
        const say = (verdict, more) => {
            count[verdict]++;
            console.log(`${verdict.padEnd(8)} ${one.name.padEnd(24)} ${more}`);
        };
        const lacks = missing(one, w);
        if (lacks) {
            say('skipped', lacks);
            continue;
        }
        try {
            const note = await perform(one, w);
            await asBefore(w, base);
            say('ok', `${note ? `${note}, ` : ''}${((Date.now() - began) / 1000).toFixed(1)} s`);
        } catch (e) {
            if (e instanceof Skip) say('skipped', e.message);
            else say('not ok', `${one.holds}\n${indented(e)}`);
            if (process.env.HOSTILE_TRACE) console.log(e.stack);
            base = await asBefore(w).catch(() => base); // the next one is not to blame
        }
    }
    try {
        await t.end();
    } catch (e) {
        count['not ok']++;
        console.log(`not ok   the end of the gateway: ${e.message}`);
    }
    console.log(`hostile: ${count.ok} passed, ${count['not ok']} failed, ${count.skipped} skipped`);
    process.exit(count['not ok'] > 0 ? 1 : 0);
}

await main();
