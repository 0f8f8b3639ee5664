// The way to the internet goes away and comes back. In a network of its own, where the far
// provider has an address that routes are made for and taken from; where no such network can
// be made (it takes Linux, unshare and ip), these tests are skipped.
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import http from 'node:http';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

import {
    assertError,
    assertGoodStream,
    atEnd,
    attempts,
    ask,
    big,
    bigStream,
    gateway,
    plan,
    priced,
    provider,
    recorded,
    until,
} from './helpers.js';

const FAR = '203.0.113.1'; // RFC 5737: nobody's
const ip = (...args) => execFileSync('ip', args, { stdio: 'pipe' });

// This file runs itself again inside.
const inside = process.env.ORPROXY_E2E_NETWORK === '1';
if (!inside) {
    const enter = (...command) => [
        'unshare',
        ['-rn', 'sh', '-c', 'ip link set lo up && exec "$@"', 'sh', ...command],
    ];
    if (spawnSync(...enter('true')).status === 0) {
        const file = fileURLToPath(import.meta.url);
        const again = spawnSync(...enter(process.execPath, ...process.execArgv, file), {
            stdio: 'inherit',
            env: { ...process.env, ORPROXY_E2E_NETWORK: '1' },
        });
        process.exit(again.status ?? 1);
    }
}
const wan = (name, body) =>
    test(name, { skip: !inside && 'no network of its own can be made here' }, body);

// up: the far address is here. silent: packets to it vanish. away: there is no route to it.
function line(state) {
    const quiet = (...args) => {
        try {
            ip(...args);
        } catch {
            /* it was not there */
        }
    };
    quiet('addr', 'del', `${FAR}/32`, 'dev', 'lo');
    quiet('route', 'del', '203.0.113.0/24', 'dev', 'lo');
    if (state === 'up') ip('addr', 'add', `${FAR}/32`, 'dev', 'lo');
    if (state === 'silent') ip('route', 'add', '203.0.113.0/24', 'dev', 'lo');
}

// A far provider, cheaper than the near one if there is that.
async function house(t, { near = true, state = 'up', sections } = {}) {
    line(state);
    const far = await provider(t, 'far');
    const attic = await provider(t, 'attic');
    // the far one's server listens at every address
    far.server.close();
    const server = http.createServer((req, res) => far.server.emit('request', req, res));
    // No connection is kept: on one whose line has gone, the end cannot be heard either, and
    // only timeout.first_token would tell.
    server.maxRequestsPerSocket = 1;
    await new Promise((resolve) => server.listen(0, '0.0.0.0', resolve));
    server.on('connection', (socket) => {
        far.open.add(socket);
        socket.on('close', () => far.open.delete(socket));
    });
    atEnd(t, () => {
        for (const socket of far.open) socket.destroy();
        server.close();
        line('away');
    });
    far.url = `http://${FAR}:${server.address().port}/v1`;
    const p = await gateway(t, {
        providers: {
            far: { up: far, endpoints: { 'acme/big': priced(1), 'acme/far': priced(1) } },
            ...(near && { attic: { up: attic, endpoints: { 'acme/big': priced(2) } } }),
        },
        // no test waits for these
        sections: { timeout: { connect: '120s', first_token: '120s' }, ...sections },
    });
    return { p, far, attic, cut: line };
}
const order = { provider: { order: ['far', 'attic'] } };

wan('while the line is there, the far provider serves', async (t) => {
    const { p, far, attic } = await house(t);
    assert.equal((await big(p, order)).json?.provider, 'Far');
    assert.equal(far.chats.length, 1);
    assert.equal(attic.chats.length, 0);
});

wan('the line goes: the near provider takes over, then at once', async (t) => {
    const { p, attic, cut } = await house(t);
    assert.equal((await big(p, order)).json?.provider, 'Far');
    cut('away');
    for (let i = 0; i < 6; i++) {
        const answer = await big(p, order);
        assert.equal(answer.status, 200, answer.body);
        assert.equal(answer.json.provider, 'Attic');
    }
    const answer = await big(p, order);
    assert.deepEqual(attempts(answer), [['attic', '200']], 'the far one is not even tried');
    assertGoodStream(await (await bigStream(p, order)).rest(), 'from attic');
    assert.equal(attic.chats.length, 8);
    const { excluded } = (await recorded(p, answer)).routing;
    assert.ok(
        excluded.length === 0 || /offline|uplink/.test(JSON.stringify(excluded)),
        JSON.stringify(excluded),
    );
});

wan(
    'the line is there and silent: connecting ends in time, then the near one at once',
    async (t) => {
        const { p, cut } = await house(t, {
            sections: { timeout: { connect: '300ms', first_token: '120s' } },
        });
        assert.equal((await big(p, order)).json?.provider, 'Far');
        cut('silent');
        for (let i = 0; i < 6; i++) assert.equal((await big(p, order)).json?.provider, 'Attic');
        const { candidates } = await plan(p);
        assert.notEqual(candidates[0], 'far');
    },
);

wan('without a near provider: 503 in no time, with Retry-After', async (t) => {
    const { p, cut } = await house(t, { near: false });
    assert.equal((await big(p)).status, 200);
    cut('away');
    // the first few find it out; then it is known
    for (let i = 0; i < 6; i++) {
        const answer = await big(p);
        assert.ok([502, 503].includes(answer.status), answer.body);
        assertError(answer, answer.status);
    }
    const answer = await big(p);
    assertError(answer, 503, /offline|uplink|internet/i);
    assert.match(answer.headers['retry-after'], /^\d+$/);
    const { availability } = answer.json.error;
    assert.equal(availability.code, 'temporarily_unavailable');
    assert.equal(availability.retryable, true);
    assert.deepEqual(attempts(answer), []);
    const streamed = await big(p, { stream: true });
    assertError(streamed, 503);
});

wan('a start without the line serves what is near', async (t) => {
    const { p } = await house(t, { state: 'away' });
    for (let i = 0; i < 5; i++) assert.equal((await big(p, order)).json?.provider, 'Attic');
    const far = await big(p, { model: 'acme/far' });
    assert.ok([502, 503].includes(far.status), far.body);
    assert.equal((await ask(p, { path: '/v1/models' })).status, 200);
    assert.equal((await ask(p, { path: '/healthz' })).status, 200);
});

wan('the line comes back: noticed without a request having to fail', async (t) => {
    const { p, far, cut } = await house(t);
    assert.equal((await big(p, order)).json?.provider, 'Far');
    cut('away');
    for (let i = 0; i < 6; i++) await big(p, order);
    const before = far.chats.length;
    line('up');
    await until(async () => {
        const answer = await big(p, order);
        assert.equal(answer.status, 200, answer.body);
        return answer.json.provider === 'Far';
    }, 'the far provider to serve again');
    assert.ok(far.chats.length > before);
    assert.match(p.stderr, /uplink|offline|internet/i, 'the log tells of it');
});

wan('a provider that fails is not the line', async (t) => {
    const { p, far } = await house(t);
    far.answer = (req, res) => res.socket.destroy();
    for (let i = 0; i < 6; i++) assert.equal((await big(p, order)).status, 200);
    assert.doesNotMatch(p.stderr, /uplink is down|offline/i);
});

wan('a name that cannot be resolved is the line too', async (t) => {
    line('away');
    const attic = await provider(t, 'attic');
    const p = await gateway(t, {
        providers: {
            far: {
                base_url: 'http://api.provider.example/v1',
                name: 'Far',
                endpoints: { 'acme/big': priced(1), 'acme/far': priced(1) },
            },
            attic: { up: attic, endpoints: { 'acme/big': priced(2) } },
        },
    });
    for (let i = 0; i < 6; i++) assert.equal((await big(p, order)).json?.provider, 'Attic');
    const far = await big(p, { model: 'acme/far' });
    assert.ok([502, 503].includes(far.status), far.body);
    assertError(far, far.status);
});
