// Before the meeting, and with devices that fail: what is in sight, what is said, what can be reached.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Server, openChromium, tab } from './harness.mjs';
import { id, joinWithPage, pageReceives, shot } from './page.mjs';
import { join, stream } from './stream.mjs';

const ORIGIN = 'https://127.0.0.1:8443';
const PHONE = { viewport: { width: 360, height: 740 } };
const ON_ITS_SIDE = { viewport: { width: 740, height: 360 } };

let server, browser;

before(async () => {
    server = await Server.start();
    browser = await openChromium();
});
after(async () => {
    await browser?.close();
    await server?.stop();
});

/** The room's page, in a browser whose `getUserMedia` is replaced. */
async function visit(options, getUserMedia) {
    const page = await tab(browser, { reducedMotion: 'reduce', ...options });

    if (getUserMedia) {
        await page.addInitScript(`navigator.mediaDevices.getUserMedia = ${getUserMedia}`);
    }
    await page.goto(`${ORIGIN}/devices`);
    await page.locator('[data-test=display-name]').waitFor();

    return page;
}

async function box(page, selector) {
    return page.locator(selector).boundingBox();
}

test('on a phone on its side the page starts at the top, with Join in sight', async () => {
    const page = await visit(ON_ITS_SIDE);
    const { y, height } = await box(page, '[data-test=join]');

    assert.equal(await page.evaluate(() => window.scrollY), 0);
    assert.ok(y > 0 && y + height <= 360, `Join is at ${y}, ${height} high`);
    assert.ok((await box(page, '.preview')).y > 0);
    await page.context().close();
});

test('camera and microphone blocked for one cause: one card that nothing covers, and no device to choose', async () => {
    const page = await visit(PHONE, '() => Promise.reject(new DOMException("no", "NotAllowedError"))');

    await page.locator('.state').waitFor();
    assert.deepEqual(await page.locator('.state h2').allTextContents(), [ 'Your browser blocks camera and microphone' ]);
    const [ card, bar ] = [ await box(page, '.state'), await box(page, '.joinbar') ];

    assert.ok(card.y + card.height <= bar.y, 'the bar does not cover the card');
    assert.equal(await page.locator('.plate').innerText(), 'No picture: others see your initials');
    for (const kind of [ 'audio', 'video' ]) {
        const select = page.locator(`[data-test=device-${kind}]`);

        assert.equal(await select.isDisabled(), true);
        assert.equal(await select.locator('option').first().textContent(), 'Blocked');
    }
    await shot(page, 'prejoin-blocked-phone');
    await page.locator('[data-test=display-name]').fill('Ada');
    await page.locator('.state .btn', { hasText: 'Join without' }).click();
    await page.waitForFunction(() => window.moothall.state().phase === 'meeting', undefined, { timeout: 30_000 });
    await page.context().close();
});

test('until the browser has answered, the keys say neither on nor off', async () => {
    const page = await visit({}, '() => new Promise(() => {})');

    assert.equal(await page.locator('[data-test=mic]').innerText(), 'Mic');
    assert.equal(await page.locator('.ctl.off').count(), 0);
    assert.equal(await page.locator('.preview .face').isVisible(), true);
    assert.equal(await page.locator('.preview .plate').isVisible(), false);
    await page.context().close();
});

/** A camera that can blur, as far as the page is told. */
function blurringCamera() {
    const { getCapabilities, getSettings } = MediaStreamTrack.prototype;
    const blurred = new WeakSet();

    Object.assign(MediaStreamTrack.prototype, {
        getCapabilities() {
            return { ...getCapabilities.call(this), ...(this.kind === 'video' ? { backgroundBlur: [ false, true ] } : {}) };
        },
        getSettings() {
            return { ...getSettings.call(this), backgroundBlur: blurred.has(this) };
        },
        async applyConstraints({ backgroundBlur }) {
            blurred[backgroundBlur ? 'add' : 'delete'](this);
        }
    });
}

test('who has a camera that can blur switches that on before and in the meeting, and finds it so the next time', async () => {
    const page = await tab(browser, { reducedMotion: 'reduce' });
    const blurs = () => page.locator('[data-test=blur]').isChecked();
    const settled = on => page.waitForFunction(wish => document.querySelector('[data-test=blur]')?.checked === wish, on, { timeout: 10_000 });

    await page.goto(`${ORIGIN}/blur`);
    await page.locator('[data-test=device-video]').waitFor();
    assert.equal(await page.locator('[data-test=blur]').isVisible(), false, 'this browser offers none');
    await page.addInitScript(blurringCamera);
    await page.reload();
    await page.locator('[data-test=blur]').waitFor({ timeout: 15_000 });
    assert.equal(await blurs(), false);
    await page.locator('[data-test=blur]').check();
    await settled(true);
    await shot(page, 'prejoin-blur');
    await page.reload();
    await page.locator('[data-test=blur]').waitFor({ timeout: 15_000 });
    await settled(true);
    await page.locator('[data-test=display-name]').fill('Ada');
    await page.locator('[data-test=join]').click();
    await page.waitForFunction(() => window.moothall.state().phase === 'meeting', undefined, { timeout: 30_000 });
    await page.locator('[data-test=more]').click();
    await page.locator('[data-test=more-sliders]').click();
    await settled(true);
    await page.locator('.dialog [data-test=blur]').press(' ');
    await settled(false);
    assert.equal(await page.locator('.dialog [data-test=blur]').evaluate(box => box === document.activeElement), true, 'focus stays');
    await page.context().close();
});

test('on a phone, More leads to what has no key on the bar', async () => {
    const page = await joinWithPage(browser, { room: 'more', name: 'Ada', options: PHONE });
    const more = page.locator('[data-test=more]');

    await more.click();
    await shot(page, 'meeting-more-phone');
    await page.locator('[data-test=more-sliders]').click();
    await page.locator('.dialog [data-test=device-audio]').waitFor();
    await page.keyboard.press('Escape');
    assert.equal(await more.evaluate(key => key === document.activeElement), true, 'focus is back on the key');
    await more.click();
    await page.locator('[data-test=more-people]').click();
    await page.locator('[data-test=people-panel]').waitFor();
    await page.context().close();
});

test('who talks with the microphone off is told; Space turns it on for as long as it is held', async () => {
    const page = await visit({}, `async wanted => {
        const context = new AudioContext();
        const tone = context.createOscillator();
        const out = context.createMediaStreamDestination();
        tone.connect(out);
        tone.start();
        return new MediaStream(wanted.audio ? out.stream.getTracks() : []);
    }`);
    const mic = page.locator('[data-test=mic]');

    await page.locator('[data-test=display-name]').fill('Ada');
    await page.locator('[data-test=join]').click();
    await page.locator('.bar').waitFor();
    await mic.click();
    await page.locator('.toast', { hasText: 'You are talking, but your microphone is off.' }).waitFor({ timeout: 10_000 });
    await page.keyboard.down(' ');
    await page.getByText('Mic on', { exact: true }).waitFor({ timeout: 5000 });
    await page.keyboard.up(' ');
    await page.getByText('Mic off', { exact: true }).waitFor({ timeout: 5000 });
    await page.context().close();
});

test('who talks on a hidden page of tiles comes into sight', async () => {
    const page = await joinWithPage(browser, { room: 'pages', name: 'Ada', options: ON_ITS_SIDE });
    const silent = [];

    await page.locator('[data-test=mic]').click();
    for (let n = 0; n < 9; n++) {
        silent.push(await stream());
        await join(silent[n], 'pages');
    }
    await page.waitForFunction(() => window.moothall.state().participants.length === 9, undefined, { timeout: 10_000 });
    assert.equal(await page.locator('.pager').isVisible(), true);
    const talker = await joinWithPage(browser, { room: 'pages', name: 'Grace' });

    await page.locator('.tiles [data-test=tile]', { hasText: 'Grace' }).waitFor({ timeout: 20_000 });
    await shot(page, 'meeting-pages');
    await Promise.all([ page, talker ].map(one => one.context().close()));
    silent.forEach(({ socket }) => socket.close());
});

test('devices are switched in the meeting, the choice is remembered, and one that is pulled out is replaced', async t => {
    // Of Chromium's made-up cameras the second and third give pictures in formats that no real one does.
    const cameras = await openChromium([ '--use-fake-device-for-media-stream=device-count=4,fps=15' ]);
    const page = await tab(cameras);

    t.after(() => cameras.close());

    // What the page got from the browser, so that the test can pull it out.
    await page.addInitScript(() => {
        const media = navigator.mediaDevices;
        const [ ask, list ] = [ media.getUserMedia.bind(media), media.enumerateDevices.bind(media) ];

        window.given = [];
        window.gone = '';
        media.getUserMedia = async wanted => {
            const stream = await ask(wanted);

            window.given.push(...stream.getTracks());

            return stream;
        };
        media.enumerateDevices = async () => (await list()).filter(device => device.deviceId !== window.gone);
    });
    await page.goto(`${ORIGIN}/switch`);
    const choice = page.locator('[data-test=device-video]');

    await page.waitForFunction(() => document.querySelectorAll('[data-test=device-video] option').length > 4, undefined, { timeout: 20_000 });
    const other = await choice.locator('option').nth(4).getAttribute('value');

    await page.locator('[data-test=display-name]').fill('Ada');
    await page.locator('[data-test=join]').click();
    await page.locator('.bar').waitFor({ timeout: 30_000 });
    const grace = await joinWithPage(browser, { room: 'switch', name: 'Grace' });

    await page.locator('[data-test=more]').click();
    await page.locator('[data-test=more-sliders]').click();
    await page.locator('.dialog [data-test=device-video]').selectOption(other);
    await page.waitForFunction(wanted => window.given.some(track => track.kind === 'video' && track.readyState === 'live'
        && track.getSettings().deviceId === wanted), other, { timeout: 10_000 });
    await page.keyboard.press('Escape');
    await pageReceives(grace, [ await id(page) ]);
    assert.equal(await page.evaluate(() => localStorage.getItem('moothall.device.video')), other);
    await page.evaluate(() => {
        const track = window.given.filter(one => one.kind === 'video' && one.readyState === 'live').at(-1);

        window.gone = track.getSettings().deviceId;
        track.stop();
        track.dispatchEvent(new Event('ended'));
    });
    await page.locator('.toast', { hasText: 'Your camera was unplugged. We use' }).waitFor({ timeout: 10_000 });
    await pageReceives(grace, [ await id(page) ]);
    await Promise.all([ page, grace ].map(one => one.context().close()));
});
