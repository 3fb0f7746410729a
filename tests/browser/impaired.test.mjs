// A line that becomes narrow and wide again, with real browsers: the picture follows, and speech goes on.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { BadLine, longestGap, reaches } from './impaired.mjs';
import { shot } from './page.mjs';

const WIDE = { down: { kbps: 2000, delay_ms: 20 }, up: { delay_ms: 20 } };
const NARROW = { down: { kbps: 300, delay_ms: 20 }, up: { delay_ms: 20 } };
/** The step itself takes the time that it takes. */
const STEP_MS = 3_000;

let line;

before(async () => {
    line = await BadLine.start({ room: 'narrow' });
});
after(() => line?.stop());

/** Lets the meeting go on like that for a while; what each saw and heard meanwhile. */
async function goOn(ways, ms) {
    await line.set(ways);
    const since = Date.now();

    await new Promise(resolve => setTimeout(resolve, ms));

    return { since, seen: await line.seen(since) };
}

test('2 Mbit/s, then 300 kbit/s, then 2 Mbit/s again', async t => {
    const wide = await goOn(WIDE, 20_000);
    const best = wide.seen.map(({ layers }) => layers.at(-1).layer);

    t.diagnostic(`encodings on the wide line: ${best}`);
    assert.ok(Math.min(...best) > 0, 'more than the smallest picture passes');
    const narrow = await goOn(NARROW, 20_000);

    await shot(line.pages[0], 'impaired-narrow');
    const again = await goOn(WIDE, 16_000);

    for (const [ index, { samples, layers } ] of narrow.seen.entries()) {
        const later = again.seen[index];
        const fell = reaches(layers, narrow.since, layer => layer <= 0);
        const rose = reaches(later.layers, again.since, layer => layer > 0);
        const after = samples.filter(({ at }) => at > narrow.since + STEP_MS);
        const picture = Math.max(longestGap(after, 'frames'), longestGap(later.samples, 'frames'));
        const speech = Math.max(longestGap(samples, 'audio'), longestGap(later.samples, 'audio'));

        t.diagnostic(`fell after ${fell} ms, rose after ${rose} ms; longest gap: picture ${picture} ms, speech ${speech} ms`);
        t.diagnostic(layers.concat(later.layers).map(({ layer }) => layer < 0 ? '-' : layer).join(''));
        assert.ok(fell <= 3_000, `the picture fell after ${fell} ms`);
        assert.ok(layers.filter(({ at }) => at > narrow.since + STEP_MS).every(({ layer }) => layer === 0), 'the smallest picture stays');
        assert.ok(rose <= 15_000, `the picture rose after ${rose} ms`);
        assert.ok(picture <= 1_000, `the picture stood still for ${picture} ms`);
        assert.ok(speech <= 600, `nothing was heard for ${speech} ms`);
    }
});
