// The back-end for a Raspberry Pi's registers, on an emulated one.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { within } from '../browser/harness.mjs';

/** It takes twelve seconds where nothing else runs. */
const START_MS = 300_000;

/** Debian's kernel, device tree and busybox, as they were unpacked for the image, and the example `panel` of room-hal, linked statically. */
const PARTS = path.join(path.dirname(process.env.MOOTHALL_IMAGE ?? 'target/image/disk.img'), 'parts');
const PANEL = process.env.MOOTHALL_PANEL ?? 'target/cross/aarch64-unknown-linux-gnu/emulated/examples/panel';

/** An archive that the kernel starts from. */
function initrd(folder) {
    const root = path.join(folder, 'root');

    mkdirSync(path.join(root, 'bin'), { recursive: true });
    copyFileSync(path.join(PARTS, 'bin/busybox'), path.join(root, 'bin/busybox'));
    copyFileSync(PANEL, path.join(root, 'panel'));
    copyFileSync(new URL('raspi3b.init', import.meta.url), path.join(root, 'init'));
    execFileSync('aarch64-linux-gnu-strip', [ path.join(root, 'panel') ]);
    execFileSync('sh', [ '-c', 'find . | cpio --quiet -o -H newc | gzip -1 >../initrd' ], { cwd: root });

    return path.join(folder, 'initrd');
}

/** Resolves to what the panel said until its end. */
async function run(folder) {
    const version = readdirSync(path.join(PARTS, 'lib/modules'))[0];
    const emulator = spawn('setpriv', [
        '--pdeathsig', 'KILL', 'qemu-system-aarch64', '-M', 'raspi3b', '-display', 'none', '-monitor', 'none', '-serial', 'stdio',
        '-kernel', path.join(PARTS, `boot/vmlinuz-${version}`), '-initrd', initrd(folder),
        '-dtb', path.join(PARTS, `usr/lib/linux-image-${version}/broadcom/bcm2837-rpi-3-b.dtb`),
        // Without /dev/gpiomem the registers are reached by /dev/mem, which Debian's kernel keeps from programs.
        '-append', 'console=ttyAMA0,115200 iomem=relaxed quiet'
    ], { stdio: [ 'ignore', 'pipe', 'inherit' ] });
    const said = [];
    const end = (async () => {
        for await (const line of createInterface({ input: emulator.stdout })) {
            const found = /^panel: (.*?)\r?$/.exec(line);

            if (process.env.VERBOSE) {
                console.error(line);
            }
            if (found?.[1] === 'end') {
                return said;
            }
            if (found) {
                said.push(found[1]);
            }
        }
        throw new Error('the emulator ended');
    })();

    try {
        return await within(START_MS, 'the panel is done', end);
    } finally {
        emulator.kill('SIGKILL');
    }
}

test('a light is switched and a contact read on a Raspberry Pi', async () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'moothall-raspi3b-'));

    try {
        assert.deepEqual(await run(folder), [
            'ready',
            'on: lit, line 27 is 1',
            'off: dark, line 27 is 0',
            'on: lit, line 27 is 1',
            'contact: closed, line 17 is 1',
            'contact: open, line 17 is 0'
        ]);
    } finally {
        rmSync(folder, { recursive: true, force: true });
    }
});
