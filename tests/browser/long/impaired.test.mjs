// Lines that lose and delay, with real browsers: people go on seeing and hearing each other.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { BadLine, longestGap } from '../impaired.mjs';

const SETTLE_MS = 5_000;
const WATCH_MS = 25_000;
const LINES = {
    'a twentieth is lost': { down: { loss: 50, delay_ms: 20 }, up: { delay_ms: 20 } },
    'a twentieth is lost both ways': { down: { loss: 50, delay_ms: 20 }, up: { loss: 50, delay_ms: 20 } },
    'a fifth is lost': { down: { loss: 200, delay_ms: 20 }, up: { delay_ms: 20 } },
    'delays change by 100 ms': { down: { jitter_ms: 100, delay_ms: 20 }, up: { jitter_ms: 100, delay_ms: 20 } },
    'a narrow line that loses a twentieth': { down: { loss: 50, kbps: 800, delay_ms: 40 }, up: { delay_ms: 40 } }
};

let line;

before(async () => {
    line = await BadLine.start({ room: 'bad' });
});
after(() => line?.stop());

for (const [ name, ways ] of Object.entries(LINES)) {
    test(name, async t => {
        await line.set(ways);
        await new Promise(resolve => setTimeout(resolve, SETTLE_MS));
        const since = Date.now();

        await new Promise(resolve => setTimeout(resolve, WATCH_MS));
        for (const { samples, layers } of await line.seen(since)) {
            const picture = longestGap(samples, 'frames');
            const speech = longestGap(samples, 'audio');

            t.diagnostic(`longest gap: picture ${picture} ms, speech ${speech} ms`);
            t.diagnostic(layers.map(({ layer }) => layer < 0 ? '-' : layer).join(''));
            assert.ok(picture <= 1_000, `the picture stood still for ${picture} ms`);
            assert.ok(speech <= 600, `nothing was heard for ${speech} ms`);
        }
    });
}
