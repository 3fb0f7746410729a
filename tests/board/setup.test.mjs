// First boot: whoever reads the code on the console gives the box a name, a password, a time zone and another address, and an address on
// which nobody says that it works is taken back.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { request } from 'node:https';
import { after, before, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { within } from '../browser/harness.mjs';
import { Board } from './board.mjs';

const PASSWORD = 'a sentence is best';
const OTHER = '10.11.12.30';

/** The box gives two minutes; the emulator may take as long again. */
const BACK_MS = 300_000;

let board, device, given, session;

before(() => {
    board = new Board(process.env.MOOTHALL_IMAGE ?? 'target/image/disk.img');
    given = new URL(board.url).hostname;
    board.start();
});
after(() => board?.discard());

/** What the page /setup asks, at one of the box's addresses. */
async function ask(body, address = given) {
    const asked = request({
        host: address, path: '/setup/api', method: 'POST', rejectUnauthorized: false, timeout: 20_000,
        headers: { 'Content-Type': 'application/json', Origin: `https://${address}` }
    });

    asked.on('timeout', () => asked.destroy(new Error('no answer')));
    asked.end(JSON.stringify(body));
    const [ response ] = await once(asked, 'response');
    let text = '';

    for await (const part of response.setEncoding('utf8')) {
        text += part;
    }
    assert.equal(response.statusCode, 200, text);

    return JSON.parse(text);
}

/** Resolves once the box answers at an address. */
async function answersAt(address) {
    const answers = async () => {
        for (;;) {
            try {
                return await ask({ do: 'status' }, address);
            } catch {
                await pause(1000);
            }
        }
    };

    await within(BACK_MS, `the box answers at ${address}`, answers());
}

/** Asks for a fixed address; the answer may be lost with the one before. */
function move(address) {
    return ask({
        do: 'network', session, network: { kind: 'cable', device, fixed: { address: `${address}/24` } }
    }).catch(error => ({ lost: error.message }));
}

test('the code on the console lets somebody in, once', async () => {
    await board.ready();
    const [ , first, second ] = /type the code {2}(\d{3}) (\d{3})/.exec(await board.says(/type the code/));
    const code = first + second;

    await answersAt(given);
    const wrong = await ask({ do: 'code', code: code === '000000' ? '000001' : '000000' });

    assert.deepEqual(wrong, { error: 'code', left: 4 });
    ({ session } = await ask({ do: 'code', code }));
    assert.match(session, /^[0-9a-f]{64}$/);
    const { zones } = await ask({ do: 'look', session });

    assert.ok(zones.includes('Europe/Lisbon'));
});

test('the room gets a name, a password and a time zone', async () => {
    const said = await ask({ do: 'room', session, name: 'Harbour room', zone: 'Europe/Lisbon', password: PASSWORD });

    assert.ok(said.ok, JSON.stringify(said));
    ({ session } = said);
    assert.equal((await ask({ do: 'state' })).way, 'password');
    assert.match(await board.run('date +%Z'), /^WES?T$/);
    assert.ok((await ask({ do: 'finish', session })).restarts);
    await board.says(/Harbour room is open/);
    await answersAt(given);
});

test('an address on which nobody says that it works is taken back', async t => {
    const { manager, view } = await ask({ do: 'networks', session });

    assert.ok(manager && JSON.stringify(view).includes(given), JSON.stringify(view));
    ({ device } = view.devices.find(({ kind, state }) => kind === 'cable' && state === 'connected'));
    await move(OTHER);
    const began = Date.now();

    await answersAt(OTHER);
    t.diagnostic(`there after ${((Date.now() - began) / 1000).toFixed(0)} s`);
    await answersAt(given);
    t.diagnostic(`back after ${((Date.now() - began) / 1000).toFixed(0)} s`);
    await assert.rejects(ask({ do: 'status' }, OTHER));
});

test('one that works is kept, also when the plug is pulled', async () => {
    await move(OTHER);
    await answersAt(OTHER);
    assert.deepEqual(await ask({ do: 'keep', session }, OTHER), { ok: true });
    await board.kill();
    board.start();
    await board.says(new RegExp(`https://${OTHER}/`));
    await answersAt(OTHER);
    // By the password, after the session went with the plug.
    assert.match((await ask({ do: 'password', password: PASSWORD }, OTHER)).session, /^[0-9a-f]{64}$/);
});

test('a factory reset opens the box to a code again', async () => {
    await board.kill();
    board.configure('factory-reset', '');
    board.start();
    await board.ready();
    await board.says(/type the code/);
    await answersAt(given);
    assert.deepEqual(await ask({ do: 'password', password: PASSWORD }), { error: 'other_way' });
});
