// A moderator records the meeting, with a client that nobody here wrote; what lies in the folder afterwards plays.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { LibraryPage, Server, happens, joinWithLibrary, libraryReceives, me, openChromium, until } from './harness.mjs';
import { id, joinWithPage, shot } from './page.mjs';
import { recorder, told } from './recorded.mjs';

/** Pictures of the others that somebody has to have seen before a recording is long enough. */
const PICTURES = 90;

let server, browser, library, folder;

before(async () => {
    folder = mkdtempSync(path.join(tmpdir(), 'moothall-recordings-'));
    const config = path.join(folder, 'site.toml');

    writeFileSync(config, `[recorder]\ndirectory = "${folder}/kept"\n`);
    server = await Server.start({ config });
    browser = await openChromium();
    library = await LibraryPage.start();
});
after(async () => {
    library?.stop();
    await browser?.close();
    await server?.stop();
    rmSync(folder, { recursive: true, force: true });
});

const start = () => window.meeting.conference.startRecording({ mode: 'file', appData: '{}' })
    .then(session => { window.meeting.recording = session.getID(); });
const stop = () => window.meeting.conference.stopRecording(window.meeting.recording);

/** Waits until a page of the library was shown so many more pictures of everybody. */
async function watches(page, pictures) {
    const shown = () => window.meeting.media().then(all => Object.values(all).map(track => track.frames ?? 0).filter(frames => frames > 0));
    const before = await page.evaluate(shown);

    await until(page, async ([ from, more ]) => {
        const all = Object.values(await window.meeting.media()).map(track => track.frames ?? 0).filter(frames => frames > 0);

        return all.length >= from.length && all.length > 0 && all.every((frames, index) => frames >= (from[index] ?? 0) + more);
    }, [ before, pictures ], 60_000);
}

test('a meeting is recorded from when it is asked for until it is stopped, and everybody sees it', async () => {
    const ada = await joinWithLibrary(browser, library, { room: 'recorded', name: 'Ada', height: 180 });
    const bob = await joinWithPage(browser, { room: 'recorded', name: 'Bob' });
    const cyd = await joinWithLibrary(browser, library, { room: 'recorded', name: 'Cyd', height: 180 });

    await libraryReceives(ada, [ await id(bob), await me(cyd) ]);
    await ada.evaluate(start);
    await Promise.all([ told(ada, 'on'), told(cyd, 'on') ]);
    await bob.locator('[data-test=recorded]').waitFor();
    assert.match(await bob.locator('.notices').innerText(), /Ada records this meeting on the box/);
    await shot(bob, 'recorded');
    await bob.locator('[data-test=notice-recorded]').click();
    await watches(ada, PICTURES);
    await ada.evaluate(stop);
    await Promise.all([ told(ada, 'off'), told(cyd, 'off') ]);
    await bob.locator('[data-test=recorded]').waitFor({ state: 'hidden' });
    assert.match(await bob.locator('.notices').innerText(), /Recording has stopped/);
    const [ name, ...others ] = readdirSync(path.join(folder, 'kept'));

    assert.deepEqual(others, []);
    const recording = path.join(folder, 'kept', name);
    const manifest = JSON.parse(readFileSync(path.join(recording, 'manifest.json')));

    const ids = await Promise.all([ me(ada), id(bob), me(cyd) ]);

    assert.equal(manifest.state, 'finished');
    assert.equal(manifest.initiator, 'Ada');
    assert.deepEqual(manifest.participants.map(one => one.name).sort(), [ 'Ada', 'Bob', 'Cyd' ]);
    assert.equal(manifest.lostInTap, 0);
    const tracks = manifest.files.map(file => `${file.source} ${file.codec}`).sort();

    assert.deepEqual(tracks, ids.flatMap(one => [ `${one}-a0 opus`, `${one}-v0 vp8` ]).sort());
    const played = recorder('play-check', recording);

    for (const file of manifest.files) {
        const [ check ] = played.filter(one => one.file === file.file);

        assert.equal(file.lost, 0, file.file);
        assert.equal(check.frames, file.frames, file.file);
        assert.ok(Math.abs(check.durationMs - manifest.durationMs) < 1000, `${file.file}: ${check.durationMs}`);
    }
    const sizes = manifest.files.filter(file => file.kind === 'video' && file.endpoint !== ids[1]).map(file => file.size);

    assert.deepEqual(sizes, [ [ 320, 180 ], [ 320, 180 ] ], 'the best that they send');
    const events = JSON.parse(readFileSync(path.join(recording, 'events.json')));

    assert.deepEqual(events.filter(event => event.what === 'joined').map(event => event.name).sort(), [ 'Ada', 'Bob', 'Cyd' ]);
    await Promise.all([ ada, bob, cyd ].map(page => page.context().close()));
});

test('a moderator records from the page, and who comes later is told at once', async () => {
    const ada = await joinWithPage(browser, { room: 'by-page', name: 'Ada' });
    const bob = await joinWithPage(browser, { room: 'by-page', name: 'Bob' });

    await bob.locator('[data-test=more]').click();
    await bob.locator('[data-test=more-settings], [data-test=more-globe]').first().waitFor();
    assert.equal(await bob.locator('[data-test=more-record]').count(), 0, 'others may not');
    await bob.keyboard.press('Escape');
    await ada.locator('[data-test=more]').click();
    await ada.locator('[data-test=more-record]').click();
    await shot(ada, 'record-ask');
    await ada.locator('[data-test=record-go]').click();
    await Promise.all([ ada, bob ].map(page => page.locator('[data-test=recorded]').waitFor()));
    const cyd = await joinWithPage(browser, { room: 'by-page', name: 'Cyd' });

    await cyd.locator('[data-test=notice-recorded]').waitFor();
    assert.match(await cyd.locator('.notices').innerText(), /This meeting is being recorded/);
    await shot(cyd, 'recorded-before');
    await ada.locator('[data-test=more]').click();
    await ada.locator('[data-test=more-record-stop]').click();
    await cyd.locator('[data-test=recorded]').waitFor({ state: 'hidden' });
    const made = recorder('list', path.join(folder, 'kept')).filter(one => one.room === 'by-page');

    assert.deepEqual(made.map(one => one.state), [ 'finished' ]);
    await Promise.all([ ada, bob, cyd ].map(page => page.context().close()));
});

test('everybody leaves: the recording ends, and plays', async () => {
    const ada = await joinWithLibrary(browser, library, { room: 'left-alone', name: 'Ada', height: 180 });
    const bob = await joinWithLibrary(browser, library, { room: 'left-alone', name: 'Bob', height: 180 });

    await libraryReceives(ada, [ await me(bob) ]);
    await ada.evaluate(start);
    await told(bob, 'on');
    await watches(bob, PICTURES / 3);
    await Promise.all([ ada, bob ].map(page => page.context().close()));
    const listed = () => recorder('list', path.join(folder, 'kept')).find(one => one.room === 'left-alone');
    const deadline = Date.now() + 30_000;

    while (listed().state !== 'finished') {
        assert.ok(Date.now() < deadline, 'it has not ended');
        await once(server.lines, 'line');
    }
    const made = listed();

    assert.equal(recorder('play-check', path.join(folder, 'kept', made.recording)).length, 4);
});

test('a recorder that is killed disturbs nobody, and another one goes on in the same folder', async () => {
    const ada = await joinWithLibrary(browser, library, { room: 'killed', name: 'Ada', height: 180 });
    const bob = await joinWithLibrary(browser, library, { room: 'killed', name: 'Bob', height: 180 });

    await libraryReceives(ada, [ await me(bob) ]);
    await ada.evaluate(start);
    await told(bob, 'on');
    await watches(bob, PICTURES / 2);
    const goesOn = server.says(/another one goes on/, 10_000);

    execFileSync('pkill', [ '-KILL', '-f', `record --directory ${folder}/kept` ]);
    await goesOn;
    await watches(bob, PICTURES);
    await libraryReceives(bob, [ await me(ada) ]);
    assert.equal(await bob.evaluate(() => window.meeting.events.filter(event => event.what === 'recording'
        && event.detail.status === 'off').length), 0, 'it is still on');
    await ada.evaluate(stop);
    await told(bob, 'off');
    const { recording } = recorder('list', path.join(folder, 'kept')).find(one => one.room === 'killed');
    const manifest = JSON.parse(readFileSync(path.join(folder, 'kept', recording, 'manifest.json')));

    assert.equal(manifest.state, 'finished');
    assert.equal(manifest.attempts.length, 2);
    const played = recorder('play-check', path.join(folder, 'kept', recording));

    for (const attempt of [ 0, 1 ]) {
        const files = manifest.files.filter(file => file.attempt === attempt).map(({ file }) => file);
        const lengths = played.filter(({ file }) => files.includes(file)).map(({ durationMs }) => durationMs);

        assert.equal(lengths.length, 4, `attempt ${attempt}`);
        lengths.forEach(length => assert.ok(length > 1000, `${attempt}: ${length} ms`));
    }
    await Promise.all([ ada, bob ].map(page => page.context().close()));
});
