// What the disk image is when it runs: a board with 1 GB that is ready by itself, hosts a meeting, and leaves an update on which nobody
// can meet.
import assert from 'node:assert/strict';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { Bundles } from './bundles.mjs';
import { openChromium } from '../browser/harness.mjs';
import { id, joinWithPage, pageReceives } from '../browser/page.mjs';
import { Board } from './board.mjs';

const MIB = 1024 * 1024;

let board;

before(() => {
    const image = process.env.MOOTHALL_IMAGE ?? 'target/image/disk.img';

    board = new Board(image);
    board.plugStick(new Bundles(path.dirname(image), board.folder).broken());
    board.start();
});
after(() => board?.discard());

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
    const browser = await openChromium();

    try {
        const pages = [
            await joinWithPage(browser, { room: 'hall', name: 'Ada', origin: board.url }),
            await joinWithPage(browser, { room: 'hall', name: 'Grace', origin: board.url })
        ];
        const ids = await Promise.all(pages.map(id));

        await pageReceives(pages[0], [ ids[1] ], 240_000);
        await pageReceives(pages[1], [ ids[0] ], 240_000);
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
    } finally {
        await browser.close();
    }
});

test('an update on which nobody can meet is taken back, and the box says why', async () => {
    const before = await board.identity();

    await board.install('broken.raucb');
    await board.run('systemctl reboot --no-block');
    board.restarted();
    await board.says(/Starting slot B/);
    await board.says(/Starting slot A/);
    await board.ready();
    await board.judged();
    assert.deepEqual(await board.identity(), before);
    assert.match((await board.supervisor()).system.taken_back, /^The update in slot B was taken back .*host +is not running/s);
    assert.match(await board.run('moothall status'), /^ +The update in slot B was taken back/m);
});
