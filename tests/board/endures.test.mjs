// What the board goes through in its life: configurations good and bad, a reset, updates that come and are refused, a system that hangs,
// and a plug that is pulled at any moment.
import assert from 'node:assert/strict';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as moment } from 'node:timers/promises';
import { Board } from './board.mjs';
import { Bundles } from './bundles.mjs';

/** Pulls of the plug, and when after it was put in: some two in three fall into the start. */
const PULLS = 10;
const LATEST_MS = 100_000;
const SEED = 20_261_128;

let board, bundles;

before(() => {
    const image = process.env.MOOTHALL_IMAGE ?? 'target/image/disk.img';

    board = new Board(image);
    bundles = new Bundles(path.dirname(image), board.folder);
    board.plugStick(...bundles.refused());
    // As an editor on Windows writes it.
    board.configure('Moothall.TOML', '\ufeff[branding]\r\nname = "Town hall"\r\n');
    board.start();
});
after(() => board?.discard());

/** The plug is pulled, something written by hand to what the box starts from, and the plug is in again. */
async function begin(write) {
    // Of a slot that was not found good three times in a row the boot loader thinks that it is not, and starts the other one.
    await board.judged();
    await board.kill();
    write();
    board.start();
}

async function again(write) {
    await begin(write);
    await board.ready();
}

test('what was written on the boot partition is in use, and stays so when the plug is pulled', async () => {
    await board.ready();
    const result = () => board.run('cat /boot/firmware/CONFIG/result.txt');
    const first = await board.identity();

    assert.match(first.name, /^"Town hall" {2}# \/var\/lib\/moothall\/site\.toml:2/);
    assert.match(await result(), /^(Accepted|Nothing new)/);
    await again(() => board.configure('moothall.toml', '[branding]\nnam = "Barn"\n'));
    assert.deepEqual(await board.identity(), first);
    assert.match(await result(), /^Refused.*moothall\.toml:2: unknown key `branding\.nam`/s);
    await again(() => {
        board.configure('moothall.toml', '[branding]\nname = "Barn"\n');
        board.configure('factory-reset', '');
    });
    const reset = await board.identity();

    assert.match(reset.name, /^"Barn"/);
    assert.equal(reset.machine, first.machine);
    assert.notEqual(reset.authority, first.authority);
    assert.equal(await board.run('ls /boot/firmware/CONFIG | grep -c factory || true'), '0');
});

test('updates that are cut short, unsigned or for another board are refused', async () => {
    await assert.rejects(board.install('truncated.raucb'), /ended with 9/);
    await assert.rejects(board.install('stranger.raucb'), /ended with 9: .*not signed by anybody whom this box trusts/s);
    await assert.rejects(board.install('other.raucb'), /ended with 9: .*for another board/s);
});

test('an update on a stick is installed, started, calls itself and stays, and so does the stick', async () => {
    await board.ready();
    const before = await board.identity();

    await begin(() => board.plugUsb({ 'Moothall.toml': { text: '[branding]\nname = "Town hall"\n' }, 'Box.raucb': { file: bundles.good } }));
    // It may say before where people meet, or not: the update does not wait for that.
    await board.says(/Starting slot B/);
    board.restarted();
    await board.ready();
    await board.judged();
    const { name, ...now } = await board.identity();

    assert.match(name, /^"Town hall"/);
    assert.deepEqual(now, { machine: before.machine, authority: before.authority });
    await board.run('until journalctl -u moothall-stick@* -o cat | grep "was tried before"; do sleep 1; done');
    assert.match(board.onUsb('result.txt'), /^(Accepted|Nothing new)/);
    assert.match(board.onUsb('update.txt'), /^Box\.raucb\r\nAccepted/);
    assert.match(await board.run('grub-editenv /boot/firmware/EFI/debian/grubenv list'), /^ORDER=B A$.*^B_TRY=0$/ms);
});

test('a system that hangs is started again by the hardware', async t => {
    // Without this the kernel would restart by itself.
    await board.run('echo 0 >/proc/sys/kernel/panic');
    board.tell('echo c >/proc/sysrq-trigger');
    const began = Date.now();

    board.restarted();
    await board.says(/Starting slot B/);
    t.diagnostic(`after ${((Date.now() - began) / 1000).toFixed(0)} s`);
    await board.ready();
});

/** The same numbers from 0 to 1 every time (mulberry32). */
function numbers(seed) {
    let state = seed;

    return () => {
        state = state + 0x6d2b79f5 | 0;
        let mixed = Math.imul(state ^ state >>> 15, 1 | state);

        mixed = mixed + Math.imul(mixed ^ mixed >>> 7, 61 | mixed) ^ mixed;

        return ((mixed ^ mixed >>> 14) >>> 0) / 2 ** 32;
    };
}

/** Who the box is; it is given one of two configurations all the time, and has one of them whole. */
async function sameAs(before) {
    const { name, ...now } = await board.identity();

    assert.match(name, /^"(Barn|Town hall)"/);
    assert.deepEqual(now, { machine: before.machine, authority: before.authority });
}

/** Takes over one configuration after the other, as fast as it can. */
function keepWriting() {
    return board.run(`mkdir -p /tmp/CONFIG; { while :; do for name in Barn "Town hall"; do
        printf '[branding]\\nname = "%s"\\n' "$name" >/tmp/CONFIG/moothall.toml; moothall config import /tmp/CONFIG; done; done; } >/dev/null 2>&1 &`);
}

test('whenever the plug is pulled, the box comes back with its data', async t => {
    await board.ready();
    const before = await board.identity();
    const random = numbers(SEED);
    let ready = 0;

    for (let pull = 0; pull < PULLS; pull++) {
        const pulled = moment(random() * LATEST_MS, 'pulled');

        await board.kill();
        board.start();
        if (await Promise.race([ pulled, board.ready() ]) !== 'pulled') {
            ready++;
            await sameAs(before);
            await keepWriting();
            await pulled;
        }
    }
    t.diagnostic(`in ${ready} of ${PULLS} cases it was ready before`);
    await board.kill();
    board.start();
    await board.ready();
    await sameAs(before);
    await board.judged();
});
