// A full room: twenty-five people that a program makes, with media over real sockets, and two in browsers.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Server, openChromium, until, within } from '../harness.mjs';
import { longestGap } from '../impaired.mjs';
import { id, joinWithPage, pageReceives, shot, state } from '../page.mjs';
import { speakInto } from '../speech.mjs';

const HERE = path.dirname(fileURLToPath(import.meta.url));
const CROWD = process.env.CROWD_BIN
    ?? path.join(path.dirname(process.env.MOOTHALL_BIN ?? path.resolve(HERE, '../../../target/debug/moothall')), 'crowd');
const COUNT = 25;
const SECONDS = 120;
const WATCH_MS = 25_000;
/** The longest that the picture of the other one in a browser may stand still. */
const STILL_MS = 1_000;
/** The program that makes the others sends late when the machine is busy: so many frames of the 6 a second come in the mean at least. */
const FEWEST_FRAMES = WATCH_MS / 1_000;
const TICK_MS = 200;

const folder = mkdtempSync(path.join(tmpdir(), 'moothall-crowd-'));
let server, browser, crowd, said, ended;

before(async () => {
    server = await Server.start();
    browser = await openChromium(speakInto(path.join(folder, 'speech.wav')));
    crowd = spawn(CROWD, [ '127.0.0.1:8443', 'crowd', String(COUNT), String(SECONDS) ], { stdio: [ 'ignore', 'pipe', 'inherit' ] });
    said = createInterface({ input: crowd.stdout })[Symbol.asyncIterator]();
    ended = once(crowd, 'exit');
});
after(async () => {
    crowd?.kill('SIGKILL');
    await browser?.close();
    await server?.stop();
    rmSync(folder, { recursive: true, force: true });
});

/** The next thing that the crowd says. */
async function says(ms) {
    const { value, done } = await within(ms, 'the crowd speaks', said.next());

    assert.ok(!done, 'the crowd is there');

    return JSON.parse(value);
}

/** In the page: who is in sight, how many frames of each were decoded, and who speaks. Times are of the wall clock. */
function watch([ tick ]) {
    window.samples = [];
    setInterval(async () => {
        const all = await window.moothall.stats();
        const frames = Object.fromEntries(Object.entries(all).map(([ who, numbers ]) => [ who, numbers.framesDecoded ?? 0 ]));
        const audio = Object.fromEntries(Object.entries(all).map(([ who, numbers ]) => [ who, numbers.audioPacketsReceived ?? 0 ]));
        const tiles = [ ...document.querySelectorAll('[data-test=tile]:not(.me)') ].filter(tile => tile.checkVisibility() && tile.clientWidth > 0);

        window.samples.push({
            at: Date.now(), frames, audio, speaker: window.moothall.state().speaker,
            inSight: tiles.map(tile => tile.dataset.id)
        });
    }, tick);
}

test('twenty-five simulated people and two in browsers', async t => {
    const { ids } = await says(120_000);

    assert.equal(ids.length, COUNT);
    const pages = [];

    for (const name of [ 'Ada', 'Grace' ]) {
        pages.push(await joinWithPage(browser, { room: 'crowd', name, options: { viewport: { width: 480, height: 560 } } }));
    }
    const real = await Promise.all(pages.map(id));

    for (const [ index, page ] of pages.entries()) {
        await until(page, count => window.moothall.state().participants.length === count, COUNT + 1, 60_000);
        await pageReceives(page, [ real[1 - index] ], 60_000);
        await until(page, simulated => window.moothall.stats().then(all => simulated.some(who => all[who]?.framesDecoded > 10)), ids, 60_000);
        await page.evaluate(watch, [ TICK_MS ]);
    }
    const since = Date.now();

    await new Promise(resolve => setTimeout(resolve, WATCH_MS));
    await shot(pages[0], 'crowd');
    for (const [ index, page ] of pages.entries()) {
        const samples = await page.evaluate(from => window.samples.filter(({ at }) => at >= from), since);
        const gap = (who, what) => longestGap(samples.map(sample => ({ at: sample.at, [what]: sample[what][who] })), what);
        const always = samples[0].inSight.filter(who => samples.every(({ inSight }) => inSight.includes(who)));
        const [ other ] = [ real[1 - index] ];
        const gaps = Object.fromEntries(always.map(who => [ who, gap(who, 'frames') ]));
        const speakers = new Set(samples.map(({ speaker }) => speaker));

        t.diagnostic(`${samples[0].inSight.length} in sight, ${always.length} of them always; pictures stood still for ${Math.max(...Object.values(gaps))} ms at most`);
        t.diagnostic(`of the other: picture ${gap(other, 'frames')} ms, speech ${gap(other, 'audio')} ms; ${speakers.size} spoke`);
        assert.ok(always.filter(who => ids.includes(who)).length >= 4, `only ${always.length} were always in sight`);
        // In a large room nobody is sent who draws breath, which takes a second.
        assert.ok(gap(other, 'audio') <= 1_500, `nothing was heard for ${gap(other, 'audio')} ms`);
        assert.ok(gap(other, 'frames') <= STILL_MS, `the picture of the other stood still for ${gap(other, 'frames')} ms`);
        for (const who of always) {
            const frames = (samples.at(-1).frames[who] ?? 0) - (samples[0].frames[who] ?? 0);

            assert.ok(frames >= FEWEST_FRAMES, `${frames} frames of ${who}`);
        }
        assert.ok(speakers.size >= 2, `dominant speakers: ${[ ...speakers ]}`);
    }

    const { got } = await says(SECONDS * 1000);

    assert.deepEqual(got.filter(one => !one.connected || one.undecryptable || one.faults.length || !one.packets), []);
    const [ code ] = await within(10_000, 'the crowd goes', ended);

    assert.equal(code, 0);
    for (const page of pages) {
        await until(page, () => window.moothall.state().participants.length === 1, undefined, 60_000);
        assert.equal((await state(page)).phase, 'meeting');
    }
    await pageReceives(pages[0], [ real[1] ]);
    await pageReceives(pages[1], [ real[0] ]);
});
