// A guest on a phone reaches every control with a thumb; on a laptop everything works by keyboard, and focus comes back.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Server, openChromium, tab, until } from './harness.mjs';
import { id, joinWithPage } from './page.mjs';

const PATIENCE = 30_000;
const PHONE = { viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true, deviceScaleFactor: 2, reducedMotion: 'reduce' };
const SIDEWAYS = { width: 667, height: 375 };
const KEYBOARD = { width: 360, height: 400 };

let server, browser;

before(async () => {
    server = await Server.start();
    browser = await openChromium();
});
after(async () => {
    await browser?.close();
    await server?.stop();
});

/** Controls in sight that a thumb cannot hit: too small, off the screen, or under something else. */
function outOfReach(selector) {
    return [ ...document.querySelectorAll(selector) ].flatMap(root => [ ...root.querySelectorAll('button, a[href], select, input:not([type=checkbox]), textarea, summary') ]).filter(element => {
        if (!element.checkVisibility({ opacityProperty: true, visibilityProperty: true }) || element.closest('.skip, [inert]')) {
            return false;
        }
        element.scrollIntoView({ block: 'nearest' });
        const { left, top, right, bottom, width, height } = element.getBoundingClientRect();
        const hit = document.elementFromPoint((left + right) / 2, (top + bottom) / 2);

        return width < 24 || height < 24 || left < -1 || right > innerWidth + 1 || top < -1 || bottom > innerHeight + 1
            || !(element === hit || element.contains(hit) || hit?.closest('label')?.contains(element) || hit?.contains(element) && hit.closest('.input'));
    }).map(element => {
        const { left, top, width, height } = element.getBoundingClientRect();

        return `${element.dataset.test ?? element.innerText ?? element.ariaLabel} at ${Math.round(left)},${Math.round(top)} ${Math.round(width)}×${Math.round(height)}`;
    });
}

async function reachable(page, selector) {
    assert.deepEqual(await page.evaluate(outOfReach, selector), [], `in ${selector}`);
}

function focused(page) {
    return page.evaluate(() => document.activeElement?.dataset.test ?? document.activeElement?.tagName);
}

test('a guest on a phone reaches everything with a thumb, the words being written too', async () => {
    const ada = await joinWithPage(browser, { room: 'thumb', name: 'Ada', camera: false });
    const guest = await tab(browser, PHONE);

    for (const size of [ SIDEWAYS, PHONE.viewport ]) {
        await guest.setViewportSize(size);
        await guest.goto('https://127.0.0.1:8443/');
        await guest.locator('[data-test=room-name]').waitFor();
        await reachable(guest, '.page');
        await guest.goto('https://127.0.0.1:8443/thumb');
        await guest.locator('[data-test=display-name]').waitFor();
        await reachable(guest, '.page');
    }
    await guest.locator('[data-test=display-name]').fill('Grace');
    await reachable(guest, '.page');
    await guest.locator('[data-test=join]').tap();
    await until(guest, () => window.moothall.state().phase === 'meeting', undefined, PATIENCE);
    await until(guest, () => window.moothall.state().participants.length === 1, undefined, PATIENCE);
    await guest.locator('.toast').waitFor({ state: 'detached', timeout: PATIENCE });
    await reachable(guest, '.meet');
    for (const [ test, open ] of [ [ 'chat-panel', 'chat' ], [ 'polls-panel', 'more-poll' ], [ 'people-panel', 'more-people' ], [ 'talk-panel', 'more-clock' ] ]) {
        if (open.startsWith('more-')) {
            await guest.locator('[data-test=more]').tap();
            await reachable(guest, '.sheet');
        }
        await guest.locator(`[data-test=${open}]`).tap();
        await guest.locator(`[data-test=${test}]`).waitFor();
        await reachable(guest, `[data-test=${test}]`);
        await guest.locator(`[data-test=${test}] header button`).tap();
        await guest.locator(`[data-test=${test}]`).waitFor({ state: 'hidden' });
    }
    for (const item of [ 'sliders', 'ear', 'signal', 'globe', 'link', 'smile' ]) {
        await guest.locator('[data-test=more]').tap();
        await guest.locator(`[data-test=more-${item}]`).tap();
        await guest.locator('.scrim [aria-modal]').waitFor();
        await reachable(guest, '.scrim');
        await guest.locator('.scrim .row > .btn.icon').first().tap();
        await guest.locator('.scrim').waitFor({ state: 'detached' });
    }

    await guest.locator('[data-test=chat]').tap();
    await guest.locator('[data-test=chat-input]').tap();
    await guest.setViewportSize(KEYBOARD);
    await guest.locator('[data-test=chat-input]').fill('With a thumb');
    await reachable(guest, '[data-test=chat-panel] footer');
    await guest.locator('[data-test=chat-send]').tap();
    await until(ada, () => window.moothall.state().chat > 0, undefined, PATIENCE);
    const seen = await guest.locator('[data-test=chat-log] article').last().boundingBox();
    const footer = await guest.locator('[data-test=chat-panel] footer').boundingBox();

    assert.ok(seen.y >= 0 && seen.y + seen.height <= footer.y + 1, 'what was just written is in sight above the keyboard');
    await Promise.all([ ada, guest ].map(page => page.context().close()));
});

test('everything works by keyboard: Tab goes through all of it, Escape closes, focus comes back', async () => {
    const ada = await joinWithPage(browser, { room: 'keyboard', name: 'Ada', camera: false, options: { viewport: { width: 1280, height: 800 }, reducedMotion: 'reduce' } });
    const grace = await joinWithPage(browser, { room: 'keyboard', name: 'Grace', camera: false });

    await until(ada, () => window.moothall.state().participants.length === 1, undefined, PATIENCE);
    await ada.locator('.toast').waitFor({ state: 'detached', timeout: PATIENCE });

    const order = [];

    await ada.evaluate(() => document.activeElement?.blur());
    for (let n = 0; n < 40; n++) {
        await ada.keyboard.press('Tab');
        const where = await ada.evaluate(() => {
            const { activeElement: element } = document;
            const { outlineStyle } = getComputedStyle(element);

            return element === document.body ? '' : `${element.dataset.test ?? `.${element.className}`}${outlineStyle === 'none' ? ' without a ring' : ''}`;
        });

        if (!where || order.includes(where) && where === order[0]) {
            break;
        }
        order.push(where);
    }
    assert.deepEqual(order.filter(where => where.endsWith('without a ring')), []);
    const keys = [ 'mic', 'camera', 'share', 'hand', 'react', 'people', 'chat', 'more', 'leave' ];

    assert.deepEqual(order.filter(where => keys.includes(where)), keys, `of ${order.join(', ')}`);
    assert.ok(order.indexOf('invite') < order.indexOf('tile') && order.indexOf('tile') < order.indexOf('mic'), `of ${order.join(', ')}`);

    for (const [ key, test, place ] of [ [ 'chat', 'chat-panel', 'chat-input' ], [ 'people', 'people-panel', 'H2' ] ]) {
        await ada.locator(`[data-test=${key}]`).focus();
        await ada.keyboard.press('Enter');
        await ada.locator(`[data-test=${test}]`).waitFor();
        assert.equal(await focused(ada), place, `where focus is in the ${test}`);
        await ada.keyboard.press('Escape');
        assert.equal(await focused(ada), key);
    }
    await ada.locator('[data-test=more]').focus();
    for (const item of [ 'clock', 'poll', 'move', 'lock', 'sliders', 'ear', 'signal', 'globe', 'keys', 'link' ]) {
        await ada.keyboard.press('Enter');
        await ada.locator(`[data-test=more-${item}]`).focus();
        await ada.keyboard.press('Enter');
        await ada.locator('.scrim, .panel:not([hidden])').first().waitFor();
        await ada.keyboard.press('Escape');
        await ada.locator('.scrim').waitFor({ state: 'detached' });
        assert.equal(await focused(ada), 'more', `after ${item}`);
    }

    // Out of the last of the numbers focus goes round in the dialog, not behind it.
    await ada.keyboard.press('a');
    await ada.locator('[data-test=connections] summary').last().focus();
    await ada.keyboard.press('Tab');
    assert.equal(await ada.evaluate(() => document.activeElement.closest('.scrim') !== null), true, 'focus stays in the dialog');
    await ada.keyboard.press('Escape');

    // A menu, a question out of it, and back to what opened the menu.
    const who = await id(grace);
    const opener = ada.locator(`[data-person="${who}"] [data-test=menu-person]`);
    const onOpener = () => opener.evaluate(key => key === document.activeElement);

    await ada.keyboard.press('p');
    await opener.focus();
    await ada.keyboard.press('Enter');
    await ada.keyboard.press('Escape');
    assert.equal(await onOpener(), true, 'Escape closes the menu');
    await ada.keyboard.press('Enter');
    await ada.keyboard.press('ArrowUp');
    assert.equal(await focused(ada), 'remove', 'the last one is above the first');
    await ada.keyboard.press('Enter');
    await ada.locator('[data-test=remove-reason]').waitFor();
    await ada.keyboard.press('Escape');
    assert.equal(await onOpener(), true, 'and the question gives focus back too');
    await Promise.all([ ada, grace ].map(page => page.context().close()));
});
