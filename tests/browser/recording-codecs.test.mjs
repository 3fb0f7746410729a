// A meeting in each codec, recorded: everybody's pictures and tone are in their files, and fit together.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { LibraryPage, Server, libraryReceives, me, openChromium, until } from './harness.mjs';
import { GRID, RECORDER, beeps, brightness, finished, flashes, frames, joinFlashing, loudness, manifest, recorder, sound, told } from './recorded.mjs';

/** Milliseconds. */
const LIP_SYNC = 80;
const LENGTH = 200;
/** Pictures that the counts of sender and file may differ by, because nobody reads both at once. */
const SLACK = 20;

let browser, library, folder;

before(async () => {
    folder = mkdtempSync(path.join(tmpdir(), 'moothall-recordings-'));
    browser = await openChromium();
    library = await LibraryPage.start();
});
after(async () => {
    library?.stop();
    await browser?.close();
    rmSync(folder, { recursive: true, force: true });
});

/** Pictures that left so far. */
const sent = page => page.evaluate(async () => (await window.meeting.sends()).reduce((most, one) => Math.max(most, one.frames), 0));

/** Each beep has a flash; how far apart they are. */
function apart(flashing, beeping) {
    return beeping.slice(1, -1).map(beep => Math.min(...flashing.map(flash => Math.abs(flash - beep)))).sort((a, b) => a - b);
}

for (const codec of [ 'vp8', 'vp9', 'h264', 'av1' ]) {
    test(`a meeting in ${codec}`, async t => {
        const kept = path.join(folder, codec);
        const config = path.join(folder, `${codec}.toml`);

        writeFileSync(config, `[recorder]\ndirectory = "${kept}"\nrooms = ["always"]\n[signal]\ncodecs = ["${codec}"${codec === 'vp8' ? '' : ', "vp8"'}]\n`);
        const server = await Server.start({ config });

        t.after(() => server.stop());
        const ada = await joinFlashing(browser, library, { room: 'always', name: 'Ada', hertz: 440 });
        const bob = await joinFlashing(browser, library, { room: 'always', name: 'Bob', hertz: 1300 });
        const ids = await Promise.all([ me(ada), me(bob) ]);

        await told(bob, 'on');
        await Promise.all([ libraryReceives(ada, [ ids[1] ]), libraryReceives(bob, [ ids[0] ]) ]);
        const before = await Promise.all([ ada, bob ].map(sent));

        await until(bob, async from => (await window.meeting.sends()).some(one => one.frames > from + 150), before[1], 60_000);
        const after = await Promise.all([ ada, bob ].map(sent));
        const pictures = after.map((count, index) => count - before[index]);

        await Promise.all([ ada, bob ].map(page => page.context().close()));
        const recording = await finished(server, kept, 'always');
        const { files, lostInTap } = manifest(recording);
        const played = recorder('play-check', recording);

        assert.equal(lostInTap, 0);
        for (const [ index, hertz ] of [ 440, 1300 ].entries()) {
            const own = files.filter(file => file.endpoint === ids[index]);
            const [ videos, [ audio, ...more ] ] = [ 'video', 'audio' ].map(kind => own.filter(file => file.kind === kind));
            // Chromium configures its AV1 encoder anew when it has seen how it does: another sequence header, another file.
            const [ video ] = videos.toSorted((a, b) => b.frames - a.frames);
            const pictured = videos.reduce((sum, file) => sum + file.frames, 0);

            assert.deepEqual(more, []);
            assert.ok(videos.length === 1 || codec === 'av1', JSON.stringify(videos.map(file => file.file)));
            for (const file of own) {
                // Nothing is lost on this machine, however busy it is, and what came before the first key frame belongs to no file.
                assert.deepEqual([ file.lost, file.dropped, file.state ], [ 0, 0, 'closed' ], file.file);
            }
            assert.ok(videos.every(file => file.codec === codec));
            assert.ok(pictured >= pictures[index] * 0.98 - SLACK, `${pictured} pictures of ${pictures[index]} and more`);
            videos.forEach(file => assert.equal(played.find(one => one.file === file.file).frames, file.frames, file.file));
            const seen = brightness(path.join(recording, video.file));
            const samples = sound(path.join(recording, audio.file));

            assert.ok(Math.abs(seen.length * 1000 / GRID - video.durationMs) < LENGTH, `${seen.length} and ${video.durationMs}`);
            assert.ok(Math.abs(samples.length / 8 - audio.durationMs) < LENGTH, `${samples.length / 8} and ${audio.durationMs}`);
            const loud = pitch => Math.max(...loudness(samples, pitch));

            assert.ok(loud(hertz) > 10 * loud(hertz === 440 ? 1300 : 440), `${hertz} Hz: ${loud(440)} and ${loud(1300)}`);
            const distances = apart(flashes(recording, video), beeps(recording, audio, hertz));

            t.diagnostic(`${video.frames} pictures, ${Math.round(video.durationMs)} ms; beeps and flashes are apart by ${distances.map(Math.round)} ms`);
            assert.ok(distances.length >= 3, `${distances.length} beeps`);
            assert.ok(distances[distances.length >> 1] < LIP_SYNC, `${distances}`);
        }
        // One file has all of it.
        const whole = path.join(folder, `${codec}.mkv`);

        execFileSync(RECORDER, [ 'export', recording, '--output', whole ]);
        const exported = kind => files.filter(file => file.kind === kind).map((_, n) => frames(whole, `${kind}_${n}`)).sort();

        for (const kind of [ 'video', 'audio' ]) {
            assert.deepEqual(exported(kind), files.filter(file => file.kind === kind).map(file => file.frames).sort());
        }
    });
}
