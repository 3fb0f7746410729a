// What happens in meetings that are recorded, and to the box meanwhile: files play, meetings go on.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { LibraryPage, Server, joinWithLibrary, libraryReceives, me, openChromium, until, within } from './harness.mjs';
import { Disk, NO_DISK } from './disk.mjs';
import { BadLine } from './impaired.mjs';
import { joinWithPage, shot } from './page.mjs';
import { RECORDER, beeps, finished, joinFlashing, manifest, recorder, told } from './recorded.mjs';

/** Pictures between cuts of power: none comes at the same moment of a second as the one before. */
const CUTS = [ 5, 10, 15, 20, 25, 35 ];
/** Milliseconds: the fragment, what comes until all is stored again (2000 together), and what a busy machine takes besides. */
const CUT_OFF = 3000;

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

/** A box that records every meeting; recordings, and more of its configuration. */
async function box(t, name, more = '', options = {}) {
    const kept = path.join(folder, name);
    const config = path.join(folder, `${name}.toml`);

    writeFileSync(config, `[recorder]\ndirectory = "${kept}"\nrooms = ["*"]\n${more}`);
    const server = await Server.start({ config, ...options });

    t.after(() => server.stop());

    return { server, kept, config };
}

const leave = (...pages) => Promise.all(pages.map(page => page.context().close()));

/** Everything in a recording plays to its end. */
function plays(recording) {
    const { files, durationMs } = manifest(recording);
    const played = recorder('play-check', recording);

    assert.deepEqual(played.filter(one => one.error), []);
    assert.deepEqual(played.map(one => one.frames), files.map(file => file.frames));

    return { files, durationMs, events: JSON.parse(readFileSync(path.join(recording, 'events.json'))) };
}

/** Lets so many pictures of its own leave a page. */
async function sends(page, pictures) {
    const most = async () => (await window.meeting.sends()).reduce((sum, one) => sum + one.frames, 0);
    const before = await page.evaluate(most);

    await until(page, async wanted => (await window.meeting.sends()).reduce((sum, one) => sum + one.frames, 0) > wanted, before + pictures, 60_000);
}

/** A screen on which something moves: no browser here has a real one. */
function paintScreen() {
    navigator.mediaDevices.getDisplayMedia = () => {
        const canvas = Object.assign(document.createElement('canvas'), { width: 640, height: 360 });
        const pen = canvas.getContext('2d');

        setInterval(() => {
            pen.fillStyle = `hsl(${performance.now() / 20 % 360} 80% 50%)`;
            pen.fillRect(0, 0, canvas.width, canvas.height);
        }, 100);

        return Promise.resolve(canvas.captureStream(10));
    };
}

test('muting, sharing a screen, smaller pictures, leaving and coming back: all of it is there, at its time', async t => {
    const { server, kept } = await box(t, 'events', 'chat = true\n');
    const ada = await joinFlashing(browser, library, { room: 'busy', name: 'Ada', hertz: 440 });
    const bob = await joinWithLibrary(browser, library, { room: 'busy', name: 'Bob', height: 180 });
    const [ adaId, bobId ] = await Promise.all([ me(ada), me(bob) ]);

    await told(bob, 'on');
    await libraryReceives(bob, [ adaId ]);
    await sends(ada, 60);
    await ada.evaluate(() => window.meeting.local.audio.mute());
    await sends(ada, 60);
    await ada.evaluate(() => window.meeting.local.audio.unmute());
    await bob.evaluate(() => window.meeting.conference.sendMessage('Hello, everybody.'));
    await bob.evaluate(() => window.meeting.conference.setSenderVideoConstraint(90));
    await sends(bob, 30);
    await leave(bob);
    const again = await joinWithLibrary(browser, library, { room: 'busy', name: 'Bob', height: 180 });

    await again.evaluate(paintScreen);
    await libraryReceives(again, [ adaId ]);
    await again.evaluate(() => window.meeting.share());
    await sends(again, 40);
    await again.evaluate(() => window.meeting.unshare());
    await sends(again, 30);
    const againId = await me(again);

    await leave(ada, again);
    const recording = await finished(server, kept, 'busy');
    const { files, events } = plays(recording);
    const of = (endpoint, kind) => files.filter(file => file.endpoint === endpoint && file.kind === kind);
    const what = (kind, of) => events.filter(event => event.what === kind && (!of || event.endpoint === of));

    assert.ok([ adaId, bobId, againId ].every(one => what('joined', one).length === 1), JSON.stringify(what('joined')));
    assert.equal(what('left', bobId).length, 1);
    assert.deepEqual(what('chat').map(event => [ event.endpoint, event.text ]), [ [ bobId, 'Hello, everybody.' ] ]);
    const mutes = what('muted').filter(event => event.source === `${adaId}-a0`);
    const [ muted, unmuted ] = [ mutes.find(event => event.muted), mutes.findLast(event => !event.muted) ];
    const [ sound ] = of(adaId, 'audio');
    const heard = of(adaId, 'audio').flatMap(file => beeps(recording, file, 440));

    t.diagnostic(`muted ${muted.atMs} to ${unmuted.atMs}; beeps at ${heard.map(Math.round)}`);
    assert.ok(heard.some(beep => beep < muted.atMs) && heard.some(beep => beep > unmuted.atMs));
    assert.deepEqual(heard.filter(beep => beep > muted.atMs + 300 && beep < unmuted.atMs - 300), []);
    assert.ok(sound.offsetMs < 1500, `${sound.offsetMs}`);
    const [ left ] = what('left', bobId);

    for (const file of of(bobId, 'video')) {
        assert.ok(file.offsetMs + file.durationMs < left.atMs + 500, 'nothing of who left');
    }
    const shared = of(againId, 'video').filter(file => file.desktop);

    assert.equal(shared.length, 1, JSON.stringify(of(againId, 'video')));
    assert.ok(shared[0].size[0] > 320, `${shared[0].size}`);
    assert.ok(of(againId, 'video').some(file => !file.desktop), 'and the camera');
});

test('two rooms are recorded at once; the host is killed, and what it recorded is closed and finalized by the next', async t => {
    const script = path.join(folder, 'finalize.sh');
    const calls = path.join(folder, 'finalized');

    mkdirSync(calls);
    writeFileSync(script, `#!/bin/sh\ntouch "${calls}/$(basename "$1")"\n`);
    chmodSync(script, 0o755);
    const { server, kept, config } = await box(t, 'rooms', `name = "{room}"\nfinalize_script = "${script}"\n`);
    const rooms = [ 'one', 'two' ];
    const pages = await Promise.all(rooms.flatMap(room => [ 'Ada', 'Bob' ].map(name => joinWithLibrary(browser, library, { room, name, height: 180 }))));

    await Promise.all(pages.map(page => told(page, 'on')));
    await Promise.all(pages.map(page => sends(page, 60)));
    server.child.kill('SIGKILL');
    await server.exited;
    const next = await Server.start({ config });

    t.after(() => next.stop());
    for (const room of rooms) {
        const recording = await finished(next, kept, room);
        const { files } = plays(recording);

        assert.equal(files.length, 4, room);
        files.forEach(file => assert.ok(file.durationMs > 1500, `${file.file}: ${file.durationMs}`));
    }
    // People come back by themselves, and are recorded anew.
    await Promise.all(pages.map(page => until(page, () => window.meeting.events.filter(event => event.what === 'recording'
        && event.detail.status === 'on').length > 1, undefined, 60_000).catch(() => page.reload())));
    await within(20_000, 'the script was called for both', (async () => {
        while (!rooms.every(room => existsSync(path.join(calls, room)))) {
            await new Promise(resolve => next.lines.once('line', resolve));
        }
    })());
    await leave(...pages);
});

test('a disk that gets full ends the recording in words, and not the meeting', async t => {
    // A small disk of its own, which the host and its recorders see.
    const kept = path.join(folder, 'full');

    mkdirSync(kept);
    const before = [ 'unshare', '--mount', 'sh', '-c', `mount -t tmpfs -o size=3m none ${kept} && exec "$@"`, 'sh' ];
    const { server } = await box(t, 'full', 'min_free = "2 MiB"\n', { before });
    const ada = await joinWithPage(browser, { room: 'full', name: 'Ada' });
    const bob = await joinWithPage(browser, { room: 'full', name: 'Bob' });

    await ada.locator('[data-test=recorded]').waitFor();
    assert.match(await ada.locator('.notices').innerText(), /this room are always recorded/);
    await server.says(/the disk is nearly full.*Delete or move older recordings/, 60_000);
    await ada.locator('[data-test=recorded]').waitFor({ state: 'hidden' });
    assert.match(await ada.locator('.notices').innerText(), /could not record/);
    await shot(ada, 'record-failed');
    const seen = `/proc/${server.child.pid}/root${kept}`;
    const [ made ] = recorder('list', seen);

    assert.equal(made.state, 'finished');
    plays(path.join(seen, made.recording));
    await until(bob, async () => Object.values(await window.moothall.stats()).some(one => one.framesDecoded > 60), undefined, 30_000);
    await leave(ada, bob);
});

test('power is lost: all files are there and play, but for the last moments', { skip: NO_DISK }, async t => {
    const kept = path.join(folder, 'power');
    const disk = new Disk(folder, kept);
    const { server } = await box(t, 'power', 'min_free = "1 MiB"\n', { before: disk.mounted() });
    const pages = await Promise.all([ [ 'Ada', 440 ], [ 'Bob', 1300 ] ].map(([ name, hertz ]) => joinFlashing(browser, library, { room: 'power', name, hertz })));

    await Promise.all(pages.map(page => told(page, 'on')));
    await Promise.all(pages.map(page => sends(page, 100)));
    const copies = [];

    for (const pictures of CUTS) {
        await sends(pages[0], pictures);
        copies.push(await disk.copy(server));
    }
    await leave(...pages);
    const missing = copies.map(({ image, at }) => {
        const [ recording ] = disk.recovered(image);
        const { files, beginUnixMs } = manifest(recording);

        assert.deepEqual(recorder('play-check', recording).map(one => [ one.error, one.frames ]), files.map(file => [ undefined, file.frames ]));
        assert.deepEqual(files.map(file => file.state), [ 'cut', 'cut', 'cut', 'cut' ]);

        return files.map(file => at - beginUnixMs - file.offsetMs - file.durationMs);
    });

    t.diagnostic(`what is missing of each file, after each cut: ${JSON.stringify(missing.map(files => files.map(Math.round)))} ms`);
    assert.ok(Math.max(...missing.flat()) < CUT_OFF, JSON.stringify(missing));
});

test('a line that loses every twentieth packet: pictures are whole, and sound lacks what it lacks in the meeting', async t => {
    const kept = path.join(folder, 'lossy');
    const config = path.join(folder, 'lossy.toml');

    writeFileSync(config, `[recorder]\ndirectory = "${kept}"\nrooms = ["*"]\n`);
    const line = await BadLine.start({ room: 'lossy', config });

    t.after(() => line.stop());
    await line.pages[0].locator('[data-test=recorded]').waitFor();
    await line.set({ up: { loss: 50, delay_ms: 10 }, down: { loss: 50, delay_ms: 10 } });
    await until(line.pages[0], async ([ other, from ]) => (await window.moothall.stats())[other].framesDecoded > from + 150,
        [ line.ids[1], await line.pages[0].evaluate(async other => (await window.moothall.stats())[other].framesDecoded, line.ids[1]) ], 60_000);
    const passed = await line.set({});

    t.diagnostic(JSON.stringify(passed));
    await Promise.all(line.pages.map(page => page.context().close()));
    const recording = await finished(line.server, kept, 'lossy');
    const { files } = plays(recording);

    for (const file of files) {
        t.diagnostic(`${file.kind}: ${file.frames} frames, ${file.lost} of ${file.packets} packets lost, ${file.dropped} frames dropped`);
        // Pictures are asked for again, sound is not.
        const most = file.packets * (file.kind === 'video' ? 0.01 : 0.1);

        assert.ok(file.packets > 100 && file.lost <= most, `${file.file}: ${file.lost} of ${file.packets}`);
        assert.ok(file.dropped <= file.frames * 0.02, `${file.file}: ${file.dropped}`);
    }
    execFileSync(RECORDER, [ 'export', recording ]);
});
