// Devices that a real box would have are made up on the board: it finds them, shows its health by a light, and hears a button.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Board } from './board.mjs';

/** Lines of the board file (board-configs/boards/qemu-arm64.toml). */
const LIGHT = 3;
const BUTTON = 6;

/** The supervisor looks every ten seconds, perhaps on a busy machine. */
const LOOK_MS = 180_000;

let board;

before(() => {
    board = new Board(process.env.MOOTHALL_IMAGE ?? 'target/image/disk.img');
    board.setEnvironment('arguments', 'systemd.wants=inspect@hvc0.service systemd.wants=simulated-devices.service');
    board.start();
});
after(() => board?.discard());

/** Where the other side of a line is. */
function line(number, file) {
    return `/sys/devices/platform/gpio-sim.*/gpiochip*/sim_gpio${number}/${file}`;
}

function until(condition) {
    return board.run(`until ${condition}; do sleep 1; done`, LOOK_MS);
}

/** Resolves once the light is as it should be. */
function light(on) {
    return until(`[ "$(cat ${line(LIGHT, 'value')})" = ${on ? 1 : 0} ]`);
}

/** Moves the contact of the button. */
function contact(closed) {
    return board.run(`echo ${closed ? 'pull-up' : 'pull-down'} >$(echo ${line(BUTTON, 'pull')})`);
}

test('camera, sound card and panel are listed', async () => {
    await board.ready();
    await board.run('systemctl is-active simulated-devices');
    const { devices } = JSON.parse(await board.run('moothall status --json'));

    assert.match(devices.cameras[0].name, /^vivid/);
    assert.equal(await board.run(`test -c ${devices.cameras[0].node} && echo there`), 'there');
    assert.equal(devices.cameras.length, 1, JSON.stringify(devices.cameras));
    assert.deepEqual(devices.sound_cards.map(card => card.id), [ 'Loopback' ]);
    assert.deepEqual(devices.panel, { chip: 'moothall-panel', present: true });
});

test('the light is on while the host is well', async () => {
    await light(true);
    // Nobody stops the host while the box calls itself.
    await board.judged();
    await board.run('systemctl stop moothall-host');
    await light(false);
    await board.run('systemctl start moothall-host', 600_000);
    await light(true);
});

test('a press makes the console say again where people can meet', async () => {
    board.log = [];
    // Contacts bounce; a spark alone is no press.
    await board.run(`pull=$(echo ${line(BUTTON, 'pull')}); for pull_to in up down up down up; do echo pull-$pull_to >$pull; done; sleep 1; `
        + 'for pull_to in down up down; do echo pull-$pull_to >$pull; done');
    await board.says(new RegExp(`${board.url}/`), LOOK_MS);
    await board.says(/[█▀▄]{8}/, 10_000);
});

test('held for ten seconds it opens the setup once more, and the light goes out until it is let go', async () => {
    board.log = [];
    await contact(true);
    await light(false);
    await until('journalctl -u moothall-supervise -o cat | grep -q "the button was held"');
    await contact(false);
    await light(true);
    await board.says(new RegExp(`${board.url}/`), LOOK_MS);
});
