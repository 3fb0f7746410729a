// The network step of the setup, with a box that is made up: what people choose is what the box is asked for, and nothing is kept without
// a word of theirs. NetworkManager itself is on the emulated board.
import assert from 'node:assert/strict';
import { after, before, beforeEach, afterEach, test } from 'node:test';
import { assertAccessible } from './axe.mjs';
import { Server, openChromium, tab } from './harness.mjs';
import { shot } from './page.mjs';

const BOX = 'https://127.0.0.1:8443';
const cable = { device: 'eth0', kind: 'cable', state: 'connected', addresses: [ '127.0.0.1' ], given: true, network: null, own: false, can_own: false, trouble: null };
const radio = { ...cable, device: 'wlan0', kind: 'wireless', state: 'idle', addresses: [], given: false, can_own: true };
const points = [
    { device: 'wlan0', name: 'Harbour staff', strength: 80, lock: 'password' },
    { device: 'wlan0', name: 'Guests', strength: 45, lock: 'open' },
    { device: 'wlan0', name: 'University', strength: 20, lock: 'other' }
];

let server, browser, page, box;

before(async () => {
    server = await Server.start();
    browser = await openChromium();
});
after(async () => {
    await browser?.close();
    await server?.stop();
});
beforeEach(async () => {
    box = { view: { devices: [ cable, radio ], points, pending: null }, asked: [], refuses: null, gone: false };
    page = await tab(browser, { viewport: { width: 360, height: 740 }, colorScheme: 'light', reducedMotion: 'reduce' });
    await page.addInitScript(() => sessionStorage.setItem('moothall.setup', 'a'.repeat(64)));
    await page.route('**/setup/api', route => {
        const request = route.request().postDataJSON();

        assert.equal(request.session, 'a'.repeat(64));
        box.asked.push(request);

        return box.gone ? route.abort() : route.fulfill({ json: answer(request) });
    });
    await page.goto(`${BOX}/setup`);
    await page.locator('[data-test=next]').click();
    await page.locator('#net-cable-eth0').waitFor();
});
afterEach(() => page.context().close());

function answer(request) {
    switch (request.do) {
    case 'look': return { set_up: true, name: 'Harbour room', address: 'https://moothall-1a2b.local', zone: null, zones: [], shortest: 12 };
    case 'networks': return { manager: true, view: box.view };
    case 'network':
        if (box.refuses) {
            return box.refuses;
        }
        box.view = { ...box.view, pending: 120 };

        return { pending: 120 };
    case 'keep': case 'undo': box.view = { ...box.view, pending: null }; return { ok: true };
    case 'call': return { call: true };
    default: return { ok: true };
    }
}

/** The networks that the box was asked for. */
const wished = () => box.asked.filter(request => request.do === 'network').map(request => request.network);
const next = () => page.locator('[data-test=next]').click();

test('who leaves the cable as it is goes on, and nothing changes', async () => {
    await assertAccessible(page, 'networks');
    await shot(page, 'setup-networks-phone', { fullPage: true });
    await next();
    await page.locator('[data-test=finish]').waitFor();
    assert.deepEqual(wished(), []);
});

test('an address of its own is checked, asked for, tried and kept', async () => {
    await page.locator('[data-test=manual]').check();
    await page.locator('#address-eth0').fill('192.168.1.40');
    await next();
    await page.locator('#address-eth0-wrong:not(:empty)').waitFor();
    assert.deepEqual(wished(), []);
    await page.locator('#address-eth0').fill('192.168.1.40/24');
    await page.locator('#gateway-eth0').fill('192.168.1.1');
    await page.locator('#dns-eth0').fill('192.168.1.1, 9.9.9.9');
    await next();
    await page.locator('[data-test=pending]').waitFor();
    assert.deepEqual(wished(), [ { kind: 'cable', device: 'eth0', fixed: { address: '192.168.1.40/24', gateway: '192.168.1.1', dns: [ '192.168.1.1', '9.9.9.9' ] } } ]);
    await page.getByText('A test call over this network worked.').waitFor();
    await assertAccessible(page, 'pending');
    await shot(page, 'setup-pending-phone', { fullPage: true });
    await page.locator('[data-test=keep]').click();
    await page.locator('[data-test=finish]').waitFor();
    assert.ok(box.asked.some(request => request.do === 'keep'));
});

test('a wireless network wants its password; one that did not work is told with its reason when the box has gone back', async () => {
    assert.ok(await page.locator('[id="net-wireless-University"]').isDisabled());
    await page.locator('label[for="net-wireless-Harbour staff"]').click();
    await page.locator('[id="password-Harbour staff"]').fill('short');
    await next();
    await page.locator('[id="password-Harbour staff-wrong"]:not(:empty)').waitFor();
    await page.locator('[id="password-Harbour staff"]').fill('correct horse');
    await next();
    await page.locator('[data-test=pending]').waitFor();
    assert.deepEqual(wished(), [ { kind: 'wireless', device: 'wlan0', name: 'Harbour staff', password: 'correct horse' } ]);
    box.view = { ...box.view, devices: [ cable, { ...radio, trouble: 'password' } ], pending: null };
    await page.getByText('The box went back to the old network.').waitFor();
    await page.getByText('Is the password right?').waitFor();
    await assertAccessible(page, 'undone');
    assert.equal(await page.locator('[data-test=pending]').count(), 0);
});

test('the box makes a network of its own, called as it is called itself', async () => {
    await page.locator('label[for=net-own]').click();
    assert.equal(await page.locator('#own-name').inputValue(), 'Harbour room');
    await page.locator('#own-password').fill('twelve signs');
    await next();
    await page.locator('[data-test=undo]').click();
    await page.getByText('The box went back to the old network.').waitFor();
    assert.deepEqual(wished(), [ { kind: 'own', device: 'wlan0', name: 'Harbour room', password: 'twelve signs' } ]);
});

test('what the box refuses is said, and a box that has moved is told where to find', async () => {
    box.refuses = { error: 'network', why: 'no carrier' };
    await page.locator('label[for="net-wireless-Guests"]').click();
    await next();
    await page.getByText('The box cannot do this: no carrier').waitFor();
    box.refuses = null;
    await next();
    await page.locator('[data-test=pending]').waitFor();
    box.view = { ...box.view, devices: [ { ...cable, addresses: [ '192.168.7.7' ] }, radio ] };
    const link = page.locator('[data-test=pending] a');

    await link.waitFor();
    assert.equal(await link.getAttribute('href'), `https://192.168.7.7:8443/setup#session=${'a'.repeat(64)}`);
    box.gone = true;
    await page.getByText('This page cannot reach the box now.').waitFor();
    assert.ok(await page.locator('[data-test=keep]').isHidden());
    box.gone = false;
    await page.locator('[data-test=keep]').click();
    await page.locator('[data-test=finish]').waitFor();
});

test('who comes with the box to its new address is asked there, and the token leaves the address bar', async () => {
    box.view = { ...box.view, pending: 90 };
    await page.goto('about:blank');
    await page.goto(`${BOX}/setup#session=${'a'.repeat(64)}`);
    await page.locator('[data-test=pending]').waitFor();
    assert.equal(page.url(), `${BOX}/setup`);
});
