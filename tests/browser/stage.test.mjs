// Tiles and stage: pins, what is asked of the bridge, fewer pictures, everybody's connection, the floating window, every width.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Server, openChromium, tab, until } from './harness.mjs';
import { id, joinWithPage, pageReceives, shot } from './page.mjs';

const WIDE = { viewport: { width: 1440, height: 900 } };
let server, browser, pages;

/** Joins like `joinWithPage`, and keeps what the page asks of the bridge. */
async function joinWatched(room, name) {
    const page = await tab(browser, WIDE);

    page.on('websocket', socket => socket.on('framesent', ({ payload }) => {
        if (String(payload).includes('"ReceiverVideoConstraints"')) {
            page.asked = JSON.parse(payload);
        }
    }));
    await page.goto(`${server.url}/${room}`);
    await page.locator('[data-test=display-name]').fill(name);
    await page.locator('[data-test=join]').click();
    await page.waitForFunction(() => window.moothall.state().phase === 'meeting', undefined, { timeout: 40_000 });

    return page;
}

/** Waits until what the page asks of the bridge is so. */
async function asks(page, what, check) {
    const end = Date.now() + 20_000;

    while (!page.asked || !check(page.asked)) {
        assert.ok(Date.now() < end, `${what}: ${JSON.stringify(page.asked)}`);
        await new Promise(resolve => setTimeout(resolve, 100));
    }
}

const heights = asked => Object.values(asked.constraints).map(constraint => constraint.maxHeight);

async function choose(page, pictures) {
    await page.locator('[data-test=more]').click();
    await page.locator('[data-test=more-ear]').click();
    await page.locator(`[data-test=more-pictures-${pictures}]`).click();
}

before(async () => {
    server = await Server.start();
    browser = await openChromium();
    pages = [
        await joinWatched('stage', 'Ada'),
        await joinWithPage(browser, { room: 'stage', name: 'Grace', options: WIDE }),
        await joinWithPage(browser, { room: 'stage', name: 'Mary', options: WIDE })
    ];
});
after(async () => {
    await browser?.close();
    await server?.stop();
});

test('a pinned person is on the stage and first at the bridge; several may be', async () => {
    const [ page ] = pages;
    const [ , grace, mary ] = await Promise.all(pages.map(id));

    // A slow machine would choose small pictures by itself.
    await choose(page, 'all');
    await pageReceives(page, [ grace, mary ]);
    await asks(page, 'two tiles', asked => heights(asked).length === 2 && asked.onStageSources.length === 0);
    await page.keyboard.press('w');
    await page.locator('.hall[data-layout=stage]').waitFor();
    await page.locator(`[data-id="${mary}"] [data-test=tile-menu]`).click();
    await page.locator('[data-test=more-pin]').click();
    await page.locator(`[data-id="${mary}"].onstage [data-test=pinned]`).waitFor();
    await asks(page, 'one on the stage', asked => asked.onStageSources.join() === `${mary}-v0` && asked.constraints[`${mary}-v0`].maxHeight >= 720);
    await asks(page, 'the other one small', asked => asked.constraints[`${grace}-v0`].maxHeight <= 360);
    // By keyboard alone: from tile to tile, and the menu of the one that has focus.
    await page.locator(`[data-id="${mary}"]`).focus();
    await page.keyboard.press('ArrowRight');
    assert.equal(await page.evaluate(() => document.activeElement.dataset.id), grace);
    await page.keyboard.press('Enter');
    await page.keyboard.press('Enter');
    await asks(page, 'both on the stage', asked => asked.onStageSources.length === 2);
    for (const who of [ grace, mary ]) {
        await page.locator(`[data-id="${who}"]`).focus();
        await page.keyboard.press('Enter');
        await page.keyboard.press('Enter');
    }
    await asks(page, 'nobody is pinned', asked => asked.onStageSources.length === 1);
    await page.keyboard.press('w');
    await page.locator('.hall[data-layout=tiles]').waitFor();
});

test('small pictures, none, and all again', async () => {
    const [ page ] = pages;
    const grace = await id(pages[1]);

    await choose(page, 'small');
    await asks(page, 'small', asked => heights(asked).length === 2 && heights(asked).every(height => height === 180));
    await page.locator('[data-test=saving]').waitFor();
    await choose(page, 'none');
    await asks(page, 'none', asked => asked.lastN === 0);
    await page.locator(`[data-id="${grace}"] .face`).waitFor();
    await pages[1].waitForFunction(who => window.moothall.state().participants.find(p => p.id === who)?.videoMuted, await id(page), { timeout: 15_000 });
    await shot(page, 'pictures-none');
    await page.locator('[data-test=pictures-back]').click();
    await asks(page, 'all', asked => asked.lastN === -1 && heights(asked).every(height => height > 180));
    await page.locator('[data-test=saving]').waitFor({ state: 'hidden' });
    await page.locator('[data-test=camera]').click();
    await pageReceives(page, [ grace ]);
});

test('everybody\'s connection in a sentence, with numbers that move', async () => {
    const [ page ] = pages;

    await page.keyboard.press('a');
    const list = page.locator('[data-test=connections]');

    await list.locator('li', { hasText: /Grace’s connection is/ }).waitFor({ timeout: 40_000 });
    await list.locator('li', { hasText: /Your connection is|This device/ }).waitFor();
    const grace = list.locator('li', { hasText: 'Grace' });

    await grace.locator('summary').click();
    await grace.locator('dd', { hasText: /\d+ × \d+, \d+ a second, VP8, \d+ kbit/ }).waitFor({ timeout: 20_000 });
    await shot(page, 'connection');
    await page.keyboard.press('Escape');
    await list.waitFor({ state: 'detached' });
});

test('the floating window shows who is on the stage, and stays when somebody else comes on it', async () => {
    const [ page ] = pages;
    const floats = name => until(page, who => {
        const opened = window.documentPictureInPicture.window;

        return opened?.document.querySelector('.plate')?.textContent === who && opened.document.querySelector('video')?.videoWidth > 0;
    }, name, 20_000);

    await page.locator('[data-test=more]').click();
    await page.locator('[data-test=more-pip]').click();
    for (const name of [ 'Grace', 'Mary' ]) {
        const tile = page.locator('[data-test=tile]', { hasText: name });

        await tile.focus();
        await page.keyboard.press('Enter');
        await page.keyboard.press('Enter');
        await floats(name);
        await page.locator('[data-test=tile].onstage').first().focus();
        await page.keyboard.press('Enter');
        await page.keyboard.press('Enter');
    }
    await page.locator('[data-test=more]').click();
    await page.locator('[data-test=more-pip]').click();
    await page.waitForFunction(() => !window.documentPictureInPicture.window, undefined, { timeout: 10_000 });
});

test('on every width, in both themes and both directions, every tile is in the hall and nothing scrolls sideways', async () => {
    const [ page ] = pages;

    for (const layout of [ 'tiles', 'stage' ]) {
        await page.evaluate(wanted => document.querySelector(`[data-test=layout-${wanted}]`).click(), layout);
        for (const [ width, height ] of [ [ 360, 740 ], [ 740, 360 ], [ 1024, 700 ], [ 1440, 900 ] ]) {
            await page.setViewportSize({ width, height });
            for (const [ theme, dir ] of [ [ 'dark', 'ltr' ], [ 'light', 'rtl' ], [ 'light', 'ltr' ] ]) {
                await page.evaluate(([ t, d ]) => Object.assign(document.documentElement, { dir: d }).setAttribute('data-theme', t), [ theme, dir ]);
                await until(page, () => {
                    const hall = document.querySelector('.hall').getBoundingClientRect();

                    return document.documentElement.scrollWidth <= innerWidth && [ ...document.querySelectorAll('[data-test=tile]') ].every(tile => {
                        const box = tile.getBoundingClientRect();

                        return box.left >= hall.left - 1 && box.right <= hall.right + 1 && box.top >= hall.top - 1 && box.bottom <= hall.bottom + 1;
                    });
                }, undefined, 10_000);
                if (dir === 'ltr' || width === 1024) {
                    await shot(page, `hall-${layout}-${width}-${theme}${dir === 'rtl' ? '-rtl' : ''}`);
                }
            }
        }
    }
});
