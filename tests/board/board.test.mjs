// What the disk image is when it runs: a board with 1 GB that is ready by itself, hosts a meeting and records it, and leaves an update on
// which nobody can meet.
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { Board } from './board.mjs';
import { Bundles } from './bundles.mjs';
import { openChromium } from '../browser/harness.mjs';
import { id, joinWithPage, openRecordings, pageReceives, watches } from '../browser/page.mjs';
import { manifest, pictures, sound } from '../browser/recorded.mjs';

const MIB = 1024 * 1024;
/** What a page waits for takes ten times as long as elsewhere, and more on a busy machine. */
const PATIENCE_MS = 240_000;
/** Pictures of the other that somebody has to have seen before a recording is long enough. */
const PICTURES = 30;
/** Of a sample of 16 bits: louder than what a codec makes of silence. */
const LOUD = 1000;
const RECORDINGS = '/var/lib/moothall/host/recordings';

let board, browser, pages, ids;

before(() => {
    const image = process.env.MOOTHALL_IMAGE ?? 'target/image/disk.img';

    board = new Board(image);
    board.plugStick(new Bundles(path.dirname(image), board.folder).broken());
    board.start();
});
after(async () => {
    await browser?.close();
    await board?.discard();
});

test('the console shows the address and a code for phones', async t => {
    await board.says(/Starting slot A/);
    const started = (Date.now() - board.began) / 1000;

    await board.ready();
    t.diagnostic(`firmware ${started.toFixed(0)} s, address shown after ${((Date.now() - board.began) / 1000).toFixed(0)} s`);
    await board.says(/[█▀▄]{8}/, 10_000);
});

test('every unit is well', async t => {
    // Ends with 1 unless it is `running`.
    const state = await board.run('systemctl is-system-running --wait || true; systemctl --failed --plain --no-legend', 600_000);

    assert.equal(state, 'running');
    const times = await board.run('systemctl show --timestamp=us+utc -P ExecMainStartTimestampMonotonic -P ActiveEnterTimestampMonotonic '
        + 'moothall-host; systemd-analyze time');

    t.diagnostic(times.replaceAll('\n', ' | '));
});

test('the box calls itself, and the boot loader knows that the slot is good', async () => {
    await board.judged();
    assert.match(await board.run('grub-editenv /boot/firmware/EFI/debian/grubenv list'), /^A_TRY=0$/m);
    assert.deepEqual((await board.supervisor()).system, { slot: 'A', verdict: 'good', taken_back: null });
});

test('the root is read-only, and the journal is in memory and bounded', async () => {
    assert.match(await board.run('grep " / " /proc/mounts'), /\bro\b/);
    assert.equal(await board.run('ls -d /var/log/journal 2>/dev/null || echo none'), 'none');
    assert.match(await board.run('journalctl --disk-usage'), /take up ([0-9.]+K|[0-9]\.[0-9]M|1[0-6]\.[0-9]M)/);
});

test('two people outside see and hear each other, and the services stay within the budgets of the board', async t => {
    browser = await openChromium();
    pages = [
        await joinWithPage(browser, { room: 'hall', name: 'Ada', origin: board.url }),
        await joinWithPage(browser, { room: 'hall', name: 'Grace', origin: board.url })
    ];
    pages.forEach(page => page.setDefaultTimeout(PATIENCE_MS));
    ids = await Promise.all(pages.map(id));
    await pageReceives(pages[0], [ ids[1] ], PATIENCE_MS);
    await pageReceives(pages[1], [ ids[0] ], PATIENCE_MS);
    const budgets = JSON.parse(await board.run('moothall config board --json')).memory_max;

    for (const [ unit, name ] of [ [ 'moothall-host', 'host' ], [ 'moothall-supervise', 'supervisor' ] ]) {
        const shown = await board.run(`systemctl show ${unit} -P MemoryCurrent -P MemoryMax`);
        const [ current, most ] = shown.split('\n').filter(Boolean).map(Number);

        assert.equal(most, budgets[name], unit);
        assert.ok(current < most, `${unit} has ${current} bytes of ${most}`);
        const peak = Number(await board.run(`cat /sys/fs/cgroup/system.slice/${unit}.service/memory.peak`));

        t.diagnostic(`${unit}: ${(current / MIB).toFixed(1)}, at most ${(peak / MIB).toFixed(1)} of ${(most / MIB).toFixed(1)} MiB`);
    }
    const groups = await board.run('grep -H . /sys/fs/cgroup/system.slice/*.service/memory.current');

    for (const [ , service, bytes ] of groups.matchAll(/([^/]+)\.service\/memory\.current:(\d+)/g)) {
        t.diagnostic(`${service}: ${(bytes / MIB).toFixed(1)} MiB`);
    }
    t.diagnostic(await board.run('head -3 /proc/meminfo'));
});

/** Downloads everything that the page offers of its only recording; resolves to the folder. */
async function download(page) {
    const folder = path.join(board.folder, 'recording');
    const name = await page.locator('[data-test=recording]').getAttribute('data-name');
    let files = 1;

    mkdirSync(folder);
    for (let n = 0; n < files; n++) {
        await page.locator('[data-test=recording-download]').click();
        const offered = page.locator('[data-test=recording-file]');

        await offered.first().waitFor();
        files = await offered.count();
        const [ file ] = await Promise.all([ page.waitForEvent('download'), offered.nth(n).click() ]);

        await file.saveAs(path.join(folder, file.suggestedFilename().slice(name.length + 1)));
    }

    return folder;
}

test('a moderator records the meeting: everybody is told, and sound and picture of both are in the files that the page offers', async t => {
    const [ ada, grace ] = pages;
    const began = Date.now();

    t.after(() => browser.close());
    await ada.locator('[data-test=more]').click();
    await ada.locator('[data-test=more-record]').click();
    await ada.locator('[data-test=record-go]').click();
    await Promise.all(pages.map(page => page.locator('[data-test=recorded]').waitFor()));
    assert.match(await grace.locator('.notices').innerText(), /Ada records this meeting on the box/);
    t.diagnostic(`recorded ${((Date.now() - began) / 1000).toFixed(1)} s after it was asked for`);
    await Promise.all([ watches(ada, ids[1], PICTURES, PATIENCE_MS), watches(grace, ids[0], PICTURES, PATIENCE_MS) ]);
    const [ peak, most ] = (await board.run('cd /sys/fs/cgroup/system.slice/system-moothall*recorder.slice/*.service; cat memory.peak memory.max'))
        .split('\n').map(Number);

    assert.ok(peak < most);
    t.diagnostic(`recorder: at most ${(peak / MIB).toFixed(1)} of ${(most / MIB).toFixed(1)} MiB`);
    await openRecordings(ada);
    await ada.locator('[data-test=recording-stop]').click();
    await ada.locator('[data-test=recording-delete]').waitFor();
    await Promise.all(pages.map(page => page.locator('[data-test=recorded]').waitFor({ state: 'hidden' })));
    const folder = await download(ada);

    // What the board plays next is slow enough without a meeting.
    await browser.close();
    const { state, lostInTap, files } = manifest(folder);

    assert.deepEqual({ state, lostInTap }, { state: 'finished', lostInTap: 0 });
    for (const who of ids) {
        const own = kind => files.filter(file => file.endpoint === who && file.kind === kind);
        const [ audio, ...more ] = own('audio');
        const samples = sound(path.join(folder, audio.file));

        assert.deepEqual(more, []);
        assert.ok(samples.some(sample => Math.abs(sample) > LOUD), `${audio.file} is silent`);
        // Whoever has little time to encode sends another size now and then, which is another file.
        assert.ok(own('video').length > 0);
        own('video').forEach(({ file, frames }) => assert.equal(pictures(path.join(folder, file)), frames, file));
    }
    t.diagnostic(files.map(file => `${file.codec} ${file.size ?? ''} ${file.frames} frames, ${file.lost} of ${file.packets} packets lost, `
        + `${Math.round(file.durationMs)} ms`).join(' | '));
    const checked = Date.now();
    const played = JSON.parse(await board.run(`moothall-recorder play-check --json ${RECORDINGS}/*`, PATIENCE_MS));

    t.diagnostic(`the board played it in ${((Date.now() - checked) / 1000).toFixed(1)} s`);
    assert.deepEqual(played.map(file => file.frames), files.map(file => file.frames));
    assert.equal(await board.run('systemctl --failed --plain --no-legend'), '');
});

test('an update on which nobody can meet is taken back, and the box says why', async () => {
    const before = await board.identity();
    const list = () => board.run(`moothall-recorder list --json ${RECORDINGS}`);
    const recordings = await list();

    await board.install('broken.raucb');
    await board.run('systemctl reboot --no-block');
    board.restarted();
    await board.says(/Starting slot B/);
    await board.says(/Starting slot A/);
    await board.ready();
    await board.judged();
    assert.deepEqual(await board.identity(), before);
    assert.equal(await list(), recordings);
    assert.match((await board.supervisor()).system.taken_back, /^The update in slot B was taken back .*host +is not running/s);
    assert.match(await board.run('moothall status'), /^ +The update in slot B was taken back/m);
});
