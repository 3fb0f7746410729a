// Somebody's network changes in mid-meeting: from one Wi-Fi to another, or to a cable.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Elsewhere } from './elsewhere.mjs';
import { flowsAgain, watch } from './flow.mjs';
import { Server, openChromium } from './harness.mjs';
import { id, joinWithPage, pageReceives, shot, state } from './page.mjs';

const HOME = '198.51.100';
const OFFICE = '203.0.113';

let server, here, away, elsewhere;

before(async () => {
    elsewhere = new Elsewhere([ HOME, OFFICE ]);
    server = await Server.start();
    here = await openChromium();
    away = await elsewhere.openChromium();
    elsewhere.move(HOME);
});
after(async () => {
    await away?.close();
    await here?.close();
    await server?.stop();
});

test('somebody whose network changes stays in the meeting, with all who see and hear', async t => {
    const pages = [
        await joinWithPage(away, { room: 'moved', name: 'Ada', origin: elsewhere.origin }),
        await joinWithPage(here, { room: 'moved', name: 'Grace' })
    ];
    const ids = await Promise.all(pages.map(id));

    await pageReceives(pages[0], [ ids[1] ]);
    await pageReceives(pages[1], [ ids[0] ]);
    await Promise.all(pages.map(watch));
    for (const network of [ OFFICE, HOME ]) {
        elsewhere.move(network);
        t.diagnostic(`sound and picture again ${await flowsAgain(pages)} ms after the change`);
        await pages[0].waitForFunction(() => window.moothall.state().phase === 'meeting', undefined, { timeout: 30_000 });
        await pageReceives(pages[0], [ ids[1] ]);
        await pageReceives(pages[1], [ ids[0] ]);
        assert.deepEqual(await Promise.all(pages.map(id)), ids);
        assert.equal((await state(pages[1])).participants.length, 1);
    }
    await shot(pages[0], 'moved');
    // What is said reaches both.
    await pages[0].locator('[data-test=mic]').click();
    await pages[1].waitForFunction(() => window.moothall.state().participants[0]?.audioMuted, undefined, { timeout: 20_000 });
    await Promise.all(pages.map(page => page.context().close()));
});
