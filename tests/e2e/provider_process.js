// A provider in a process of its own, for tests that kill it: prints its port, answers what it
// is asked after a moment, as OpenAI does.   node provider_process.js NAME
import http from 'node:http';

const name = process.argv[2];
const event = (object) =>
    `data: ${typeof object === 'string' ? object : JSON.stringify(object)}\n\n`;
const chunk = (delta, finish_reason = null) => ({
    id: 'chatcmpl-1',
    object: 'chat.completion.chunk',
    created: 1780000000,
    model: 'big',
    choices: [{ index: 0, delta, finish_reason }],
});

const server = http.createServer((req, res) => {
    const parts = [];
    req.on('data', (part) => parts.push(part));
    req.on('end', () =>
        setTimeout(() => {
            const asked = JSON.parse(Buffer.concat(parts));
            const usage = { prompt_tokens: 10, completion_tokens: 2, total_tokens: 12 };
            if (asked.stream) {
                res.writeHead(200, { 'content-type': 'text/event-stream' });
                return res.end(
                    event(chunk({ role: 'assistant', content: `from ${name}` })) +
                        event(chunk({}, 'stop')) +
                        event({ ...chunk({}), choices: [], usage }) +
                        event('[DONE]'),
                );
            }
            res.writeHead(200, { 'content-type': 'application/json' });
            return res.end(
                JSON.stringify({
                    ...chunk({}),
                    object: 'chat.completion',
                    choices: [
                        {
                            index: 0,
                            message: { role: 'assistant', content: `from ${name}` },
                            finish_reason: 'stop',
                        },
                    ],
                    usage,
                }),
            );
        }, 5),
    );
});
server.keepAliveTimeout = 60000;
server.listen(Number(process.argv[3] ?? 0), '127.0.0.1', () =>
    process.stdout.write(`${server.address().port}\n`),
);
