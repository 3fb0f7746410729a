// Breakout rooms: made, people sent there and called back, media in each of them.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Server, openChromium, until } from './harness.mjs';
import { Line } from './line.mjs';
import { id, joinWithPage, shot } from './page.mjs';

let server, browser;

before(async () => {
    server = await Server.start();
    browser = await openChromium();
});
after(async () => {
    await browser?.close();
    await server?.stop();
});

const PATIENCE = 40_000;

async function openRooms(page) {
    await page.locator('[data-test=more]').click();
    await page.locator('[data-test=more-move]').click();
}

function others(page, names) {
    return until(page, wanted => window.moothall.state().participants.map(p => p.name).sort().join() === wanted, names.sort().join(), PATIENCE);
}

function hears(page) {
    return until(page, () => window.moothall.state().media === 'connected', undefined, PATIENCE);
}

function room(page, name) {
    return page.locator(`[data-test=breakout-room][data-room="${name}"]`);
}

test('a moderator makes a room, sends people there and calls everybody back', async () => {
    const ada = await joinWithPage(browser, { room: 'groups', name: 'Ada', camera: false });
    const grace = await joinWithPage(browser, { room: 'groups', name: 'Grace', camera: false });
    const mary = await joinWithPage(browser, { room: 'groups', name: 'Mary', camera: false });

    await others(ada, [ 'Grace', 'Mary' ]);
    await openRooms(ada);
    await ada.locator('[data-test=room-add]').click();
    await room(ada, 'Room 1').waitFor({ timeout: PATIENCE });
    await room(ada, 'Room 1').locator('[data-test=room-menu]').click();
    await ada.locator('[data-test=room-rename]').click();
    await ada.locator('[data-test=room-name-input]').fill('Garden');
    await ada.locator('[data-test=rename-yes]').click();
    await room(ada, 'Garden').waitFor({ timeout: PATIENCE });
    await ada.locator('[data-test=rooms-share-out]').click();
    await others(grace, [ 'Mary' ]);
    await others(mary, [ 'Grace' ]);
    await others(ada, []);
    await hears(grace);
    await grace.locator('[data-test=room-pill]').filter({ hasText: 'Garden' }).waitFor({ timeout: PATIENCE });
    await shot(grace, 'breakout-there');
    await until(ada, () => document.querySelectorAll('[data-room="Garden"] .person').length === 2, undefined, PATIENCE);
    await shot(ada, 'breakout-moderator');

    await grace.locator('[data-test=back-to-main]').click();
    await others(ada, [ 'Grace' ]);
    await others(mary, []);
    await ada.locator('[data-test=rooms-all-back]').click();
    await others(ada, [ 'Grace', 'Mary' ]);
    await others(mary, [ 'Ada', 'Grace' ]);
    await hears(mary);
    assert.equal(await mary.locator('[data-test=room-pill]').isVisible(), false);
    await Promise.all([ ada, grace, mary ].map(page => page.context().close()));
});

test('everybody goes out and all come back at once, the moderator too', async () => {
    const pages = [
        await joinWithPage(browser, { room: 'empty', name: 'Ada', camera: false }),
        await joinWithPage(browser, { room: 'empty', name: 'Grace', camera: false }),
        await joinWithPage(browser, { room: 'empty', name: 'Mary', camera: false })
    ];
    const [ ada, grace, mary ] = pages;

    await others(ada, [ 'Grace', 'Mary' ]);
    await openRooms(ada);
    await ada.locator('[data-test=room-add]').click();
    await room(ada, 'Room 1').waitFor({ timeout: PATIENCE });
    await ada.locator('[data-test=rooms-share-out]').click();
    await others(ada, []);
    await room(ada, 'Room 1').locator('[data-test=room-visit]').click();
    await others(ada, [ 'Grace', 'Mary' ]);
    await until(ada, () => window.moothall.state().moderator, undefined, PATIENCE);
    await until(ada, () => document.querySelectorAll('[data-room="Room 1"] .person').length === 3, undefined, PATIENCE);
    await ada.locator('[data-test=rooms-all-back]').click();
    for (const [ page, names ] of [ [ ada, [ 'Grace', 'Mary' ] ], [ grace, [ 'Ada', 'Mary' ] ], [ mary, [ 'Ada', 'Grace' ] ] ]) {
        await others(page, names);
        await hears(page);
        assert.equal(await page.locator('[data-test=room-pill]').isVisible(), false);
    }
    await Promise.all(pages.map(page => page.context().close()));
});

test('who has to begin anew comes back to the breakout room', async t => {
    const line = await Line.start();

    t.after(() => line.stop());
    const ada = await joinWithPage(browser, { room: 'anew', name: 'Ada', camera: false });
    const grace = await joinWithPage(browser, { room: 'anew', name: 'Grace', camera: false, origin: line.origin });
    const mary = await joinWithPage(browser, { room: 'anew', name: 'Mary', camera: false });

    await others(ada, [ 'Grace', 'Mary' ]);
    await openRooms(ada);
    await ada.locator('[data-test=room-add]').click();
    await room(ada, 'Room 1').waitFor({ timeout: PATIENCE });
    await ada.locator('[data-test=rooms-share-out]').click();
    await others(grace, [ 'Mary' ]);
    await hears(grace);
    const before = await id(grace);

    // What would take up the stream names one that nobody knows.
    await grace.evaluate(() => {
        const { send } = WebSocket.prototype;

        WebSocket.prototype.send = function(text) {
            send.call(this, typeof text === 'string' ? text.replace(/(<resume[^>]* previd=.)[^'"]*/, '$1unknown') : text);
        };
    });
    line.cut();
    await until(grace, was => window.moothall.state().me !== was && window.moothall.state().phase === 'meeting', before, PATIENCE);
    await grace.locator('[data-test=room-pill]').filter({ hasText: 'Room 1' }).waitFor({ timeout: PATIENCE });
    await until(grace, () => window.moothall.state().participants.some(p => p.name === 'Mary'), undefined, PATIENCE);
    await hears(grace);
    await until(mary, who => window.moothall.state().participants.some(p => p.id === who), await id(grace), PATIENCE);
    await Promise.all([ ada, grace, mary ].map(page => page.context().close()));
});
