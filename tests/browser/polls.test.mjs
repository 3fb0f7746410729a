// Polls: asked, answered, changed, and told to who comes later.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Server, openChromium, until } from './harness.mjs';
import { joinWithPage, shot } from './page.mjs';

let server, browser;

before(async () => {
    server = await Server.start();
    browser = await openChromium();
});
after(async () => {
    await browser?.close();
    await server?.stop();
});

const PATIENCE = 30_000;

async function openPolls(page) {
    await page.locator('[data-test=more]').click();
    await page.locator('[data-test=more-poll]').click();
}

/** Waits until the results show these counts, answer by answer. */
function counts(page, wanted) {
    return until(page, expected => {
        const results = document.querySelector('[data-test=poll-results]');

        return results && [ ...results.querySelectorAll('b.num') ].map(b => b.textContent).join() === expected;
    }, wanted.join(), PATIENCE);
}

test('everybody answers a question, changes the answer, and who comes later sees the same', async () => {
    const ada = await joinWithPage(browser, { room: 'poll', name: 'Ada', camera: false });
    const grace = await joinWithPage(browser, { room: 'poll', name: 'Grace', camera: false });

    await until(ada, () => window.moothall.state().participants.length === 1, undefined, PATIENCE);
    await openPolls(ada);
    await ada.locator('[data-test=poll-maker] summary').click();
    await ada.locator('[data-test=poll-question]').fill('Which day <b>?');
    await ada.locator('[data-test=poll-ask]').click();
    await ada.getByText('Give at least two answers to choose from.').waitFor({ timeout: PATIENCE });
    await ada.locator('[data-test=poll-option]').nth(0).fill('Tuesday');
    await ada.locator('[data-test=poll-option]').nth(1).fill('Thursday');
    await ada.locator('[data-test=poll-ask]').click();
    await grace.locator('[data-test=notice-poll]').click();
    await grace.locator('[data-test=poll] h3').filter({ hasText: 'Which day <b>?' }).waitFor({ timeout: PATIENCE });
    await shot(grace, 'poll-ballot');
    await grace.locator('[data-test=poll-choice]').nth(1).check();
    await grace.locator('[data-test=poll-answer]').click();
    await counts(grace, [ 0, 1 ]);
    await ada.locator('[data-test=poll-choice]').nth(0).check();
    await ada.locator('[data-test=poll-answer]').click();
    await counts(ada, [ 1, 1 ]);
    await grace.locator('[data-test=poll-change]').click();
    await grace.locator('[data-test=poll-choice]').nth(1).uncheck();
    await grace.locator('[data-test=poll-choice]').nth(0).check();
    await grace.locator('[data-test=poll-answer]').click();
    await counts(ada, [ 2, 0 ]);
    await shot(ada, 'poll-results');

    const mary = await joinWithPage(browser, { room: 'poll', name: 'Mary', camera: false });

    await openPolls(mary);
    await mary.locator('[data-test=poll]').filter({ hasText: '2 people answered' }).waitFor({ timeout: PATIENCE });
    assert.equal(await mary.locator('[data-test=poll]').count(), 1);
    await Promise.all([ ada, grace, mary ].map(page => page.context().close()));
});
