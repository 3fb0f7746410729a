// What the disk image is when it runs: a board with 1 GB that is ready by itself, hosts a meeting, and stays what it is when the plug
// is pulled.
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
    board.plugStick(...new Bundles(path.dirname(image), board.folder).files());
    // As an editor on Windows writes it.
    board.configure('Moothall.TOML', '\ufeff[branding]\r\nname = "Town hall"\r\n');
    board.start();
});
after(() => board?.discard());

test('the console shows the address and a code for phones', async t => {
    await board.says(/Starting slot A/);
    const started = (Date.now() - board.began) / 1000;

    await board.says(new RegExp(`${board.url}/`));
    t.diagnostic(`firmware ${started.toFixed(0)} s, address shown after ${((Date.now() - board.began) / 1000).toFixed(0)} s`);
    await board.says(/[█▀▄]{8}/, 10_000);
});

test('every unit is well', async t => {
    // Ends with 1 unless it is `running`.
    const state = await board.run('systemctl is-system-running --wait || true; systemctl --failed --plain --no-legend', 600_000);

    assert.equal(state, 'running');
    // The box has called itself, and the boot loader knows.
    assert.match(await board.run('journalctl -u moothall-good -o cat'), /^good +call .*two guests heard each other/m);
    assert.match(await board.run('grub-editenv /boot/firmware/EFI/debian/grubenv list'), /^A_TRY=0$/m);
    const times = await board.run('systemctl show --timestamp=us+utc -P ExecMainStartTimestampMonotonic -P ActiveEnterTimestampMonotonic '
        + 'moothall-host; systemd-analyze time');

    t.diagnostic(times.replaceAll('\n', ' | '));
});

test('the root is read-only, and the journal is in memory and bounded', async () => {
    assert.match(await board.run('grep " / " /proc/mounts'), /\bro\b/);
    assert.equal(await board.run('ls -d /var/log/journal 2>/dev/null || echo none'), 'none');
    assert.match(await board.run('journalctl --disk-usage'), /take up ([0-9.]+K|[0-9]\.[0-9]M|1[0-6]\.[0-9]M)/);
});

test('two people outside see and hear each other, and the services stay within their memory', async t => {
    const browser = await openChromium();

    try {
        const pages = [
            await joinWithPage(browser, { room: 'hall', name: 'Ada', origin: board.url }),
            await joinWithPage(browser, { room: 'hall', name: 'Grace', origin: board.url })
        ];
        const ids = await Promise.all(pages.map(id));

        await pageReceives(pages[0], [ ids[1] ], 120_000);
        await pageReceives(pages[1], [ ids[0] ], 120_000);
        const host = await board.run('systemctl show moothall-host -P MemoryCurrent -P MemoryMax');
        const [ current, most ] = host.split('\n').filter(Boolean).map(Number);

        assert.ok(current < most, `moothall-host has ${current} bytes of ${most}`);
        t.diagnostic(`moothall-host: ${(current / MIB).toFixed(1)} of ${most / MIB} MiB`);
        const groups = await board.run('grep -H . /sys/fs/cgroup/system.slice/*.service/memory.current');

        for (const [ , service, bytes ] of groups.matchAll(/([^/]+)\.service\/memory\.current:(\d+)/g)) {
            t.diagnostic(`${service}: ${(bytes / MIB).toFixed(1)} MiB`);
        }
        t.diagnostic(await board.run('head -3 /proc/meminfo'));
    } finally {
        await browser.close();
    }
});

/** Who the box is, and what it says of the folder CONFIG. */
async function identity() {
    await board.says(new RegExp(`${board.url}/`));

    return {
        name: (await board.run('moothall config show')).match(/^name = (.*)$/m)[1],
        machine: await board.run('cat /etc/machine-id'),
        authority: await board.run('cat /var/lib/moothall/host/authority.pem | cksum'),
        result: await board.run('cat /boot/firmware/CONFIG/result.txt')
    };
}

/** The plug is pulled, the boot partition written to by hand, and the plug is in again. */
async function again(write) {
    await board.kill();
    write();
    board.start();

    return identity();
}

test('what was written on the boot partition is in use, and stays so when the plug is pulled', async () => {
    const first = await identity();

    assert.match(first.name, /^"Town hall" {2}# \/var\/lib\/moothall\/site\.toml:2/);
    assert.match(first.result, /^(Accepted|Nothing new)/);
    const refused = await again(() => board.configure('moothall.toml', '[branding]\nnam = "Barn"\n'));

    assert.deepEqual(await who(), { name: first.name, machine: first.machine, authority: first.authority });
    assert.match(refused.result, /^Refused.*moothall\.toml:2: unknown key `branding\.nam`/s);
    const reset = await again(() => {
        board.configure('moothall.toml', '[branding]\nname = "Barn"\n');
        board.configure('factory-reset', '');
    });

    assert.match(reset.name, /^"Barn"/);
    assert.equal(reset.machine, first.machine);
    assert.notEqual(reset.authority, first.authority);
    assert.equal(await board.run('ls /boot/firmware/CONFIG | grep -c factory || true'), '0');
});

/** Who the box is, whatever it says of the folder. */
async function who() {
    const { result: _, ...rest } = await identity();

    return rest;
}

/** Installs an update from the stick. */
function install(name) {
    return board.run(`mkdir -p /tmp/stick; mountpoint -q /tmp/stick || mount -o ro /dev/vdb /tmp/stick; rauc install /tmp/stick/${name}`, 600_000);
}

/** Resolves to the slot that the box runs on, once it has judged it. */
async function restarted(slot) {
    board.restarted();
    await board.says(new RegExp(`Starting slot ${slot}`));
    await board.says(new RegExp(`${board.url}/`));
    await board.run('until systemctl is-active -q moothall-good; do sleep 1; done', 600_000);
}

test('updates that are cut short, unsigned or for another board are refused', async () => {
    await assert.rejects(install('truncated.raucb'), /ended with 1/);
    await assert.rejects(install('stranger.raucb'), /signature|certificate/i);
    await assert.rejects(install('other.raucb'), /compatible/i);
});

test('an update is started, calls itself and stays', async () => {
    const before = await who();

    await install('update.raucb');
    await board.run('systemctl reboot --no-block');
    await restarted('B');
    assert.deepEqual(await who(), before);
    assert.match(await board.run('grub-editenv /boot/firmware/EFI/debian/grubenv list'), /^ORDER=B A$.*^B_TRY=0$/ms);
});

test('an update on which nobody can meet is taken back, and the box says why', async () => {
    const before = await who();

    await install('broken.raucb');
    await board.run('systemctl reboot --no-block');
    board.restarted();
    await board.says(/Starting slot A/);
    await restarted('B');
    assert.deepEqual(await who(), before);
    assert.match(await board.run('cat /data/update-failed.txt'), /^The update in slot A was taken back .*host +is not running/s);
});
